# SPDX-License-Identifier: Apache-2.0
"""Real files in, and what handlers make of them, byte for byte."""
import itertools
import os
import pathlib
import shutil
import socket
import stat
import subprocess
import unittest

from support import (BULKHEAD, Case, HANDLERS, IS_ROOT, PATIENCE, SANITIZED, blob, command, main,
                     not_run, parse_lines)

WORDCOUNT = HANDLERS / "wordcount"
FAULTY = HANDLERS / "faulty"


def regular_files(folder):
    """Relative path -> path of the files that a directory stands for."""
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.is_symlink()}


def counts(data):
    return {"lines": data.count(b"\n"), "words": len(data.split()), "bytes": len(data)}


def fnv1a64(data):
    digest = 0xCBF29CE484222325
    for byte in data:
        digest = (digest ^ byte) * 0x100000001B3 % 2**64
    return f"{digest:016x}"


class Counting(Case):
    def count(self, folder, *options):
        """Every entry's counts, all batches together."""
        run = self.bulkhead("run", "--entries", folder, *options, "--", WORDCOUNT)
        self.assert_status(run, 0)
        self.check_shape(run.results)
        found = {}
        for task, value in run.values().items():
            self.assertEqual(list(value), [task])
            found[task] = value[task]
        return found

    def compare(self, folder, files, *options):
        found = self.count(folder, *options)
        self.assertEqual(sorted(found), sorted(files))
        for id, path in files.items():
            digest = found[id].pop("fnv1a64")
            data = path.read_bytes()
            self.assertEqual(found[id], counts(data), id)
            if len(data) < 3000:
                self.assertEqual(digest, fnv1a64(data), id)

    def test_the_installed_headers_are_counted_as_python_counts_them(self):
        for folder in map(pathlib.Path, ("/usr/include/linux", "/usr/include",
                                         "/usr/lib/python3/dist-packages", "/usr/share/doc")):
            files = regular_files(folder) if folder.is_dir() else {}
            if len(files) >= 20:
                break
        else:
            return not_run("a corpus of installed text", "no folder with such files")
        corpus = self.dir / "corpus"
        kept = dict(itertools.islice(files.items(), 800))
        for id, path in kept.items():
            (corpus / id).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, corpus / id)
        self.compare(corpus, kept)
        self.compare(corpus, kept, "--max-entries", "7", "-j", "3", "--unordered")

    def test_a_folder_of_links_within_it_is_read_through_them(self):
        self.write("tree/a/file", "one two\n")
        (self.dir / "tree/link").symlink_to("a/file")
        (self.dir / "tree/a/up").symlink_to("../a/file")
        (self.dir / "tree/folder").symlink_to("a")
        self.assertEqual(sorted(self.count(self.dir / "tree")), ["a/file", "a/up", "link"])

    def test_a_name_goes_before_the_ids_of_a_folder(self):
        self.write("one/x", "1")
        self.write("two/x", "22")
        run = self.bulkhead("run", "--entries", f"left={self.dir}/one", "--entries",
                            f"right={self.dir}/two/", "--", WORDCOUNT)
        self.assert_status(run, 0)
        self.assertEqual({id: value[id]["bytes"] for id, value in run.values().items()},
                         {"left/x": 1, "right/x": 2})

    def test_strange_names_and_empty_files_are_entries_like_others(self):
        names = ["with space", "new\nline", "tab\there", "quote\"d", "it's", "back\\slash",
                 "größe", "日本語", "😀", "-dash", "--", "a=b", "{}", "$(x)", "\x01\x7f",
                 "n" * 255, "C1\u0085", ".hidden", "e\u0301"]
        for i, name in enumerate(names):
            self.write(self.dir / "tree" / name, "x\n" * i)
            self.write(self.dir / "tree" / "below ü" / name, "")
        self.compare(self.dir / "tree", regular_files(self.dir / "tree"), "--max-entries", "5")

    def test_deep_trees_are_walked_and_too_deep_ones_refused(self):
        path = self.dir / "tree"
        for i in range(60):
            path = path / f"d{i}"
            self.write(path / "file", f"{i}")
        self.compare(self.dir / "tree", regular_files(self.dir / "tree"))
        too_deep = self.dir / "deeper"
        subprocess.run(["mkdir", "-p", too_deep.joinpath(*["d"] * 1500)], check=True)
        self.addCleanup(subprocess.run, ["rm", "-rf", too_deep], check=True)
        run = self.bulkhead("run", "--entries", too_deep, "--", WORDCOUNT)
        self.assert_refused(run, "nested too deep")

    def test_an_empty_folder_is_no_batch_and_no_failure(self):
        (self.dir / "empty").mkdir()
        run = self.bulkhead("run", "--entries", self.dir / "empty", "--", WORDCOUNT)
        self.assert_status(run, 0)
        self.assertEqual(run.out, b"")
        self.assertIn("0 of 0 batches", run.err)

    def test_any_bytes_reach_a_handler_and_come_back(self):
        folder = self.dir / "bin"
        folder.mkdir()
        programs = sorted((path for path in pathlib.Path("/usr/bin").iterdir()
                           if not path.is_symlink() and path.is_file()
                           and os.access(path, os.R_OK) and path.stat().st_size < 200_000),
                          key=lambda path: path.name)[:40]
        for path in programs:
            shutil.copy(path, folder / path.name)
        self.write(folder / "all bytes", bytes(range(256)))
        self.write(folder / "text", "naïve\n")
        self.write(folder / "empty", b"")
        self.write(folder / "cut", "é".encode()[:1])
        run = self.bulkhead("run", "--entries", folder, "--max-entries", "8", "--results-size",
                            "64M", "--", FAULTY, "echo")
        self.assert_status(run, 0)
        values = run.values()
        self.assertEqual(sorted(values), sorted(path.name for path in folder.iterdir()))
        for id, value in values.items():
            data = (folder / id).read_bytes()
            (entry,) = value["entries"]
            self.assertEqual(blob(entry["content"]), data, id)
            self.assertEqual(entry["type"], "file")
            self.assertEqual(entry["source"], id)
            try:
                data.decode()
            except UnicodeDecodeError:
                self.assertFalse(entry["is_text"], id)
            else:
                self.assertTrue(entry["is_text"], id)

    def test_an_entry_of_300_mib_is_counted_within_the_usual_limits(self):
        size = 300 << 20
        if shutil.disk_usage(self.dir).free < 2 * size:
            return not_run("an entry of 300 MiB", f"no room in {self.dir}")
        path = self.write("big/entry", "first line\n")
        with open(path, "r+b") as file:
            file.truncate(size)
            file.seek(size // 2)
            file.write(b"\nin the middle\n")
            file.seek(size - 4)
            file.write(b"end\n")
        with open(self.dir / "out", "wb") as out:
            process = subprocess.Popen(command("run", "--timeout", "none", "--entries",
                                               self.dir / "big", "--", WORDCOUNT), stdout=out)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        (result,) = parse_lines((self.dir / "out").read_bytes())
        value = result["task_results"]["entry"]["entry"]
        value.pop("fnv1a64")
        # runs of NUL bytes are words
        self.assertEqual(value, {"lines": 4, "words": 7, "bytes": size})
        self.assertEqual(result["total_tokens"], size // 4)
        if SANITIZED:
            not_run("memory of a run with a large entry", "sanitizers need their own")
        else:
            # the file as it is read, and the entry as it is kept
            self.assertLess(usage.ru_maxrss * 1024, 2.5 * size)

    def test_many_small_entries_make_many_batches(self):
        path = self.write("many.jsonl", "".join(
            '{"id": "e%d", "source": "s", "content": "%s"}\n' % (i, "x" * (i % 50))
            for i in range(20000)))
        run = self.bulkhead("run", "--entries", path, "--max-entries", "500", "--", WORDCOUNT)
        self.assert_status(run, 0)
        self.assertEqual(len(run.results), 40)
        self.assertEqual({id: value[id]["bytes"] for id, value in run.values().items()},
                         {f"e{i}": i % 50 for i in range(20000)})

    def test_the_handlers_in_python_agree_with_the_one_in_c(self):
        self.write("tree/a", "one\ntwo\n")
        self.write("tree/b", b"\xff\n\xfe")
        self.write("tree/empty", b"")
        run = self.bulkhead("run", "--entries", self.dir / "tree", "--", HANDLERS / "linecount.py")
        self.assert_status(run, 0)
        self.assertEqual(run.values(), {"a": {"a": 2}, "b": {"b": 2}, "empty": {"empty": 0}})

    def test_a_tool_is_run_on_every_entry(self):
        self.write("tree/a", "b\na\n")
        self.write("tree/b", b"\xff")
        run = self.bulkhead("run", "--entries", self.dir / "tree", "--max-procs", "2", "--",
                            HANDLERS / "wrap", "sort")
        self.assert_status(run, 0)
        values = run.values()
        self.assertEqual(values["a"], {"a": {"exit": 0, "stdout": "a\nb\n"}})
        self.assertEqual(blob(values["b"]["b"]["stdout"]), b"\xff\n")


class NoEntries(Case):
    """What is no entry is refused by name: at once, and before anything starts."""

    def refuse(self, path, *patterns, **options):
        trace = self.dir / "trace"
        handler = self.shell(f"echo ran > '{trace}'")
        for isolate in ("none", "strict"):
            run = self.bulkhead("run", "--isolate", isolate, "--entries", path, "--", handler,
                                **options)
            self.assert_refused(run, *patterns)
        self.assert_refused(self.bulkhead("plan", "--entries", path, **options), *patterns)
        self.assertFalse(trace.exists())

    def test_a_fifo_is_refused(self):
        self.write("tree/a", "")
        os.mkfifo(self.dir / "tree/b-fifo")
        self.refuse(self.dir / "tree", "tree/b-fifo: is a FIFO", "expected regular files")
        self.refuse(self.dir / "tree/b-fifo", "b-fifo: is a FIFO")

    def test_a_socket_is_refused(self):
        (self.dir / "tree").mkdir()
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(str(self.dir / "tree/sock"))
            self.refuse(self.dir / "tree", "tree/sock: is a socket")
            self.refuse(self.dir / "tree/sock", "sock: is a socket")

    def test_a_device_is_refused(self):
        self.refuse("/dev/zero", "/dev/zero: is a character device")
        self.refuse("/dev/tty", "/dev/tty: is a character device")
        (self.dir / "tree").mkdir()
        try:
            os.mknod(self.dir / "tree/zero", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
        except PermissionError as error:
            return not_run("a device in a folder of entries", error.strerror)
        self.refuse(self.dir / "tree", "tree/zero: is a character device")

    def test_links_in_a_circle_out_and_to_nowhere_are_refused(self):
        for name, target, why in (("circle", "circle", "in a circle"),
                                  ("nowhere", "missing", "nowhere"),
                                  ("out", "/etc/passwd", "out of the directory"),
                                  ("up", "../outside", "out of the directory")):
            with self.subTest(name):
                tree = self.dir / f"tree-{name}"
                tree.mkdir()
                self.write("outside", "")
                (tree / name).symlink_to(target)
                self.refuse(tree, f"tree-{name}/{name}: is a symbolic link that leads {why}")
        (self.dir / "self").symlink_to("self")
        self.refuse(self.dir / "self", "self: Too many levels of symbolic links")

    def test_a_file_that_may_not_be_read_is_refused(self):
        if IS_ROOT:
            return not_run("a file that may not be read", "root may read every file")
        self.write("tree/secret", "x").chmod(0)
        self.refuse(self.dir / "tree", "tree/secret: Permission denied")
        self.refuse(self.dir / "tree/secret", "secret: Permission denied")
        (self.dir / "tree/secret").unlink()
        (self.dir / "tree/below").mkdir(mode=0)
        self.refuse(self.dir / "tree", "tree/below: Permission denied")

    def test_a_name_that_is_not_utf_8_is_refused_and_shown_without_harm(self):
        (self.dir / "tree").mkdir()
        with open(bytes(self.dir) + b"/tree/bad\xff\x1b[2J", "w"):
            pass
        self.refuse(self.dir / "tree", r"tree/bad\\xff\\x1b\[2J: name is not valid UTF-8")

    def test_what_is_not_there_is_refused(self):
        self.refuse(self.dir / "missing", "missing: No such file or directory")
        self.refuse("", "--entries: got '', expected a path")

    def test_a_file_that_is_no_jsonl_is_refused(self):
        self.refuse(BULKHEAD, r"bin/bulkhead:1:\d+: ", "expected a JSON object")


if __name__ == "__main__":
    main()
