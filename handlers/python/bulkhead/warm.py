# SPDX-License-Identifier: Apache-2.0
"""The control socket of a template, which is started once for many batches.

The template waits until its socket is readable and forks; the fork receives the batch
and never comes back to the socket, so the template holds nothing of any batch. What is
said is in bulkhead/warm.h of the C headers and in docs/handler-abi.md, "Warm mode".
"""
import errno
import gc
import os
import resource
import select
import socket
import struct
import sys

CONTROL = 5
NO_BATCH = 3  # /dev/null while there is none
PLACES = (1, 2, 3, 4)  # where a batch's descriptors belong, in the order in which they come
BATCH = struct.Struct("=IIQ")  # ABI version, zero, seconds of CPU time or 0
WORD = struct.Struct("=Ii7Q")  # type, status, usage
READY, ENDED, NO_FORK = 1, 2, 3


def flush():
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def _say(type, status=0, usage=(0,) * 7):
    os.write(CONTROL, WORD.pack(type, status, *usage))


def _usage_of(usage):
    return (round(usage.ru_utime * 1e6), round(usage.ru_stime * 1e6), usage.ru_maxrss,
            usage.ru_minflt, usage.ru_majflt, usage.ru_nvcsw, usage.ru_nivcsw)


def _leave_output():
    """What a template prints while it warms up goes to its first batch; from then on each
    batch has pipes of its own."""
    for place in (1, 2):
        os.dup2(NO_BATCH, place)


def _receive(control):
    """Puts the next batch on its descriptors. None where there will be none, else the
    seconds of CPU time that it may use, or 0."""
    data, fds, _, _ = socket.recv_fds(control, BATCH.size + 1, len(PLACES))
    if not data:
        return None
    if len(data) != BATCH.size or len(fds) != len(PLACES) or BATCH.unpack(data)[0] != 1:
        raise OSError(errno.EPROTO, "descriptor 5 gave something that is no batch")
    for fd, place in zip(fds, PLACES):
        os.dup2(fd, place)
        os.close(fd)
    return BATCH.unpack(data)[2]


def _become_fork(control):
    """Out of the template's process group, by which it could be signalled, and held to the
    limit that the template is not. True where there is a batch."""
    os.setsid()
    seconds = _receive(control)
    control.close()
    if seconds:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    return seconds is not None


def _discard_untaken(control):
    """A fork that was killed early has left its batch in the socket, where the next one
    would find it. Descriptors are not received."""
    try:
        control.recvmsg(BATCH.size, 0, socket.MSG_DONTWAIT)
    except BlockingIOError:
        pass


def _reap_leftovers():
    """Processes that earlier batches made ours are dead: killed by the launcher."""
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        pass


class Forks:
    """A fork for each batch. Only in forks does `next` return."""

    def __init__(self, control):
        self.control = control
        self.is_fork = False

    def next(self, status):
        if self.is_fork:
            return False
        poll = select.poll()
        poll.register(CONTROL, select.POLLIN)
        while True:
            events = poll.poll()[0][1]
            if events & (select.POLLHUP | select.POLLERR):
                return False
            _reap_leftovers()
            try:
                pid = os.fork()
            except OSError as error:
                _say(NO_FORK, error.errno)
                continue
            if pid == 0:
                self.is_fork = True
                return _become_fork(self.control)
            _, status, usage = os.wait4(pid, 0)
            _discard_untaken(self.control)
            _say(ENDED, status, _usage_of(usage))


class Reuse:
    """One process for batch after batch."""

    is_fork = False

    def __init__(self, control):
        self.control = control
        self.before = None

    def next(self, status):
        usage = _usage_of(resource.getrusage(resource.RUSAGE_SELF))
        if self.before is not None:
            flush()
            used = [now - then for now, then in zip(usage, self.before)]
            used[2] = usage[2]  # the largest size ever
            _say(ENDED, (status & 0xFF) << 8, used)
        self.before = usage
        return _receive(self.control) is not None


def open_source():
    """Says ready. What is returned has `next(status)`: true when a batch is there, with its
    descriptors in place."""
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, CONTROL)
    flush()
    _leave_output()
    gc.collect()
    gc.freeze()  # what is there stays: forks need not touch it
    _say(READY)
    return Reuse(control) if "BULKHEAD_REUSE" in os.environ else Forks(control)
