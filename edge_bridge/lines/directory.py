"""Which line an INVITE is for, and whether its sender may call it. Pure: the SIP thread asks without waiting.

A ``Directory`` never changes; a new one replaces it when lines or greetings change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from domain.restaurant import Restaurant
from edge_bridge.entrances.sip.numbers import AddressBook, LineKeys
from edge_bridge.entrances.sip.signals import Invite, Refusal
from edge_bridge.lines.greetings import GreetingClip
from edge_bridge.settings import Network

UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class LineEntry:
    """One phone line. ``number`` as dialled; domain, username and password are the trunk's ("" for a peer's line)."""

    id: str
    restaurant: Restaurant
    number: str
    greeting: GreetingClip
    sip_domain: str = ""
    sip_username: str = ""
    sip_password: str = field(default="", repr=False)

    @property
    def registers(self) -> bool:
        return bool(self.sip_domain and self.sip_username and self.sip_password)


@dataclass(frozen=True, slots=True)
class Directory:
    """``trunks`` are the addresses of each trunk domain, as resolved or as seen in REGISTER's answers."""

    by_id: Mapping[str, LineEntry]
    book: AddressBook

    @classmethod
    def of(
        cls, lines: Iterable[LineEntry], peers: tuple[Network, ...], trunks: Mapping[str, frozenset[str]]
    ) -> "Directory":
        by_id = {line.id: line for line in lines}
        return cls(by_id, AddressBook(keys_of(by_id.values()), peers, trunks))

    def find(self, invite: Invite) -> LineEntry | Refusal:
        """The line that ``invite`` is for. Strangers get 403 and learn nothing of which lines there are."""
        found = self.book.find((invite.user, invite.dialled), invite.source_host)
        return found if isinstance(found, Refusal) else self.by_id[found]


def keys_of(lines: Iterable[LineEntry]) -> tuple[LineKeys, ...]:
    return tuple(LineKeys(line.id, line.number, line.sip_username, line.sip_domain) for line in lines)
