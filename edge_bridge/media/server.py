"""The media socket's doors: one client per call and attempt, let in by its token before the upgrade.

``GET /media/{call}/{attempt}`` with ``Authorization: Bearer {token}``. A wrong token, an attempt that is not the
current one and a second client all get 403 and no reason: who is right knows already. Admission and claim happen
in one step of the event loop, so two handlers can never both get in.
"""

import asyncio
import hashlib
import hmac
import secrets
from typing import Protocol

from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from process import logs
from protocols import media

log = logs.get(__name__)

FORBIDDEN = 403
# A handler that is frozen says nothing, and its pongs are the first thing that it does not say: the caller hears "one
# moment" within 3.5 s of the freeze. Every WebSocket library answers a ping by itself, so any handler can.
PING_AFTER_S = 1.6  # picows takes no longer wait for the pong than for the silence before the ping
CLOSED_PROPERLY = "closed by the handler"
MAX_FRAME_BYTES = media.MAX_MESSAGE_BYTES
WRITE_BUFFER_BYTES = 64 * 1024  # about 4 s of audio, then the caller's frames wait (and the oldest are dropped)


class MediaClient(Protocol):
    """The side of a call that a handler's socket is joined to. Called on the loop; must not block."""

    def joined(self, transport: WSTransport) -> None: ...

    def said(self, message: media.FromHandler) -> None: ...

    def paused(self, on: bool) -> None:
        """The handler does not read fast enough: send nothing while ``on``."""

    def left(self, why: str) -> None:
        """The socket is closed, by either side."""


class Door:
    """One attempt's right to the socket. The token itself is not kept."""

    __slots__ = ("attempt", "claimed", "client", "token_hash")

    def __init__(self, attempt: int, token_hash: bytes, client: MediaClient) -> None:
        self.attempt = attempt
        self.token_hash = token_hash
        self.client = client
        self.claimed = False


class MediaServer:
    """Listens on one port; ``doors`` holds the current attempt of each call."""

    def __init__(self, public_host: str) -> None:
        self._public_host = public_host
        self._doors: dict[str, Door] = {}
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Raises OSError when the port is taken."""
        self._server = await ws_create_server(
            self._admit,
            host,
            port,
            enable_auto_ping=True,
            auto_ping_idle_timeout=PING_AFTER_S,
            auto_ping_reply_timeout=PING_AFTER_S,
            max_frame_size=MAX_FRAME_BYTES,
            websocket_handshake_timeout=5,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    def open_door(self, call_id: str, attempt: int, client: MediaClient) -> tuple[str, str]:
        """``(url, token)`` for the handler of this attempt. An earlier attempt's door is closed."""
        token = secrets.token_urlsafe(32)
        self._doors[call_id] = Door(attempt, _hash(token), client)
        return f"ws://{self._public_host}:{self.port}/media/{call_id}/{attempt}", token

    def close_door(self, call_id: str, attempt: int) -> None:
        door = self._doors.get(call_id)
        if door is not None and door.attempt == attempt:
            del self._doors[call_id]

    def _admit(self, request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener:
        parts = request.path.decode("ascii", "replace").partition("?")[0].split("/")
        if len(parts) == 4 and parts[1] == "media":
            door = self._doors.get(parts[2])
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if (
                door is not None
                and parts[3] == str(door.attempt)
                and not door.claimed
                and hmac.compare_digest(_hash(token), door.token_hash)
            ):
                return _MediaListener(door)
        refusal = WSUpgradeResponse.create_error_response(FORBIDDEN, b"not a media stream that is waited for\n")
        return WSUpgradeResponseWithListener(refusal, None)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


class _MediaListener(WSListener):
    """One handler's socket. picows calls ``on_ws_connected`` in the same step as the admission: that is the claim."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._client = door.client
        self._why = "gone without a close frame"

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._door.claimed = True
        transport.underlying_transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self._client.joined(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if transport.is_close_frame_sent:
            return
        kind = frame.msg_type
        if kind == WSMsgType.TEXT and frame.fin:
            try:
                self._client.said(media.decode_from_handler(frame.get_payload_as_bytes()))
            except media.MediaError as error:
                self._close(transport, WSCloseCode.POLICY_VIOLATION, error.reason)
        elif kind == WSMsgType.CLOSE:
            self._why = CLOSED_PROPERLY
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        elif kind != WSMsgType.PONG:
            self._close(transport, WSCloseCode.UNSUPPORTED_DATA, "only whole text messages are taken")

    def _close(self, transport: WSTransport, code: WSCloseCode, reason: str) -> None:
        self._why = f"malformed: {reason}"
        log.warning("media message refused; the socket is closed and the call kept", reason=reason)
        transport.send_close(code, reason.encode()[:120])
        transport.disconnect()

    def on_ws_disconnected(self, _: WSTransport) -> None:
        self._client.left(self._why)

    def pause_writing(self) -> None:
        self._client.paused(True)

    def resume_writing(self) -> None:
        self._client.paused(False)
