# SPDX-License-Identifier: Apache-2.0
"""The example programs that use the library in loops of their own."""
import subprocess
import unittest

from support import BUILD, Case, HANDLERS, main, not_run


class Examples(Case):
    def run_example(self, name, *args):
        program = BUILD / "bin" / f"example-{name}"
        if not program.exists():
            not_run(f"example {name}", "it was not built, for want of its library")
            self.skipTest("not built")
        return subprocess.run([program, *map(str, args)], check=False, timeout=200,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")

    def test_a_plain_epoll_loop_runs_more_batches_than_its_queue_holds(self):
        files = [self.write(f"file{i}", f"{i} words\n") for i in range(20)]
        done = self.run_example("epoll", HANDLERS / "wordcount", *files)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(done.stdout.splitlines()),
                         sorted(f"{path}: success, 1 records" for path in files))

    def test_a_plain_epoll_loop_tells_of_failures(self):
        files = [self.write(name, "text") for name in ("good", "bad", "fine")]
        handler = self.handler("import signal\n"
                               "if context()['batch_id'].endswith('bad'):\n"
                               "    os.kill(os.getpid(), signal.SIGSEGV)\n"
                               "os._exit(1)")
        done = self.run_example("epoll", handler, *files)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(sorted(done.stdout.splitlines()),
                         sorted([f"{files[0]}: exit, 0 records", f"{files[1]}: signal, 0 records",
                                 f"{files[2]}: exit, 0 records"]))

    def test_a_loop_of_libuv_ends_when_its_batches_do(self):
        texts = [f"text number {i}" for i in range(10)]
        done = self.run_example("libuv", HANDLERS / "wordcount", *texts)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(done.stdout.splitlines()),
                         sorted(f"text {i + 1}: success" for i in range(10)))


if __name__ == "__main__":
    main()
