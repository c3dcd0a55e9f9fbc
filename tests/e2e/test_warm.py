# SPDX-License-Identifier: Apache-2.0
"""--warm and --reuse: handlers that are started once for many batches."""
import json
import signal

from support import HANDLERS, Case, main

# What a task asks for is in its params.
WARM = r'''
import ctypes, errno, os, signal, sys, threading, time
import bulkhead

print("warming up", flush=True)
state = {"started": time.monotonic_ns(), "batches": 0}
file = open("/usr/bin/env", "rb")

def attempt(call, *args):
    try:
        return call(*args)
    except OSError as error:
        return errno.errorcode[error.errno]

def fork(do):
    pid = os.fork()
    if pid == 0:
        do()
        os._exit(0)
    return pid

def fork_beside():
    """A child of the template's, by CLONE_PARENT."""
    pid = ctypes.CDLL(None).syscall(56, 0x8000 | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        time.sleep(1000)
    return pid

def leave():
    """Two processes, one in a session of its own, that ignore what they can."""
    def stay():
        os.setsid()
        fork(lambda: time.sleep(1000))
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(1000)
    fork(stay)

def others():
    return [pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) not in (1, os.getpid())]

def signal_all():
    return [attempt(os.kill, -1, signal.SIGKILL), attempt(os.kill, 0, 0),
            attempt(os.kill, os.getppid(), 0) if os.getppid() else "no parent"]

DO = {
    "state": lambda: dict(state),
    "exit": lambda: os._exit(7),
    "crash": lambda: os.abort(),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda: time.sleep(1000),
    "slow": lambda: time.sleep(2.5),
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "ignore": lambda: (signal.signal(signal.SIGTERM, signal.SIG_IGN), time.sleep(1000)),
    "fork": lambda: attempt(fork, lambda: None),
    "bomb": lambda: [attempt(os.fork) for _ in range(1000)],
    "violate": lambda: ctypes.CDLL(None).unshare(0x20000),
    "flood": lambda: "x" * (4 << 20),
    "eat": lambda: bytearray(1 << 30),
    "spin": lambda: any(False for _ in iter(int, 1)),
    "leave": leave,
    "beside": fork_beside,
    "others": others,
    "signal": signal_all,
    "print": lambda: print("of the batch"),
    "thread": lambda: threading.Thread(target=int).start(),
    "group": lambda: [os.getpid() == os.getpgrp(), os.getpid() == os.getsid(0)],
    "descriptors": lambda: [attempt(os.fstat, 5),
                            sorted(int(fd) for fd in os.listdir("/proc/self/fd"))],
    "environment": lambda: sorted(os.environ),
    "pid": os.getpid,
    "error": lambda: int("not a number"),
}

def work(task, batch):
    state["batches"] += 1
    return DO[task.params]()
'''


class Warm(Case):
    def warm(self, before="", after="bulkhead.run(work)"):
        path = self.write("warm.py", f"#!/usr/bin/python3 -BS\n{before}\n{WARM}\n{after}\n")
        path.chmod(0o755)
        return path

    def run_warm(self, what, *options, handler=None, jobs=1):
        """One batch for each, in order."""
        ids = [f"t{i}" for i in range(len(what))]
        batches = self.batches(*([id] for id in ids), **dict(zip(ids, what)))
        mode = () if "--reuse" in options else ("--warm",)
        run = self.bulkhead("run", *mode, "-j", jobs, *options, "--batches", batches, "--",
                            handler or self.warm())
        self.check_shape(run.results)
        return run

    @staticmethod
    def kinds(run):
        return [result["error"] and result["error"]["kind"] for result in run.results]

    def values_of(self, what, *options, **more):
        run = self.run_warm(what, *options, **more)
        self.assert_status(run, 0)
        return [run.values()[f"t{i}"] for i in range(len(what))]


class Forks(Warm):
    def test_every_batch_begins_with_what_the_template_had_when_it_was_ready(self):
        states = self.values_of(["state"] * 4)
        self.assertEqual([state["batches"] for state in states], [1, 1, 1, 1])
        self.assertEqual(len({state["started"] for state in states}), 1)

    def test_a_batch_that_its_fork_died_before_is_no_other_forks(self):
        early = ("import os, signal\nforks = [0]\n"
                 "def count(): forks[0] += 1\n"
                 "def die(): forks[0] % 2 and os.kill(os.getpid(), signal.SIGKILL)\n"
                 "os.register_at_fork(before=count, after_in_child=die)")
        run = self.run_warm(["state"] * 6, handler=self.warm(before=early))
        self.assertEqual(self.kinds(run), ["signal", None] * 3)
        for i, result in enumerate(run.results):
            self.assertEqual(list(result["task_results"]), [f"t{i}"] if i % 2 else [])

    def test_two_jobs_have_a_template_each(self):
        states = self.values_of(["state"] * 20, jobs=2)
        self.assertEqual({state["batches"] for state in states}, {1})
        self.assertLessEqual(len({state["started"] for state in states}), 2)

    def test_a_handler_in_c_is_warm_by_the_same_code(self):
        entries = self.entries("a", "b", "c", content="two words\n")
        cold = self.bulkhead("run", "--max-tasks", "1", "--entries", entries, "--",
                             HANDLERS / "wordcount")
        for option in (["--warm"], ["--reuse", "2"], ["--reuse", "none"]):
            run = self.bulkhead("run", *option, "-j1", "--max-tasks", "1", "--entries", entries,
                                "--", HANDLERS / "wordcount")
            self.assert_status(run, 0)
            self.assertEqual(run.values(), cold.values())

    def test_a_batch_that_ends_badly_leaves_the_template_as_it_was(self):
        fates = {"exit": "exit", "crash": "signal", "kill": "signal", "hang": "timeout",
                 "stop": "timeout", "ignore": "timeout", "violate": "violation",
                 "bomb": "process_limit", "flood": "output_limit"}
        what = ["state"]
        for fate in fates:
            what += [fate, "state"]
        run = self.run_warm(what, "--timeout", "2s", "--grace", "100ms", "--results-size", "2M")
        self.assert_status(run, 1)
        wanted = [None]
        for kind in fates.values():
            wanted += [kind, None]
        self.assertEqual(self.kinds(run), wanted)
        states = [run.values()[f"t{i}"] for i in range(0, len(what), 2)]
        self.assertEqual(len({state["started"] for state in states}), 1)
        self.assertEqual({state["batches"] for state in states}, {1})
        errors = [result["error"] for result in run.results if result["error"]]
        self.assertEqual(errors[0]["exit_status"], 7)
        self.assertEqual(errors[1]["signal"], "SIGABRT")
        self.assertEqual(errors[2]["signal"], "SIGKILL")
        self.assertEqual(errors[6]["syscall"]["name"], "unshare")
        self.assertEqual({error["task_id"] is None for error in errors}, {False})

    def test_memory_is_a_batchs_own(self):
        run = self.run_warm(["eat", "state", "eat", "state"], "--memory", "200M")
        kinds = self.kinds(run)
        for i in (0, 2):  # or MemoryError, which is a task's error
            self.assertIn(kinds[i], ("memory_limit", None))
            self.assertEqual(run.results[i]["task_results"], {})
        self.assertEqual((kinds[1], kinds[3]), (None, None))

    def test_cpu_time_is_a_batchs_own(self):
        run = self.run_warm(["state", "spin", "state", "state"], "--cpu-time", "1s")
        self.assertEqual(self.kinds(run), [None, "cpu_limit", None, None])
        spun, *rest = (result["usage"] for result in run.results[1:])
        self.assertGreater(spun["user_ms"] + spun["system_ms"], 500)
        for usage in rest:
            self.assertLess(usage["user_ms"] + usage["system_ms"], 500)

    def test_what_a_batch_leaves_is_gone_before_the_next(self):
        what = ["others", "leave", "others", "beside", "others", "beside", "leave", "others"]
        run = self.run_warm(what, "--max-procs", "8")
        self.assert_status(run, 0)
        for i, asked in enumerate(what):
            if asked == "others":
                self.assertEqual(run.values()[f"t{i}"], [])

    def test_a_batch_can_neither_see_nor_signal_its_template(self):
        what = ["signal", "others", "state", "group", "state"]
        values = self.values_of(what)
        self.assertEqual(values[0], ["ESRCH", None, "no parent"])
        self.assertEqual(values[1], [])
        self.assertEqual(values[3], [True, True])
        self.assertEqual(values[2], values[4])

    def test_a_batch_has_its_own_descriptors_and_no_socket(self):
        (socket, all_of_them), = self.values_of(["descriptors"])
        self.assertEqual(socket, "EBADF")
        # 5 is that of the list itself, 6 what the template had opened
        self.assertEqual(all_of_them, [0, 1, 2, 3, 4, 5, 6])

    def test_forks_are_as_limited_as_ever(self):
        run = self.run_warm(["fork", "thread", "fork"])
        self.assert_status(run, 0)
        self.assertEqual(run.values(), {"t0": "EAGAIN", "t1": None, "t2": "EAGAIN"})

    def test_output_is_that_of_the_batch_and_of_the_warm_up_for_the_first(self):
        run = self.run_warm(["print", "print", "state"])
        self.assert_status(run, 0)
        self.assertEqual([result["stdout"] for result in run.results],
                         ["warming up\nof the batch\n", "of the batch\n", ""])

    def test_leases_end_and_stop_on_error_cancels_what_runs(self):
        run = self.run_warm(["exit", "hang", "hang"], "--stop-on-error", jobs=2)
        self.assertEqual(self.kinds(run), ["exit", "cancelled"])

    def test_a_signal_ends_templates_too(self):
        batches = self.batches(["t0"], ["t1"], t0="state", t1="hang")
        output = self.dir / "results.jsonl"
        process = self.start("run", "--warm", "-j1", "-o", output, "--batches", batches, "--",
                             self.warm(), self.marker)
        self.wait_until(lambda: output.exists() and output.read_bytes().count(b"\n") == 1,
                        "one batch has ended")
        self.wait_for_handlers(2)  # the template and its fork
        process.send_signal(signal.SIGTERM)
        run = self.finish(process)
        run.out = output.read_bytes()
        self.assert_status(run, 128 + signal.SIGTERM)
        self.assertEqual(self.kinds(run), [None, "cancelled"])
        self.assert_nothing_left()

    def test_a_template_that_dies_while_it_has_no_batch_is_replaced(self):
        handler = self.warm(after="from bulkhead import warm\n"
                                  "def say(type, *more, say=warm._say):\n"
                                  "    say(type, *more)\n"
                                  "    if type == warm.ENDED:\n"
                                  "        os.abort()\n"
                                  "warm._say = say\n"
                                  "bulkhead.run(work)")
        states = self.values_of(["state"] * 5, handler=handler)
        self.assertEqual(len({state["started"] for state in states}), 5)

    def test_a_batch_that_two_templates_died_of_before_they_took_it_fails(self):
        handler = self.warm(after="from bulkhead import warm\n"
                                  "warm._reap_leftovers = os.abort\n"
                                  "bulkhead.run(work)")
        run = self.run_warm(["state"] * 2, handler=handler)
        self.assertEqual(self.kinds(run), ["spawn"] * 2)
        self.assertRegex(run.results[0]["error"]["message"], "two in a row ended before")


class WarmUp(Warm):
    def fails(self, body, kind, *patterns, n=6, options=()):
        """Each batch fails, and no more than three of them started a handler."""
        path = self.write("bad.py", f"#!/usr/bin/python3 -BS\nimport os, sys, time\n{body}\n")
        path.chmod(0o755)
        run = self.run_warm(["state"] * n, *options, handler=path)
        self.assert_status(run, 1)
        kinds = self.kinds(run)
        self.assertEqual(kinds[:3], [kind] * 3)
        self.assertEqual(kinds[3:], ["spawn"] * (n - 3))
        for pattern in patterns:
            self.assertRegex(run.results[0]["error"]["message"], pattern)
            self.assertRegex(run.results[-1]["error"]["message"], pattern)
        self.assertEqual(run.results[0]["error"]["stage"],
                         "warm-up" if kind == "spawn" else None)
        self.assertRegex(run.results[-1]["error"]["message"], "3 in a row did not get warm")
        self.assertEqual([result["stderr"] != "" for result in run.results],
                         [True] * 3 + [False] * (n - 3))

    def test_a_handler_that_ends_while_it_warms_up_is_not_started_for_ever(self):
        self.fails("sys.stderr.write('no'); sys.stderr.flush(); os._exit(3)", "spawn",
                   "exited with status 3")

    def test_a_handler_that_is_not_made_for_it_is_told_from_others(self):
        self.fails("print('cold', file=sys.stderr)", "spawn", "exited with status 0")

    def test_a_handler_that_dies_while_it_warms_up_is_told_by_its_signal(self):
        self.fails("sys.stderr.write('no'); sys.stderr.flush(); os.abort()", "spawn",
                   "(SIGABRT|signal 6)")

    def test_a_handler_that_breaks_the_protocol_is_not_started_for_ever(self):
        say = "os.write(2, b'no'); os.write(5, {}); time.sleep(1000)"
        self.fails(say.format("b'hello'"), "protocol", "a message of 5 bytes")
        self.fails(say.format("bytes([9] + [0] * 63)"), "protocol", "a message of type 9")
        self.fails(say.format("bytes([2] + [0] * 63)"), "protocol", "a batch that it had not")

    def test_a_warm_up_without_end_times_out(self):
        path = self.write("slow.py", "#!/usr/bin/python3 -BS\nimport time\ntime.sleep(1000)\n")
        path.chmod(0o755)
        run = self.run_warm(["state"] * 5, "--timeout", "300ms", handler=path)
        self.assertEqual(self.kinds(run), ["timeout"] * 3 + ["spawn"] * 2)
        self.assertRegex(run.results[0]["error"]["message"], "while the handler warmed up")

    def test_a_violation_while_it_warms_up_is_one(self):
        path = self.write("bad.py", "#!/usr/bin/python3 -BS\nimport ctypes\n"
                                    "ctypes.CDLL(None).unshare(0x20000)\n")
        path.chmod(0o755)
        run = self.run_warm(["state"] * 2, handler=path)
        self.assertEqual(self.kinds(run), ["violation"] * 2)

    def test_the_warm_up_has_a_time_of_its_own(self):
        slow = self.warm("import time; time.sleep(2.5)")
        self.assertEqual(self.values_of(["slow"], "--timeout", "4s", handler=slow), [None])

    def test_a_template_that_can_not_have_threads_says_so(self):
        handler = self.warm(after="try:\n"
                                  "    threading.Thread(target=int).start()\n"
                                  "except RuntimeError:\n"
                                  "    DO['state'] = lambda: 'no threads'\n"
                                  "bulkhead.run(work)")
        self.assertEqual(self.values_of(["state"], handler=handler), ["no threads"])


class Together(Warm):
    """With what else can be asked for."""
    MODES = (["--warm"], ["--reuse", "none"])

    def run_faulty(self, mode, *options, batches, jobs=1):
        run = self.bulkhead("run", *mode, "-j", jobs, *options, "--batches", batches, "--",
                            HANDLERS / "faulty")
        self.check_shape(run.results)
        return run

    def test_a_batch_is_tried_again_with_the_number_of_its_attempt(self):
        batches = self.batches(["a"], ["b"], ["c"], a={"fail": "flaky", "passes_at": 3},
                               c={"fail": "exit"})
        for mode in self.MODES:
            run = self.run_faulty(mode, "--retries", "2", "--retry-on", "exit", "--backoff",
                                  "1ms..4ms", batches=batches)
            self.assert_status(run, 1)
            self.assertEqual([(result["success"], result["flaky"], result["attempts"])
                              for result in run.results],
                             [(True, True, 3), (True, False, 1), (False, False, 3)])

    def test_a_batch_goes_on_without_its_poison(self):
        ids = [f"t{i}" for i in range(6)]
        batches = self.batches(ids, ["after"], t2={"fail": "segv"}, t4={"fail": "unshare"})
        for mode in self.MODES:
            for poison in ("skip", "bisect"):
                run = self.run_faulty(mode, "--poison", poison, batches=batches)
                self.assert_status(run, 1)
                poisoned, after = run.results
                self.assertEqual({id: error["type"] for id, error in
                                  poisoned["task_errors"].items()},
                                 {"t2": "signal", "t4": "violation"})
                self.assertEqual(sorted(poisoned["task_results"]), ["t0", "t1", "t3", "t5"])
                self.assertEqual(list(after["task_results"]), ["after"])

    def test_events_are_those_of_each_batch(self):
        batches = self.batches(["a", "b"], ["c"], c={"fail": "segv"})
        for mode in self.MODES:
            path = self.dir / "events.jsonl"
            run = self.run_faulty(mode, "--events", path, batches=batches)
            self.assert_status(run, 1)
            events = [json.loads(line) for line in path.read_text().splitlines()]
            for index, names in enumerate((
                    ["queued", "leased", "started", "task_started", "task_ended",
                     "task_started", "task_ended", "batch_ended"],
                    ["queued", "leased", "started", "task_started", "attempt_failed",
                     "batch_ended"])):
                seen = [event for event in events if event["index"] == index and
                        event["event"] != "records"]
                self.assertEqual([event["event"] for event in seen], names)
                self.assertIsNone(seen[2]["pid"])

    def test_exclusive_tasks_have_their_turn(self):
        entries = self.entries("e")
        tasks = self.tasks(*({"id": f"t{i}", "required_entry_ids": ["e"], "lease":
                              "exclusive" if i % 2 else "shared"} for i in range(12)))
        for mode in self.MODES:
            run = self.bulkhead("run", *mode, "-j", "3", "--max-tasks", "1", "--entries", entries,
                                "--tasks", tasks, "--", HANDLERS / "wordcount")
            self.assert_status(run, 0)
            self.assertEqual(len(run.values()), 12)

    def test_a_scratch_that_batches_would_share_is_refused(self):
        run = self.bulkhead("run", "--warm", "--scratch", "1M", "--batches", self.batches(["t0"]),
                            "--", self.warm())
        self.assert_refused(run, "--warm and --scratch")


class Reuse(Warm):
    def test_one_process_serves_as_many_batches_as_it_may(self):
        states = self.values_of(["state"] * 7, "--reuse", "3")
        self.assertEqual([state["batches"] for state in states], [1, 2, 3, 1, 2, 3, 1])
        self.assertEqual(len({state["started"] for state in states}), 3)
        states = self.values_of(["state"] * 7, "--reuse", "none")
        self.assertEqual([state["batches"] for state in states], [1, 2, 3, 4, 5, 6, 7])

    def test_one_that_dies_takes_its_batch_and_is_replaced(self):
        what = ["state", "crash", "state", "hang", "state", "violate", "state", "error", "state"]
        run = self.run_warm(what, "--reuse", "none", "--timeout", "2s")
        self.assertEqual(self.kinds(run), [None, "signal", None, "timeout", None, "violation",
                                           None, None, None])
        self.assertEqual([run.values()[f"t{i}"]["batches"] for i in (0, 2, 4, 6, 8)],
                         [1, 1, 1, 1, 3])
        self.assertEqual(run.results[7]["task_errors"]["t7"]["type"], "ValueError")

    def test_it_may_have_threads_and_usage_is_that_of_each_batch(self):
        handler = self.warm(after="threading.Thread(target=time.sleep, args=(1000,), "
                                  "daemon=True).start()\nbulkhead.run(work)")
        run = self.run_warm(["print", "state"], "--reuse", "none", handler=handler)
        self.assert_status(run, 0)
        self.assertEqual([result["stdout"] for result in run.results],
                         ["warming up\nof the batch\n", ""])

    def test_it_works_without_isolation_too(self):
        states = self.values_of(["state"] * 4, "--reuse", "2", "--isolate", "none")
        self.assertEqual([state["batches"] for state in states], [1, 2, 1, 2])

    def test_zero_batches_are_refused(self):
        run = self.bulkhead("run", "--reuse", "0", "--batches", self.batches(["t0"]), "--",
                            self.warm())
        self.assert_refused(run, "--reuse")


if __name__ == "__main__":
    main()
