"""Keeps a gate running: its sockets, what it has to know at its start, and its dialogs.

The sockets and the dialogs live here, where a gate's death takes neither: what callers send meanwhile waits in the
socket, and the next gate goes on with every call. Media does not pass the gate and notices nothing.
"""

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Callable, Mapping

import msgspec

from edge_bridge.entrances.sip.gate import ipc
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
    """``turned_away`` is called with each caller who found no free place."""

    def __init__(
        self, config: EdgeSettings, environment: Mapping[str, str], turned_away: Callable[[ipc.TurnedAway], None]
    ) -> None:
        self.metrics = ""
        self._config = config
        self._environment = environment
        self._turned_away = turned_away
        self._public = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._inner = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._workers: dict[int, ipc.WorkerUp] = {}
        self._lines: dict[int, ipc.Lines] = {}
        self._dialogs: dict[tuple[str, str], ipc.Kept] = {}
        self._waiting: asyncio.Queue[ipc.ToGate] | None = None  # for the gate that runs
        self._leaving = asyncio.Event()

    @property
    def inner_port(self) -> int:
        """Where the workers send their requests, on loopback."""
        return int(self._inner.getsockname()[1])

    async def open(self) -> None:
        """Take the SIP port. Raises OSError."""
        self._public.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        end = time.monotonic() + BIND_WITHIN_S
        while True:
            try:
                self._public.bind((self._config.sip_bind_address, self._config.sip_port))
                break
            except OSError:
                if time.monotonic() > end:
                    raise
            await asyncio.sleep(BIND_AGAIN_S)
        self._inner.bind(("127.0.0.1", 0))

    # --- What the gate is told -------------------------------------------------------------------------------

    def worker_up(self, number: int, port: int, places: int) -> None:
        worker = self._workers[number] = ipc.WorkerUp(number, port, places)
        self._tell(worker)

    def worker_down(self, number: int) -> None:
        """Its dialogs are hung up."""
        self._workers.pop(number, None)
        # The next worker says by itself when it knows the lines; until then those of the last one hold.
        self._lines = {part: msgspec.structs.replace(lines, draining=False) for part, lines in self._lines.items()}
        for lines in self._lines.values():
            self._tell(lines)
        self._tell(ipc.WorkerDown(number))

    def lines(self, lines: ipc.Lines) -> None:
        if not lines.read and self._lines and not lines.draining:
            return  # a new worker's, which does not know better than the last one
        if lines.part == 0:
            self._lines.clear()
        self._lines[lines.part] = lines
        self._tell(lines)

    def _tell(self, message: ipc.ToGate) -> None:
        if self._waiting is not None:
            self._waiting.put_nowait(message)

    # --- The process -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until ``leave``, or cancelled."""
        pause = FIRST_PAUSE_S
        while not self._leaving.is_set():
            started = time.monotonic()
            status = await self._run_gate()
            if self._leaving.is_set():
                return
            pause = FIRST_PAUSE_S if time.monotonic() - started > HEALTHY_AFTER_S else pause
            log.error("the gate died; starting it again", status=status, dialogs=len(self._dialogs), pause_s=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def leave(self) -> None:
        """Have the gate hang up what is left, and end."""
        self._leaving.set()
        self._tell(ipc.Leave())

    def close(self) -> None:
        self._public.close()
        self._inner.close()

    async def _run_gate(self) -> int:
        ours, theirs = ipc.pair()
        descriptors = (theirs.fileno(), self._public.fileno(), self._inner.fileno())
        with ours:
            with theirs:
                gate = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "edge_bridge.entrances.sip.gate",
                    *map(str, descriptors),
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
            writing, reading = talking = [asyncio.create_task(job(ours)) for job in (self._write, self._read)]
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
                message = ipc.from_gate(packet)
                match message:
                    case ipc.Kept():
                        self._dialogs[message.dialog.key] = message
                    case ipc.Gone():
                        self._dialogs.pop((message.call_id, message.remote_tag), None)
                    case ipc.TurnedAway():
                        self._turned_away(message)
                    case ipc.Figures():
                        self.metrics = message.metrics
