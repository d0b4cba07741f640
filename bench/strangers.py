"""INVITEs of strangers, as the internet sends them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Sequence

TICK_S = 0.004


def invite(source: str, number: int) -> bytes:
    """Sixteen media lines, as pjsip likes least."""
    body = "v=0\r\no=- 1 1 IN IP4 0\r\ns=-\r\nt=0 0\r\n" + "m=audio 4000 RTP/AVP 0\r\n" * 16
    lines = [
        "INVITE sip:+33100000000@node SIP/2.0",
        f"Via: SIP/2.0/UDP {source}:5060;branch=z9hG4bK{number};rport",
        "Max-Forwards: 70",
        f"From: <sip:x@{source}>;tag={number}",
        "To: <sip:+33100000000@node>",
        f"Call-ID: {number}",
        "CSeq: 1 INVITE",
        f"Contact: <sip:x@{source}>",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode()


@contextlib.asynccontextmanager
async def flood(target: tuple[str, int], sources: Sequence[str], rate: int) -> AsyncIterator[None]:
    """``rate`` INVITEs a second meanwhile, from ``sources`` in turn."""
    with contextlib.ExitStack() as stack:
        strangers: list[tuple[str, socket.socket]] = []
        for source in sources:
            stranger = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            stranger.bind((source, 0))
            strangers.append((source, stranger))

        async def send() -> None:
            began, sent = time.monotonic(), 0
            while True:
                while sent < (time.monotonic() - began) * rate:
                    source, stranger = strangers[sent % len(strangers)]
                    with contextlib.suppress(OSError):  # nobody listens, for a moment
                        stranger.sendto(invite(source, sent), target)
                    sent += 1
                await asyncio.sleep(TICK_S)

        task = asyncio.create_task(send())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
