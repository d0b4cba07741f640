"""One handler's media stream of one call: pumps the caller's audio out, plays what comes in."""

import asyncio
import secrets
import time
from typing import Literal, Protocol

from picows import WSCloseCode, WSMsgType, WSTransport

from edge_bridge.media.audio import FRAME_MS, CallAudio
from protocols import media

BACKLOG_FRAMES = 25  # early audio goes out in half-second messages
STALL_S = 5.0
LISTENING_MS = 40
"""Of audio in a message while nothing is said to the caller: half as many wake a handler, whose share of a call's cost
is the largest. Who interrupts is heard at once, 20 ms by 20 ms."""


class StreamOwner(Protocol):
    """The call, as its stream sees it."""

    def stream_joined(self) -> None: ...

    def transfer_wanted(self, wish: media.TransferBody) -> None: ...

    def whispered(self, ulaw: bytes) -> None: ...

    def hold_wanted(self, on: bool) -> None: ...

    def prompt_wanted(self, name: str) -> None: ...

    def hangup_wanted(self, reason: str) -> None: ...


class MediaStream:
    """A ``server.MediaClient``. ``lost`` is set when the socket closes, with ``why_lost``."""

    __slots__ = (
        "_audio",
        "_dropped_before",
        "_encode",
        "_owner",
        "_paused_at",
        "_sent_ms",
        "_stopped",
        "_transport",
        "is_joined",
        "lost",
        "parameters",
        "why_lost",
    )

    def __init__(self, call_id: str, audio: CallAudio, owner: StreamOwner) -> None:
        self.lost = asyncio.Event()
        self.why_lost = ""
        self.is_joined = False
        self.parameters = media.CustomParameters()
        self._audio = audio
        self._owner = owner
        self._encode = media.BridgeStream(f"MZ{secrets.token_hex(16)}", call_id)
        self._transport: WSTransport | None = None
        self._paused_at: float | None = None
        self._sent_ms = 0
        self._dropped_before = 0
        self._stopped = False

    # --- MediaClient -----------------------------------------------------------------------------------------

    def joined(self, transport: WSTransport) -> None:
        self._transport = transport
        self.is_joined = True
        self._dropped_before = self._audio.frames_dropped
        self._owner.stream_joined()  # fills in the parameters
        self._send(self._encode.connected())
        self._send(self._encode.start(self.parameters))
        self._audio.listener = self.pump
        self.pump()

    def said(self, message: media.FromHandler) -> None:
        if self._stopped:  # the caller talks to somebody else by now
            return
        match message:
            case media.Media() if message.media.track == media.WHISPER:
                self._owner.whispered(message.media.payload)
            case media.Media():
                self._audio.play(message.media.payload)
            case media.Mark():
                name = message.mark.name
                self._audio.when_played(lambda: self._send(self._encode.mark(name)))
            case media.Clear():
                self._audio.clear()
            case media.TransferRequest():
                self._owner.transfer_wanted(message.transfer)
            case media.Hold():
                self._owner.hold_wanted(message.hold.on)
            case media.Prompt():
                self._owner.prompt_wanted(message.prompt.name)
            case media.Blank():
                self._audio.blank(message.blank.ms)
            case media.Hangup():
                self._owner.hangup_wanted(message.hangup.reason)

    def paused(self, on: bool) -> None:
        self._paused_at = time.monotonic() if on else None
        if not on:
            self.pump()

    def left(self, why: str) -> None:
        if self._transport is not None:
            self._transport = None
            self._listen_no_more()
            self.why_lost = why
            self.lost.set()

    # --- The call --------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Send what the caller said since the last time; called for every frame of it."""
        transport, audio = self._transport, self._audio
        if transport is None or self._stopped:
            return
        if self._paused_at is not None:
            if time.monotonic() - self._paused_at > STALL_S:
                self.close("the handler stopped reading")
            return
        if audio.ms_waiting < LISTENING_MS and not audio.ms_to_play:
            return
        if audio.frames_dropped != self._dropped_before:
            self._sent_ms += (audio.frames_dropped - self._dropped_before) * FRAME_MS
            self._dropped_before = audio.frames_dropped
        while ulaw := audio.take(BACKLOG_FRAMES):
            transport.send(WSMsgType.TEXT, self._encode.media(self._sent_ms, ulaw))
            self._sent_ms += len(ulaw) // media.BYTES_PER_MS

    def pressed(self, digit: str) -> None:
        self._send(self._encode.dtmf(digit))

    def transfer_failed(self, reason: Literal["not_allowed", "no_answer"]) -> None:
        self._send(self._encode.transfer_failed(reason))

    def stop(self, reason: str) -> None:
        """Tell the handler that the call is over for it; it may still write its final line on the lane."""
        if not self._stopped:
            self._stopped = True
            self._listen_no_more()
            self._send(self._encode.stop(reason))

    def close(self, why: str) -> None:
        """Close the socket; ``lost`` is set at once."""
        transport = self._transport
        if transport is not None:
            stalled = self._paused_at is not None
            self.left(why)
            transport.send_close(WSCloseCode.GOING_AWAY, why)
            transport.disconnect(graceful=not stalled)  # gracefully, the close of a stalled one would never end

    def _listen_no_more(self) -> None:
        if self._audio.listener == self.pump:  # a second leg may listen by now
            self._audio.listener = None

    def _send(self, message: bytes) -> None:
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, message)
