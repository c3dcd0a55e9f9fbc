# SPDX-License-Identifier: Apache-2.0
"""JSONL in: what every key does, and what every mistake is answered with."""
import base64
import json
import subprocess
import unittest

from support import BULKHEAD, Case, HANDLERS, blob, main

ECHO = (HANDLERS / "faulty", "echo")


class Keys(Case):
    def echo(self, path, *options, **more):
        run = self.bulkhead("run", "--entries", path, *options, "--", *ECHO, **more)
        self.assert_status(run, 0)
        return run.values()

    def entry(self, **keys):
        """What a handler is shown of an entry with these keys."""
        values = self.echo(self.jsonl("entry.jsonl", {"id": "e", "source": "s", **keys}))
        (entry,) = values["e"]["entries"]
        return entry

    def test_every_key_of_an_entry_reaches_the_handler(self):
        entry = self.entry(type="command_result", content="text", summary="short",
                           references=["a", "b", "a"], parent_id="p", priority=-3,
                           compressed=False, searchable=False, ttl=5, derived_from=["d"])
        self.assertEqual(blob(entry.pop("content")), b"text")
        self.assertEqual(entry, {
            "id": "e", "type": "command_result", "source": "s", "summary": "short",
            "parent_id": "p", "priority": -3, "size": 4, "compressed": False, "is_text": True,
            "references": ["a", "b", "a"]})

    def test_keys_that_are_absent_have_their_defaults(self):
        entry = self.entry(summary="only")
        self.assertEqual(entry.pop("is_text"), False)
        self.assertEqual(entry, {
            "id": "e", "type": "file", "source": "s", "summary": "only", "content": None,
            "parent_id": None, "priority": 0, "size": 0, "compressed": False, "references": []})
        for absent in ("content", "summary", "parent_id", "ttl"):
            with self.subTest(absent):
                self.entry(**{"content": "c", "summary": "s", absent: None})

    def test_every_type_is_taken(self):
        for name in ("file", "command", "command_result", "task", "task_result",
                     "search_result", "summary", "context_request", "chain_map"):
            self.assertEqual(self.entry(content="", type=name)["type"], name)

    def test_a_compressed_entry_comes_without_its_content(self):
        entry = self.entry(content="long", summary="short", compressed=True)
        self.assertEqual((entry["content"], entry["summary"], entry["compressed"]),
                         (None, "short", True))

    def test_content_can_be_text_with_every_escape(self):
        line = r'{"id":"e","source":"s","content":"\"\\\/\b\f\n\r\t\u0000\u00e9\ud83d\ude00é😀"}'
        (entry,) = self.echo(self.write("e.jsonl", line))["e"]["entries"]
        self.assertEqual(blob(entry["content"]), '"\\/\b\f\n\r\t\0é😀é😀'.encode())
        self.assertEqual(json.loads(line)["content"].encode(), blob(entry["content"]))

    def test_content_can_be_base64_of_any_bytes(self):
        for data in (b"", b"a", b"ab", b"abc", bytes(range(256)) * 50):
            text = base64.b64encode(data).decode()
            self.assertEqual(blob(self.entry(content_base64=text)["content"]), data)

    def test_content_can_be_a_file_beside_the_jsonl(self):
        self.write("below/data", b"\0\xff\n" * 1000)
        path = self.jsonl("below/e.jsonl", {"id": "e", "source": "s", "content_file": "data"},
                          {"id": "f", "source": "s", "content_file": "../below/data"},
                          {"id": "g", "source": "s", "content_file": str(self.dir / "below/data")})
        for where, name in ((None, path), (self.dir / "below", "e.jsonl"),
                            (self.dir, "below/e.jsonl")):
            for value in self.echo(name, cwd=where).values():
                self.assertEqual(blob(value["entries"][0]["content"]), b"\0\xff\n" * 1000)
        values = self.echo("-", cwd=self.dir / "below",
                           stdin=b'{"id": "e", "source": "s", "content_file": "data"}')
        self.assertEqual(blob(values["e"]["entries"][0]["content"]), b"\0\xff\n" * 1000)

    def test_integers_keep_their_64_bits(self):
        for number in (2**63 - 1, -2**63):
            self.assertEqual(self.entry(content="", priority=number)["priority"], number)
        tasks = self.tasks({"id": "t", "priority": -2**63, "params": {
            "numbers": [2**63 - 1, -2**63, 0, -1, 2**53 + 1], "real": [0.1, -1e300, 1.0]}})
        value = self.echo(self.entries("e"), "--tasks", tasks)["t"]
        self.assertEqual(value["priority"], -2**63)
        self.assertEqual(value["params"], {
            "numbers": [2**63 - 1, -2**63, 0, -1, 2**53 + 1], "real": [0.1, -1e300, 1.0]})

    def test_every_key_of_a_task_reaches_the_handler(self):
        params = {"": None, "é": [True, False, {"deep": [[[]]]}], "n": -7, "s": "\u0000\n"}
        tasks = self.tasks({"id": "t 1", "description": "say\n\"it\"", "priority": 4,
                            "required_entry_ids": ["b", "gone", "a", "b"], "params": params},
                           {"id": "t 2"})
        run = self.bulkhead("run", "--entries", self.entries("a", "b"), "--tasks", tasks, "--",
                            *ECHO)
        self.assert_status(run, 0)
        first, second = run.values()["t 1"], run.values()["t 2"]
        self.assertEqual([entry["id"] for entry in first.pop("entries")], ["b", "a", "b"])
        batch = first.pop("batch")
        self.assertEqual(batch, {"batch_id": "batch_0001", "attempt": 1, "timeout_ms": 30000,
                                 "entry_count": 3, "total_tokens": 2, "tasks": 2, "entries": 2,
                                 "missing_ids": ["gone"]})
        self.assertEqual(first, {"id": "t 1", "description": "say\n\"it\"", "priority": 4,
                                 "params": params,
                                 "required_entry_ids": ["b", "gone", "a", "b"]})
        self.assertEqual((second["description"], second["params"], second["entries"]),
                         ("", None, []))
        result = run.result
        self.assertEqual((result["entry_count"], result["entries_found"], result["missing_ids"],
                          result["total_tokens"]), (3, 2, ["gone"], 2))

    def test_tokens_are_code_points_by_four_of_content_or_else_of_the_summary(self):
        path = self.jsonl("e.jsonl",
                          {"id": "a", "source": "s", "content": "x" * 100},
                          {"id": "b", "source": "s", "content": "é" * 203, "summary": "y" * 400},
                          {"id": "c", "source": "s", "content": "", "summary": "z" * 40},
                          {"id": "d", "source": "s", "content_base64": "/////w==", "summary": "?"})
        run = self.bulkhead("run", "--entries", path, "--", *ECHO)
        self.assert_status(run, 0)
        self.assertEqual(run.result["total_tokens"], 25 + 50 + 10 + 1)

    def test_lines_may_be_blank_long_and_without_an_end(self):
        text = "x" * 3_000_000
        path = self.write("e.jsonl", '\n  \t\r\n {"id": "a", "source": "s", "content": "%s"} \r\n'
                          '\n{"id":"b","source":"s","content":""}' % text)
        values = self.echo(path)
        self.assertEqual(sorted(values), ["a", "b"])
        self.assertEqual(values["a"]["entries"][0]["size"], len(text))

    def test_entries_tasks_and_batches_can_come_from_standard_input_and_pipes(self):
        entries = self.entries("a")
        text = entries.read_bytes()
        self.assertEqual(sorted(self.echo("-", stdin=text)), ["a"])
        task = json.dumps({"id": "t", "required_entry_ids": ["a"]}).encode()
        self.assertEqual(sorted(self.echo(entries, "--tasks", "-", stdin=task)), ["t"])
        batch = b'{"batch_id": "b", "tasks": [%s]}' % task
        self.assertEqual(sorted(self.echo(entries, "--batches", "-", stdin=batch)), ["t"])
        done = subprocess.run(["bash", "-c", '"$0" run -q --entries <(cat "$1") -- "$2" echo',
                               BULKHEAD, entries, ECHO[0]], stdout=subprocess.PIPE, check=True)
        self.assertEqual(list(json.loads(done.stdout)["task_results"]), ["a"])

    def test_no_input_at_all_is_no_batch(self):
        run = self.bulkhead("run", "--entries", "-", "--", *ECHO)
        self.assert_status(run, 0)
        self.assertEqual(run.out, b"")

    def test_tasks_need_no_entries(self):
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", *ECHO)
        self.assert_status(run, 0)
        self.assertEqual(run.result["entry_count"], 0)

    def test_a_batch_without_tasks_runs_the_handler_with_its_own_entries(self):
        batches = self.jsonl("b.jsonl", {"batch_id": "b", "tasks": [], "entry_ids": ["a", "no"]})
        run = self.bulkhead("run", "--entries", self.entries("a"), "--batches", batches, "--",
                            *ECHO)
        self.assert_status(run, 0)
        self.assertEqual((run.result["batch_id"], run.result["entry_count"],
                          run.result["entries_found"], run.result["task_results"]),
                         ("b", 2, 1, {}))


def entry(**keys):
    return json.dumps({"id": "a", "source": "s", "content": "c", **keys})


GOOD = entry(id="good")
ANY = None

# The line; what its complaint points at (the last of these characters, or anywhere);
# and what the complaint has to say.
WRONG_ENTRIES = [
    ("{", ANY, "expected a JSON object"),
    ("nonsense", ANY, "expected a JSON object"),
    ('{"id": "a" "source": "s"}', ANY, "expected a JSON object"),
    (GOOD + GOOD, ANY, "expected a JSON object"),
    ('{"id": "a", "id": "b", "source": "s", "content": ""}', ANY, "duplicate"),
    ('{"id": "a", "source": "s", "content": "\udcff"}', ANY, "unable to decode"),
    ('{"id": "a", "source": "s", "content": "\\ud800"}', ANY, "expected"),
    ('{"id": "a", "source": "s", "content": "c", "priority": 9223372036854775808}', ANY,
     "too big"),
    ('{"id": "a", "source": "s", "content": "c", "priority": NaN}', ANY, "expected"),
    ("[]", 1, r"got \[\], expected a JSON object"),
    ("7", 1, "got 7, expected a JSON object"),
    ('  "text"', '"text"', "got \"text\", expected a JSON object"),
    ("{}", 1, "id is missing, expected a string that is not blank"),
    ('{"id": "a", "content": "c"}', 1, "source is missing"),
    ('{"id": "a", "source": "s"}', 1, "content and summary are missing"),
    ('{"id": "a", "source": "s", "content": null, "summary": null}', 1,
     "content and summary are missing"),
    (entry(id=""), '"", "s', 'id: got "", expected a string that is not blank'),
    (entry(id=" \t\n"), '" \\t\\n"', "id: got .* expected a string that is not blank"),
    (entry(id=7), "7", "id: got 7"),
    (entry(id=None), "null", "id: got null"),
    (entry(id="a\0b"), '"a\\u0000b"', r"without \\u0000"),
    (entry(source=" "), '" "', "source: got"),
    (entry(type="nonsense"), '"nonsense"', "type: got .*expected one of file, command"),
    (entry(type=None), "null", "type: got null"),
    (entry(content=7), "7", "content: got 7, expected a string or null"),
    (entry(summary=7), "7", "summary: got 7, expected a string or null"),
    (entry(references="x"), '"x"', "references: got .*expected an array of strings"),
    (entry(references=["x", ""]), '""', r"references\[1\]: got \"\""),
    (entry(derived_from=[7]), "7", r"derived_from\[0\]: got 7"),
    (entry(parent_id=[]), "[]", r"parent_id: got \[\], expected a string or null"),
    (entry(priority=1.0), "1.0", "priority: got 1.0, expected an integer"),
    (entry(priority="1"), '"1"', "priority: got"),
    (entry(priority=True), "true", "priority: got true"),
    (entry(compressed=True), 1, "summary is missing"),
    (entry(compressed=0), "0", "compressed: got 0, expected true or false"),
    (entry(searchable="yes"), '"yes"', "searchable: got"),
    (entry(ttl=-1), "-1", "ttl: got -1, expected an integer of 0 or more, or null"),
    (entry(ttl=1.5), "1.5", "ttl: got 1.5"),
    (entry(content=None, content_base64="!AAA"), '"!AAA"', "content_base64: wrong at character 1"),
    (entry(content=None, content_base64="YQ"), '"YQ"', "content_base64: wrong at character 3"),
    (entry(content=None, content_base64=None), "null", "content_base64: got null"),
    (entry(content=None, content_file="no such file"), '"no such', "no such file: No such file"),
    (entry(content=None, content_file="/dev/zero"), '"/dev', "character device"),
    (entry(content=None, content_file="."), '"."', "is a directory"),
    (entry(content=None, content_file="a\0b"), '"a\\u', r"a path without \\u0000"),
    (entry(content_base64=""), '""', "a second content"),
    (entry(content_file="x"), '"x"', "a second content"),
    (entry(contents="x"), '"contents"', "unknown key 'contents', expected one of id, type"),
    (entry(Id="x"), '"Id"', "unknown key 'Id'"),
    (entry(**{"bad\x1b[2J": 1}), '"bad', r"unknown key 'bad\\x1b\[2J'"),
    ("\ufeff" + GOOD, ANY, "expected a JSON object"),
    ("[" * 100000, ANY, "expected a JSON object"),
]

WRONG_TASKS = [
    ("x", 1, "expected a JSON object"),
    ("{}", 1, "id is missing"),
    ('{"id": ""}', '""', "id: got"),
    ('{"id": "t", "description": null}', 'null', "description: got null, expected a string"),
    ('{"id": "t", "required_entry_ids": "e"}', '"e"', "expected an array of strings"),
    ('{"id": "t", "required_entry_ids": ["e", " "]}', '" "', r"required_entry_ids\[1\]: got"),
    ('{"id": "t", "priority": null}', 'null', "priority: got null, expected an integer"),
    ('{"id": "t", "parms": {}}', '"parms"', "unknown key 'parms', expected one of id, description"),
    ('{"id": "t", "params": %s}' % ("[" * 40 + "]" * 40), "[" * 40, "params: nested too deep"),
    ('{"id": "t", "lease": "mine"}', '"mine"',
     'lease: got "mine", expected "shared" or "exclusive"'),
    ('{"id": "t", "lease": null}', 'null', "lease: got null, expected"),
    ('{"id": "é", "priority": "x"}', '"x"', "priority: got"),
]

WRONG_BATCHES = [
    ("{}", 1, "batch_id is missing"),
    ('{"batch_id": " ", "tasks": []}', '" "', "batch_id: got"),
    ('{"batch_id": "b"}', 1, "tasks is missing, expected an array of tasks"),
    ('{"batch_id": "b", "tasks": {}}', '{}', "expected an array of tasks"),
    ('{"batch_id": "b", "tasks": [7]}', '7', r"tasks\[0\]: got 7, expected a JSON object"),
    ('{"batch_id": "b", "tasks": [{"id": "t"}, {"id": "t"}]}', '"t"',
     r"tasks\[1\].id: 't' is the id of tasks\[0\] too"),
    ('{"batch_id": "b", "tasks": [{"id": "t", "priority": "x"}]}', '"x"', r"tasks\[0\].priority"),
    ('{"batch_id": "b", "tasks": [{"id": "t", "x": 1}]}', '"x"', r"tasks\[0\]: unknown key 'x'"),
    ('{"batch_id": "b", "tasks": [{"id": "t", "lease": "own"}]}', '"own"', r"tasks\[0\].lease"),
    ('{"batch_id": "b", "tasks": [], "entry_ids": [1]}', '1', r"entry_ids\[0\]: got 1"),
    ('{"batch_id": "b", "tasks": [], "exceeds_limit": 1}', '1', "expected true or false"),
    ('{"batch_id": "b", "tasks": [], "entries": []}', '"entries"', "unknown key 'entries'"),
]


class Mistakes(Case):
    """Each names the place and what was expected, and nothing is started."""

    def setUp(self):
        super().setUp()
        self.trace = self.dir / "trace"
        self.traces = self.shell(f"echo ran > '{self.trace}'")

    def refuse(self, *options, patterns, plan=False, **more):
        run = self.bulkhead("plan", *options, **more) if plan else \
            self.bulkhead("run", "--isolate", "none", *options, "--", self.traces, **more)
        self.assert_refused(run, *patterns)
        self.assertEqual(run.err.count("\n"), 1, run.err)
        self.assertFalse(self.trace.exists())

    def refuse_each(self, option, wrong, good, *options):
        for text, at, message in wrong:
            column = r"\d+" if at is ANY else at if at == 1 else text.rindex(at) + 1
            with self.subTest(text[:80]):
                data = f"{good}\n\n{text}\n".encode("utf-8", "surrogateescape")
                path = self.write("wrong.jsonl", data)
                self.refuse(*options, option, path,
                            patterns=[f"wrong.jsonl:3:{column}: .*{message}"])
                self.refuse(*options, option, "-", stdin=data, plan=True,
                            patterns=[rf"\(standard input\):3:{column}: .*{message}"])

    def test_the_trace_would_be_seen(self):
        self.bulkhead("run", "--isolate", "none", "--tasks", self.tasks({"id": "t"}), "--",
                      self.traces)
        self.assertTrue(self.trace.exists())

    def test_a_wrong_entry_is_refused_with_line_and_column(self):
        self.refuse_each("--entries", WRONG_ENTRIES, GOOD)

    def test_a_wrong_task_is_refused_with_line_and_column(self):
        self.refuse_each("--tasks", WRONG_TASKS, '{"id": "good"}')

    def test_a_wrong_batch_is_refused_with_line_and_column(self):
        self.refuse_each("--batches", WRONG_BATCHES, '{"batch_id": "good", "tasks": []}')

    def test_ids_that_collide_name_both_places(self):
        here, there = self.entries("a", "b"), self.entries("c", "b")
        self.refuse("--entries", here, "--entries", there, patterns=[
            f"{there.name}:2: entry id 'b' is taken by .*{here.name}:2, expected ids that differ"])
        twice = self.entries("a", "b", "a")
        self.refuse("--entries", twice,
                    patterns=[f"{twice.name}:3: entry id 'a' is taken by .*{twice.name}:1,"])
        self.write("one/b", "")
        self.write("two/b", "")
        self.refuse("--entries", self.dir / "one", "--entries", here,
                    patterns=[f"{here.name}:2: entry id 'b' is taken by .*/one/b,"])
        self.refuse("--entries", self.dir / "one", "--entries", self.dir / "two",
                    patterns=["two/b: entry id 'b' is taken by .*/one/b,"])
        self.refuse("--entries", "-", "--entries", self.dir / "one", stdin=here.read_bytes(),
                    patterns=[r"one/b: entry id 'b' is taken by \(standard input\):2,"])
        self.refuse("--entries", f"n={self.dir}/one", "--entries", f"n={self.dir}/two",
                    patterns=["two/b: entry id 'n/b' is taken by .*/one/b,"])

    def test_a_task_id_that_is_there_twice_names_both_lines(self):
        tasks = self.tasks({"id": "a"}, {"id": "b"}, {"id": "a"})
        self.refuse("--tasks", tasks,
                    patterns=[f"{tasks.name}:3: task id 'a' is taken by line 1"])

    def test_missing_entries_are_refused_with_strict(self):
        tasks = self.tasks({"id": "t", "required_entry_ids": ["a", "gone"]})
        run = self.bulkhead("run", "--isolate", "none", "--strict", "--entries",
                            self.entries("a"), "--tasks", tasks, "--", self.traces)
        self.assert_refused(run, "task 't' requires entry 'gone', which is not among the entries")
        batches = self.jsonl("b.jsonl", {"batch_id": "b", "tasks": [], "entry_ids": ["gone"]})
        run = self.bulkhead("run", "--isolate", "none", "--strict", "--batches", batches, "--",
                            self.traces)
        self.assert_refused(run, "batch 'b' requires entry 'gone'")
        self.assertFalse(self.trace.exists())

    def test_options_that_make_no_sense_are_refused(self):
        tasks, entries = self.tasks({"id": "t"}), self.entries("a")
        for options, message in [
            ([], "no input: expected --entries, --tasks or --batches"),
            (["--tasks", tasks, "--batches", tasks], "exclude each other"),
            (["--entries", "-", "--tasks", "-"], "only once, not 2 times"),
            (["--entries", "-", "--entries", "-"], "only once, not 2 times"),
            (["--entries"], "--entries: got|--entries: nothing follows"),
            (["--entries", f"x={entries}"], "NAME= only before"),
            (["--nonsense"], "unknown option --nonsense"),
            (["--tasks", tasks, "--max-entries", "0"], "--max-entries: got '0', expected"),
            (["--tasks", tasks, "--max-tasks", "x"], "--max-tasks: got 'x', expected a whole"),
            (["--tasks", tasks, "--max-tokens", "-1"], "--max-tokens: got '-1'"),
            (["--tasks", tasks, "--max-tokens", "1K"], "--max-tokens: got '1K'"),
            (["--tasks", tasks, "--sort-priority=yes"], "expected no value"),
            (["--tasks", ""], "--tasks: got '', expected a path"),
        ]:
            with self.subTest(message):
                run = self.bulkhead("plan", *options)
                self.assert_refused(run, message)
        for options, message in [
            (["--timeout", "5"], "--timeout: got '5', expected a duration"),
            (["--timeout", "0s"], "--timeout: got '0s'"),
            (["--grace", "1d"], "--grace: got '1d'"),
            (["--memory", "1T"], "--memory: got '1T', expected a size"),
            (["--memory", "99999999999999999999"], "--memory: got"),
            (["--results-size", "2G"], "at most 1073741824"),
            (["--jobs", "0"], "--jobs: got '0'"),
            (["-j", "1025"], "at most 1024"),
            (["-jx"], "--jobs: got 'x'"),
            (["-Z"], "unknown option -Z"),
            (["-q", "-v"], "exclude each other"),
            (["--isolate", "perhaps"], "expected one of none|strict"),
            (["--progress", "lots"], "expected one of"),
            (["--env", "NOVALUE"], "expected KEY=VALUE"),
            (["--env", "=x"], "expected KEY=VALUE"),
            (["-o", ""], "--output: got '', expected a path"),
        ]:
            with self.subTest(message):
                run = self.bulkhead("run", "--isolate", "none", "--tasks", tasks, *options, "--",
                                    self.traces)
                self.assert_refused(run, message)
        self.assertFalse(self.trace.exists())

    def test_commands_and_operands_are_checked(self):
        tasks = self.tasks({"id": "t"})
        run = self.bulkhead()
        self.assertEqual((run.status, run.out), (2, b""))
        self.assertIn("no command", run.err)
        self.assert_refused(self.bulkhead("frobnicate"), "unknown command 'frobnicate'")
        self.assert_refused(self.bulkhead("run", "--tasks", tasks), "no handler")
        self.assert_refused(self.bulkhead("run", "--tasks", tasks, "--"), "no handler")
        self.assert_refused(self.bulkhead("plan", "--tasks", tasks, "x"), "'x' is too much")

    def test_outputs_that_cannot_be_opened_are_refused_before_anything_starts(self):
        tasks = self.tasks({"id": "t"})
        for option in ("-o", "--aggregate"):
            for path, message in ((self.dir, "directory"), (self.dir / "no/file", "No such file")):
                with self.subTest(f"{option} {path.name}"):
                    run = self.bulkhead("run", "--isolate", "none", "--tasks", tasks, option,
                                        path, "--", self.traces)
                    self.assert_refused(run, message)
        self.assertFalse(self.trace.exists())


if __name__ == "__main__":
    main()
