# SPDX-License-Identifier: Apache-2.0
"""The Python SDK by itself: MessagePack, and a handler's two files."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SDK = pathlib.Path(__file__).resolve().parents[2] / "handlers" / "python"
sys.path.insert(0, str(SDK))

from bulkhead import msgpack  # noqa: E402

# Values, and how MessagePack writes them in the shortest form.
FORMS = [
    (None, "c0"), (False, "c2"), (True, "c3"), (0, "00"), (127, "7f"), (128, "cc80"),
    (255, "ccff"), (256, "cd0100"), (65535, "cdffff"), (65536, "ce00010000"),
    (2**32 - 1, "ceffffffff"), (2**32, "cf0000000100000000"), (2**64 - 1, "cf" + "ff" * 8),
    (-1, "ff"), (-32, "e0"), (-33, "d0df"), (-128, "d080"), (-129, "d1ff7f"),
    (-32768, "d18000"), (-32769, "d2ffff7fff"), (-2**31, "d280000000"),
    (-2**31 - 1, "d3ffffffff7fffffff"), (-2**63, "d38000000000000000"),
    (1.5, "cb3ff8000000000000"), ("", "a0"), ("a", "a161"), ("\u20ac", "a3e282ac"),
    ("x" * 31, "bf" + "78" * 31), ("x" * 32, "d920" + "78" * 32),
    ("x" * 256, "da0100" + "78" * 256), ("x" * 65536, "db00010000" + "78" * 65536),
    (b"", "c400"), (b"\xff", "c401ff"), (b"x" * 256, "c50100" + "78" * 256),
    (b"x" * 65536, "c600010000" + "78" * 65536), ([], "90"), ([1, [2]], "92019102"),
    ([0] * 16, "dc0010" + "00" * 16), ({}, "80"), ({"a": None}, "81a161c0"),
    ({str(i): i for i in range(16)}, "de0010" + "".join(
        f"a{len(str(i))}{str(i).encode().hex()}{i:02x}" for i in range(16))),
    (msgpack.Ext(5, b"z"), "d4057a"), (msgpack.Ext(-1, b"zz"), "d5ff7a7a"),
    (msgpack.Ext(5, b"z" * 16), "d805" + "7a" * 16), (msgpack.Ext(5, b""), "c70005"),
    (msgpack.Ext(5, b"zzz"), "c703057a7a7a"), (msgpack.Ext(5, b"z" * 256), "c8010005" + "7a" * 256),
]


def nested(depth):
    value = 0
    for _ in range(depth):
        value = [value]
    return value


class MessagePack(unittest.TestCase):
    def test_values_are_written_in_their_shortest_form_and_read_back(self):
        for value, form in FORMS:
            with self.subTest(form=form[:20]):
                self.assertEqual(msgpack.pack(value).hex(), form)
                self.assertEqual(msgpack.unpack(bytes.fromhex(form)), value)

    def test_other_forms_of_the_same_are_read_too(self):
        for form, value in (("cd0001", 1), ("d30000000000000001", 1), ("db0000000161", "a"),
                            ("dd0000000101", [1]), ("df00000001a16101", {"a": 1}),
                            ("ca3fc00000", 1.5), ("c6000000017a", b"z"), ("c900000001057a",
                            msgpack.Ext(5, b"z")), ("81920102c0", {(1, 2): None})):
            self.assertEqual(msgpack.unpack(bytes.fromhex(form)), value, form)

    def test_what_has_no_form_is_refused(self):
        for value, error in ((2**64, OverflowError), (-2**63 - 1, OverflowError),
                             (object(), TypeError), ({1, 2}, TypeError), ({1: 2}, TypeError),
                             ("\ud800", ValueError), (nested(33), ValueError)):
            with self.assertRaises(error, msg=repr(value)[:40]):
                msgpack.pack(value)
        self.assertEqual(msgpack.unpack(msgpack.pack(nested(32))), nested(32))

    def test_what_is_no_value_is_refused(self):
        for form in ("", "c1", "cc", "a161" "00", "d905", "92", "9201", "81a161", "c4", "d405", "a1ff"):
            with self.assertRaises(ValueError, msg=form):
                msgpack.unpack(bytes.fromhex(form))


CONTEXT = {
    "abi": 1, "batch_id": "b", "attempt": 2, "timeout_ms": None, "entry_count": 3,
    "total_tokens": 5, "missing_ids": ["gone"], "later": "keys are passed over",
    "tasks": [{"id": "t", "description": "", "required_entry_ids": ["b", "gone", "a"], "priority": 0,
               "params": {"n": 1}},
              {"id": "u", "description": "", "required_entry_ids": [], "priority": 0, "params": None}],
    "entries": [{"id": id, "type": "file", "source": "s", "content": content, "summary": summary,
                 "references": [], "parent_id": None, "priority": 0, "compressed": content is None}
                for id, content, summary in (("a", "text", None), ("b", b"\xff", None),
                                             ("c", None, "short"))],
}


class Handler(unittest.TestCase):
    def run_handler(self, body):
        """Cold, on two files. The records and the finished process."""
        with tempfile.TemporaryFile() as context, tempfile.TemporaryFile() as results:
            context.write(msgpack.pack(CONTEXT))
            context.flush()
            context.seek(0)
            fds = (context.fileno(), results.fileno())

            def place():
                high = [os.dup(fd) for fd in fds]
                os.dup2(high[0], 3)
                os.dup2(high[1], 4)
            done = subprocess.run([sys.executable, "-BS", "-c", "import bulkhead\n" + body],
                                  env={"PYTHONPATH": str(SDK)}, preexec_fn=place, close_fds=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240)
            results.seek(0)
            return self.records(results.read()), done

    @staticmethod
    def records(data):
        """Those that are whole."""
        reader = msgpack._Reader(memoryview(data))
        found = []
        try:
            while reader.at < len(data):
                found.append(reader.value())
        except ValueError:
            pass
        return found

    def test_a_function_gives_results_and_its_exceptions_are_errors_of_tasks(self):
        records, done = self.run_handler(
            "def work(task, batch):\n"
            "    if task.id == 'u': raise KeyError('x')\n"
            "    return [task.params, [entry.id for entry in task.entries]]\n"
            "bulkhead.run(work)")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(records, [
            {"start": "t"}, {"task": "t", "result": [{"n": 1}, ["b", "a"]]}, {"start": "u"},
            {"task": "u", "error": {"message": "'x'", "type": "KeyError"}}, {"done": True}])
        self.assertIn(b"KeyError", done.stderr)

    def test_errors_of_tasks_and_batches_say_what_they_are_given(self):
        records, done = self.run_handler(
            "def work(task, batch):\n"
            "    if task.id == 't': raise bulkhead.TaskError('no', 'kind', {'more': 1})\n"
            "    raise bulkhead.BatchError('over')\n"
            "bulkhead.run(work)")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(records[1:], [
            {"task": "t", "error": {"message": "no", "type": "kind", "detail": {"more": 1}}},
            {"start": "u"}, {"error": {"message": "over"}}])

    def test_what_is_no_value_is_an_error_of_its_task(self):
        records, _ = self.run_handler("bulkhead.run(lambda task, batch: object())")
        self.assertEqual([record["error"]["type"] for record in records if "error" in record],
                         ["TypeError", "TypeError"])

    def test_a_batch_has_all_of_its_context(self):
        records, done = self.run_handler(
            "for batch in bulkhead.batches():\n"
            "    batch.result(batch.tasks[0], [batch.batch_id, batch.attempt, batch.missing_ids,\n"
            "        [[e.id, e.text, e.data, e.compressed] for e in batch.entries.values()]])\n"
            "    batch.done()")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(records[0]["result"], ["b", 2, ["gone"], [
            ["a", "text", b"text", False], ["b", "\ufffd", b"\xff", False],
            ["c", "short", b"short", True]]])

    def test_a_full_descriptor_ends_it_with_a_status(self):
        records, done = self.run_handler(
            "import os, resource, signal\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
            "bulkhead.run(lambda task, batch: 'x' * 95)")
        self.assertEqual((done.returncode, records), (1, [{"start": "t"}]))
        self.assertIn(b"descriptor 4 is full", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
