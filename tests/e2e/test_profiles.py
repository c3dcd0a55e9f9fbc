# SPDX-License-Identifier: Apache-2.0
"""Profiles of system calls, as a user meets them."""
import json
import subprocess
import tempfile
import unittest

from support import BULKHEAD

ENTRY = '{"id": "a", "source": "test", "content": "x"}\n'
DONE = r'printf "\202\244task\241a\246result\005\201\244done\303" >&4'


def bulkhead(*words, stdin=""):
    return subprocess.run([BULKHEAD, *words], input=stdin, capture_output=True, text=True)


def run(profile, script, *options):
    ended = bulkhead("run", "--profile", profile, *options, "--entries", "-", "-q", "--",
                     "/bin/sh", "-c", script, stdin=ENTRY)
    return ended, json.loads(ended.stdout) if ended.stdout else None


class Profiles(unittest.TestCase):
    def test_the_built_in_ones_are_listed(self):
        ended = bulkhead("profiles")
        self.assertEqual(ended.returncode, 0)
        self.assertEqual([line.split()[0] for line in ended.stdout.splitlines()],
                         ["compute", "strict", "tools", "trusted"])

    def test_what_is_shown_is_a_file_that_works(self):
        for name in ("compute", "tools", "trusted"):
            with self.subTest(name), tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                file.write(bulkhead("profiles", "show", name).stdout)
                file.flush()
                ended, line = run(file.name, DONE)
                self.assertEqual(ended.returncode, 0, ended.stderr)
                self.assertEqual(line["task_results"], {"a": 5})

    def test_a_call_is_explained(self):
        self.assertIn("a violation", bulkhead("profiles", "explain", "compute", "mount").stdout)
        ended = bulkhead("profiles", "explain", "compute", "no_such_call")
        self.assertEqual(ended.returncode, 2)
        self.assertIn("no_such_call", ended.stderr)

    def test_words_that_make_no_sense_are_refused(self):
        for words in (["show"], ["show", "nope"], ["show", "compute", "x"], ["explain", "compute"],
                      ["shw", "compute"]):
            ended = bulkhead("profiles", *words)
            self.assertEqual((ended.returncode, ended.stdout), (2, ""), words)

    def test_a_run_with_what_is_no_profile_does_not_start(self):
        for profile, said in (("nope", "compute, strict, tools"), ("/no/such/file", "/no/such/file"),
                              ("/etc/passwd", "/etc/passwd:1:"), ("/dev/null", "regular")):
            ended, line = run(profile, DONE)
            self.assertEqual((ended.returncode, line), (2, None), profile)
            self.assertIn(said, ended.stderr)

    def test_a_file_decides(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"defaultAction": "SCMP_ACT_ALLOW",
                       "syscalls": [{"names": ["getcwd"], "action": "SCMP_ACT_KILL"}]}, file)
            file.flush()
            ended, line = run(file.name, "cd /usr; /bin/pwd -P")
        self.assertEqual(ended.returncode, 1)
        self.assertEqual(line["error"]["kind"], "violation")
        self.assertEqual(line["error"]["syscall"]["name"], "getcwd")
        self.assertIn("libc", line["error"]["syscall"]["file"])
        self.assertRegex(line["error"]["syscall"]["file_offset"], "^0x[0-9a-f]+$")

    def test_a_fork_that_the_profile_forbids_is_a_violation_where_processes_are_allowed(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"defaultAction": "SCMP_ACT_ALLOW",
                       "syscalls": [{"names": ["clone", "clone3", "fork", "vfork"],
                                     "action": "SCMP_ACT_KILL"}]}, file)
            file.flush()
            _, many = run(file.name, "(:); exit 0", "--max-procs", "4")
            _, one = run(file.name, "(:); exit 0")
        self.assertEqual(many["error"]["kind"], "violation")
        self.assertEqual(one["error"]["kind"], "process_limit")


if __name__ == "__main__":
    unittest.main(verbosity=2)
