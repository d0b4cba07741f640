"""Listens for Asterisk's AudioSocket connections and runs one call on each.

Asterisk says nothing of the caller's number here, so it counts as withheld. It can't be asked to transfer either.
"""

import asyncio
import contextlib
import socket
import ssl
import time
from typing import cast

from edge_bridge.entrances.audiosocket import framing
from edge_bridge.entrances.audiosocket.framing import Frame, FrameError, FrameReader
from edge_bridge.entrances.audiosocket.resampling import Downsampler, Upsampler
from edge_bridge.entrances.frames import FrameClock
from edge_bridge.entrances.sessions import Sessions
from edge_bridge.entrances.sip.signals import Refusal
from edge_bridge.media.audio import SILENCE
from edge_bridge.settings import Network, is_within
from process import logs

log = logs.get(__name__)

UUID_WITHIN_S = 3.0  # Asterisk sends it with the connection
HANDSHAKE_WITHIN_S = 5.0
SILENT_AT_MOST_S = 60.0  # no frame at all: a muted caller sends some, a forgotten connection none
VANISHED_AFTER_S = 10  # what we send is not acknowledged
STALLED_AT_MOST_S = 5.0  # the peer takes no more of our audio
CLOSED_WITHIN_S = 2.0  # after our hang-up
REFUSALS_LOGGED_EVERY_S = 10.0
WAITING_AT_MOST = 64  # connections that have not said their UUID
WRITE_BUFFER_BYTES = 32 * 1024  # 2 s at 8 kHz; what comes while it is full is dropped, so it is never late by more


class AudioSocketServer:
    """``peers`` are the networks that may connect; others are hung up on before they have said a word."""

    def __init__(self, sessions: Sessions, peers: tuple[Network, ...], tls: ssl.SSLContext | None = None) -> None:
        self.sessions = sessions
        self._refused = 0  # since the last line about it
        self._refusal_logged_at = float("-inf")
        self.waiting = 0
        self._peers = peers
        self._tls = tls
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Raises OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: AudioSocketCall(self),
            host,
            port,
            ssl=self._tls,
            ssl_handshake_timeout=HANDSHAKE_WITHIN_S if self._tls else None,
        )

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    def admits(self, host: str) -> bool:
        return is_within(host, self._peers) and self.waiting < WAITING_AT_MOST

    def refused(self, host: str) -> None:
        """Logged now and then: a stranger connects as often as it likes."""
        self._refused += 1
        now = time.monotonic()
        if now < self._refusal_logged_at + REFUSALS_LOGGED_EVERY_S:
            return
        why = "AudioSocket connections refused: not in AUDIOSOCKET_PEERS, or too many wait"
        log.warning(why, host_pii=host, refused=self._refused)
        self._refused, self._refusal_logged_at = 0, now


class AudioSocketCall(asyncio.Protocol):
    """One connection, and the ``Phone`` of its call."""

    def __init__(self, server: AudioSocketServer) -> None:
        self._server = server
        self._sessions = server.sessions
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader = FrameReader()
        self._kind = framing.SLIN  # the peer's audio; ours goes back in the same
        self._down = Downsampler(framing.RATES[self._kind])
        self._up = Upsampler(framing.RATES[self._kind])
        self._clock: FrameClock | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waits_for_uuid = False
        self._leaving = False
        self._heard_at = 0.0
        self._paused_at: float | None = None

    # --- The connection --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)  # uvloop's have no base class in common
        host = str((transport.get_extra_info("peername") or ("",))[0])
        if not self._server.admits(host):
            self._server.refused(host)
            self._leaving = True
            transport.abort()
            return
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        bare = transport.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):
            # 50 frames a second go out: a peer whose host is gone acknowledges none of them.
            bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_AFTER_S * 1000)
            # The kernel's own would hold minutes of audio for a peer that does not read.
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, WRITE_BUFFER_BYTES)
        self._server.waiting += 1
        self._waits_for_uuid = True
        self._timer = self._loop.call_later(UUID_WITHIN_S, self._refuse, "no UUID in time")

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        for frame in self._reader.feed(data):
            try:
                self._take(frame)
            except FrameError as error:
                self._refuse(str(error))

    def eof_received(self) -> bool:
        # Half-closed is closed: Asterisk has nothing more to say when the caller has hung up.
        self._over()
        return False

    def connection_lost(self, _: Exception | None) -> None:
        self._over()
        if self._timer is not None:
            self._timer.cancel()

    def pause_writing(self) -> None:
        self._paused_at = self._loop.time()

    def resume_writing(self) -> None:
        self._paused_at = None

    # --- The call --------------------------------------------------------------------------------------------

    def _take(self, frame: Frame) -> None:
        if self._leaving:
            return
        if self._clock is None:
            self._ring(framing.read_uuid(frame))
        elif frame.kind in framing.RATES:
            if frame.kind != self._kind:
                self._kind = frame.kind
                rate = framing.RATES[frame.kind]
                self._down, self._up = Downsampler(rate), Upsampler(rate)
            self._clock.heard(self._down.ulaw(frame.payload))
        elif frame.kind == framing.DTMF:
            self._sessions.pressed(self, framing.read_key(frame))
        elif frame.kind in (framing.HANG_UP, framing.ERROR):
            self._over()
        # Asterisk may learn other kinds; they cost nobody the call.

    def _ring(self, uuid: str) -> None:
        line_id = self._sessions.line_of_uuid(uuid)
        side = Refusal(404) if line_id is None else self._sessions.arrived(self, line_id, "")
        if isinstance(side, Refusal):
            self._refuse("no such line" if line_id is None else "no call is taken now")
            return
        self._identified()
        self._clock = FrameClock(side, self._play)
        self._clock.start()
        self._sessions.answered(self)

    def _play(self, ulaw: bytes | None) -> None:
        transport = self._transport
        assert transport is not None
        now = self._loop.time()
        if self._paused_at is not None:
            if now - self._paused_at > STALLED_AT_MOST_S:
                log.warning("an AudioSocket peer does not read; hanging up")
                transport.abort()
        elif now - self._heard_at > SILENT_AT_MOST_S:
            log.warning("no frame from an AudioSocket peer for too long; hanging up")
            self.hang_up()
        else:
            transport.write(Frame(self._kind, self._up.pcm(ulaw or SILENCE)).encode())

    def _refuse(self, why: str) -> None:
        log.warning("AudioSocket call refused", why=why)
        self._leave(framing.ERROR)

    def _over(self) -> None:
        """The caller's side is over."""
        self._identified()
        if not self._leaving:
            self._leave(framing.HANG_UP)
        clock, self._clock = self._clock, None
        if clock is not None:
            clock.stop()
            if clock.frames_refused:
                log.warning("an AudioSocket peer sent faster than real time", refused=clock.frames_refused)
            self._sessions.ended(self)

    def _leave(self, kind: int) -> None:
        """The last frame, and the end of the connection within CLOSED_WITHIN_S whatever the peer does."""
        self._leaving = True
        self._identified()
        if self._clock is not None:
            self._clock.stop()  # a frame after the last one would be a write after the end
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(Frame(kind).encode())
        # The peer's close ends it, so that what it has sent meanwhile does not turn our close into a reset.
        if transport.can_write_eof():
            transport.write_eof()
        else:
            transport.close()
        self._timer = self._loop.call_later(CLOSED_WITHIN_S, transport.abort)

    def _identified(self) -> None:
        """The connection waits no more for its UUID."""
        if self._waits_for_uuid:
            self._waits_for_uuid = False
            self._server.waiting -= 1
            assert self._timer is not None
            self._timer.cancel()

    # --- Phone -----------------------------------------------------------------------------------------------

    def hang_up(self) -> None:
        if not self._leaving:
            self._leave(framing.HANG_UP)

    def transfer_address(self, target: str) -> str | None:
        return None

    def refer(self, address: str) -> None:
        raise NotImplementedError("AudioSocket has no transfer")

    def cleared(self) -> None:
        """Nothing is buffered beyond the 20 ms that play."""


def tls_context(certificate: str, key: str) -> ssl.SSLContext:
    """For the files of a certificate and its key. Raises OSError (ssl.SSLError is one) when they cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
