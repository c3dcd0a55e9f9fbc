#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpus of fuzz_records: python3 tests/fuzz/make_records_corpus.py

One file a shape of record and one a way to break it, in corpus/records beside
this script. Files that the fuzzer found and that are worth keeping are put
there by hand, under a name that says what is special about them.
"""

import pathlib
import struct


def text(value):
    data = value.encode()
    if len(data) < 32:
        return bytes([0xA0 | len(data)]) + data
    return b"\xd9" + bytes([len(data)]) + data


def record(*pairs):
    return bytes([0x80 | len(pairs)]) + b"".join(text(key) + value for key, value in pairs)


def result(task, value):
    return record(("task", text(task)), ("result", value))


def error(message, *more):
    return record(("message", text(message)), *more)


DONE = record(("done", b"\xc3"))

# Each type of value in each of the widths that MessagePack has for it.
VALUES = {
    "nil": b"\xc0",
    "bools": b"\x92\xc2\xc3",
    "ints": b"\x98\x00\x7f\xff\xe0\xcc\xff\xcd\xff\xff\xce\xff\xff\xff\xff\xcf" + b"\xff" * 8,
    "negative_ints": b"\x94\xd0\x80\xd1\x80\x00\xd2\x80\x00\x00\x00\xd3\x80" + b"\0" * 7,
    "floats": b"\x92\xca" + struct.pack(">f", 1.5) + b"\xcb" + struct.pack(">d", -1e300),
    "strs": b"\x94\xa1x\xd9\x01x\xda\x00\x01x\xdb\x00\x00\x00\x01x",
    "utf8": text("aé中😀"),
    "bins": b"\x93\xc4\x01\xff\xc5\x00\x01\xff\xc6\x00\x00\x00\x01\xff",
    "exts": b"\x93\xc7\x00\x05\xc8\x00\x01\x05x\xc9\x00\x00\x00\x01\x05x",
    "fixexts": b"\x95\xd4\x01" + b"x" + b"\xd5\x01" + b"x" * 2 + b"\xd6\xff" + b"x" * 4
               + b"\xd7\x01" + b"x" * 8 + b"\xd8\x01" + b"x" * 16,
    "arrays": b"\x93\x90\xdc\x00\x01\xc0\xdd\x00\x00\x00\x01\xc0",
    "maps": b"\x93\x80\xde\x00\x01\xa1k\xc0\xdf\x00\x00\x00\x01\xa1k\xc0",
    "map_of_16": b"\xde\x00\x10" + b"".join(text(f"k{i}") + b"\xc0" for i in range(16)),
    "map_of_17": b"\xde\x00\x11" + b"".join(text(f"k{i}") + b"\xc0" for i in range(17)),
    "map_of_17_twin": b"\xde\x00\x11" + b"".join(text(f"k{i % 16}") + b"\xc0" for i in range(17)),
    "twin_keys": b"\x82\xa1k\xc0\xa1k\xc0",
    "int_key": b"\x81\x01\xc0",
    "bad_utf8": b"\xa2\xc3(",
    "never_used": b"\xc1",
    "deep_31": b"\x91" * 30 + b"\x90",
    "deep_32": b"\x91" * 31 + b"\x90",
    "huge_str": b"\xdb\xff\xff\xff\xff",
    "huge_bin": b"\xc6\xff\xff\xff\xff",
    "huge_ext": b"\xc9\xff\xff\xff\xff\x01",
    "huge_array": b"\xdd\xff\xff\xff\xff",
    "huge_map": b"\xdf\xff\xff\xff\xff",
    "nested_claims": b"\x94\x94\x94\x94\xc0\xc0\xc0",
}

FILES = {
    "empty": b"",
    "done": DONE,
    "start": record(("start", text("a"))),
    "usual": record(("start", text("a"))) + result("a", text("value")) + DONE,
    "any_order": record(("result", b"\xc0"), ("task", text("a"))),
    "task_error": record(("task", text("a")), ("error", error("no luck"))) + DONE,
    "full_error": record(("task", text("a")),
                         ("error", error("no luck", ("type", text("Kind")), ("detail", b"\x90")))),
    "batch_error": record(("error", error("Handler failed"))),
    "trailing": DONE + b"\xc1more",
    "twice": result("a", b"\x01") + result("a", b"\x02") + result("b", b"\x03"),
    "unknown": result("x", b"\x01") + result("y", b"\x02") + result("x", b"\x03"),
    "out_of_order": result("b", b"\x01") + result("a", b"\x02"),
    "not_done": record(("done", b"\xc2")),
    "no_shape": record(("task", text("a"))),
    "other_key": record(("other", b"\xc0")),
    "twin_fields": record(("task", text("a")), ("task", text("a"))),
    "error_without_message": record(("error", record(("type", text("Kind"))))),
    "cut": result("a", text("value"))[:-2],
    "zeros": b"\0" * 64,
}


def main():
    folder = pathlib.Path(__file__).parent / "corpus" / "records"
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    for name, value in VALUES.items():
        (folder / f"value_{name}").write_bytes(result("a", value) + DONE)


if __name__ == "__main__":
    main()
