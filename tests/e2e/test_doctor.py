# SPDX-License-Identifier: Apache-2.0
"""What can be had here, and what is done where no namespace can be made."""
import json
import os
import unittest

from support import BUILD, HANDLERS, Case, main, not_run

DENY = BUILD / "tests" / "deny_namespaces"
FAULTY = HANDLERS / "faulty"


class Doctor(Case):
    def layers(self, run):
        found = json.loads(run.out)
        self.assertEqual(sorted(found), ["layers", "strict"])
        return found["strict"], {layer["name"]: layer for layer in found["layers"]}

    def test_strict_works_exactly_where_the_doctor_says_so(self):
        doctor = self.bulkhead("doctor", "--json")
        strict, layers = self.layers(doctor)
        self.assertEqual(strict, all(layer["available"] for layer in layers.values()
                                     if layer["needed"]))
        self.assert_status(doctor, 0 if strict else 1)
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", FAULTY, "none")
        self.assert_status(run, 0 if strict else 3)

    def test_the_table_names_every_layer(self):
        _, layers = self.layers(self.bulkhead("doctor", "--json"))
        table = self.bulkhead("doctor").out.decode()
        for name in layers:
            self.assertRegex(table, rf"(?m)^{name} ")

    def test_what_is_missing_has_a_remedy(self):
        doctor = self.bulkhead("doctor", "--json", wrap=[DENY])
        strict, layers = self.layers(doctor)
        self.assert_status(doctor, 1)
        self.assertFalse(strict)
        for name in ("user-namespace", "mount-namespace", "pid-namespace", "proc",
                     "network-namespace"):
            self.assertFalse(layers[name]["available"], name)
            self.assertTrue(layers[name]["detail"] and layers[name]["remedy"], name)
        for name in ("rlimits", "capabilities", "no-new-privs", "seccomp", "seccomp-notify"):
            self.assertTrue(layers[name]["available"], name)


class WithoutNamespaces(Case):
    def run_way(self, way, *options, **params):
        return self.bulkhead("run", "--isolate", "best-effort", *options, "--tasks",
                             self.tasks({"id": "t", "params": {"fail": way, **params}}), "--",
                             FAULTY, wrap=[DENY])

    def test_strict_refuses_and_names_the_layer(self):
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", FAULTY, "none",
                            wrap=[DENY])
        self.assert_status(run, 3)
        self.assertEqual(run.out, b"")
        self.assertIn("user-namespace", run.err)
        self.assertIn("bulkhead doctor", run.err)

    def test_results_and_summary_say_what_was_missing(self):
        run = self.run_way("none")
        self.assert_status(run, 0)
        self.check_shape(run.results)
        self.assertRegex(run.result["missing_layers"], "^namespaces, root, proc ")
        self.assertIn("isolation was without: namespaces", run.err)

    def test_with_namespaces_nothing_is_missing(self):
        run = self.bulkhead("run", "--isolate", "best-effort", "--tasks",
                            self.tasks({"id": "t"}), "--", FAULTY, "none")
        self.assert_status(run, 0)
        self.assertRegex(run.result["missing_layers"] or "landlock", "^landlock")

    def test_landlock_and_ids_hide_the_host(self):
        run = self.run_way("secrets")
        if "landlock" in run.result["missing_layers"]:
            not_run("what hides the host without namespaces", "no Landlock in this kernel")
            return
        seen = run.values()["t"]
        self.assertEqual(set(seen["folders"].values()), {-1})
        self.assertEqual(sorted(seen["fds"]), ["0", "1", "2", "3", "4"])
        if os.geteuid() == 0:
            self.assertNotEqual(seen["uid"], 0)

    def test_the_filter_holds(self):
        error = self.run_way("ptrace").error
        self.assertEqual((error["kind"], error["syscall"]["name"]), ("violation", "ptrace"))
        self.assertEqual(self.run_way("fork-bomb").error["kind"], "process_limit")

    def test_kinds_are_the_same_and_nothing_is_left(self):
        for way, kind, options in (("segv", "signal", []), ("exit", "exit", []),
                                   ("hang-ignoring-term", "timeout",
                                    ["--timeout", "700ms", "--grace", "50ms"]),
                                   ("fork-orphan", None, ["--max-procs", "8"])):
            with self.subTest(way):
                run = self.run_way(way, *options)
                self.assertEqual(run.error and run.error["kind"], kind)
                self.assert_nothing_left()


if __name__ == "__main__":
    main()
