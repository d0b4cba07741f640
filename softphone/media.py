"""The RTP side of the softphone: paced G.711 out, everything received kept with its arrival time."""

import asyncio
import audioop
import random
import struct
import time
import wave
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import cast

FRAME_S = 0.02
FRAME_BYTES = 160
SILENCE = b"\xff" * FRAME_BYTES
VOICE_RMS = 250  # of 16-bit samples; comfort noise and codec silence lie below 50
PCMU, PCMA, TELEPHONE_EVENT = 0, 8, 101
DTMF_KEYS = "0123456789*#ABCD"
DTMF_FRAMES = 5  # 100 ms a key
DTMF_END_PACKETS = 3


@dataclass(frozen=True, slots=True)
class Received:
    """One audio packet: arrival on the monotonic clock, RTP numbers, µ-law, and whether a voice is in it."""

    at: float
    ssrc: int
    sequence: int
    timestamp: int
    ulaw: bytes
    voice: bool


class RtpStream(asyncio.DatagramProtocol):
    """One side of a call's RTP. ``payload_type`` is what was negotiated, PCMU or PCMA."""

    def __init__(self) -> None:
        self.payload_type = PCMU
        self.received: list[Received] = []
        self.sent: list[bytes] = []
        self.first_voice_at: float | None = None
        self.last_voice_at: float | None = None
        self.sending_since = 0.0
        self.muted = False
        self._transport: asyncio.DatagramTransport | None = None
        self.remote: tuple[str, int] | None = None  # the other side, once it has answered
        self._speech: deque[bytes] = deque()
        self._keys: deque[str] = deque()
        self._all_said = asyncio.Event()
        self._all_said.set()
        self._sequence = random.getrandbits(15)
        self._timestamp = random.getrandbits(31)
        self._source = random.getrandbits(32)
        self._pacer: asyncio.Task[None] | None = None

    # --- Sending ---------------------------------------------------------------------------------------------

    def start(self, remote: tuple[str, int], payload_type: int) -> None:
        """Send 50 packets a second to ``remote`` from now on, silence when there is nothing to say."""
        self.remote = remote
        self.payload_type = payload_type
        if self._pacer is None:
            self.sending_since = time.monotonic()
            self._pacer = asyncio.create_task(self._pace())

    def say(self, ulaw: bytes) -> None:
        """Queue speech; it is sent in real time after what was queued before."""
        for start in range(0, len(ulaw), FRAME_BYTES):
            self._speech.append(ulaw[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\xff"))
        if self._speech:
            self._all_said.clear()

    def press(self, keys: str) -> None:
        """Queue DTMF keys (RFC 4733); they interrupt what is being said."""
        self._keys.extend(key for key in keys.upper() if key in DTMF_KEYS)

    async def until_said(self, timeout_s: float) -> None:
        """Wait until all speech is sent. Raises TimeoutError."""
        await asyncio.wait_for(self._all_said.wait(), timeout_s)

    async def stop(self) -> None:
        if self._pacer is not None:
            self._pacer.cancel()
            await asyncio.gather(self._pacer, return_exceptions=True)
            self._pacer = None
        if self._transport is not None:
            self._transport.close()

    async def _pace(self) -> None:
        due = time.monotonic()
        while True:
            due += FRAME_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if self._keys:
                await self._send_key(self._keys.popleft())
                due = time.monotonic()  # the key took 100 ms and more: no burst to catch up
                continue
            frame = self._speech.popleft() if self._speech else SILENCE
            if not self._speech:
                self._all_said.set()
            self.sent.append(frame)
            if not self.muted:
                payload = frame if self.payload_type == PCMU else audioop.lin2alaw(audioop.ulaw2lin(frame, 2), 2)
                self.send(self.payload_type, payload, self._timestamp)
            self._timestamp = (self._timestamp + FRAME_BYTES) & 0xFFFFFFFF

    async def _send_key(self, key: str) -> None:
        event, began = DTMF_KEYS.index(key), self._timestamp
        for number in range(1, DTMF_FRAMES + 1):
            self.send(TELEPHONE_EVENT, struct.pack(">BBH", event, 10, number * FRAME_BYTES), began)
            self.sent.append(SILENCE)
            await asyncio.sleep(FRAME_S)
        for _ in range(DTMF_END_PACKETS):
            self.send(TELEPHONE_EVENT, struct.pack(">BBH", event, 0x80 | 10, DTMF_FRAMES * FRAME_BYTES), began)
        self._timestamp = (self._timestamp + (DTMF_FRAMES + 1) * FRAME_BYTES) & 0xFFFFFFFF

    def send(self, payload_type: int, payload: bytes, timestamp: int) -> None:
        """One packet, now, with the next sequence number."""
        if self._transport is None or self.remote is None or self._transport.is_closing():
            return
        self._sequence = (self._sequence + 1) & 0xFFFF
        header = struct.pack(">BBHII", 0x80, payload_type, self._sequence, timestamp, self._source)
        self._transport.sendto(header + payload, self.remote)

    # --- Receiving -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, _: tuple[str, int]) -> None:
        at = time.monotonic()
        if len(data) <= 12 or data[0] >> 6 != 2:
            return
        payload_type, sequence, timestamp, ssrc = struct.unpack_from(">xBHII", data)
        payload_type &= 0x7F
        if payload_type not in (PCMU, PCMA):
            return
        pcm = audioop.ulaw2lin(data[12:], 2) if payload_type == PCMU else audioop.alaw2lin(data[12:], 2)
        voice = audioop.rms(pcm, 2) > VOICE_RMS
        ulaw = data[12:] if payload_type == PCMU else audioop.lin2ulaw(pcm, 2)
        if voice:
            self.last_voice_at = at
            if self.first_voice_at is None:
                self.first_voice_at = at
        self.received.append(Received(at, ssrc, sequence, timestamp, ulaw, voice))

    def error_received(self, _: Exception) -> None:
        """The other end closed its port first: normal at the end of a call."""

    def first_voice_after(self, moment: float) -> float | None:
        """Arrival of the first voice packet after ``moment`` on the monotonic clock."""
        return next((packet.at for packet in self.received if packet.voice and packet.at > moment), None)

    def voice_s(self, since: float) -> float:
        """For how many seconds a voice was heard after ``since``."""
        return FRAME_S * sum(packet.voice and packet.at > since for packet in self.received)

    async def wait_for_voice(self, since: float, timeout_s: float) -> float:
        """Arrival of the first voice packet after ``since``. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while (heard := self.last_voice_at) is None or heard <= since:
                await asyncio.sleep(FRAME_S / 2)
        found = self.first_voice_after(since)
        assert found is not None
        return found

    async def wait_for_speech_end(self, silence_ms: int, timeout_s: float, since: float | None = None) -> float:
        """Wait for a voice after ``since`` (default: now) and then ``silence_ms`` without one.

        Gives the arrival of the last voice packet. Raises TimeoutError.
        """
        began = time.monotonic() if since is None else since
        async with asyncio.timeout(timeout_s):
            while True:
                last = self.last_voice_at
                if last is not None and last > began and time.monotonic() - last >= silence_ms / 1000:
                    return last
                await asyncio.sleep(FRAME_S / 2)

    # --- Both sides ------------------------------------------------------------------------------------------

    def write_wav(self, path: Path) -> None:
        """16-bit stereo: what was said left, what was heard right, both on the time line of the sender."""
        heard = self._aligned()
        said = b"".join(self.sent)
        length = max(len(said), len(heard))
        left = audioop.tostereo(audioop.ulaw2lin(said.ljust(length, b"\xff"), 2), 2, 1, 0)
        right = audioop.tostereo(audioop.ulaw2lin(heard.ljust(length, b"\xff"), 2), 2, 0, 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(audioop.add(left, right, 2))

    def _aligned(self) -> bytes:
        """Received audio by RTP timestamp, beginning where its first packet arrived."""
        if not self.received:
            return b""
        first = self.received[0]
        began = int(max(0.0, first.at - self.sending_since) * 8000)
        line = bytearray(b"\xff" * began)
        for packet in self.received:
            start = began + ((packet.timestamp - first.timestamp) & 0xFFFFFFFF)
            if start > began + 8 * 3_600_000:  # another stream's clock: not on this line
                continue
            if start > len(line):
                line.extend(b"\xff" * (start - len(line)))
            line[start : start + len(packet.ulaw)] = packet.ulaw
        return bytes(line)
