"""Which line a call is for, and whether an INVITE's sender may call it. Pure: the SIP thread asks without waiting.

A ``Directory`` never changes; a new one replaces it when lines or greetings change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.restaurant import Restaurant
from domain.trunks import PLAIN, TrunkOptions
from edge_bridge.entrances.sip.numbers import AddressBook, LineKeys, forms
from edge_bridge.entrances.sip.signals import Invite, Refusal
from edge_bridge.lines.greetings import GreetingClip
from edge_bridge.settings import Network
from stores.lines import LineTransfers, Provider


@dataclass(frozen=True, slots=True)
class LineEntry:
    """One phone line. ``number`` as dialled; domain, username and password are the trunk's ("" for a peer's line; a
    domain alone is one of a trunk that calls from its addresses, whichever node). ``provider`` says at which entrance
    it rings.

    ``held``: this node has the line in this ``generation``, or keeps it until the next node has registered it.
    ``problem`` says why a held line can't be registered. ``transfers`` is how its callers are put through.
    One that is not ``is_active`` may be called by peers and is not registered: its callers are told. ``asked_at``
    grows when somebody wants its trunk asked at once.
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
    trunk: TrunkOptions = PLAIN
    is_active: bool = True
    transfers: LineTransfers = "auto"
    asked_at: datetime | None = None

    @property
    def forms(self) -> frozenset[str]:
        """All ways to write its number."""
        return forms(self.number)

    @property
    def trunk_name(self) -> str:
        """What this line's calls come from: its domain, and the proxy in front where there is one."""
        proxy = self.trunk.outbound_proxy
        return f"{self.sip_domain} via {proxy}" if proxy else self.sip_domain

    @property
    def has_account(self) -> bool:
        """At a trunk, and this node has the line."""
        account = self.sip_domain and self.sip_username
        return bool(self.provider == "sip" and self.held and self.is_active and account)

    @property
    def is_static(self) -> bool:
        """Its trunk calls from its addresses, whichever node, and is not registered at."""
        return bool(self.provider == "sip" and self.is_active and self.sip_domain and not self.sip_username)

    @property
    def has_trunk(self) -> bool:
        """Whose addresses may call it here."""
        return self.has_account or self.is_static

    @property
    def registers(self) -> bool:
        """At this node: with a password, which may not be read yet."""
        return self.has_account and bool(self.sip_password)


@dataclass(frozen=True, slots=True)
class Directory:
    """``trunks`` are the addresses by ``LineEntry.trunk_name``, as resolved or as seen in REGISTER's answers."""

    by_id: Mapping[str, LineEntry]
    book: AddressBook
    by_audiosocket: Mapping[str, LineEntry]

    @classmethod
    def of(
        cls, lines: Iterable[LineEntry], peers: tuple[Network, ...], trunks: Mapping[str, frozenset[str]]
    ) -> "Directory":
        by_id = {line.id: line for line in lines}
        by_uuid = {line.audiosocket_uuid: line for line in by_id.values() if line.audiosocket_uuid}
        return cls(by_id, AddressBook(keys_of(by_id.values()), peers, trunks), by_uuid)

    def find(self, invite: Invite) -> LineEntry | Refusal:
        """The line that ``invite`` is for. Strangers get 403 and learn nothing of which lines there are."""
        found = self.book.find((invite.user, invite.dialled), invite.source_host)
        return found if isinstance(found, Refusal) else self.by_id[found]

    def by_number(self, number: str) -> LineEntry | None:
        """Of another entrance than SIP, where numbers are told in one form, E.164."""
        return next((line for line in self.by_id.values() if line.number == number), None)


def keys_of(lines: Iterable[LineEntry]) -> tuple[LineKeys, ...]:
    """Of the lines that ring over SIP. One that is switched off takes no call from one that is not."""
    over_sip = [line for line in lines if line.provider == "sip"]
    active = [line for line in over_sip if line.is_active]
    users = {line.sip_username for line in active}
    numbers = frozenset().union(*(line.forms for line in active))
    off = [
        line
        for line in over_sip
        if not line.is_active and line.sip_username not in users - {""} and numbers.isdisjoint(line.forms)
    ]
    return tuple(LineKeys(line.id, line.number, line.sip_username, line.trunk_name) for line in (*active, *off))
