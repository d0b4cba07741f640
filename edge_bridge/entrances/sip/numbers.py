"""Which line a call is for, whichever way its number is written, and who may call it. Pure.

Trunks write one number as ``+33465710042``, ``33465710042``, ``0033465710042``, ``0465710042`` or without the 0.
National forms are those of the line's own country, so two lines may share one: then it finds neither.
"""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from domain.phone_numbers import country_code
from edge_bridge.entrances.sip.signals import Refusal, plain_number
from edge_bridge.settings import Network, is_within

FORBIDDEN = 403
NOT_FOUND = 404

SHORTEST_NATIONAL = 6  # digits: shorter ones are extensions, which mean nothing here


class LineKeys(msgspec.Struct, frozen=True, array_like=True):
    """How a line is called. ``username`` is its registration's, ``domain`` names its trunk; "" for a peer's line."""

    line_id: str
    number: str
    username: str = ""
    domain: str = ""


def forms(number: str) -> frozenset[str]:
    """All that one may dial for a line's ``number``, each as ``plain_number`` gives it."""
    plain = plain_number(number)
    if not plain.startswith("+"):
        return frozenset((plain,))
    digits = plain[1:]
    national = digits.removeprefix(country_code(digits))
    if len(national) < SHORTEST_NATIONAL:
        return frozenset((plain, digits))
    return frozenset((plain, digits, national, f"0{national}"))


class AddressBook:
    """``trunks`` are the addresses of each line's ``domain``; ``peers`` call every line."""

    def __init__(
        self, lines: Iterable[LineKeys], peers: tuple[Network, ...], trunks: Mapping[str, frozenset[str]]
    ) -> None:
        self.peers = peers
        self.trunks = trunks
        self._trunk_hosts = frozenset().union(*trunks.values())
        self._by_id: dict[str, LineKeys] = {}
        self._exactly: dict[str, LineKeys] = {}
        self._by_username: dict[str, set[LineKeys]] = {}
        self._by_form: dict[str, set[LineKeys]] = {}
        for line in lines:
            self._by_id[line.line_id] = line
            self._exactly[plain_number(line.number)] = line
            if line.username:
                self._by_username.setdefault(line.username, set()).add(line)
            for form in forms(line.number):
                self._by_form.setdefault(form, set()).add(line)

    def is_peer(self, host: str) -> bool:
        return is_within(host, self.peers)

    def is_trunk(self, host: str) -> bool:
        return host in self._trunk_hosts

    def find(self, users: Iterable[str], source_host: str) -> str | Refusal:
        """The id of the line of the first of ``users`` with one. Strangers learn nothing of which there are."""
        peer = self.is_peer(source_host)
        if not peer and not self.is_trunk(source_host):
            return Refusal(FORBIDDEN)
        refused = NOT_FOUND
        for user in filter(None, users):
            for named in self._named(user):
                allowed = [line for line in named if peer or source_host in self.trunks.get(line.domain, frozenset())]
                if len(allowed) == 1:
                    return allowed[0].line_id
                if allowed:
                    break
                if named:
                    refused = FORBIDDEN
        return Refusal(refused)

    def _named(self, user: str) -> tuple[Collection[LineKeys], ...]:
        """By the id that REGISTER's Contact told, or the number; else by a way to write the number, and then by the
        registration's user: anybody may have another's number for a username."""
        number = plain_number(user)
        line = self._by_id.get(user) or self._exactly.get(number)
        if line is not None:
            return ((line,),)
        return self._by_form.get(number, ()), self._by_username.get(user, ())
