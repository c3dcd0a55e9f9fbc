# SPDX-License-Identifier: Apache-2.0
"""What the help and the documentation show runs as written."""
import os
import pathlib
import re
import subprocess
import unittest

from support import BUILD, Case, main, not_run, parse_lines

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Help(Case):
    def setUp(self):
        super().setUp()
        self.env = {**os.environ, "PATH": f"{BUILD / 'bin'}:{os.environ['PATH']}"}

    def shell_lines(self, text):
        return subprocess.run(["sh", "-c", text], env=self.env, cwd=self.dir, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)

    def example_of(self, *args):
        run = self.bulkhead(*args)
        self.assert_status(run, 0)
        self.assertEqual(run.err, "")
        found = re.search(r"^Example:\n((?: .*\n)+)", run.out.decode(), re.MULTILINE)
        self.assertIsNotNone(found, run.out)
        return found[1]

    def test_the_examples_run_as_written(self):
        for args in (["--help"], ["-h"], ["run", "--help"], ["run", "-h"]):
            done = self.shell_lines(self.example_of(*args))
            self.assertEqual(done.returncode, 0, done.stderr)
            (result,) = parse_lines(done.stdout)
            self.assertEqual(result["task_results"], {"a": 5})

    def test_the_example_of_plan_runs_as_written(self):
        done = self.shell_lines(self.example_of("plan", "--help"))
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual([batch["entry_ids"] for batch in parse_lines(done.stdout)],
                         [["a", "b"], ["c"]])

    def test_the_examples_of_the_documentation_run_as_written(self):
        n = 0
        for path in sorted((ROOT / "docs").glob("*.md")):
            for block in re.findall(r"^```sh\n(.*?)^```", path.read_text(), re.M | re.S):
                if not block.startswith("#!"):
                    done = self.shell_lines(block)
                    self.assertEqual(done.returncode, 0, (path, done.stderr))
                    n += len(parse_lines(done.stdout))
        if n == 0:
            not_run("examples of the documentation", "there are none that run by themselves")

    def test_the_shell_handler_of_the_documentation_works(self):
        text = (ROOT / "docs" / "handler-abi.md").read_text()
        block = re.search(r"^```sh\n(#!/bin/sh\n.*?)^```", text, re.M | re.S)[1]
        handler = self.write("handler", block)
        handler.chmod(0o755)
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "a"}), "--", handler)
        self.assert_status(run, 0)
        self.assertEqual(run.values(), {"a": 5})

    def test_every_option_of_the_help_is_documented(self):
        text = (ROOT / "docs" / "cli.md").read_text()
        for args in (["run", "--help"], ["plan", "--help"]):
            for option in re.findall(r"^ +(?:-\w, )?(--[a-z-]+)",
                                     self.bulkhead(*args).out.decode(), re.M):
                self.assertRegex(text, rf"{option}\b", option)

    def test_the_version_is_told(self):
        run = self.bulkhead("--version")
        self.assert_status(run, 0)
        self.assertRegex(run.out.decode(), r"^bulkhead \d+\.\d+\.\d+ \(handler ABI 1\)\n$")

    def test_help_needs_nothing_else_to_be_right(self):
        for args in (["run", "--tasks", "no such file", "--help"], ["plan", "-h"]):
            run = self.bulkhead(*args)
            self.assert_status(run, 0)
            self.assertTrue(run.out.startswith(b"Usage: bulkhead"))


if __name__ == "__main__":
    main()
