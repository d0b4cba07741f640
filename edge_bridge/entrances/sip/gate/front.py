"""What stands between the gate and the world: nothing, or Kamailio on loopback.

Behind Kamailio every datagram comes from one address, so it says in a header of its own who sent it, and by which right
it let it pass. That header counts from nobody else: Kamailio takes it out of what comes from outside, and puts its own
before all others. What the gate sends goes to Kamailio, which knows the transport and looks up names.
"""

import re
from typing import Protocol

from edge_bridge.entrances.sip.gate.dialogs import Address
from edge_bridge.entrances.sip.gate.proxying import LOOPBACK
from edge_bridge.entrances.sip.gate.sources import Kind
from edge_bridge.entrances.sip.signals import SOURCE_HEADER, host_of, port_of

Sender = tuple[Address, Kind | None]
"""Who sent a datagram, and as what it is to be taken; None: the gate has to see for itself."""


class Front(Protocol):
    public: Address
    """The node in the world's eyes: in Contact and Via."""

    def sender(self, data: bytes, neighbour: Address) -> Sender | None:
        """Of a datagram that came from ``neighbour``; None when it is not from where it has to be."""

    def way_back(self, to: Address) -> Address:
        """Where to send what is meant for ``to``."""

    def way_out(self, request: bytes) -> Address | None:
        """Where to send a request, whomever it is for; None: straight there."""


class OpenFront:
    """The gate owns the public port."""

    def __init__(self, own_address: str, port: int) -> None:
        self.public = (own_address, port)

    def sender(self, data: bytes, neighbour: Address) -> Sender | None:
        return neighbour, None

    def way_back(self, to: Address) -> Address:
        return to

    def way_out(self, request: bytes) -> Address | None:
        return None


_HEADER = re.compile(
    rb"\r\n" + SOURCE_HEADER.encode() + rb": ([0-9A-Fa-f.:\[\]]{3,60});transport=[a-z]{2,4};as=(known|dialog|asked)\r\n"
)
_TO_TAG = re.compile(rb"\r\nTo:[^\r\n]*;tag=", re.IGNORECASE)


class KamailioFront:
    """``inner_port`` is where calls pass Kamailio; what may wait there for a name server goes by ``asks_port``."""

    def __init__(self, own_address: str, port: int, inner_port: int, asks_port: int) -> None:
        self.public = (own_address, port)
        self._inner: Address = (LOOPBACK, inner_port)
        self._asks: Address = (LOOPBACK, asks_port)

    def sender(self, data: bytes, neighbour: Address) -> Sender | None:
        if neighbour not in (self._inner, self._asks):
            return None
        found = _HEADER.search(data)
        if found is None:
            # Kamailio's own word on a request of ours, such as 100, or 408 where nobody answers.
            return (neighbour, "asked") if data.startswith(b"SIP/2.0 ") else None
        address, right = found[1].decode(), found[2]
        kind: Kind | None = {b"dialog": "dialog", b"asked": "asked"}.get(right)  # type: ignore[assignment]
        return (host_of(address), port_of(address)), kind

    def way_back(self, to: Address) -> Address:
        return self._inner

    def way_out(self, request: bytes) -> Address | None:
        return self._inner if _TO_TAG.search(request) else self._asks
