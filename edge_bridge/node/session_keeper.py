"""Keeps a session running, and gives the next one what the last one had: signallers, calls, RTP ports that rest."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable

from edge_bridge.entrances.sip.gate import ipc
from edge_bridge.node import control
from edge_bridge.node.kept_calls import KeptCalls
from edge_bridge.node.nursery import Child, Nursery, NurseryDiedError
from edge_bridge.node.restarts import Restarts, Silence
from edge_bridge.node.signaller_keeper import Signaller, SignallerKeeper
from process import logs

log = logs.get(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S, HEALTHY_AFTER_S = 0.05, 5.0, 10.0
LEAVE_WITHIN_S = 8.0  # beyond DRAIN_S: hanging up, the last events
LAST_MESSAGES_WITHIN_S = 1.0
# How long callers are kept on the line without a session: longer than one takes to start on a busy machine.
CALLS_WAIT_S = 8.0
SETTINGS_STATUS, PORT_TAKEN_STATUS = 2, 3
NO_USE_TRYING = (SETTINGS_STATUS, PORT_TAKEN_STATUS)  # a setting is wrong, a port is taken
FORCED_STATUS = 1
MOST_NEWS = 400


class SessionKeeper:
    """``run`` gives the node's exit status. ``told`` is called with the session's lines and reports, and with where its
    REGISTERs come from."""

    def __init__(
        self,
        drain_s: float,
        nursery: Nursery,
        gate_port: Callable[[], int],
        signallers: SignallerKeeper,
        calls: KeptCalls,
        told: Callable[[ipc.Lines | control.RegistersFrom | control.Report], None],
    ) -> None:
        self.restarts = Restarts(FIRST_PAUSE_S, LONGEST_PAUSE_S, HEALTHY_AFTER_S)
        self.report = control.Report()
        self.is_up = False  # it has reported
        self._drain_s = drain_s
        self._nursery = nursery
        self._gate_port = gate_port
        self._signallers = signallers
        self._calls = calls
        self._told = told
        self._stopping = asyncio.Event()
        self._child: Child | None = None
        self._end: control.Packets | None = None
        self._gone = asyncio.Event()
        self._status = FORCED_STATUS
        self._reported = False
        self._silence = Silence()
        self._giving_up: asyncio.TimerHandle | None = None
        self._new_ports: set[int] = set()  # of RTP, lent since they were last reported
        self._news: deque[ipc.News] = deque(maxlen=MOST_NEWS)  # while there is no session

    def stop(self) -> None:
        """Drain; asked for again, end the calls too."""
        if self._stopping.is_set() and self._child is not None:
            self._child.kill()
        self._stopping.set()

    def news(self, news: ipc.News) -> None:
        """The session makes events of them. While there is none they wait for the next one."""
        if self._end is None:
            self._news.append(news)
        else:
            self._end.send(control.encode(news))

    def signaller_up(self, one: Signaller) -> None:
        if self._end is not None:
            self._end.send(control.encode(control.SignallerUp(one.number, one.port)), (one.to_session.fileno(),))

    async def run(self) -> int:
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                status = await self._run_one()
            except NurseryDiedError:
                continue
            self.is_up = False
            if self._stopping.is_set():
                break
            if status in NO_USE_TRYING and not self._reported:
                return status
            lived_s = time.monotonic() - started
            self._calls.after_a_session(lived_s)
            pause = self.restarts.pause_s(lived_s)
            log.error("the session died; starting it again", status=status, pause_s=pause)
            if self._giving_up is None:
                self._giving_up = asyncio.get_running_loop().call_later(CALLS_WAIT_S, self._give_up)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
        self._calls.give_up_all()
        return 0

    def _give_up(self) -> None:
        log.error("no session for too long; hanging up")
        self._signallers.hang_up_all()
        self._calls.give_up_all()

    async def _fork(self, arguments: tuple[int, ...], descriptor: int) -> Child:
        """Raises NurseryDiedError, also when it is time to stop before there is a nursery."""
        fork = asyncio.create_task(self._nursery.fork("session", arguments, (descriptor,)), name="fork")
        stopping = asyncio.create_task(self._stopping.wait(), name="stopping")
        try:
            await asyncio.wait([fork, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not fork.done():
                raise NurseryDiedError
            return fork.result()
        finally:
            for task in (fork, stopping):
                task.cancel()
            await asyncio.gather(fork, stopping, return_exceptions=True)

    async def _start(self) -> tuple[Child, control.Packets]:
        """A session that has what the last one had. Raises NurseryDiedError."""
        ours, theirs = control.pair()
        resting = {*self.report.rtp_ports, *self._new_ports} - self._calls.rtp_ports
        end = control.Packets(ours)
        try:
            with theirs:
                child = self._child = await self._fork((self._gate_port(), *resting), theirs.fileno())
        except NurseryDiedError:
            end.close()
            raise
        log.info("session started", pid=child.pid)
        self._gone.clear()
        self._status = FORCED_STATUS
        self._silence = Silence()
        self._end = end
        end.read(self._take, self._gone.set)
        for call, sockets in self._calls.adoptable():
            end.send(control.encode(call), sockets)
        for one in self._signallers.open:
            self.signaller_up(one)
        while self._news:
            self.news(self._news.popleft())
        return child, end

    async def _run_one(self) -> int:
        child, end = await self._start()
        watching = asyncio.create_task(self._silence.watch("session", child.kill), name="silence")
        stopping = asyncio.create_task(self._stopping.wait(), name="stopping")
        leaving = asyncio.create_task(child.wait(), name="session")
        try:
            await asyncio.wait([leaving, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not leaving.done():
                end.send(control.encode(control.Drain()))
                await asyncio.wait([leaving], timeout=self._drain_s + LEAVE_WITHIN_S)
                if child.is_alive:
                    log.error("the session does not end; killing it")
                    child.kill()
                    await asyncio.wait([leaving], timeout=LEAVE_WITHIN_S)
            # What it said last is still to be read.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), LAST_MESSAGES_WITHIN_S)
            return self._status
        finally:
            child.kill()
            self._child = self._end = None
            end.close()
            for task in (watching, stopping, leaving):
                task.cancel()
            await asyncio.gather(watching, stopping, leaving, return_exceptions=True)

    def _take(self, packet: bytes, descriptors: list[int]) -> None:
        self._silence.heard()
        message = control.from_session.decode(packet)
        match message:
            case control.CallHeld():
                self._calls.held(message, descriptors)
                if message.rtp_port:
                    self._new_ports.add(message.rtp_port)
            case control.CallLeft():
                self._calls.left(message.call_id)
            case control.CallLost():
                self._calls.lost(message.call_id)
            case control.Leaving():
                self._status = message.status
            case control.Report():
                self.report, self.is_up, self._reported = message, True, True
                self._new_ports.difference_update(message.rtp_ports)
                if self._giving_up is not None:
                    self._giving_up.cancel()
                    self._giving_up = None
                self._told(message)
            case ipc.Lines() | control.RegistersFrom():
                self._told(message)
