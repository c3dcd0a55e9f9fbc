# SPDX-License-Identifier: Apache-2.0
"""What is said on standard error while a run goes on: a bar on a terminal, plain lines
elsewhere, and what runs for whoever asks by SIGUSR1."""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unittest

from support import PATIENCE, Case, HANDLERS, command, main, parse_lines

FAULTY = HANDLERS / "faulty"
ERASE = "\x1b[K"

# Each task whose params are "wait" goes on when a file is there.
WAITING = """
def wait(task):
    while task["params"] == "wait" and not os.path.exists(sys.argv[1]):
        time.sleep(0.01)
    return 1
give(wait)
"""


def width_of(text):
    """Columns, where all that is not ASCII but the bar takes two at most."""
    return sum(1 if char < "\x7f" or char in "█░…" else 2 for char in text)


class Screen:
    """What a terminal shows: knows ends of lines, carriage returns and erasing, and fails for
    anything else that is no text."""
    def __init__(self):
        self.lines, self.column, self.drawn = [""], 0, []

    def feed(self, text):
        for part in re.findall(r"\x1b\[K|\r|\n|[^\x00-\x1f\x7f-\x9f]+|.", text, re.DOTALL):
            line = self.lines[-1]
            if part == "\r":
                self.column = 0
            elif part == "\n":
                self.lines.append("")
            elif part == ERASE:
                self.lines[-1] = line[:self.column]
                if self.column > 0:
                    self.drawn.append(self.lines[-1])
            elif part.isprintable():
                self.lines[-1] = line[:self.column] + part + line[self.column + len(part):]
                self.column += len(part)
            else:
                raise AssertionError(f"{part!r} came to the terminal")


class Terminal:
    """A program with its standard error, or more, on a terminal."""
    def __init__(self, test, *args, columns=100, output_too=False, controlling=False,
                 wrap=(), **env):
        self.test, self.text = test, ""
        self.ours, theirs = pty.openpty()
        test.addCleanup(self.close)
        self.resize(columns)
        self.bytes = b""

        def take_terminal():
            os.setsid()
            fcntl.ioctl(2, termios.TIOCSCTTY, 0)
        self.process = subprocess.Popen(
            [*wrap, *command(*args)], stdin=subprocess.DEVNULL, stderr=theirs,
            stdout=theirs if output_too else subprocess.PIPE,
            env={**os.environ, "TERM": "xterm", "LC_ALL": "C", **env},
            preexec_fn=take_terminal if controlling else None)
        os.close(theirs)
        test.addCleanup(test.end, self.process)

    def close(self):
        if self.ours >= 0:
            os.close(self.ours)
            self.ours = -1

    def resize(self, columns):
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read(self, timeout):
        """Takes in what there is. False at the end."""
        if not select.select([self.ours], [], [], timeout)[0]:
            return True
        try:
            data = os.read(self.ours, 65536)
        except OSError:  # EIO: nobody has the other side open any more
            return False
        self.bytes += data
        self.text = self.bytes.decode("utf-8", "ignore")  # a character may still be cut
        return bool(data)

    def read_until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if not self.read(0.1) or time.monotonic() > deadline:
                self.test.fail(f"waited in vain until {what}: {self.text!r}")

    def screen(self):
        screen = Screen()
        # an escape sequence may have come in part
        screen.feed(re.sub(r"\x1b\[?$", "", self.text))
        return screen

    def bars(self):
        return self.screen().drawn

    def wait_for_bar(self, pattern):
        self.read_until(lambda: any(re.search(pattern, bar) for bar in self.bars()),
                        f"there is a bar with {pattern}")

    def finish(self):
        """Reads to the end. Returns the lines that stay."""
        while self.read(PATIENCE):
            pass
        self.close()
        out = self.process.stdout.read() if self.process.stdout else b""
        self.process.wait(timeout=PATIENCE)
        self.out = out
        return self.screen().lines


class Progress(Case):
    def setUp(self):
        super().setUp()
        self.go = self.dir / "go"

    def waiting(self, *batches):
        """Options that run batches, each a list of tasks and whether they wait."""
        path = self.jsonl("batches.jsonl", *(
            {"batch_id": id, "tasks": [{"id": task, "params": params}
                                       for task, params in tasks.items()]}
            for id, tasks in batches))
        return ["--isolate", "none", "--timeout", "none", "--batches", path, "--",
                self.handler(WAITING), self.go]

    def release(self):
        self.go.write_bytes(b"")

    def three(self):
        return self.waiting(("first", {"a": None, "b": None}), ("second", {"c": "wait"}),
                            ("third", {"d": None}))


class Bar(Progress):
    def test_it_shows_how_far_the_run_is_and_is_gone_before_the_summary(self):
        terminal = Terminal(self, "run", "-j1", *self.three(), columns=120)
        terminal.wait_for_bar(r"^\[#+-+\] 1/3 batches, 2/4 tasks, .* tasks/s, \d+s left, "
                              r"slowest second \(\d+s\)$")
        self.release()
        lines = terminal.finish()
        self.assertEqual(terminal.process.returncode, 0)
        self.assertEqual(len(parse_lines(terminal.out)), 3)
        self.assertRegex(lines[0], r"^bulkhead: 3 of 3 batches in ")
        for line in lines[:-1]:
            self.assertRegex(line, "^bulkhead: ")
        self.assertEqual(lines[-1], "")

    def test_it_is_narrower_than_the_window_whatever_size_that_gets(self):
        terminal = Terminal(self, "run", "-j1", *self.three(), columns=70)
        terminal.wait_for_bar("1/3")
        self.assertLess(max(map(width_of, terminal.bars())), 70)
        before = len(terminal.bars())
        terminal.resize(24)
        terminal.read_until(lambda: any(width_of(bar) < 24 for bar in terminal.bars()[before:]),
                            "the bar is narrow")
        before = len(terminal.bars())
        terminal.resize(200)
        terminal.read_until(lambda: any(width_of(bar) >= 70 for bar in terminal.bars()[before:]),
                            "the bar is wide")
        self.release()
        terminal.finish()

    def test_a_window_too_narrow_for_anything_has_nothing_in_it(self):
        terminal = Terminal(self, "run", "-j1", *self.three(), columns=3)
        terminal.read_until(lambda: terminal.text.count(ERASE) >= 2, "it was drawn twice")
        self.assertEqual(terminal.bars(), [])
        self.release()
        terminal.finish()

    def test_lines_on_the_same_terminal_do_not_mix_with_it(self):
        batches = self.waiting(*((f"b{i}", {f"t{i}": None}) for i in range(30)),
                               ("held", {"h": "wait"}), ("last", {"l": None}))
        for events in ([], ["--events", "/dev/stdout"]):
            with self.subTest(events=events):
                self.go.unlink(missing_ok=True)
                terminal = Terminal(self, "run", "-j2", *events, *batches, output_too=True)
                terminal.wait_for_bar("slowest held")
                self.release()
                lines = terminal.finish()
                results = [line for line in lines if not line.startswith("bulkhead: ")]
                self.assertEqual(results.pop(), "")
                made = [json.loads(line) for line in results]
                self.assertEqual(sum("success" in line and "usage" in line for line in made), 32)

    def test_failures_are_told_above_it_as_they_come(self):
        batches = self.jsonl("b.jsonl", *(
            {"batch_id": f"batch {i}", "tasks": [{"id": f"t{i}", "params": {"fail": way}}]}
            for i, way in enumerate(["segv"] * 12 + ["hang"])))
        terminal = Terminal(self, "run", "-j1", "--timeout", "none", "--batches", batches, "--",
                            FAULTY, columns=120)
        terminal.wait_for_bar(r"12/13 batches, 12/13 tasks, 12 failed \(12 signal\)")
        terminal.process.terminate()
        lines = terminal.finish()
        for i in range(10):
            self.assertEqual(lines[i], f"bulkhead: batch {i}: signal: killed by SIGSEGV "
                                       f"(running: task 't{i}')")
        self.assertRegex(lines[10], "^bulkhead: SIGTERM: ")
        self.assertEqual(lines[11], "bulkhead: and 3 more failures")

    def test_an_interrupt_from_the_keyboard_leaves_clean_lines(self):
        terminal = Terminal(self, "run", "-j1", *self.three(), controlling=True)
        terminal.wait_for_bar("1/3")
        os.write(terminal.ours, b"\x03")
        lines = terminal.finish()
        self.assertEqual(terminal.process.returncode, 128 + signal.SIGINT)
        # what the terminal itself shows of the key stands where the bar was
        self.assertRegex(lines[0], "^bulkhead: SIGINT: ending what runs")
        for line in lines[1:-1]:
            self.assertRegex(line, "^bulkhead: ")

    def test_it_is_not_drawn_over_a_shell_that_has_the_terminal(self):
        terminal = Terminal(self, "run", "-j1", *self.three(), controlling=True,
                            wrap=["sh", "-c", 'set -m; "$@" & echo "$!" >&2; wait "$!"', "sh"])
        terminal.read_until(lambda: re.search(r"^\d+\r?\n", terminal.text), "the shell says so")
        pid = int(terminal.text.split()[0])
        # it says what it has to say all the same
        self.wait_until(lambda: takes_signal(pid, signal.SIGUSR1), "it takes the signal")
        while "slowest" not in terminal.text and "at 'c'" not in terminal.text:
            os.kill(pid, signal.SIGUSR1)
            terminal.read(0.5)
        self.release()
        lines = terminal.finish()
        self.assertEqual(terminal.bars(), [])
        self.assertTrue(any("3 of 3 batches in" in line for line in lines), lines)

    def test_characters_are_those_of_the_locale(self):
        for locale, has_blocks in (("C", False), ("C.UTF-8", True)):
            with self.subTest(locale):
                self.go.unlink(missing_ok=True)
                terminal = Terminal(self, "run", "-j1", *self.waiting(
                    ("gemüse", {"a": None, "b": "wait"})), LC_ALL=locale)
                terminal.wait_for_bar("slowest gem")
                bar = next(bar for bar in terminal.bars() if "slowest" in bar)
                self.assertEqual("░" in bar, has_blocks)
                self.assertEqual("gemüse" in bar, has_blocks)
                self.assertEqual(bar.isascii(), not has_blocks)
                self.release()
                terminal.finish()

    def test_ids_that_a_terminal_would_obey_do_not_reach_it(self):
        hostile = "\x1b[2J\x1b]0;x\x07\u009b1m\r\n\u202e\u2028"
        batches = self.jsonl("b.jsonl", *(
            {"batch_id": f"{way}{hostile}", "tasks": [{"id": f"t{hostile}",
                                                      "params": {"fail": way}}]}
            for way in ("segv", "hang")))
        for locale in "C", "C.UTF-8":
            terminal = Terminal(self, "run", "-j1", "--timeout", "none", "--batches", batches,
                                "--", FAULTY, LC_ALL=locale, columns=200)
            terminal.wait_for_bar(r"slowest hang\?\[2J")
            while "at 't" not in terminal.text:
                terminal.process.send_signal(signal.SIGUSR1)
                terminal.read(0.5)
            terminal.process.terminate()
            lines = terminal.finish()  # which fails for what is no text
            self.assertTrue(lines[0].startswith(r"bulkhead: segv\x1b[2J\x1b]0;x\x07\xc2\x9b1m"))
            self.assertNotRegex(terminal.text, "[\u202e\u2028]")

    def test_a_run_that_asks_for_none_or_has_a_dumb_terminal_gets_none(self):
        for options, env, has_summary in (([], {"TERM": "dumb"}, True),
                                          (["--progress", "plain"], {}, True),
                                          (["--progress", "none"], {}, True),
                                          (["-q"], {}, False)):
            with self.subTest(options=options, env=env):
                self.go.unlink(missing_ok=True)
                terminal = Terminal(self, "run", "-j1", *options, *self.three(), **env)
                terminal.read(1)
                self.release()
                lines = terminal.finish()
                self.assertNotIn("\x1b", terminal.text)
                self.assertEqual(any("3 of 3 batches" in line for line in lines), has_summary)

    def test_one_that_is_asked_for_is_shown_on_a_dumb_terminal_too(self):
        terminal = Terminal(self, "run", "--progress", "bar", "-j1", *self.three(), TERM="dumb")
        terminal.wait_for_bar("1/3")
        self.release()
        terminal.finish()


class Plain(Progress):
    def read_line(self, process, pattern):
        """Lines up to the first one like this."""
        lines = []
        while not lines or not re.search(pattern, lines[-1]):
            lines.append(process.stderr.readline().decode())
            self.assertNotEqual(lines[-1], "", lines)
        return lines

    def test_lines_come_while_batches_run(self):
        for options in [], ["--progress", "plain"], ["--progress", "bar"]:
            with self.subTest(options=options):
                self.go.unlink(missing_ok=True)
                process = self.start("run", "-j1", *options, *self.three())
                lines = self.read_line(process, r"^bulkhead: 1 of 3 batches, 2 of 4 tasks, "
                                                r"0 failed, .* tasks/s, \d+s so far, .* left\n$")
                self.assertNotIn("\x1b", "".join(lines))
                self.release()
                run = self.finish(process)
                self.assert_status(run, 0)
                self.assertIn("3 of 3 batches in", run.err)

    def test_failures_come_once_and_only_the_first_ones(self):
        batches = self.batches(*([f"t{i}"] for i in range(12)))
        for options in [], ["--progress", "plain"], ["--progress", "none"]:
            run = self.bulkhead("run", "-j1", *options, "--batches", batches, "--", FAULTY, "segv")
            self.assert_status(run, 1)
            self.assertEqual([len(re.findall(rf"batch {i}: signal", run.err)) for i in range(12)],
                             [1] * 10 + [0] * 2)
            self.assertIn("bulkhead: and 2 more failures\n", run.err)
        run = self.bulkhead("run", "-v", "--batches", batches, "--", FAULTY, "segv")
        self.assertEqual(run.err.count(": signal: "), 12)
        self.assertNotIn("more failures", run.err)


def takes_signal(pid, number):
    """It blocks it, to read it when it gets to that."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    blocked = int(re.search(r"^SigBlk:\s*(\w+)", status, re.MULTILINE)[1], 16)
    return blocked >> (number - 1) & 1 == 1


class Asked(Progress):
    """SIGUSR1."""
    def ask_until(self, process, *patterns):
        """Asks again and again, until one answer has a line like each of these. Returns it."""
        self.wait_until(lambda: takes_signal(process.pid, signal.SIGUSR1), "it takes the signal")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            process.send_signal(signal.SIGUSR1)
            lines = []
            while not lines or "wait for their first attempt" not in lines[-1]:
                lines.append(process.stderr.readline().decode())
                self.assertNotEqual(lines[-1], "", lines)
            answer = "".join(lines)
            if all(re.search(pattern, answer, re.MULTILINE) for pattern in patterns):
                return answer
            time.sleep(0.05)
        self.fail(f"no answer has {patterns}: {answer}")

    def test_each_batch_is_told_with_what_it_does(self):
        batches = self.batches(["a", "b"], ["c", "d"], ["e"], a={"fail": "segv"},
                               d={"fail": "hang"})
        process = self.start("run", "-q", "-j1", "--timeout", "none", "--retries", "1",
                             "--retry-on", "signal", "--backoff", "10h", "--batches", batches,
                             "--", FAULTY, "none", self.marker)
        answer = self.ask_until(
            process, r"^bulkhead: 0 of 3 batches, 1 of 5 tasks, 0 failed, ",
            r"^bulkhead: batch 0: attempt 1 failed \(signal\), the next one in \w+, 0 of 2 tasks$",
            r"^bulkhead: batch 1: attempt 1, runs for \w+, 1 of 2 tasks, at 'd', process \d+$",
            r"^bulkhead: 1 wait for their first attempt$")
        # those that began first come first
        self.assertLess(answer.index("batch 0"), answer.index("batch 1"))
        self.assertNotIn("batch 2", answer)
        self.assertEqual([int(pid) for pid in re.findall(r"process (\d+)", answer)],
                         self.marked())
        process.terminate()
        self.assert_status(self.finish(process), 128 + signal.SIGTERM)

    def test_a_batch_in_grace_is_told_as_such(self):
        # a handler that was not up when its time was over is tried again
        process = self.start("run", "-q", "--timeout", "500ms", "--grace", "none", "--retries",
                             "1000", "--retry-on", "timeout", "--backoff", "1ms", "--batches",
                             self.batches(["a"]), "--", FAULTY, "hang-ignoring-term")
        self.ask_until(process, r"^bulkhead: batch 0: attempt \d+, out of time and in grace for "
                                r"\w+, \w+ in all, 0 of 1 tasks, at 'a', process \d+$")
        process.terminate()
        self.finish(process)

    def test_the_run_goes_on(self):
        process = self.start("run", "-j1", "--progress", "none", *self.three())
        for _ in range(3):
            self.ask_until(process, r"^bulkhead: second: .* at 'c'")
        self.release()
        run = self.finish(process)
        self.assert_status(run, 0)
        self.assertEqual(len(run.results), 3)

    def test_the_bar_comes_back_behind_the_answer(self):
        terminal = Terminal(self, "run", "-j1", *self.three(), columns=120)
        terminal.wait_for_bar("slowest second")
        terminal.process.send_signal(signal.SIGUSR1)
        terminal.read_until(lambda: "first attempt" in terminal.text and "slowest second" in
                            terminal.text.rpartition("first attempt")[2], "there is a bar again")
        self.release()
        for line in terminal.finish()[:-1]:
            self.assertRegex(line, "^bulkhead: ")

    def test_who_asks_before_anything_runs_does_no_harm(self):
        process = self.start("run", "--entries", "-", "--", FAULTY, stdin=subprocess.PIPE)
        self.wait_until(lambda: takes_signal(process.pid, signal.SIGUSR1), "it takes the signal")
        process.send_signal(signal.SIGUSR1)
        out, err = process.communicate(b'{"id": "a", "source": "s", "content": ""}\n', PATIENCE)
        self.assertEqual(process.returncode, 0, err)
        self.assertEqual(len(parse_lines(out)), 1)


if __name__ == "__main__":
    main()
