# SPDX-License-Identifier: Apache-2.0
"""--bind: what handlers see of the host, and that they can't change it."""
import json
import os
import pathlib
import platform
import shutil
import socket
import unittest

from support import BUILD, HANDLERS, IS_ROOT, Case, main, not_run, seccomp_filter_denying

DENY = BUILD / "tests" / "deny_namespaces"

# Every way to change what is below a folder; gives the error of each.
CHANGE = r'''
import errno
def attempt(call, *args):
    try:
        call(*args)
        return None
    except OSError as error:
        return errno.errorcode[error.errno]
def change(at):
    file, folder = at + "/file", at + "/folder"
    def opened(flags):
        os.close(os.open(file, flags))
    def reopened():
        with open(file, "rb") as found:
            os.close(os.open(f"/proc/self/fd/{found.fileno()}", os.O_RDWR))
    def fchmod():
        with open(file, "rb") as found:
            os.fchmod(found.fileno(), 0o600)
    return {
        "write": attempt(opened, os.O_WRONLY), "read and write": attempt(opened, os.O_RDWR),
        "append": attempt(opened, os.O_WRONLY | os.O_APPEND),
        "cut": attempt(opened, os.O_RDONLY | os.O_TRUNC), "truncate": attempt(os.truncate, file, 1),
        "reopen": attempt(reopened), "fchmod": attempt(fchmod),
        "chmod": attempt(os.chmod, file, 0o600), "utime": attempt(os.utime, file, (1, 1)),
        "create": attempt(open, at + "/new", "w"), "mkdir": attempt(os.mkdir, at + "/made"),
        "symlink": attempt(os.symlink, "file", at + "/link"),
        "link": attempt(os.link, file, at + "/hard"),
        "rename": attempt(os.rename, file, at + "/other"),
        "unlink": attempt(os.unlink, at + ("/other" if os.path.exists(at + "/other") else "/file")),
        "rmdir": attempt(os.rmdir, folder)}
'''


class Bind(Case):
    def setUp(self):
        super().setUp()
        self.dir.chmod(0o755)  # for handlers without a mount namespace

    def folder(self, name="data"):
        """A folder that everybody may change, as far as its permissions go."""
        made = self.dir / name
        self.write(made / "file", f"content of {name}").chmod(0o666)
        (made / "folder").mkdir()
        (made / "folder").chmod(0o777)
        made.chmod(0o777)
        return made

    def run_in(self, body, *options, **more):
        handler = self.handler(CHANGE + body + "\ngive(work)")
        return self.bulkhead("run", *options, "--tasks", self.tasks({"id": "t"}), "--", handler,
                             **more)

    def value_of(self, body, *options, **more):
        run = self.run_in(body, *options, **more)
        self.assert_status(run, 0)
        return run.values()["t"]

    @staticmethod
    def state_of(folder):
        return sorted((str(path.relative_to(folder)), path.lstat().st_mode, path.lstat().st_mtime,
                       path.read_bytes() if path.is_file() else b"")
                      for path in folder.rglob("*"))

    # ---- what is shown ----

    def test_a_folder_is_shown_at_its_own_path_and_elsewhere(self):
        data = self.folder()
        body = "def work(task): return [sorted(os.listdir(sys.argv[1])), " \
               "open(sys.argv[1] + '/file').read()]"
        expected = [["file", "folder"], "content of data"]
        for option, at in ((f"{data}", f"{data}"), (f"{data}/", f"{data}"),
                           (f"{data}:/data", "/data"), (f"{data}://data/./", "/data"),
                           (f"{data}:/some/where/else", "/some/where/else"),
                           (f"{data}:/tmp/data", "/tmp/data"), (f"{data}:/tmp", "/tmp"),
                           (f"{data}:/etc/data", "/etc/data"),
                           (f"{data}:/handler/data", "/handler/data")):
            self.assertEqual(self.value_of(body.replace("sys.argv[1]", repr(at)), "--bind", option),
                             expected, option)

    def test_a_path_may_be_relative_where_its_place_is_given(self):
        self.folder()
        value = self.value_of("def work(task): return open('/x/file').read()", "--bind",
                              "data:/x", cwd=self.dir)
        self.assertEqual(value, "content of data")

    def test_a_file_is_shown_alone(self):
        data = self.folder()
        value = self.value_of(
            "def work(task): return [open('/one/two').read(), os.listdir('/one')]",
            "--bind", f"{data / 'file'}:/one/two")
        self.assertEqual(value, ["content of data", ["two"]])

    def test_nothing_beside_it_is_shown(self):
        data = self.folder()
        value = self.value_of('''
def work(task):
    return [os.listdir(path) for path in ("/home", "/home/somebody", "/home/somebody/data")]''',
                              "--bind", f"{data}:/home/somebody/data")
        self.assertEqual([sorted(names) for names in value],
                         [["somebody"], ["data"], ["file", "folder"]])

    def test_many_are_shown(self):
        options = []
        for i in range(60):
            path = self.write(f"many/{i}", f"content {i}")
            options += ["--bind", f"{path}:/many/{i % 7}/{i}"]
        run = self.bulkhead("run", "-j2", *options, "--batches", self.batches(["a"], ["b"], ["c"]),
                            "--", self.handler('''
give(lambda task: [open(f"/many/{i % 7}/{i}").read() for i in range(60)])'''))
        self.assert_status(run, 0)
        self.assertEqual(list(run.values().values()), [[f"content {i}" for i in range(60)]] * 3)

    def test_links_are_followed_on_the_host_when_the_run_starts(self):
        self.folder("first")
        second = self.folder("second")
        link = self.dir / "link"
        link.symlink_to("first")
        body = f"def work(task): return open('{link}/file').read()"
        self.assertEqual(self.value_of(body, "--bind", link), "content of first")
        link.unlink()
        link.symlink_to(second)
        self.assertEqual(self.value_of(body, "--bind", link), "content of second")

    def test_a_name_with_a_colon_needs_its_place(self):
        self.folder("with:colon")
        value = self.value_of("def work(task): return open('/x/file').read()", "--bind",
                              f"{self.dir}/with:colon:/x")
        self.assertEqual(value, "content of with:colon")

    def test_one_can_be_put_into_another(self):
        outer, inner = self.folder("outer"), self.folder("inner")
        value = self.value_of('''
def work(task):
    return [open("/x/file").read(), open("/x/folder/file").read(), change("/x/folder")]''',
                              "--bind", f"{inner}:/x/folder", "--bind", f"{outer}:/x")
        self.assertEqual(value[:2], ["content of outer", "content of inner"])
        self.assertNotIn(None, value[2].values())
        self.assertEqual(os.listdir(outer / "folder"), [])

    def test_a_module_beside_a_script_is_found(self):
        module = self.write("elsewhere/helper_of_this_test.py", "VALUE = 7\n")
        script = self.write("script.py", "#!/usr/bin/python3 -B\nimport os\n"
                            "from helper_of_this_test import VALUE\n"
                            r"os.write(4, b'\x82\xa4task\xa1t\xa6result' + bytes([VALUE]) + "
                            r"b'\x81\xa4done\xc3')" "\n")
        script.chmod(0o755)
        run = self.bulkhead("run", "--bind", f"{module}:/handler/{module.name}", "--tasks",
                            self.tasks({"id": "t"}), "--", script)
        self.assert_status(run, 0)
        self.assertEqual(run.values(), {"t": 7})

    def test_programs_in_it_can_be_executed(self):
        tools = self.dir / "tools"
        tools.mkdir()
        shutil.copy("/bin/sh", tools / "shell")
        handler = self.handler('''
os.execv("/tools/shell", ["shell", "-c",
    r"printf '\\202\\244task\\241t\\246result\\005\\201\\244done\\303' >&4"])
''')
        run = self.bulkhead("run", "--bind", f"{tools}:/tools", "--tasks", self.tasks({"id": "t"}),
                            "--", handler)
        self.assert_status(run, 0)
        self.assertEqual(run.values(), {"t": 5})

    # ---- that nothing can be changed ----

    def test_nothing_in_it_can_be_changed(self):
        data = self.folder()
        before = self.state_of(data)
        for more in ((), ("--scratch", "1M"), ("--profile", "trusted")):
            value = self.value_of("def work(task): return change('/data')", "--bind",
                                  f"{data}:/data", *more)
            self.assertLessEqual(set(value.values()), {"EROFS", "EACCES", "EPERM"}, value)
            self.assertEqual(self.state_of(data), before)

    def test_without_isolation_each_way_to_change_it_works(self):
        data = self.folder()
        value = self.value_of(f"def work(task): return change('{data}')", "--isolate", "none",
                              "--bind", data)
        self.assertEqual(set(value.values()), {None}, value)

    def test_a_file_that_is_bound_can_not_be_changed(self):
        file = self.folder() / "file"
        value = self.value_of('''
def work(task):
    return [attempt(open, "/file", "r+"), attempt(os.truncate, "/file", 0),
            attempt(os.chmod, "/file", 0o777), attempt(os.unlink, "/file"),
            attempt(os.rename, "/file", "/other")]''', "--bind", f"{file}:/file")
        self.assertLessEqual(set(value), {"EROFS", "EACCES", "EBUSY", "EPERM"})
        self.assertEqual(file.read_text(), "content of data")

    def test_what_is_made_on_the_way_can_not_be_changed(self):
        data = self.folder()
        value = self.value_of('''
def work(task):
    return [attempt(os.mkdir, "/a/new"), attempt(os.rmdir, "/a/b"), attempt(os.chmod, "/a", 0o777),
            attempt(os.rename, "/a", "/b")]''', "--bind", f"{data}:/a/b/c")
        self.assertLessEqual(set(value), {"EROFS", "EACCES", "EBUSY", "EPERM"})

    def test_power_is_taken_off_it(self):
        data = self.folder()
        value = self.value_of('''
def work(task):
    flags = os.statvfs("/data").f_flag
    return [bool(flags & flag) for flag in (os.ST_RDONLY, os.ST_NOSUID, os.ST_NODEV)]''',
                              "--bind", f"{data}:/data")
        self.assertEqual(value, [True] * 3)

    def test_devices_in_it_do_not_work(self):
        if not IS_ROOT:
            not_run("devices in a bound folder", "only root can make one")
            return
        data = self.folder()
        os.mknod(data / "null", 0o20666, os.makedev(1, 3))
        (data / "null").chmod(0o666)
        value = self.value_of("def work(task): return attempt(open, '/data/null', 'rb')", "--bind",
                              f"{data}:/data")
        self.assertEqual(value, "EACCES")

    def test_a_fifo_in_it_is_no_way_out(self):
        data = self.folder()
        os.mkfifo(data / "fifo")
        (data / "fifo").chmod(0o666)
        reader = os.open(data / "fifo", os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        _, layers = self.doctor()
        if not layers["landlock"]["available"]:
            not_run("a FIFO in a bound folder", "no Landlock: a read-only mount lets it be written")
            return
        for more in ((), ("--scratch", "1M")):
            value = self.value_of('''
def work(task):
    return attempt(os.open, "/data/fifo", os.O_WRONLY | os.O_NONBLOCK)''', "--bind",
                                  f"{data}:/data", *more)
            self.assertEqual(value, "EACCES")

    def test_permissions_of_the_host_hold(self):
        """A handler of root's is a stranger to its files, one of an ordinary user's is not."""
        secret = self.write("secret", "mine")
        secret.chmod(0o600)
        value = self.value_of("def work(task): return attempt(open, '/secret')", "--bind",
                              f"{secret}:/secret")
        self.assertEqual(value, "EACCES" if IS_ROOT else None)

    # ---- mounts below it ----

    def with_mount(self, path):
        """A wrapper that mounts something there, in a mount namespace of its own."""
        return ["unshare", "-m" if IS_ROOT else "-Urm", "sh", "-c",
                f"mount -t tmpfs tmpfs {path} && echo inner > {path}/file && "
                f"mkdir {path}/folder && chmod -R 777 {path} && exec \"$@\"", "sh"]

    def check_mounts_below(self, **more):
        data = self.folder()
        value = self.value_of('''
def work(task):
    flags = os.statvfs("/data/folder").f_flag
    return [open("/data/folder/file").read(), change("/data/folder"), change("/data"),
            [bool(flags & flag) for flag in (os.ST_RDONLY, os.ST_NOSUID, os.ST_NODEV)]]''',
                              "--bind", f"{data}:/data", wrap=self.with_mount(data / "folder"),
                              **more)
        self.assertEqual(value[0], "inner\n")
        for changed in value[1:3]:
            self.assertLessEqual(set(changed.values()), {"EROFS", "EACCES", "EPERM", "EBUSY"})
        self.assertEqual(value[3], [True] * 3)

    def test_mounts_below_it_are_shown_and_read_only(self):
        self.check_mounts_below()

    def test_the_same_holds_on_a_kernel_that_knows_one_mount_at_a_time(self):
        if platform.machine() != "x86_64":
            not_run("binds without mount_setattr", "the filter is for x86-64")
            return
        self.check_mounts_below(preexec=seccomp_filter_denying(442, 38))

    # ---- where there is no mount namespace ----

    def doctor(self):
        run = self.bulkhead("doctor", "--json")
        found = json.loads(run.out)
        return found["strict"], {layer["name"]: layer for layer in found["layers"]}

    def test_without_namespaces_it_can_be_read_where_it_is_and_nothing_beside_it(self):
        data, other = self.folder(), self.folder("other")
        link = self.dir / "link"
        link.symlink_to("data")
        run = self.run_in(f"""
def work(task):
    return [attempt(open, "{other}/file"), open("{data}/file").read(), os.listdir("{data}"),
            change("{data}"), open("{link}/file").read()]""", "--isolate", "best-effort",
                          "--bind", data, "--bind", link, "--bind", f"{data}/file", wrap=[DENY])
        self.assertRegex(run.result["missing_layers"], "^namespaces, root, proc ")
        if "landlock" in run.result["missing_layers"]:
            not_run("binds without namespaces", "no Landlock in this kernel")
            return
        self.assert_status(run, 0)
        value = run.values()["t"]
        self.assertEqual(value[0], "EACCES")
        self.assertEqual([value[1], sorted(value[2]), value[4]],
                         ["content of data", ["file", "folder"], "content of data"])
        held = {way: error for way, error in value[3].items()
                if way not in ("chmod", "fchmod", "utime")}  # Landlock has no say in these
        self.assertLessEqual(set(held.values()), {"EACCES", "EPERM", "EXDEV", "EROFS"}, held)
        self.assertEqual((data / "file").read_text(), "content of data")

    def test_without_landlock_it_is_not_cut_by_who_may_not_write(self):
        data = self.folder()
        run = self.run_in(f"def work(task): return change('{data}')", "--isolate", "best-effort",
                          "--bind", data, wrap=[DENY, "--without", "landlock_create_ruleset"])
        self.assert_status(run, 0)
        self.assertIn("landlock", run.result["missing_layers"])
        changed = run.values()["t"]
        self.assertEqual([changed[way] for way in ("cut", "truncate", "chmod", "fchmod", "utime")],
                         ["EPERM"] * 5)

    def test_without_namespaces_it_can_not_be_shown_elsewhere(self):
        data = self.folder()
        run = self.run_in("def work(task): return None", "--isolate", "best-effort", "--bind",
                          f"{data}:/data", wrap=[DENY])
        self.assert_status(run, 3)
        self.assertEqual(run.out, b"")
        self.assertRegex(run.err, rf"bind {data} to /data: expected both to be the same, for there "
                                  r"are no namespaces \(user-namespace")

    def test_without_isolation_it_is_where_it_is(self):
        data = self.folder()
        body = f"def work(task): return open('{data}/file').read()"
        self.assertEqual(self.value_of(body, "--isolate", "none", "--bind", data),
                         "content of data")
        run = self.run_in(body, "--isolate", "none", "--bind", f"{data}:/data")
        self.assert_refused(run, f"bind {data}: without isolation", "/data", "expected")

    # ---- what is refused ----

    def refuse(self, option, *patterns, **more):
        options = [word for one in ([option] if isinstance(option, (str, pathlib.Path))
                                    else option) for word in ("--bind", one)]
        run = self.bulkhead("run", *options, "--tasks", self.tasks({"id": "t"}), *more.get(
            "options", ()), "--", HANDLERS / "noop")
        self.assert_refused(run, *patterns)

    def test_places_that_the_root_needs_are_refused(self):
        data = self.folder()
        for dest, needed in (("/usr", "/usr"), ("/usr/share/data", "/usr"), ("/bin", "/bin"),
                             ("/sbin/x", "/sbin"), ("/lib", "/lib"), ("/lib64", "/lib64"),
                             ("/lib32/x", "/lib32"), ("/dev", "/dev"), ("/dev/shm", "/dev"),
                             ("/proc", "/proc"), ("/proc/self", "/proc"), ("/etc", "/etc"),
                             ("//etc/./passwd", "/etc/passwd"), ("/etc/group", "/etc/group"),
                             ("/etc/ld.so.cache", "/etc/ld.so.cache"),
                             ("/etc/alternatives/x", "/etc/alternatives"),
                             ("/handler", "/handler"), ("/handler/", "/handler"),
                             ("/handler/noop", "the handler"), ("/handler/noop/x", "the handler")):
            self.refuse(f"{data}:{dest}", rf"bind {data}: its place {dest} belongs to {needed},",
                        "expected another one")
        self.refuse("/usr", "bind /usr: its place /usr belongs to /usr")

    def test_places_that_are_none_are_refused(self):
        data = self.folder()
        for dest in ("/", "/.", "///", "/..", "/x/../y", "/x/.."):
            self.refuse(f"{data}:{dest}", rf"bind {data}: its place is '{dest}'",
                        r"expected an absolute path without '\.\.' that is not the root")
        for option in (f"{data}:x", f"{data}:", ":/x", "a:b"):
            self.refuse(option, rf"--bind: got '{option}', expected PATH or PATH:DEST")
        self.refuse("", "--bind: got '', expected PATH or PATH:DEST")
        for option in ("data", "./data", "../data"):
            self.refuse(option, rf"bind {option}: its place is '{option}'", "absolute")
        self.refuse(f"{data}/../data", "its place is")
        for dest in ("/" + "x" * 256, "/x" * 2100):
            self.refuse(f"{data}:{dest}", f"bind {data}: its place: File name too long")

    def test_paths_that_can_not_be_shown_are_refused(self):
        data = self.folder()
        os.mkfifo(data / "fifo")
        (data / "dangling").symlink_to("nowhere")
        (data / "loop").symlink_to("loop")
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(data / "socket"))
        for name, why in (("missing", "No such file"), ("dangling", "No such file"),
                          ("loop", "symbolic links"), ("file/below", "Not a directory"),
                          ("fifo", "expected a regular file or a folder"),
                          ("socket", "expected a regular file or a folder")):
            self.refuse(f"{data}/{name}:/x", rf"bind {data}/{name}: .*{why}")
        self.refuse("/dev/null:/x", "bind /dev/null: expected a regular file or a folder")
        if IS_ROOT:
            not_run("bind of what may not be read", "root may read all")
            return
        for name, mode in (("file", 0), ("folder", 0o600)):
            (data / name).chmod(mode)
            self.refuse(f"{data}/{name}:/x", rf"bind {data}/{name}: .*Permission denied")
        (data / "folder").chmod(0o700)

    def test_binds_that_exclude_each_other_are_refused(self):
        a, b = self.folder("a"), self.folder("b")
        self.refuse([f"{a}:/x", f"{b}:/y", f"{b}:/x/."], f"bind .* and .*: both have the place /x")
        self.refuse([f"{a}:/x", f"{b}:/x/missing"],
                    f"bind {b}: find its place /x/missing in {a}: No such file")
        self.refuse([f"{a}/file:/x", f"{b}:/x/y"], f"bind {b}: .* in {a}/file: Not a directory")
        self.refuse([f"{a}:/x", f"{b}:/x/file"], f"bind {b}: .*: expected a folder as it is itself")
        self.refuse([f"{a}:/x", f"{b}/file:/x/folder"], "expected a file as it is itself")
        (a / "link").symlink_to("folder")
        (a / "out").symlink_to("/etc")
        self.refuse([f"{a}:/x", f"{b}:/x/link"], f"find its place /x/link in {a}")
        self.refuse([f"{a}:/x", f"{b}:/x/out/y"], f"find its place /x/out/y in {a}")

    def test_the_place_of_the_scratch_is_refused(self):
        data = self.folder()
        for dest in ("/tmp", "/tmp/data"):
            self.refuse(f"{data}:{dest}", f"its place {dest} belongs to the scratch at /tmp",
                        options=("--scratch", "1M"))
        value = self.value_of('''
def work(task):
    open("/tmp/file", "w").write("scratch")
    return [open("/data/file").read(), open("/tmp/file").read()]''', "--bind", f"{data}:/data",
                              "--scratch", "1M")
        self.assertEqual(value, ["content of data", "scratch"])


if __name__ == "__main__":
    main()
