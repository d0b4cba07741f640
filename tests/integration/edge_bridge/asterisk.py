"""An Asterisk's side of AudioSocket, written from Asterisk's documentation and nothing of the bridge's."""

import asyncio
import audioop
import contextlib
import ssl
import struct
import time
import uuid
from dataclasses import dataclass, field
from types import TracebackType

from tests.patience import PATIENCE_S

SLIN, SLIN16, HANG_UP, DTMF, ERROR = 0x10, 0x12, 0x00, 0x03, 0xFF
RATES = {SLIN: 8000, SLIN16: 16000}
VOICE_RMS = 1000


@dataclass(slots=True)
class Asterisk:
    """A connection that sends a frame every 20 ms: what is in ``saying``, else silence."""

    port: int
    line: str
    kind: int = SLIN
    tls: ssl.SSLContext | None = None
    source: str = "127.0.0.1"
    saying: bytes = b""  # PCM at the kind's rate
    heard: list[tuple[float, bytes]] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    _writer: asyncio.StreamWriter | None = None
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def __aenter__(self) -> "Asterisk":
        reader, self._writer = await asyncio.open_connection(
            "127.0.0.1",
            self.port,
            ssl=self.tls,
            server_hostname="edge.test" if self.tls else None,
            local_addr=(self.source, 0),
        )
        self._tasks = [asyncio.create_task(self._read(reader)), asyncio.create_task(self._talk())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_talking()
        self._tasks[0].cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self._writer is not None
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def send(self, kind: int, payload: bytes = b"") -> None:
        assert self._writer is not None
        if not self._writer.is_closing():
            self._writer.write(struct.pack(">BH", kind, len(payload)) + payload)

    def say(self, ulaw: bytes) -> None:
        pcm = audioop.ulaw2lin(ulaw, 2)
        self.saying += audioop.ratecv(pcm, 2, 1, 8000, RATES[self.kind], None)[0]

    def press(self, digits: str) -> None:
        for digit in digits:
            self.send(DTMF, digit.encode())

    def half_close(self) -> None:
        self.stop_talking()
        assert self._writer is not None
        self._writer.write_eof()

    def stop_talking(self) -> None:
        self._tasks[1].cancel()

    @property
    def voice(self) -> list[float]:
        """When frames came that are loud."""
        return [at for at, pcm in self.heard if audioop.rms(pcm, 2) > VOICE_RMS]

    async def until_voice(self, frames: int = 1, within_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(within_s):
            while len(self.voice) < frames:
                await asyncio.sleep(0.01)

    async def _talk(self) -> None:
        if self.line:
            self.send(0x01, uuid.UUID(self.line).bytes)
        size = RATES[self.kind] // 50 * 2
        at = time.monotonic()
        while True:
            frame, self.saying = self.saying[:size], self.saying[size:]
            self.send(self.kind, frame.ljust(size, b"\0"))
            at += 0.02
            await asyncio.sleep(max(at - time.monotonic(), 0))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, length = struct.unpack(">BH", await reader.readexactly(3))
                payload = await reader.readexactly(length)
                self.kinds.append(kind)
                if kind == self.kind:
                    self.heard.append((time.monotonic(), payload))
        self.closed.set()
