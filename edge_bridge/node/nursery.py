"""The supervisor's way to new processes: a nursery that has imported everything, and forks what is asked for.

A fork is ready in a hundredth of the time of an import, and shares its pages with the others. Each child comes with a
pidfd, which outlives the nursery: the supervisor sees its end, and ends it, by that. Where a nursery is gone, its
children are the supervisor's, which takes them in (PR_SET_CHILD_SUBREAPER).
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from edge_bridge.node import control
from edge_bridge.node.restarts import Restarts, Silence
from process import logs

log = logs.get(__name__)

What = Literal["session", "signaller"]

MAX_PACKET = 8 * 1024
FORKED_WITHIN_S = 5.0
ENDED_WITHIN_S = 2.0
REAP_AGAIN_S, REAP_TRIES = 0.5, 4
FIRST_PAUSE_S, LONGEST_PAUSE_S, HEALTHY_AFTER_S = 0.05, 5.0, 10.0
_PR_SET_CHILD_SUBREAPER = 36


class Fork(msgspec.Struct, frozen=True, tag="fork"):
    """Make a process; its descriptors come with this. ``arguments`` are what it is told at its start."""

    number: int
    what: What
    arguments: tuple[int, ...]


class Forked(msgspec.Struct, frozen=True, tag="forked"):
    """The answer, with the child's pidfd."""

    number: int
    pid: int


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """Said every second, from when everything is imported."""


FromNursery = Forked | Ready

encode = msgspec.msgpack.Encoder().encode
for_nursery: "msgspec.msgpack.Decoder[Fork]" = msgspec.msgpack.Decoder(Fork)
_from_nursery: "msgspec.msgpack.Decoder[FromNursery]" = msgspec.msgpack.Decoder(FromNursery)


class NurseryDiedError(Exception):
    """Ask again."""


class Child:
    """A process that was forked for us."""

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        self._pidfd = pidfd
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._loop.add_reader(pidfd, self._end)

    def _end(self) -> None:
        self._loop.remove_reader(self._pidfd)
        self._ended.set()
        self._reap(REAP_TRIES)

    def _reap(self, tries: int) -> None:
        try:
            os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)
        except ChildProcessError:  # its nursery's to reap; where that is dead too, it is ours in a moment
            if tries:
                self._loop.call_later(REAP_AGAIN_S, self._reap, tries - 1)
                return
        os.close(self._pidfd)

    @property
    def is_alive(self) -> bool:
        return not self._ended.is_set()

    async def wait(self) -> None:
        await self._ended.wait()

    def kill(self) -> None:
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)


class Nursery:
    """Keeps a nursery running. ``fork`` waits while there is none."""

    def __init__(self, environment: Mapping[str, str], *, quiet: bool) -> None:
        """``quiet``: its children's standard output, which is pjsip's own log, goes nowhere."""
        self.restarts = Restarts(FIRST_PAUSE_S, LONGEST_PAUSE_S, HEALTHY_AFTER_S)
        self._environment = environment
        self._quiet = quiet
        self._end: control.Packets | None = None
        self._ready = asyncio.Event()
        self._numbers = 0
        self._asked: dict[int, asyncio.Future[Child]] = {}
        self._silence = Silence()

    async def fork(self, what: What, arguments: tuple[int, ...], descriptors: Sequence[int]) -> Child:
        """Raises NurseryDiedError."""
        await self._ready.wait()
        self._numbers += 1
        number = self._numbers
        asked = self._asked[number] = asyncio.get_running_loop().create_future()
        assert self._end is not None
        self._end.send(encode(Fork(number, what, arguments)), descriptors)
        try:
            return await asyncio.wait_for(asked, FORKED_WITHIN_S)
        except TimeoutError:
            raise NurseryDiedError from None
        finally:
            self._asked.pop(number, None)

    async def run(self) -> None:
        """Until cancelled."""
        become_subreaper()
        while True:
            started = time.monotonic()
            status = await self._run_one()
            pause = self.restarts.pause_s(time.monotonic() - started)
            log.error("the nursery died; starting it again", status=status, pause_s=pause)
            await asyncio.sleep(pause)

    async def _run_one(self) -> int:
        ours, theirs = control.pair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "edge_bridge.nursery",
                str(theirs.fileno()),
                pass_fds=(theirs.fileno(),),
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL if self._quiet else None,
            )
        end = self._end = control.Packets(ours)
        end.read(self._told, lambda: None)
        self._silence = Silence()
        watching = asyncio.create_task(self._silence.watch("nursery", process.kill))
        try:
            return await process.wait()
        finally:
            self._ready.clear()
            self._end = None
            watching.cancel()
            end.close()  # its sign to end
            try:
                await asyncio.wait_for(process.wait(), ENDED_WITHIN_S)
            except TimeoutError:
                process.kill()
                await process.wait()
            for asked in self._asked.values():
                if not asked.done():
                    asked.set_exception(NurseryDiedError())
            await asyncio.gather(watching, return_exceptions=True)

    def _told(self, packet: bytes, descriptors: list[int]) -> None:
        self._silence.heard()
        match _from_nursery.decode(packet):
            case Forked(number, pid):
                child = Child(pid, descriptors[0])
                asked = self._asked.get(number)
                if asked is None or asked.done():
                    child.kill()  # it was given up
                else:
                    asked.set_result(child)
            case Ready():
                self._ready.set()


def become_subreaper() -> None:
    """What a nursery leaves behind is ours to reap; without it, the container's init or the machine's does that."""
    if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        log.warning("a dead nursery's children can't be taken in")


def send_to_supervisor(end: socket.socket, message: FromNursery, descriptors: Sequence[int] = ()) -> None:
    control.send(end, encode(message), descriptors)
