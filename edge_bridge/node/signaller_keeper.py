"""Keeps signallers: so many that a few places are always free, also for second legs, until ``most_dialogs`` fit in.

A signaller costs memory and is forked in milliseconds, so none waits for calls that may never come. It is reached
over two pairs: ours, and the link to the session, whose session end is kept open here for the sessions to come.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from edge_bridge.entrances.sip import link
from edge_bridge.entrances.sip.signals import MAX_CALLS
from edge_bridge.node import control
from edge_bridge.node.nursery import Child, Nursery, NurseryDiedError
from edge_bridge.node.restarts import Restarts, Silence
from process import logs

log = logs.get(__name__)

# One signaller's, whole: calls that come together find a place before the next signaller has opened.
SPARE_PLACES = MAX_CALLS
FIRST_PAUSE_S, LONGEST_PAUSE_S, HEALTHY_AFTER_S = 0.05, 5.0, 10.0
LEAVE_WITHIN_S = 4.0  # hanging up, unregistering, libDestroy


@dataclass(slots=True)
class Signaller:
    """``port`` is 0 until it has opened SIP."""

    number: int
    to_session: socket.socket
    end: control.Packets
    child: Child | None = None
    port: int = 0
    silence: Silence = field(default_factory=Silence)


class SignallerKeeper:
    """``taken`` says how many calls the living ones have. ``up`` and ``down`` are told of each; ``changed`` whenever
    there is one more or less.
    """

    def __init__(
        self,
        most_dialogs: int,
        nursery: Nursery,
        gate_port: Callable[[], int],
        taken: Callable[[], int],
        up: Callable[[Signaller], None],
        down: Callable[[int], None],
    ) -> None:
        self.restarts = Restarts(FIRST_PAUSE_S, LONGEST_PAUSE_S, HEALTHY_AFTER_S)
        self._most = -(-most_dialogs // MAX_CALLS)
        self._nursery = nursery
        self._gate_port = gate_port
        self._taken = taken
        self._up = up
        self._down = down
        self._numbers = 0
        self._by_number: dict[int, Signaller] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._leaving = False

    @property
    def open(self) -> list[Signaller]:
        """Those that take SIP."""
        return [one for one in self._by_number.values() if one.port]

    def ensure(self) -> None:
        """Start as many as are needed."""
        while not self._leaving and len(self._running) < self._most:
            if len(self._running) * MAX_CALLS >= self._taken() + SPARE_PLACES:
                return
            task = asyncio.create_task(self._run(), name="signaller")
            self._running.add(task)
            task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            self.ensure()

    def hang_up_all(self) -> None:
        """There is no session to have the calls."""
        for one in self._by_number.values():
            one.end.send(link.encode(link.HangUpAll()))

    async def leave(self) -> None:
        """Have all of them hang up, unregister and end."""
        self._leaving = True
        for one in self._by_number.values():
            one.end.send(link.encode(link.Leave()))
        if self._running:
            await asyncio.wait(self._running, timeout=LEAVE_WITHIN_S)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self) -> None:
        """One signaller's life, and the pause after it."""
        self._numbers += 1
        started = time.monotonic()
        to_session, from_session = link.pair()
        ours, theirs = control.pair()
        one = Signaller(self._numbers, to_session, control.Packets(ours))
        self._by_number[one.number] = one
        watching: asyncio.Task[None] | None = None
        try:
            with from_session, theirs, contextlib.suppress(NurseryDiedError):
                descriptors = (from_session.fileno(), theirs.fileno())
                one.child = await self._nursery.fork("signaller", (one.number, self._gate_port()), descriptors)
            if one.child is not None:
                one.end.read(lambda packet, _: self._told(one, packet), lambda: None)
                watching = asyncio.create_task(one.silence.watch(f"signaller {one.number}", one.child.kill))
                await one.child.wait()
        finally:
            del self._by_number[one.number]
            if one.child is not None:
                one.child.kill()
            one.end.close()
            to_session.close()
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
            self._down(one.number)
        if not self._leaving:
            pause = self.restarts.pause_s(time.monotonic() - started)
            log.error("a signaller died", signaller=one.number, pause_s=pause)
            await asyncio.sleep(pause)

    def _told(self, one: Signaller, packet: bytes) -> None:
        one.silence.heard()
        message = link.to_supervisor.decode(packet)
        if isinstance(message, link.Opened):
            one.port = message.port
            self._up(one)
