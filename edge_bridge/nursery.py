"""``python -m edge_bridge.nursery DESCRIPTOR``: imports all of a session and of a signaller, starts nothing of it, and
forks what its supervisor asks for. One thread only, as a fork takes no other along.
"""

import contextlib
import gc
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from edge_bridge import session
from edge_bridge.entrances.sip import signaller
from edge_bridge.node import nursery
from process import logs, telemetry

log = logs.get(__name__)

SAY_EVERY_MS = 1000

Main = Callable[[tuple[int, ...], list[int]], None]
MAINS: dict[nursery.What, Main] = {"session": session.main, "signaller": signaller.main}


def serve(end: socket.socket) -> None:
    """Until the supervisor is gone."""
    poll = select.poll()
    poll.register(end, select.POLLIN)
    while True:
        nursery.send_to_supervisor(end, nursery.Ready())
        if poll.poll(SAY_EVERY_MS):
            packet, descriptors, _, _ = socket.recv_fds(end, nursery.MAX_PACKET, 4)
            if not packet:
                _reap()
                return
            _fork(end, nursery.for_nursery.decode(packet), descriptors)
        _reap()


def _fork(end: socket.socket, asked: nursery.Fork, descriptors: list[int]) -> None:
    pid = os.fork()
    if pid == 0:
        _be(asked, descriptors)
    pidfd = os.pidfd_open(pid)  # before it is reaped: it is this child's for certain
    nursery.send_to_supervisor(end, nursery.Forked(asked.number, pid), (pidfd,))
    for one in (pidfd, *descriptors):
        os.close(one)


def _be(asked: nursery.Fork, descriptors: list[int]) -> None:
    """The child's whole life."""
    status = 1
    try:
        _close_all_but({0, 1, 2, *descriptors})
        with contextlib.suppress(OSError):
            Path("/proc/self/comm").write_text(" ".join((asked.what, *map(str, asked.arguments[:1]))))
        MAINS[asked.what](asked.arguments, descriptors)
        status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 1
    except Exception:
        log.exception("a process failed", what=asked.what)
    finally:
        telemetry.flush()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _close_all_but(kept: set[int]) -> None:
    for one in map(int, os.listdir("/proc/self/fd")):
        if one not in kept:
            with contextlib.suppress(OSError):  # the listing's own
                os.close(one)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            status = os.waitstatus_to_exitcode(ended[1])
            if status:
                log.error("a process ended badly", pid=ended[0], status=status)


def main() -> None:
    logs.configure("edge-bridge-nursery")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # they reach the whole group; the supervisor says when it is over
    # What is imported by now is never garbage: its pages stay shared.
    gc.collect()
    gc.freeze()
    end = socket.socket(fileno=int(sys.argv[1]))
    with contextlib.suppress(OSError):
        serve(end)
    os._exit(0)


if __name__ == "__main__":
    main()
