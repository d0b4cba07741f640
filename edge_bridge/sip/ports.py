"""Audio ports: made once, lent to calls, never freed.

A port per call ends in a segmentation fault after 149 to 279 short calls; with a pool, thousands of calls pass.
The callbacks run on pjmedia's clock thread, all ports one after another, every 20 ms.
"""

from typing import Any

import pjsua2 as pj  # type: ignore[import-untyped]

from edge_bridge.sip import pcm
from edge_bridge.sip.signals import FrameSide
from process import logs

log = logs.get(__name__)

SPARE_PORTS = 2


class Port(pj.AudioMediaPort):  # type: ignore[misc]
    """One pooled port. ``side`` is None while nobody has it; then it passes silence on."""

    def __init__(self, name: str, read: pcm.Read, write: pcm.Write) -> None:
        super().__init__()
        self.side: FrameSide | None = None
        self._read = read
        self._write = write
        self._out = pcm.silence()
        self._silence = pcm.silence()
        self._failed = False
        audio_format = pj.MediaFormatAudio()
        audio_format.init(pj.PJMEDIA_FORMAT_PCM, 8000, 1, 20_000, 16)
        self.createPort(name, audio_format)

    def onFrameReceived(self, frame: Any) -> None:
        side = self.side
        if side is None:
            return
        try:
            side.heard(self._read(frame.buf) if frame.size >= pcm.FRAME_BYTES else b"")
        except Exception:
            self._log_once()

    def onFrameRequested(self, frame: Any) -> None:
        frame.type = pj.PJMEDIA_FRAME_TYPE_AUDIO
        frame.size = pcm.FRAME_BYTES
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
    """As many ports as calls, and a few spare while pjmedia lets one go."""

    def __init__(self, calls: int) -> None:
        read, write = pcm.access()
        self._free = [Port(f"call-{number}", read, write) for number in range(calls + SPARE_PORTS)]

    def lend(self, side: FrameSide) -> Port:
        """Raises IndexError when all are lent."""
        port = self._free.pop()
        port.side = side
        return port

    def take_back(self, port: Port) -> None:
        port.side = None
        self._free.insert(0, port)  # the one longest at rest is lent next
