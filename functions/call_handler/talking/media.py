"""The handler's end of the bridge's media WebSocket.

The upgrade is the atomic claim on the call: 403 means that another handler has it, or may have it. What the
caller said before anybody listened arrives in a burst right after ``start`` and is kept, in order, until the
conversation attaches. Payloads are decoded by msgspec in the same pass as the message and encoded once. What a frame
costs is the wakeup: the bridge gathers two while the caller has nothing to interrupt.
"""

import asyncio
from collections import deque
from typing import Literal, Protocol

from functions.call_handler.websocket import RefusedError, TextSocket
from process import logs
from protocols.media import (
    MAX_AUDIO_BYTES,
    MAX_BLANK_MS,
    Dtmf,
    HandlerStream,
    Mark,
    Media,
    MediaError,
    Start,
    StartBody,
    Stop,
    TransferFailed,
    TransferMode,
    decode_from_bridge,
)

log = logs.get(__name__)

EARLY_MAX_FRAMES = 3000  # a minute of 20 ms frames


class SupersededError(Exception):
    """Another handler has the call: the token, or this attempt, is not the current one."""


class MediaDownError(Exception):
    """The bridge's media socket cannot be had; ``reason`` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class MediaListener(Protocol):
    """What a conversation wants to know; called from the event loop, must not block."""

    def caller_audio(self, audio: bytes) -> None: ...

    def played(self, mark: str) -> None: ...

    def pressed(self, digit: str) -> None: ...

    def transfer_failed(self) -> None:
        """Nobody took the caller, who has been told."""

    def stopped(self, reason: str) -> None:
        """The bridge says that the call is over for us."""

    def media_lost(self, reason: str) -> None:
        """The socket closed without a ``stop``."""


class MediaSocket:
    """One stream. Sending never blocks and is silently dropped once the socket is gone."""

    def __init__(self) -> None:
        self._socket: TextSocket | None = None
        self._stream = HandlerStream("")
        self._start: asyncio.Future[StartBody] = asyncio.get_running_loop().create_future()
        self._listener: MediaListener | None = None
        self._early: deque[bytes] = deque(maxlen=EARLY_MAX_FRAMES)
        self._end: tuple[bool, str] | None = None

    async def dial(self, url: str, token: str, timeout_s: float) -> StartBody:
        """Connect and wait for ``start``, each at most ``timeout_s``. Raises SupersededError or MediaDownError."""
        headers = {"Authorization": f"Bearer {token}"}
        try:
            self._socket = await TextSocket.dial(url, headers, self._on_text, self._on_closed, timeout_s)
        except RefusedError as refused:
            if refused.status == 403:
                raise SupersededError from None
            raise MediaDownError(f"the bridge answered the media upgrade with {refused.status}") from None
        except TimeoutError:
            raise MediaDownError(f"no media socket within {timeout_s:g} s") from None
        except OSError as error:
            raise MediaDownError(
                f"cannot connect to the media socket ({error.strerror or type(error).__name__})"
            ) from None
        try:
            return await asyncio.wait_for(self._start, timeout_s)
        except TimeoutError:
            raise MediaDownError(f"the bridge sent no start within {timeout_s:g} s") from None

    def attach(self, listener: MediaListener) -> None:
        """From now on ``listener`` hears the caller; first everything that came before."""
        self._listener = listener
        while self._early:
            listener.caller_audio(self._early.popleft())
        if self._end is not None:
            self._tell_end(listener, *self._end)

    def play(self, audio: bytes) -> None:
        """Queue µ-law at the bridge, behind what is queued already."""
        for offset in range(0, len(audio), MAX_AUDIO_BYTES):
            self._send(self._stream.media(audio[offset : offset + MAX_AUDIO_BYTES]))

    def mark(self, name: str) -> None:
        self._send(self._stream.mark(name))

    def clear(self) -> None:
        self._send(self._stream.clear())

    def transfer(self, target: str, reason: str, mode: TransferMode) -> None:
        self._send(self._stream.transfer(target, reason, mode))

    def whisper(self, audio: bytes) -> None:
        """For whoever takes the next attended transfer."""
        self._send(self._stream.whisper(audio))

    def prompt(self, name: Literal["one_moment"]) -> None:
        """The bridge says one of its own sentences."""
        self._send(self._stream.prompt(name))

    def blank(self, seconds: float) -> None:
        """Of what the caller said last, nothing is to be heard in a recording."""
        self._send(self._stream.blank(min(MAX_BLANK_MS, round(max(0.0, seconds) * 1000))))

    def hangup(self, reason: str) -> None:
        self._send(self._stream.hangup(reason))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: bytes) -> None:
        if self._socket is not None:
            self._socket.send(message)

    def _on_text(self, message: bytes) -> None:
        try:
            received = decode_from_bridge(message)
        except MediaError as error:
            log.warning("media message not understood", why=error.reason, bytes=len(message))
            return
        listener = self._listener
        if isinstance(received, Media):
            if listener is not None:
                listener.caller_audio(received.media.payload)
            else:
                self._early.append(received.media.payload)
        elif isinstance(received, Start):
            self._stream = HandlerStream(received.start.stream_sid)
            if not self._start.done():
                self._start.set_result(received.start)
        elif isinstance(received, Stop):
            self._ends(True, received.stop.reason)
        elif listener is not None and isinstance(received, Mark):
            listener.played(received.mark.name)
        elif listener is not None and isinstance(received, Dtmf):
            listener.pressed(received.dtmf.digit)
        elif listener is not None and isinstance(received, TransferFailed):
            listener.transfer_failed()

    def _on_closed(self, code: int, reason: str) -> None:
        self._socket = None
        self._ends(False, f"{code} {reason}".rstrip())

    def _ends(self, said_so: bool, reason: str) -> None:
        if self._end is not None:
            return
        self._end = (said_so, reason)
        if not self._start.done():
            self._start.set_exception(MediaDownError(f"the bridge ended the media stream: {reason}"))
        if self._listener is not None:
            self._tell_end(self._listener, said_so, reason)

    def _tell_end(self, listener: MediaListener, said_so: bool, reason: str) -> None:
        if said_so:
            listener.stopped(reason)
        else:
            listener.media_lost(reason)
