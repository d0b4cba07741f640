"""Single SIP requests to a trunk over UDP, from a socket of their own, each answered or given up within its time.

REGISTER is to be sent without a Contact: then it asks which bindings there are (RFC 3261, 10.2.3), is authenticated
like any other, and changes nothing. A call cannot be drawn here by it.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass

from edge_bridge.entrances.sip.gate.message import BadMessage, Message, Via, parse

T1_S = 0.5  # RFC 3261: doubled with each repeat
MAX_DATAGRAM = 65_535

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Heard:
    """``answer`` is None when none came; ``refused`` when a host said that nothing listens there (ICMP)."""

    answer: Message | None
    took_ms: float = 0.0
    refused: bool = False

    @property
    def status(self) -> int:
        return 408 if self.answer is None else self.answer.status


class TrunkSocket:
    """``uri`` is whom requests are for, ``user@host``; ``target`` where they are sent. One dialogless Call-ID."""

    def __init__(self, target: Address) -> None:
        family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect(target)  # so that an ICMP error is heard
        self._call_id = secrets.token_hex(16)
        self._tag = secrets.token_hex(8)
        self._sequence = 0

    @property
    def own(self) -> Address:
        host, port = self._socket.getsockname()[:2]
        return host, port

    def close(self) -> None:
        self._socket.close()

    async def ask(
        self, method: str, uri: str, identity: str, within_s: float, headers: Iterable[tuple[str, str]] = ()
    ) -> Heard:
        """One request with the From and To of ``identity``, a SIP URI, and its final response."""
        self._sequence += 1
        host, port = self.own
        written = f"[{host}]" if ":" in host else host
        via = Via("UDP", written, port, {"rport": None, "branch": f"z9hG4bK{secrets.token_hex(12)}"})
        fixed = [("max-forwards", "70"), ("from", f"<{identity}>;tag={self._tag}"), ("to", f"<{identity}>")]
        fixed += [("call-id", self._call_id), ("cseq", f"{self._sequence} {method}"), ("user-agent", "AlloResto")]
        if method == "OPTIONS":
            fixed += [("contact", f"<sip:{written}:{port}>"), ("accept", "application/sdp")]
        request = Message([*fixed, *headers], method=method, uri=uri, vias=[via])
        began = time.monotonic()
        try:
            async with asyncio.timeout(within_s):
                answer = await self._exchange(request.render(), via.branch)
        except TimeoutError:
            return Heard(None)
        except OSError:
            return Heard(None, refused=True)
        return Heard(answer, (time.monotonic() - began) * 1000)

    async def _exchange(self, data: bytes, branch: str) -> Message:
        """Repeats the request until the final response is there. Raises OSError."""
        loop = asyncio.get_running_loop()
        pause = T1_S
        while True:
            self._socket.send(data)
            try:
                async with asyncio.timeout(pause):
                    while True:
                        answer = _read(await loop.sock_recv(self._socket, MAX_DATAGRAM))
                        if answer is not None and answer.vias[0].branch == branch and answer.status >= 200:
                            return answer
            except TimeoutError:
                pause *= 2


def _read(data: bytes) -> Message | None:
    try:
        return parse(data)
    except BadMessage:
        return None
