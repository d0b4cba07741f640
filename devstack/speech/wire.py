"""One session's way to its client: server events in the order in which they are sent."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from devstack.speech.protocol.items import new_id


class Wire:
    """``bytes`` anywhere in an event become base64, as the protocol wants its audio."""

    def __init__(self, send_text: Callable[[str], Awaitable[None]]) -> None:
        self._send_text = send_text

    async def send(self, event_type: str, **fields: Any) -> None:
        event = {"type": event_type, "event_id": new_id("event"), **fields}
        with contextlib.suppress(OSError):  # the client is gone; its reader will notice
            await self._send_text(msgspec.json.encode(event).decode())
