"""How REGISTERs and calls of ours leave the node: by UDP to one address of the trunk's after the other, or through
Kamailio, which speaks TCP and TLS as well, looks up names and tries a name's other targets itself.
"""

from typing import Protocol

from domain.trunks import Transport
from edge_bridge.entrances.sip.gate.proxying import HOP, TARGET, is_address
from edge_bridge.entrances.sip.registering.trunks import Target, TrunkNames
from edge_bridge.entrances.sip.signals import host_of

Headers = tuple[tuple[str, str], ...]
Start = tuple[str, Target | None]
"""The Route by which a dialog of ours begins, "" where its URI says it all, and the target that this is; None where
there is no choice."""


class Way(Protocol):
    async def targets(self, hop: str, transport: Transport) -> tuple[Target, ...]:
        """Where to try, in turn; () when the name leads nowhere."""

    def failed(self, hop: str, target: Target, rest_s: float) -> None:
        """``target`` does not serve for so long."""

    def headers(self, target: Target) -> Headers:
        """What tells the gate where a request goes, beside its URI and Route."""

    async def starts(self, hop: str) -> tuple[Start, ...]:
        """Where to begin a dialog, in turn; () when the name leads nowhere. A Route tells the gate, for CANCEL and ACK
        have no header of ours."""


class Straight:
    """The gate sends to where it is told to."""

    def __init__(self, names: TrunkNames) -> None:
        self._names = names

    async def targets(self, hop: str, transport: Transport) -> tuple[Target, ...]:
        return await self._names.targets(hop)

    def failed(self, hop: str, target: Target, rest_s: float) -> None:
        self._names.failed(hop, target, rest_s)

    def headers(self, target: Target) -> Headers:
        return ((TARGET, f"{target[0]}:{target[1]}"),)

    async def starts(self, hop: str) -> tuple[Start, ...]:
        if is_address(host_of(hop)):
            return (("", None),)
        return tuple((f"sip:{target[0]}:{target[1]};lr;{HOP}", target) for target in await self._names.targets(hop))


class ThroughKamailio:
    """A trunk is one target by each transport: whatever Kamailio answers, it has tried all addresses by then."""

    async def targets(self, hop: str, transport: Transport) -> tuple[Target, ...]:
        return ((f"{hop};transport={transport}", 0),)

    def failed(self, hop: str, target: Target, rest_s: float) -> None:
        return

    def headers(self, target: Target) -> Headers:
        return ()

    async def starts(self, hop: str) -> tuple[Start, ...]:
        return (("", None),)
