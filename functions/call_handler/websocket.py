"""A client of one WebSocket that carries JSON text, over picows: callbacks in, never a wait on the way out.

Messages reach ``on_text`` in the event loop's own callback: no queue and no task lies between the socket
and the audio. A peer that stops reading is closed when UNSENT_MAX_BYTES wait for it.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from functools import cache
from typing import cast

from picows import WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect

MESSAGE_MAX_BYTES = 16 << 20  # the engine's own limit is 15 MiB
UNSENT_MAX_BYTES = 2 << 20
ABNORMAL_CODE = 1006  # closed without a close frame
PING_AFTER_IDLE_S = 10.0
CLOSE_WITHIN_S = 2.0
PONG_WITHIN_S = 10.0

OnText = Callable[[bytes], None]
OnClosed = Callable[[int, str], None]


class RefusedError(Exception):
    """The server answered the upgrade with ``status`` (0: with something that is not HTTP)."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason


def websocket_url(base_url: str, path: str) -> str:
    """``https://host/v1`` → ``wss://host/v1/path``; http becomes ws."""
    scheme, _, rest = base_url.rstrip("/").partition("://")
    return f"{'wss' if scheme in ('https', 'wss') else 'ws'}://{rest}/{path}"


@cache
def tls_context() -> ssl.SSLContext:
    """The system's certificates; reading them takes 25 ms, so a process does it once and ahead of its call."""
    return ssl.create_default_context()


class TextSocket(WSListener):
    """``on_closed(code, reason)`` is called once, not after ``close()``; code 1006 when there was no close frame."""

    def __init__(self, on_text: OnText, on_closed: OnClosed) -> None:
        super().__init__()
        self._on_text = on_text
        self._on_closed: OnClosed | None = on_closed
        self._parts: list[bytes] = []
        self._parts_size = 0
        self._transport: WSTransport | None = None

    @classmethod
    async def dial(
        cls, url: str, headers: Mapping[str, str], on_text: OnText, on_closed: OnClosed, timeout_s: float
    ) -> "TextSocket":
        """Connect. Raises RefusedError, or OSError (TimeoutError included) when nobody answers in time."""
        socket = cls(on_text, on_closed)
        try:
            async with asyncio.timeout(timeout_s):
                await ws_connect(
                    lambda: socket,
                    url,
                    ssl_context=tls_context() if url.startswith("wss:") else None,
                    websocket_handshake_timeout=timeout_s,
                    enable_auto_ping=True,
                    auto_ping_idle_timeout=PING_AFTER_IDLE_S,
                    auto_ping_reply_timeout=PONG_WITHIN_S,
                    max_frame_size=MESSAGE_MAX_BYTES,
                    extra_headers=dict(headers),
                    max_redirects=0,
                )
        except WSHandshakeError as error:
            answer = error.response
            status = int(answer.status) if answer is not None else 0
            raise RefusedError(status, str(error.args[0]) if error.args else "no upgrade") from None
        return socket

    def send(self, message: bytes) -> bool:
        """Send a text message; False when the socket is gone or was closed because its peer does not read."""
        transport = self._transport
        if transport is None:
            return False
        transport.send(WSMsgType.TEXT, message)
        if transport.underlying_transport.get_write_buffer_size() > UNSENT_MAX_BYTES:
            transport.disconnect(graceful=False)
            return False
        return True

    def close(self) -> None:
        """Say goodbye and close; ``on_closed`` is not called any more."""
        self._on_closed = None
        transport = self._transport
        if transport is not None:
            transport.send_close()
            transport.disconnect()
            # a peer that does not read would keep a graceful close waiting for ever
            asyncio.get_running_loop().call_later(CLOSE_WITHIN_S, transport.disconnect, False)

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            if frame.fin and not self._parts:
                self._on_text(frame.get_payload_as_bytes())
            else:
                self._gather(transport, frame)

    def _gather(self, transport: WSTransport, frame: WSFrame) -> None:
        self._parts.append(frame.get_payload_as_bytes())
        self._parts_size += len(self._parts[-1])
        if self._parts_size > MESSAGE_MAX_BYTES:
            transport.disconnect(graceful=False)
        elif frame.fin:
            message = b"".join(self._parts)
            self._parts.clear()
            self._parts_size = 0
            self._on_text(message)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None
        on_closed, self._on_closed = self._on_closed, None
        if on_closed is not None:
            handshake = transport.close_handshake
            farewell = handshake.recv if handshake is not None else None
            if farewell is None:
                on_closed(ABNORMAL_CODE, "no close frame")
            else:
                on_closed(int(cast(int, farewell.code)), farewell.reason or "")
