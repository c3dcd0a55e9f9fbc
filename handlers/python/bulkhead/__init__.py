# SPDX-License-Identifier: Apache-2.0
"""bulkhead: handlers in Python, for programs that bulkhead runs.

A handler reads one context (descriptor 3) and appends one record a task (descriptor 4).
This module is a convenience over docs/handler-abi.md; it needs nothing outside of
Python's standard library. The short form:

    #!/usr/bin/python3
    import bulkhead

    def count(task, batch):
        return {entry.id: len(entry.data.split()) for entry in task.entries}

    bulkhead.run(count)

What a function returns is the task's result: None, bool, int (64 bits), float, str,
bytes, list, tuple, and dict with str as keys. What it raises is the task's error. With
`--warm` all that stands before `run`, imports first of all, is done once for many batches.
"""
import mmap
import os
import sys
import traceback

from bulkhead import msgpack
from bulkhead.msgpack import Ext

__all__ = ["Batch", "BatchError", "Entry", "Ext", "ResultsFull", "Task", "TaskError", "batches",
           "run"]

CONTEXT, RESULTS = 3, 4


class _Told(Exception):
    def __init__(self, message, type=None, detail=None):
        super().__init__(message)
        self.message = str(message)
        self.type = type
        self.detail = detail


class TaskError(_Told):
    """This task failed; the batch goes on. `type` (str) and `detail` (any value) are optional."""


class BatchError(_Told):
    """The whole batch failed; it ends here."""


class ResultsFull(Exception):
    """Descriptor 4 is full. Nothing more can be told."""


class Entry:
    """One entry of a batch. `content` is str, bytes where it is not UTF-8, or None."""

    __slots__ = ("id", "type", "source", "content", "summary", "references", "parent_id",
                 "priority", "compressed")

    def __init__(self, fields):
        for name in self.__slots__:
            setattr(self, name, fields.get(name))

    @property
    def text(self):
        """The content, or the summary where there is none, as str: U+FFFD for each byte
        that is not UTF-8."""
        given = self.summary if self.content is None else self.content
        return given.decode(errors="replace") if isinstance(given, bytes) else given

    @property
    def data(self):
        """The same as bytes, as they are."""
        given = self.summary if self.content is None else self.content
        return given.encode() if isinstance(given, str) else given


class Task:
    """One task. `entries` are those of `required_entry_ids` that exist, in order."""

    __slots__ = ("id", "description", "required_entry_ids", "priority", "params", "entries")

    def __init__(self, fields, entries):
        for name in self.__slots__[:-1]:
            setattr(self, name, fields.get(name))
        self.entries = [entries[id] for id in self.required_entry_ids if id in entries]


def _error_map(message, type, detail):
    given = {"message": message, "type": type, "detail": detail}
    return {name: value for name, value in given.items() if value is not None}


class Batch:
    """The batch at hand, and its results. `entries` is a dict, id to Entry, in order."""

    def __init__(self):
        with mmap.mmap(CONTEXT, 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE) as pages:
            context = msgpack.unpack(bytes(pages))
        if context.get("abi") != 1:
            raise ValueError("descriptor 3 holds no context of this ABI version")
        for name in ("batch_id", "attempt", "timeout_ms", "entry_count", "total_tokens",
                     "missing_ids"):
            setattr(self, name, context.get(name))
        self.entries = {fields["id"]: Entry(fields) for fields in context["entries"]}
        self.tasks = [Task(fields, self.entries) for fields in context["tasks"]]

    def _append(self, record):
        """With one write, so that it is there as a whole or not at all."""
        packed = msgpack.pack(record)
        try:
            written = os.write(RESULTS, packed)
        except PermissionError:
            written = 0
        if written != len(packed):
            raise ResultsFull("descriptor 4 is full")

    def start(self, task):
        """Work on this task begins: should the process die, the task is named."""
        self._append({"start": task.id})

    def result(self, task, value):
        """This task is done."""
        self._append({"task": task.id, "result": value})

    def task_error(self, task, message, type=None, detail=None):
        """This task failed; the batch goes on."""
        self._append({"task": task.id, "error": _error_map(message, type, detail)})

    def error(self, message, type=None, detail=None):
        """The whole batch failed. Final."""
        self._append({"error": _error_map(message, type, detail)})

    def done(self):
        """All work is done. Final."""
        self._append({"done": True})


def _source():
    if "BULKHEAD_WARM" not in os.environ:
        return _Cold()
    from bulkhead import warm  # which a cold start need not wait for
    return warm.open_source()


class _Cold:
    is_fork = False
    begun = False

    def next(self, status):
        first = not self.begun
        self.begun = True
        return first


def batches():
    """Each batch that this process handles: one, but with `--reuse`. With `--warm` the first
    one comes in a fork. After the last one the loop ends; so should the process."""
    source = _source()
    while source.next(0):
        yield Batch()


def _run_task(batch, task, on_task):
    batch.start(task)
    try:
        batch.result(task, on_task(task, batch))
    except (BatchError, ResultsFull):
        raise
    except TaskError as error:
        batch.task_error(task, error.message, error.type, error.detail)
    except Exception as error:
        traceback.print_exc()
        batch.task_error(task, str(error) or type(error).__name__, type(error).__name__)


def _run_batch(on_task):
    """Returns an exit status."""
    batch = Batch()
    try:
        for task in batch.tasks:
            _run_task(batch, task, on_task)
        batch.done()
    except ResultsFull as error:
        print(f"bulkhead handler: {error}", file=sys.stderr)
        return 1
    except BatchError as error:
        batch.error(error.message, error.type, error.detail)
    return 0


def run(on_task):
    """Calls on_task(task, batch) for each task of each batch, in order: what it returns is
    the task's result. Never returns: the process ends with what there was to do."""
    source = _source()
    status = 0
    while source.next(status):
        status = _run_batch(on_task)
    if source.is_fork:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # the template's leave is not this process's to take
    sys.exit(status)
