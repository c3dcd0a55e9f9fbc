# SPDX-License-Identifier: Apache-2.0
"""Plans, their way through --batches, and what bounds and strictness do."""
import json
import unittest

from support import Case, HANDLERS, main

ECHO = (HANDLERS / "faulty", "echo")
FAULTY = HANDLERS / "faulty"
WORDCOUNT = HANDLERS / "wordcount"
BATCH_KEYS = ["batch_id", "tasks", "entry_ids", "exceeds_limit"]
TASK_KEYS = ["id", "description", "required_entry_ids", "priority", "params"]


def same(results):
    """What has to be equal in two runs of one thing."""
    differ = ("attempt_log", "duration_ms", "usage")
    return [{key: value for key, value in result.items() if key not in differ}
            for result in results]


def union(batch):
    ids = [id for task in batch["tasks"] for id in task["required_entry_ids"]]
    return list(dict.fromkeys(ids))


def greedy(tasks, tokens_of, max_entries=200, max_tasks=None, max_tokens=None):
    """The rule of planning, said plainly. Gives lists of task ids."""
    made, open_tasks, ids = [], [], set()
    for task in tasks:
        joined = ids | set(task["required_entry_ids"])
        fits = len(joined) <= max_entries and \
            (max_tasks is None or len(open_tasks) < max_tasks) and \
            (max_tokens is None or sum(tokens_of.get(id, 0) for id in joined) <= max_tokens)
        if open_tasks and not fits:
            made.append(open_tasks)
            open_tasks, joined = [], set(task["required_entry_ids"])
        open_tasks, ids = open_tasks + [task["id"]], joined
    return made + [open_tasks] if open_tasks else made


class Plans(Case):
    def plan(self, *options, **more):
        run = self.bulkhead("plan", *options, **more)
        self.assert_status(run, 0)
        self.assertEqual(run.err, "")
        batches = run.results
        for i, batch in enumerate(batches):
            self.assertEqual(list(batch), BATCH_KEYS)
            self.assertEqual(batch["batch_id"], f"batch_{i + 1:04}")
            self.assertEqual(batch["entry_ids"], union(batch))
            for task in batch["tasks"]:
                self.assertEqual(list(task), TASK_KEYS)
        return batches

    def ids(self, *options):
        return [[task["id"] for task in batch["tasks"]] for batch in self.plan(*options)]

    def corpus(self):
        """Entries of many sizes, and tasks that share them, overlap, repeat and miss some."""
        entries = self.jsonl("entries.jsonl", *(
            {"id": f"e{i}", "source": "s", "content": "x" * (i * 37 % 400)} for i in range(60)))
        self.tokens_of = {f"e{i}": i * 37 % 400 // 4 for i in range(60)}
        self.made = [{"id": f"t{i}", "priority": i * 7 % 5 - 2, "description": f"task {i}",
                      "params": {"n": i, "list": [i, str(i), None, 1.5]},
                      "required_entry_ids": [f"e{(i * step) % 63}" for step in range(i % 6)]}
                     for i in range(80)]
        return entries, self.tasks(*self.made)

    def test_given_batches_run_as_planned_ones_do(self):
        entries, tasks = self.corpus()
        for options in ([], ["--max-entries", "9"], ["--max-tasks", "7", "--sort-priority"],
                        ["--max-tokens", "150"]):
            with self.subTest(options):
                plan = self.dir / "plan.jsonl"
                planned = self.bulkhead("plan", "--entries", entries, "--tasks", tasks, *options,
                                        "-o", plan)
                self.assert_status(planned, 0)
                self.assertEqual(planned.out, b"")
                direct = self.bulkhead("run", "--entries", entries, "--tasks", tasks, *options,
                                       "--", *ECHO)
                given = self.bulkhead("run", "--entries", entries, "--batches", plan, "--",
                                      *ECHO)
                self.assert_status(direct, 0)
                self.assert_status(given, 0)
                self.assertEqual(same(given.results), same(direct.results))
                again = self.bulkhead("plan", "--batches", plan)
                self.assertEqual(again.out, plan.read_bytes())

    def test_a_plan_of_files_runs_as_files_do(self):
        for i in range(9):
            self.write(self.dir / "tree" / f"f {i}\n", "word\n" * i)
        options = ["--entries", self.dir / "tree", "--max-entries", "4"]
        plan = self.bulkhead("plan", *options)
        self.assert_status(plan, 0)
        given = self.bulkhead("run", *options, "--batches", "-", "--", WORDCOUNT, stdin=plan.out)
        direct = self.bulkhead("run", *options, "--", WORDCOUNT)
        self.assertEqual(same(given.results), same(direct.results))
        self.assertEqual(len(direct.results), 3)

    def test_a_plan_keeps_what_is_asked_for_exclusively(self):
        plan = self.bulkhead("plan", "--tasks", self.tasks(
            {"id": "a", "lease": "exclusive"}, {"id": "b", "lease": "shared"}, {"id": "c"}))
        self.assert_status(plan, 0)
        self.assertEqual([task.get("lease") for task in plan.results[0]["tasks"]],
                         ["exclusive", None, None])
        again = self.bulkhead("plan", "--batches", "-", stdin=plan.out)
        self.assertEqual(again.out, plan.out)

    def test_tasks_are_planned_greedily_in_order(self):
        entries, tasks = self.corpus()
        inputs = ["--entries", entries, "--tasks", tasks]
        for options in ({}, {"max_entries": 5}, {"max_entries": 11, "max_tasks": 4},
                        {"max_tasks": 1}, {"max_tokens": 100}, {"max_tokens": 1},
                        {"max_tokens": 300, "max_entries": 8, "max_tasks": 6}):
            with self.subTest(options):
                words = [word for key, value in options.items()
                         for word in ("--" + key.replace("_", "-"), str(value))]
                self.assertEqual(self.ids(*inputs, *words),
                                 greedy(self.made, self.tokens_of, **options))
                by_priority = sorted(self.made, key=lambda task: -task["priority"])
                self.assertEqual(self.ids(*inputs, *words, "--sort-priority"),
                                 greedy(by_priority, self.tokens_of, **options))

    def test_two_hundred_entries_are_the_usual_most(self):
        entries = self.entries(*(f"e{i}" for i in range(450)))
        self.assertEqual([len(ids) for ids in self.ids("--entries", entries)], [200, 200, 50])
        self.assertEqual([len(ids) for ids in self.ids("--entries", entries, "--max-entries",
                                                       "none")], [450])

    def test_without_tasks_every_entry_is_one(self):
        (batch,) = self.plan("--entries", self.entries("a", "b"))
        self.assertEqual(batch["tasks"], [
            {"id": id, "description": "", "required_entry_ids": [id], "priority": 0,
             "params": None} for id in "ab"])

    def test_a_task_that_alone_is_too_large_is_a_batch_that_exceeds(self):
        tasks = self.tasks({"id": "a", "required_entry_ids": ["1"]},
                           {"id": "b", "required_entry_ids": ["1", "2", "3", "1"]},
                           {"id": "c", "required_entry_ids": ["2"]})
        batches = self.plan("--tasks", tasks, "--max-entries", "2")
        self.assertEqual([[task["id"] for task in batch["tasks"]] for batch in batches],
                         [["a"], ["b"], ["c"]])
        self.assertEqual([batch["exceeds_limit"] for batch in batches], [False, True, False])

    def test_whether_a_batch_exceeds_is_worked_out_again(self):
        path = self.jsonl("b.jsonl",
                          {"batch_id": "x", "tasks": [], "entry_ids": ["1", "2"],
                           "exceeds_limit": True},
                          {"batch_id": "y", "tasks": [], "entry_ids": ["1", "2", "3"],
                           "exceeds_limit": False})
        run = self.bulkhead("plan", "--batches", path, "--max-entries", "2")
        self.assertEqual([(batch["batch_id"], batch["exceeds_limit"]) for batch in run.results],
                         [("x", False), ("y", True)])

    def test_many_tasks_are_planned(self):
        path = self.write("tasks.jsonl", "".join(
            '{"id":"t%d","required_entry_ids":["e%d","e%d"]}\n' % (i, i, i + 1)
            for i in range(30000)))
        batches = self.plan("--tasks", path, "--max-entries", "100")
        self.assertEqual(sum(len(batch["tasks"]) for batch in batches), 30000)
        self.assertTrue(all(len(batch["entry_ids"]) <= 100 for batch in batches))

    def test_numbers_and_texts_of_a_plan_are_those_of_the_tasks(self):
        task = {"id": "t\n\"\\\u0001é😀", "description": "\u2028 </script> \x7f",
                "required_entry_ids": ["ü"], "priority": -2**63,
                "params": {"big": 2**63 - 1, "real": 1.0, "small": 5e-324, "text": "\0"}}
        (batch,) = self.plan("--tasks", self.tasks(task))
        self.assertEqual(batch["tasks"], [task])
        self.assertIsInstance(batch["tasks"][0]["params"]["real"], float)


class Bounds(Case):
    def test_a_batch_with_too_many_entries_ends_as_bounds_and_is_not_started(self):
        batches = self.jsonl(
            "b.jsonl",
            {"batch_id": "large", "tasks": [{"id": "t", "required_entry_ids": ["a", "b"]}],
             "entry_ids": ["b", "c", "gone"]},
            {"batch_id": "right", "tasks": [{"id": "u", "required_entry_ids": ["a", "gone"]}]})
        trace = self.dir / "trace"
        handler = self.shell(f"echo ran >> '{trace}'")
        run = self.bulkhead("run", "--isolate", "none", "--entries", self.entries("a", "b", "c"),
                            "--batches", batches, "--max-entries", "3", "--", handler)
        self.assert_status(run, 1)
        self.check_shape(run.results)
        large, right = run.results
        error = large["error"]
        self.assertEqual((error["kind"], error["signal"], error["exit_status"], error["task_id"],
                          error["infrastructure"]), ("bounds", None, None, None, False))
        self.assertIn("needs 4 entries, at most 3 are allowed", error["message"])
        self.assertEqual((large["entry_count"], large["entries_found"], large["total_tokens"],
                          large["missing_task_ids"], large["stdout"]), (4, 0, 0, ["t"], ""))
        self.assertEqual((right["entry_count"], right["entries_found"], right["missing_ids"]),
                         (2, 1, ["gone"]))
        self.assertEqual(trace.read_text(), "ran\n")

    def test_as_many_entries_as_allowed_are_no_failure(self):
        ids = [f"e{i}" for i in range(200)]
        tasks = self.tasks({"id": "t", "required_entry_ids": ids + ids})
        run = self.bulkhead("run", "--entries", self.entries(*ids), "--tasks", tasks, "--",
                            WORDCOUNT)
        self.assert_status(run, 0)
        self.assertEqual(len(run.values()["t"]), 200)
        tasks = self.tasks({"id": "t", "required_entry_ids": ids + ["one more"]})
        run = self.bulkhead("run", "--entries", self.entries(*ids), "--tasks", tasks, "--",
                            WORDCOUNT)
        self.assert_status(run, 1)
        self.assertEqual(run.error["kind"], "bounds")


class Strict(Case):
    def run_faulty(self, way, *options):
        return self.bulkhead("run", "--tasks", self.tasks({"id": "a"}, {"id": "b"}, {"id": "c"}),
                             *options, "--", FAULTY, way, "b")

    def test_a_missing_result_fails_the_batch_only_with_strict(self):
        run = self.run_faulty("missing-task")
        self.assert_status(run, 0)
        self.assertEqual(run.result["missing_task_ids"], ["b"])
        run = self.run_faulty("missing-task", "--strict")
        self.assert_status(run, 1)
        self.check_shape(run.results)
        self.assertEqual((run.error["kind"], run.error["exit_status"], run.error["task_id"]),
                         ("missing", 0, None))
        self.assertIn("no result for 1 task: b", run.error["message"])
        self.assertEqual(sorted(run.values()), ["a", "c"])
        self.assertTrue(run.result["partial"])

    def test_a_result_for_no_task_fails_the_batch_only_with_strict(self):
        run = self.run_faulty("unknown-task")
        self.assert_status(run, 0)
        self.assertEqual(run.result["unknown_task_ids"], ["no such task"])
        self.assertEqual(sorted(run.values()), ["a", "b", "c", "no such task"])
        run = self.run_faulty("unknown-task", "--strict")
        self.assert_status(run, 1)
        self.assertEqual(run.error["kind"], "missing")
        self.assertIn("results for 1 task that the batch does not have: no such task",
                      run.error["message"])

    def test_what_is_whole_passes_strict(self):
        self.assert_status(self.run_faulty("none", "--strict"), 0)

    def test_a_task_error_is_a_record_and_passes_strict_but_fails_the_run(self):
        run = self.run_faulty("task-error", "--strict")
        self.assert_status(run, 1)
        self.assertTrue(run.result["success"])
        self.assertEqual(run.result["task_errors"]["b"]["message"], "Task failed")
        self.assertEqual(json.loads(run.out)["missing_task_ids"], [])


if __name__ == "__main__":
    main()
