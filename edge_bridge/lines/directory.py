"""Which line a call is for, and whether an INVITE's sender may call it. Pure: the SIP thread asks without waiting.

A ``Directory`` never changes; a new one replaces it when lines or greetings change.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from domain.restaurant import Restaurant
from edge_bridge.entrances.sip.signals import Invite, Refusal, plain_number
from edge_bridge.lines.greetings import GreetingClip
from edge_bridge.settings import Network
from stores.lines import Provider

FORBIDDEN = 403
NOT_FOUND = 404
UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class LineEntry:
    """One phone line. ``number`` as dialled; domain, username and password are the trunk's ("" for a peer's line).
    ``provider`` says at which entrance it rings.

    ``held``: this node has the line in this ``generation``, or keeps it until the next node has registered it.
    ``problem`` says why a held line can't be registered.
    """

    id: str
    restaurant: Restaurant
    number: str
    greeting: GreetingClip
    sip_domain: str = ""
    sip_username: str = ""
    sip_password: str = field(default="", repr=False)
    held: bool = False
    generation: int = 0
    problem: str = ""
    provider: Provider = "sip"
    audiosocket_uuid: str = ""
    twilio_auth_token: str = field(default="", repr=False)

    @property
    def registers(self) -> bool:
        """At this node."""
        has_account = self.sip_domain and self.sip_username and self.sip_password
        return bool(self.provider == "sip" and self.held and has_account)


@dataclass(frozen=True, slots=True)
class Directory:
    """``trunks`` are the addresses of each trunk domain, as resolved or as seen in REGISTER's answers."""

    by_id: Mapping[str, LineEntry]
    by_number: Mapping[str, LineEntry]
    by_audiosocket: Mapping[str, LineEntry]
    peers: tuple[Network, ...] = ()
    trunks: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, lines: Iterable[LineEntry], peers: tuple[Network, ...], trunks: Mapping[str, frozenset[str]]
    ) -> "Directory":
        known = list(lines)
        return cls(
            by_id={line.id: line for line in known},
            by_number={plain_number(line.number): line for line in known},
            by_audiosocket={line.audiosocket_uuid: line for line in known if line.audiosocket_uuid},
            peers=peers,
            trunks=trunks,
        )

    def find(self, invite: Invite) -> LineEntry | Refusal:
        """The line that ``invite`` is for. Strangers get 403 and learn nothing of which lines there are."""
        try:
            address = ipaddress.ip_address(invite.source_host)
            peer = any(address in network for network in self.peers)
        except ValueError:
            peer = False
        if not peer and not any(invite.source_host in addresses for addresses in self.trunks.values()):
            return Refusal(FORBIDDEN)
        line = self.by_id.get(invite.user)  # what REGISTER's Contact said; peers dial the number
        if line is None:
            line = self.by_number.get(plain_number(invite.user))
        if line is None or line.provider != "sip":
            return Refusal(NOT_FOUND)
        if not peer and invite.source_host not in self.trunks.get(line.sip_domain, frozenset()):
            return Refusal(FORBIDDEN)
        return line
