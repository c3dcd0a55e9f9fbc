#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Publishes no starts and writes all its records at its end, so that nobody knows
# which task it died over: the one whose id is "bad".
import os
import signal


def text(data):
    return bytes([0xA0 | len(data)]) + data


with open(3, "rb", closefd=False) as file:
    context = file.read()
# ids of tasks: the str behind each key "id", which only tasks have here
ids = [part[1:1 + (part[0] & 0x1F)] for part in context.split(b"\xa2id")[1:]]
if b"bad" in ids:
    os.kill(os.getpid(), signal.SIGKILL)
records = b"".join(b"\x82" + text(b"task") + text(id) + text(b"result") + b"\x01" for id in ids)
os.write(4, records + b"\x81" + text(b"done") + b"\xc3")
