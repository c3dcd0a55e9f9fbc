# SPDX-License-Identifier: Apache-2.0
"""JSON lines out: their keys, their order, their values, and what goes to stderr."""
import json
import math
import os
import re
import subprocess
import unittest

from support import BULKHEAD, Case, HANDLERS, blob, command, main, parse, unescape

FAULTY = HANDLERS / "faulty"


class Lines(Case):
    def test_a_line_has_exactly_the_documented_keys(self):
        batches = self.batches(["a", "b"], ["c"], ["d"], ["e", "f"], b={"fail": "segv"},
                               c={"fail": "ptrace"}, d={"fail": "task-error"},
                               f={"fail": "batch-error"})
        run = self.bulkhead("run", "--batches", batches, "--", FAULTY)
        self.assert_status(run, 1)
        results = run.results
        self.check_shape(results)
        self.assertEqual([result["index"] for result in results], [0, 1, 2, 3])
        self.assertEqual([result["batch_id"] for result in results],
                         [f"batch {i}" for i in range(4)])
        self.assertEqual([result["attempts"] for result in results], [1] * 4)
        self.assertEqual(results[2]["task_errors"]["d"]["type"], "faulty")

    def test_a_task_error_keeps_what_the_handler_said(self):
        error = {"message": "m\n\"é", "type": "T", "detail": {"deep": [1, None, {"x": []}]}}
        handler = self.handler(f'publish({{"task": "t", "error": {error!r}}})\n'
                               'publish({"done": True})')
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", handler)
        self.assert_status(run, 1)
        self.assertEqual(run.result["task_errors"], {"t": error})
        self.assertEqual((run.result["success"], run.result["task_results"]), (True, {}))

    def test_values_of_every_kind_keep_what_json_can_hold(self):
        handler = self.handler(
            "give(lambda task: {\n"
            '    "ints": [0, -1, 2**64 - 1, 2**63, -2**63, 2**53 + 1],\n'
            '    "reals": [0.1, -0.0, 1.0, 5e-324, 1.7976931348623157e308],\n'
            '    "lost": [float("nan"), float("inf"), -float("inf")],\n'
            '    "bin": b"\\xff\\x00", "empty": b"",\n'
            '    "ext": [Ext(-1, b"\\0" * 4), Ext(127, b"abc")],\n'
            '    "str": "\\0\\x1f\\x7f\\u2028\\"\\\\é😀", "": {"": [[], {}]},\n'
            '    "consts": [None, True, False]})')
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", handler)
        self.assert_status(run, 0)
        value = run.values()["t"]
        self.assertEqual(value["ints"], [0, -1, 2**64 - 1, 2**63, -2**63, 2**53 + 1])
        self.assertEqual(value["reals"], [0.1, 0.0, 1.0, 5e-324, 1.7976931348623157e308])
        self.assertEqual(math.copysign(1, value["reals"][1]), -1)
        self.assertTrue(all(isinstance(real, float) for real in value["reals"]))
        self.assertEqual(value["lost"], [None] * 3)
        self.assertIn("warning: 3 numbers that JSON lacks", run.err)
        self.assertEqual((blob(value["bin"]), blob(value["empty"])), (b"\xff\0", b""))
        self.assertEqual([(ext["$ext"], blob(ext)) for ext in value["ext"]],
                         [(-1, b"\0" * 4), (127, b"abc")])
        self.assertEqual(value["str"], "\0\x1f\x7f\u2028\"\\é😀")
        self.assertEqual(value[""], {"": [[], {}]})
        self.assertEqual(value["consts"], [None, True, False])

    def test_the_smaller_forms_of_messagepack_are_read_too(self):
        packed = (b"\x93\xca\x3f\x80\x00\x00\xd0\x80\xcd\xff\xff", [1.0, -128, 65535])
        fixed = (b"\x92\xd4\x05\x01\xa3abc", [{"$ext": 5, "$base64": "AQ=="}, "abc"])
        for data, value in (packed, fixed):
            handler = self.handler(
                f"os.write(4, b'\\x82\\xa4task\\xa1t\\xa6result' + {data!r})\n"
                'publish({"done": True})')
            run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", handler)
            self.assertEqual(run.values(), {"t": value})

    def test_a_long_result_and_many_of_them_come_whole(self):
        handler = self.handler('give(lambda task: task["id"] + "é" * 1_000_000)')
        run = self.bulkhead("run", "--tasks", self.tasks(*({"id": f"t{i}"} for i in range(5))),
                            "--", handler)
        self.assertEqual(run.values(), {f"t{i}": f"t{i}" + "é" * 1_000_000 for i in range(5)})

    def test_strange_ids_come_back_as_they_went_in(self):
        ids = ["new\nline", "\"quote\"", "\u0001\u007f", "é😀", "__proto__", " x ", "a" * 5000]
        batches = self.jsonl("b.jsonl", {"batch_id": ids[0] + ids[3],
                                         "tasks": [{"id": id} for id in ids]})
        run = self.bulkhead("run", "--batches", batches, "--", FAULTY, "exit", "a" * 5000)
        self.assert_status(run, 1)
        self.assertEqual(list(run.values()), ids[:-1])
        self.assertEqual((run.result["batch_id"], run.error["task_id"]), (ids[0] + ids[3], ids[-1]))


class Order(Case):
    def sleepy(self, n):
        """Batches of which the first ones take the longest."""
        return self.batches(*([f"t{i}"] for i in range(n)), **{
            f"t{i}": {"fail": "sleep", "ms": 40 * (n - i)} for i in range(n)})

    def test_results_have_the_order_of_the_input(self):
        run = self.bulkhead("run", "-j", "4", "--batches", self.sleepy(12), "--", FAULTY)
        self.assert_status(run, 0)
        self.assertEqual([result["index"] for result in run.results], list(range(12)))

    def test_unordered_results_come_as_batches_end(self):
        # the first batch waits for what only the last one does
        there = self.dir / "there"
        handler = self.handler(
            "def work(task):\n"
            f"    there = {str(there)!r}\n"
            '    if task["id"] == "last":\n'
            '        open(there, "w").close()\n'
            '    while task["id"] == "first" and not os.path.exists(there):\n'
            "        time.sleep(0.01)\n"
            "give(work)")
        batches = self.batches(["first"], ["a"], ["b"], ["last"])
        options = ["run", "--isolate", "none", "--timeout", "100s", "-j", "2", "--batches",
                   batches]
        run = self.bulkhead(*options, "--unordered", "--", handler)
        self.assert_status(run, 0)
        order = [result["index"] for result in run.results]
        self.assertEqual(order[:2], [1, 2])
        self.assertEqual(sorted(order), [0, 1, 2, 3])
        there.unlink()
        run = self.bulkhead(*options, "--", handler)
        self.assertEqual([result["index"] for result in run.results], [0, 1, 2, 3])

    def test_a_result_is_written_as_soon_as_its_turn_comes(self):
        process = self.start("run", "-j", "1", "--timeout", "none", "--batches",
                             self.batches(["a"], ["b"]), "--", FAULTY, "hang", "b")
        line = process.stdout.readline()
        self.assertEqual(parse(line)["batch_id"], "batch 0")
        process.terminate()
        self.assertEqual(self.finish(process).status, 128 + 15)


class Files(Case):
    def test_output_goes_to_a_file_that_is_made_anew(self):
        path = self.write("out.jsonl", "x" * 100_000)
        run = self.bulkhead("run", "-o", path, "--tasks", self.tasks({"id": "t"}), "--", FAULTY)
        self.assert_status(run, 0)
        self.assertEqual(run.out, b"")
        self.assertEqual(json.loads(path.read_text())["task_results"], {"t": {"bytes": 0}})
        self.assertIn(f"results: {path}", run.err)
        run = self.bulkhead("run", "-o", "-", "--tasks", self.tasks({"id": "t"}), "--", FAULTY)
        self.assertEqual(list(run.values()), ["t"])

    def test_output_appends_where_the_caller_opened_it_so(self):
        path = self.write("out", "before\n")
        with open(path, "ab") as out:
            subprocess.run(command("run", "--tasks", self.tasks({"id": "t"}), "--", FAULTY),
                           stdout=out, stderr=subprocess.DEVNULL, check=True)
        before, line, end = path.read_bytes().split(b"\n")
        self.assertEqual((before, parse(line)["success"], end), (b"before", True, b""))

    def test_the_aggregate_is_one_object_where_the_last_batch_counts(self):
        path = self.dir / "all.json"
        handler = self.handler('batch = context()["batch_id"]\n'
                               'for id in ("same", "own " + batch, "no task"):\n'
                               '    publish({"task": id, "result": batch})\n'
                               'publish({"task": "bad", "error": {"message": "no"}})\n'
                               'if batch == "batch 2": os.abort()\n'
                               'publish({"done": True})')
        run = self.bulkhead("run", "-j", "3", "--aggregate", path, "--batches",
                            self.batches(*(["same", f"own batch {i}"] for i in range(3))),
                            "--", handler)
        self.assert_status(run, 1)
        self.assertEqual(parse(path.read_bytes()), {
            "same": "batch 2", "own batch 0": "batch 0", "own batch 1": "batch 1",
            "own batch 2": "batch 2"})
        self.assertIn("2 results of task ids that were there before", run.err)
        self.assertEqual(os.listdir(self.dir).count("all.json"), 1)
        self.assertFalse([name for name in os.listdir(self.dir) if name.startswith("all.json.")])

    def test_an_empty_run_makes_an_empty_aggregate(self):
        path = self.dir / "all.json"
        run = self.bulkhead("run", "--aggregate", path, "--tasks", self.tasks(), "--", FAULTY)
        self.assert_status(run, 0)
        self.assertEqual(parse(path.read_bytes()), {})

    def test_a_refused_run_leaves_older_output_alone(self):
        out, aggregate = self.write("out", "old"), self.write("all", "old")
        run = self.bulkhead("run", "-o", out, "--aggregate", aggregate, "--tasks",
                            self.write("bad", "{"), "--", FAULTY)
        self.assert_refused(run, "expected a JSON object")
        run = self.bulkhead("run", "-o", out, "--aggregate", aggregate, "--tasks",
                            self.tasks({"id": "t"}), "--", self.dir / "missing")
        self.assert_refused(run, "No such file")
        self.assertEqual((out.read_text(), aggregate.read_text()), ("old", "old"))


class Captured(Case):
    def capture(self, body, *options):
        run = self.bulkhead("run", *options, "--tasks", self.tasks({"id": "t"}), "--",
                            self.handler(body + '\npublish({"done": True})'))
        self.assert_status(run, 0)
        return run.result

    def test_any_bytes_come_back_without_loss(self):
        data = bytes(range(256)) + rb"\x41 \\x42 \n" + "é€😀".encode() + b"\xc3\xed\xa0\x80\\"
        result = self.capture(f"os.write(1, {data!r})\nos.write(2, {data[::-1]!r})")
        self.assertEqual(unescape(result["stdout"]), data)
        self.assertEqual(unescape(result["stderr"]), data[::-1])
        self.assertEqual((result["stdout_dropped"], result["stderr_dropped"]), (0, 0))

    def test_text_is_as_it_was_written(self):
        result = self.capture('print("größe\\t\\"x\\"\\\\n")\nprint("oops", file=sys.stderr)')
        self.assertEqual((result["stdout"], result["stderr"]), ("größe\t\"x\"\\n\n", "oops\n"))

    def test_what_is_past_the_cap_is_counted(self):
        result = self.capture('os.write(1, b"a" * 1000)\nos.write(2, b"b" * 4)', "--output-size",
                              "100")
        self.assertEqual((result["stdout"], result["stdout_dropped"]), ("a" * 100, 900))
        self.assertEqual((result["stderr"], result["stderr_dropped"]), ("bbbb", 0))
        result = self.capture('os.write(1, b"a" * 1000)', "--output-size", "0")
        self.assertEqual((result["stdout"], result["stdout_dropped"]), ("", 1000))

    def test_a_flood_neither_blocks_nor_fails(self):
        for way, stream in (("flood-stdout", "stdout"), ("flood-stderr", "stderr")):
            tasks = self.tasks({"id": "t", "params": {"fail": way, "bytes": 64 << 20}})
            run = self.bulkhead("run", "--timeout", "none", "--tasks", tasks, "--", FAULTY)
            self.assert_status(run, 0)
            self.assertEqual(run.values(), {"t": {"ok": True, "errno": None}})
            self.assertEqual(len(run.result[stream]), 64 << 10)
            self.assertEqual(run.result[f"{stream}_dropped"], (64 << 20) - (64 << 10))

    def test_a_flood_without_end_is_ended_by_the_timeout(self):
        tasks = self.tasks({"id": "t", "params": {"fail": "flood-stdout", "bytes": 0}})
        run = self.bulkhead("run", "--timeout", "500ms", "--tasks", tasks, "--", FAULTY)
        self.assert_status(run, 1)
        self.assertEqual(run.error["kind"], "timeout")
        self.assertGreater(run.result["stdout_dropped"], 0)

    def test_what_a_crashing_handler_said_is_kept(self):
        handler = self.handler('print("before", flush=True)\nos.abort()')
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", handler)
        self.assertEqual(run.result["stdout"], "before\n")


class Messages(Case):
    def setUp(self):
        super().setUp()
        self.mixed = self.batches(["a"], ["b"], ["c"], b={"fail": "segv"})

    def test_the_summary_is_on_stderr(self):
        run = self.bulkhead("run", "--batches", self.mixed, "--", FAULTY)
        self.assertRegex(run.err, r"(?s)^bulkhead: batch 1: signal: killed by SIGSEGV \(running: "
                         r"task 'b'\)\n.*3 of 3 batches in \d+\.\d\d s: 2 succeeded, 1 failed "
                         r"\(1 signal\)\n.*3 tasks: 2 results, 0 errors, 1 without a record")

    def test_quiet_says_nothing(self):
        run = self.bulkhead("run", "-q", "--batches", self.mixed, "--", FAULTY)
        self.assert_status(run, 1)
        self.assertEqual((run.err, len(run.results)), ("", 3))

    def test_verbose_has_a_line_for_each_batch(self):
        run = self.bulkhead("run", "-v", "-j1", "--batches", self.mixed, "--", FAULTY)
        lines = run.err.splitlines()
        self.assertRegex(lines[0], r"^bulkhead: batch 0: 1 records, \d+\.\d{3} ms$")
        self.assertRegex(lines[1], "^bulkhead: batch 1: signal: ")
        self.assertRegex(lines[2], "^bulkhead: batch 2: 1 records")
        self.assertEqual(run.err.count("SIGSEGV"), 1)

    def test_control_characters_of_handlers_do_not_reach_the_terminal(self):
        handler = self.handler('publish({"error": {"message": "\\x1b[2J\\x07é\\x9b"}})')
        run = self.bulkhead("run", "-v", "--batches",
                            self.jsonl("b.jsonl", {"batch_id": "b\x1b[1m", "tasks": []}), "--",
                            handler)
        self.assertIsNone(re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", run.err), run.err)
        self.assertEqual(run.error["message"].count("\x1b[2J\x07é\x9b"), 1)

    def test_results_can_be_piped_on(self):
        tasks = self.tasks({"id": "t"})
        done = subprocess.run(["sh", "-c", '"$0" run -q --tasks "$1" -- "$2" | head -c 20',
                               BULKHEAD, tasks, FAULTY], stdout=subprocess.PIPE, check=True)
        self.assertEqual(done.stdout, b'{"batch_id":"batch_0')


if __name__ == "__main__":
    main()
