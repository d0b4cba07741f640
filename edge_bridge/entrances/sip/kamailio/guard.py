"""Starts Kamailio and sees to it that none of its processes outlives it, or the supervisor: ``guard.py LIFELINE USER
FOLDER PRIORITY COMMAND …``, without any package of ours.

Kamailio's children go on when its first process is killed, holding the sockets that the next one needs. Here all of
them are one process group, and children of this process as soon as they have no other parent, so they can be ended and
waited for. LIFELINE is the reading end of a pipe that the supervisor holds open: when it ends the supervisor is dead,
and Kamailio stays for as long as the gate takes to hang up. SIGTERM ends it politely, SIGQUIT at once. It is
scheduled in real time with PRIORITY, as the gate behind it is, where this process may do so (CAP_SYS_NICE).
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time

FAREWELLS_S = 3.0  # the gate of a dead supervisor hangs up within 2 s
TERM_WITHIN_S = 0.5  # by itself it takes a second and more, and has nothing to save
REAPED_WITHIN_S = 2.0
POLL_S = 0.02
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36

libc = ctypes.CDLL(None)
asked: list[int] = []  # signals


def main(lifeline: int, user: str, folder: str, priority: int, command: list[str]) -> int:
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    woken = wake_on_signals()
    kamailio = start(user, folder, priority, command)
    orphaned = False
    while kamailio.poll() is None and not asked and not orphaned:
        ready, _, _ = select.select([lifeline, woken], [], [])
        orphaned = lifeline in ready
        with contextlib.suppress(BlockingIOError):
            os.read(woken, 4096)
    if orphaned:
        wait(kamailio, FAREWELLS_S)
    if kamailio.poll() is None and signal.SIGQUIT not in asked:
        kamailio.terminate()
        wait(kamailio, TERM_WITHIN_S)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(kamailio.pid, signal.SIGKILL)
    status = kamailio.wait()
    reap()
    if orphaned:
        shutil.rmtree(folder, ignore_errors=True)
    return status if status >= 0 else 128 - status


def wake_on_signals() -> int:
    """A descriptor that can be read when one has come; ``asked`` says which."""
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, lambda number, _: asked.append(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return woken


def start(user: str, folder: str, priority: int, command: list[str]) -> "subprocess.Popen[bytes]":
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(priority))  # inherited: USER may not do it any more
    return subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        user=user or None,
        group=user or None,
        extra_groups=[] if user else None,
        process_group=0,
        # Where this process is killed itself.
        preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0),
    )


def wait(kamailio: "subprocess.Popen[bytes]", within_s: float) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        kamailio.wait(within_s)


def reap() -> None:
    end = time.monotonic() + REAPED_WITHIN_S
    while time.monotonic() < end:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            time.sleep(POLL_S)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5:]))
