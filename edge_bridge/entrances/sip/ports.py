"""Audio ports: made once, lent to calls, never freed.

A port per call ends in a segmentation fault after 149 to 279 short calls; with a pool, thousands of calls pass.
The callbacks run on pjmedia's clock thread, all ports one after another, every 20 ms.

PCM moves in and out of pjsua2's ``ByteVector`` without SWIG's copy of element by element: ``bytes(frame.buf)`` costs
111 µs a frame, reading the vector's memory through ctypes 0.5 µs. That relies on the memory layout of ``std::vector``
(its first word points to the data), so it is tested at start, and SWIG's slow way is used when the test fails.
"""

import audioop
import ctypes
from collections.abc import Callable
from typing import Any

import pjsua2 as pj  # type: ignore[import-untyped]

from edge_bridge.entrances.sip.signals import FrameSide
from process import logs

log = logs.get(__name__)

PCM_FRAME_BYTES = 320  # 20 ms of 16-bit PCM at 8 kHz
SPARE_PORTS = 2  # while pjmedia still lets one go

Read = Callable[[Any], bytes]
Write = Callable[[Any, bytes], None]

_pointer = ctypes.c_void_p


class Port(pj.AudioMediaPort):  # type: ignore[misc]
    """One pooled port. ``side`` is None while nobody has it; then it passes silence on."""

    def __init__(self, name: str, read: Read, write: Write) -> None:
        super().__init__()
        self.side: FrameSide | None = None
        self._read = read
        self._write = write
        # Kept for as long as the port: pjmedia reads a frame's vector after the callback has returned.
        self._out = pj.ByteVector(bytes(PCM_FRAME_BYTES))
        self._silence = pj.ByteVector(bytes(PCM_FRAME_BYTES))
        self._failed = False
        audio_format = pj.MediaFormatAudio()
        audio_format.init(pj.PJMEDIA_FORMAT_PCM, 8000, 1, 20_000, 16)
        self.createPort(name, audio_format)

    def onFrameReceived(self, frame: Any) -> None:
        side = self.side
        if side is None:
            return
        try:
            side.heard(self._read(frame.buf) if frame.size >= PCM_FRAME_BYTES else b"")
        except Exception:
            self._log_once()

    def onFrameRequested(self, frame: Any) -> None:
        frame.type = pj.PJMEDIA_FRAME_TYPE_AUDIO
        frame.size = PCM_FRAME_BYTES
        side = self.side
        try:
            audio = side.next_pcm() if side is not None else None
            if audio is not None:
                self._write(self._out, audio)
                frame.buf = self._out
                return
        except Exception:
            self._log_once()
        frame.buf = self._silence  # silence keeps 50 packets a second going

    def _log_once(self) -> None:
        """A callback must not raise into C++, and 50 log lines a second help nobody."""
        if not self._failed:
            self._failed = True
            log.exception("a frame was lost; further ones of this port are not logged")


class PortPool:
    """As many ports as calls, and SPARE_PORTS."""

    def __init__(self, calls: int) -> None:
        read, write = frame_access()
        self._free = [Port(f"call-{number}", read, write) for number in range(calls + SPARE_PORTS)]

    def lend(self, side: FrameSide) -> Port:
        """Raises IndexError when all are lent."""
        port = self._free.pop()
        port.side = side
        return port

    def take_back(self, port: Port) -> None:
        port.side = None
        self._free.insert(0, port)  # the one longest at rest is lent next


def frame_access() -> tuple[Read, Write]:
    """How to read and to write one frame of a ``ByteVector``: the fast way where it proves right."""

    def read(vector: Any) -> bytes:
        return ctypes.string_at(_pointer.from_address(int(vector.this)).value or 0, PCM_FRAME_BYTES)

    def write(vector: Any, pcm: bytes) -> None:
        ctypes.memmove(_pointer.from_address(int(vector.this)).value or 0, pcm, PCM_FRAME_BYTES)

    def read_slowly(vector: Any) -> bytes:
        return bytes(vector)[:PCM_FRAME_BYTES]

    def write_slowly(vector: Any, pcm: bytes) -> None:
        for index, value in enumerate(pcm):
            vector[index] = value

    pattern = audioop.ulaw2lin(bytes(range(PCM_FRAME_BYTES // 2)), 2)
    vector = pj.ByteVector(bytes(PCM_FRAME_BYTES))
    write_slowly(vector, pattern)
    if read(vector) == pattern:
        write(vector, pattern[::-1])
        if read_slowly(vector) == pattern[::-1]:
            return read, write
    log.warning("this pjsua2 build lays out its frames in another way; copying them slowly")
    return read_slowly, write_slowly
