#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""summary_msgpack: the first and the longest line of each entry of a task.

Needs python3-msgpack. A task's result is a map: entry id -> {first, longest}.
"""
import os

import msgpack


def publish(record):
    """Appends one record. Descriptor 4 takes it whole, or is full."""
    packed = msgpack.packb(record)
    if os.write(4, packed) != len(packed):
        raise SystemExit("descriptor 4 is full")


def summary(entry):
    text = entry["content"] if entry["content"] is not None else entry["summary"]
    if isinstance(text, bytes):  # not UTF-8
        text = text.decode(errors="replace")
    lines = text.split("\n")
    return {"first": lines[0], "longest": max(lines, key=len)}


def main():
    with open(3, "rb") as file:
        # Keys of the context are str; those inside a task's params may be anything.
        context = msgpack.unpackb(file.read(), strict_map_key=False)
    entries = {entry["id"]: entry for entry in context["entries"]}
    for task in context["tasks"]:
        publish({"start": task["id"]})
        found = [entries[id] for id in task["required_entry_ids"] if id in entries]
        publish({"task": task["id"], "result": {entry["id"]: summary(entry) for entry in found}})
    publish({"done": True})


main()
