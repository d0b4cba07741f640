"""Keeps a gate running: its sockets, what it has to know at its start, and its dialogs.

The sockets and the dialogs live here, where a gate's death takes neither: what callers send meanwhile waits in the
socket, and the next gate goes on with every call. Media does not pass the gate and notices nothing. With
REGISTRAR=kamailio the gate's socket is on loopback, and Kamailio before it is kept running, too.
"""

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Callable, Mapping

from edge_bridge.entrances.sip.gate import ipc
from edge_bridge.node.kamailio_keeper import KamailioKeeper
from edge_bridge.node.restarts import Restarts, Silence
from edge_bridge.settings import EdgeSettings
from process import logs

log = logs.get(__name__)

RECEIVE_BUFFER = 1 << 20  # what may wait while a gate starts
BIND_WITHIN_S = 4.0  # the gate of a supervisor that was killed takes up to 2 s to leave
BIND_AGAIN_S = 0.1
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 5.0
HEALTHY_AFTER_S = 10.0
LEAVE_WITHIN_S = 3.0
LAST_MESSAGES_WITHIN_S = 1.0


class GateKeeper:
    """``news`` is called with what the session has to know: who found no free place, what a call's messages were;
    ``dialogs_changed`` after each change."""

    def __init__(
        self,
        config: EdgeSettings,
        environment: Mapping[str, str],
        news: Callable[[ipc.News], None],
        dialogs_changed: Callable[[], None],
    ) -> None:
        self.metrics = ""
        self.restarts = Restarts(FIRST_PAUSE_S, LONGEST_PAUSE_S, HEALTHY_AFTER_S)
        self.process: asyncio.subprocess.Process | None = None
        self._config = config
        self._environment = environment
        self._news = news
        self._dialogs_changed = dialogs_changed
        self._silence = Silence()
        self._front = KamailioKeeper(config) if config.registrar == "kamailio" else None
        self._public = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._inner = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._workers: dict[int, ipc.WorkerUp] = {}
        self._lines: dict[int, ipc.Lines] = {}
        self._dialogs: dict[tuple[str, str], ipc.Kept] = {}
        self._waiting: asyncio.Queue[ipc.ToGate] | None = None  # for the gate that runs
        self._leaving = asyncio.Event()

    @property
    def inner_port(self) -> int:
        """Where the signallers send their requests, on loopback."""
        return int(self._inner.getsockname()[1])

    @property
    def taken(self) -> int:
        """How many dialogs the living signallers have."""
        return sum(kept.dialog.worker in self._workers for kept in self._dialogs.values())

    @property
    def missing(self) -> str:
        """What Kamailio waits for."""
        return self._front.missing if self._front is not None else ""

    async def open(self) -> None:
        """Take the SIP port. Raises OSError, or with Kamailio SettingsError and FrontError."""
        self._public.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._inner.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._inner.bind(("127.0.0.1", 0))
        if self._front is not None:
            self._public.bind(("127.0.0.1", 0))
            await self._front.open(int(self._public.getsockname()[1]))
            return
        end = time.monotonic() + BIND_WITHIN_S
        while True:
            try:
                self._public.bind((self._config.sip_bind_address, self._config.sip_port))
                break
            except OSError:
                if time.monotonic() > end:
                    raise
            await asyncio.sleep(BIND_AGAIN_S)

    # --- What the gate is told -------------------------------------------------------------------------------

    def worker_up(self, number: int, port: int, places: int) -> None:
        worker = self._workers[number] = ipc.WorkerUp(number, port, places)
        self._tell(worker)

    def worker_down(self, number: int) -> None:
        """Its dialogs are hung up."""
        self._workers.pop(number, None)
        self._tell(ipc.WorkerDown(number))

    def lines(self, lines: ipc.Lines) -> None:
        if not lines.read and self._lines and not lines.draining:
            return  # a new session's, which does not know better than the last one
        if lines.part == 0:
            self._lines.clear()
        self._lines[lines.part] = lines
        self._tell(lines)
        if self._front is not None:
            self._front.lines(tuple(self._lines.values()))

    def _tell(self, message: ipc.ToGate) -> None:
        if self._waiting is not None:
            self._waiting.put_nowait(message)

    # --- The process -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until ``leave``, or cancelled."""
        front = None if self._front is None else asyncio.create_task(self._front.run(), name="kamailio")
        try:
            await self._keep_gate()
        finally:
            if front is not None:
                front.cancel()  # only now: the gate's last requests leave through it
                await asyncio.gather(front, return_exceptions=True)

    async def _keep_gate(self) -> None:
        while not self._leaving.is_set():
            started = time.monotonic()
            status = await self._run_gate()
            if self._leaving.is_set():
                return
            pause = self.restarts.pause_s(time.monotonic() - started)
            log.error("the gate died; starting it again", status=status, dialogs=len(self._dialogs), pause_s=pause)
            await asyncio.sleep(pause)

    def leave(self) -> None:
        """Have the gate hang up what is left, and end."""
        self._leaving.set()
        self._tell(ipc.Leave())

    def close(self) -> None:
        self._public.close()
        self._inner.close()
        if self._front is not None:
            self._front.close()

    async def _run_gate(self) -> int:
        ours, theirs = ipc.pair()
        descriptors = (theirs.fileno(), self._public.fileno(), self._inner.fileno())
        with ours:
            with theirs:
                gate = self.process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "edge_bridge.entrances.sip.gate",
                    *map(str, descriptors),
                    *(() if self._front is None else map(str, self._front.ports)),
                    pass_fds=descriptors,
                    env=self._environment,
                    stdin=asyncio.subprocess.DEVNULL,
                )
            log.info("gate started", pid=gate.pid)
            ours.setblocking(False)
            self._waiting = asyncio.Queue()
            known = (*self._workers.values(), *self._lines.values(), *self._dialogs.values())
            for message in (*known, ipc.Begin(), *((ipc.Leave(),) if self._leaving.is_set() else ())):
                self._waiting.put_nowait(message)
            self._silence = Silence()
            writing, reading = (asyncio.create_task(job(ours)) for job in (self._write, self._read))
            talking = [writing, reading, asyncio.create_task(self._silence.watch("gate", gate.kill))]
            try:
                status = await gate.wait()
                writing.cancel()
                # What it said last is still to be read, such as a dialog that it has just answered.
                await asyncio.wait([reading], timeout=LAST_MESSAGES_WITHIN_S)
                return status
            finally:
                self._waiting = None
                if gate.returncode is None:
                    gate.kill()
                for task in talking:
                    task.cancel()
                await asyncio.gather(*talking, return_exceptions=True)

    async def _write(self, end: socket.socket) -> None:
        waiting, loop = self._waiting, asyncio.get_running_loop()
        assert waiting is not None
        with contextlib.suppress(OSError):
            while True:
                await loop.sock_sendall(end, ipc.encode(await waiting.get()))

    async def _read(self, end: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while packet := await loop.sock_recv(end, ipc.MAX_PACKET):
                self._silence.heard()
                message = ipc.from_gate(packet)
                match message:
                    case ipc.Kept():
                        self._dialogs[message.dialog.key] = message
                        self._dialogs_changed()
                    case ipc.Gone():
                        self._dialogs.pop((message.call_id, message.remote_tag), None)
                        self._dialogs_changed()
                    case ipc.TurnedAway() | ipc.Traced():
                        self._news(message)
                    case ipc.Figures():
                        self.metrics = message.metrics + ("" if self._front is None else self._front.metrics)
