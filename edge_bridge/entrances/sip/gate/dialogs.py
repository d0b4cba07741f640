"""The dialogs that the outside has with the workers, as a dead worker's have to be answered and ended (RFC 3261, 12).

The outside's side is ``remote``, the worker's ``local``, whichever of them began the dialog. One that a worker began
has no remote tag until the far end has said something, and that of the fork that spoke last until one has answered;
those that answer later are pjsip's to acknowledge and hang up.
"""

import ipaddress
import re
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from typing import Literal

import msgspec

from edge_bridge.entrances.sip.gate.message import Message, Via, tag_of, uri_of

MOST = 4096
HEARD_WITHIN_S = 5.0  # pjsip says 100 at once: an INVITE that it has not understood holds no place
ASKED_AT_MOST_S = 180.0  # RFC 3261's timer C: an INVITE is answered by then
CALL_AT_MOST_S = 2 * 3600.0  # twice the longest call
UNHEARD_AT_MOST_S = 40.0  # timer B and a margin: pjsip gives up an INVITE of its own that nobody says anything to
ENDING_AT_MOST_S = 40.0  # timer F and a margin: a BYE is answered by then, or never

TRYING = 100  # said by whoever is next, who need not know who answers

State = Literal["asked", "up", "ending"]
Address = tuple[str, int]


class Dialog(msgspec.Struct, array_like=True):
    """``branch`` is the INVITE's, ``worker`` the number of the worker that has the call.

    ``since`` is when ``state`` began, in seconds since the epoch, so that the next gate can go on counting. ``answer``
    is the last response to the first INVITE, ``sdp`` the worker's last session description, for the same reason.
    """

    call_id: str
    remote_tag: str
    remote: str  # From of an INVITE from outside
    local: str  # To, with the worker's tag once it has one
    target: str  # the far end's Contact
    routes: tuple[str, ...]
    source: Address
    branch: str
    sequence: int  # of the first INVITE
    worker: int
    since: float
    state: State = "asked"
    local_tag: str = ""
    contact: str = ""
    local_sequence: int = 0
    answer: bytes = b""
    sdp: bytes = b""
    acknowledged: bool = False
    dialled: bool = False  # the worker began it

    @property
    def key(self) -> tuple[str, str]:
        return self.call_id, self.remote_tag

    def moved(self, state: State) -> None:
        self.state, self.since = state, time.time()

    def is_over(self, now: float) -> bool:
        is_heard = self.source[0] if self.dialled else self.answer
        asked = ASKED_AT_MOST_S if is_heard else UNHEARD_AT_MOST_S if self.dialled else HEARD_WITHIN_S
        at_most = {"asked": asked, "up": CALL_AT_MOST_S, "ending": ENDING_AT_MOST_S}[self.state]
        return now - self.since > at_most

    def hosts(self) -> set[str]:
        """The addresses that the caller's side may send from: who sent the INVITE, its Contact, the proxies between."""
        uris = [self.target, *map(uri_of, self.routes)]
        return {host for host in (self.source[0], *(destination_of(uri)[0] for uri in uris)) if host}

    def heard_from(self, response: Message, source: Address) -> None:
        """Of one that a worker began: who answers its INVITE, and from where (RFC 3261, 12.1.2)."""
        self.source = source
        if response.status == TRYING:
            return
        self.remote_tag = response.to_tag
        if response.status < 200:
            return
        self.remote = response.first("to")
        contact = response.values("contact")
        self.target = (uri_of(contact[0]) if contact else "") or self.target
        self.routes = tuple(reversed(response.values("record-route")))
        if self.state == "asked":
            self.moved("up")

    @property
    def is_unanswered(self) -> bool:
        """Whether a worker began it and has no 2xx."""
        return self.dialled and not tag_of(self.remote)

    def cancel(self, sent_by: Address) -> Message:
        """Takes back the worker's INVITE that is not answered; of the INVITE's own transaction (RFC 3261, 9.1)."""
        return self._of_invite("CANCEL", sent_by, self.remote)

    def refusal_ack(self, response: Message, sent_by: Address) -> Message:
        """For the refusal of the worker's INVITE (RFC 3261, 17.1.1.3)."""
        return self._of_invite("ACK", sent_by, response.first("to"))

    def _of_invite(self, method: str, sent_by: Address, to: str) -> Message:
        via = Via("UDP", sent_by[0], sent_by[1], {"rport": None, "branch": self.branch})
        headers = [("max-forwards", "70"), ("from", self.local), ("to", to), ("call-id", self.call_id)]
        headers.append(("cseq", f"{self.sequence} {method}"))
        return Message(headers, method=method, uri=self.target, call_id=self.call_id, vias=[via])

    def answer_ack(self, sent_by: Address) -> Message:
        """For the 2xx to the worker's INVITE: a transaction of its own (RFC 3261, 13.2.2.4)."""
        ack = self._within("ACK", sent_by)
        ack.headers.append(("cseq", f"{self.sequence} ACK"))
        return ack

    def bye(self, sent_by: Address) -> Message:
        """The worker's BYE, in its place."""
        self.local_sequence += 1
        bye = self._within("BYE", sent_by)
        bye.headers.append(("cseq", f"{self.local_sequence} BYE"))
        return bye

    def _within(self, method: str, sent_by: Address) -> Message:
        via = Via("UDP", sent_by[0], sent_by[1], {"rport": None, "branch": f"{OWN_BRANCH}{secrets.token_hex(12)}"})
        headers = [("max-forwards", "70"), *(("route", route) for route in self.routes)]
        headers += [("from", self.local), ("to", self.remote), ("call-id", self.call_id)]
        return Message(headers, method=method, uri=self.target, call_id=self.call_id, vias=[via])

    def next_hops(self) -> list[Address]:
        """Where a request of ours goes: along the route, and to who sent the INVITE, for callers behind a NAT."""
        first = uri_of(self.routes[0]) if self.routes else self.target
        host, port = destination_of(first)
        found = [(host, port)] if host else []
        return [*found, *([self.source] if self.source[0] and self.source not in found else [])]


OWN_BRANCH = "z9hG4bKgate"


def asked(message: Message, source: Address, worker: int) -> Dialog:
    """From the INVITE that begins it."""
    contact = message.values("contact")
    return Dialog(
        call_id=message.call_id,
        remote_tag=message.from_tag,
        remote=message.first("from"),
        local=message.first("to"),
        target=uri_of(contact[0]) if contact else "",
        routes=tuple(message.values("record-route")),
        source=source,
        branch=message.vias[0].branch,
        sequence=message.sequence,
        worker=worker,
        since=time.time(),
    )


def dialled(invite: Message, worker: int) -> Dialog:
    """From a worker's INVITE that begins it."""
    contact = invite.values("contact")
    return Dialog(
        call_id=invite.call_id,
        remote_tag="",
        remote=invite.first("to"),
        local=invite.first("from"),
        target=invite.uri,
        routes=(),
        source=("", 0),
        branch=invite.vias[0].branch,
        sequence=invite.sequence,
        worker=worker,
        since=time.time(),
        local_tag=invite.from_tag,
        contact=contact[0] if contact else "",
        local_sequence=invite.sequence,
        sdp=invite.body,
        dialled=True,
    )


_HOST_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_NUMBER = re.compile(r"(0[xX][0-9A-Fa-f]*|[0-9]+)")


def destination_of(uri: str) -> Address:
    """Host and port that a SIP URI leads to; ("", 0) when it is none.

    A name's last label is no number (RFC 1123, 2.1): a resolver would take ``2130706433`` and ``127.1`` for addresses,
    and a URI without a host has a phone number in its place, which is not to be looked up, or logged.
    """
    scheme, _, rest = uri.partition(":")
    if scheme.lower() not in ("sip", "sips"):
        return "", 0
    hostport = rest.partition("?")[0].rpartition("@")[2].partition(";")[0]
    if hostport.startswith("["):
        host, _, after = hostport[1:].partition("]")
        port = after.removeprefix(":")
    else:
        host, _, port = hostport.partition(":")
        if not _is_host(host):
            return "", 0
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        return "", 0
    return host, int(port or 5060)


def _is_host(text: str) -> bool:
    if len(text) > 253 or not _HOST_NAME.fullmatch(text):
        return False
    last = text.removesuffix(".").rpartition(".")[2]
    if not _NUMBER.fullmatch(last):
        return True
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


class Dialogs:
    """At most ``most``; the address of each far side is known as long as its dialog is."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._by_key: dict[tuple[str, str], Dialog] = {}
        self._hosts: dict[str, int] = {}
        self._hosts_of: dict[tuple[str, str], set[str]] = {}

    def __iter__(self) -> Iterator[Dialog]:
        return iter(list(self._by_key.values()))

    def __len__(self) -> int:
        return len(self._by_key)

    @property
    def full(self) -> bool:
        return len(self._by_key) >= self._most

    def get(self, call_id: str, remote_tag: str) -> Dialog | None:
        return self._by_key.get((call_id, remote_tag))

    def dialled(self, call_id: str, branch: str) -> Dialog | None:
        """The one that a worker began with this INVITE, whoever has answered it so far."""
        mine = (one for one in self._by_key.values() if one.dialled and one.call_id == call_id)
        return next((one for one in mine if one.branch == branch), None)

    def put(self, dialog: Dialog) -> None:
        self._forget_hosts(dialog.key)
        self._by_key[dialog.key] = dialog
        hosts = self._hosts_of[dialog.key] = dialog.hosts()
        for host in hosts:
            self._hosts[host] = self._hosts.get(host, 0) + 1

    def remove(self, dialog: Dialog) -> None:
        self._by_key.pop(dialog.key, None)
        self._forget_hosts(dialog.key)

    def knows_host(self, host: str) -> bool:
        return host in self._hosts

    def per_worker(self) -> Counter[int]:
        """How many dialogs each worker has, by its number."""
        return Counter(dialog.worker for dialog in self._by_key.values())

    def _forget_hosts(self, key: tuple[str, str]) -> None:
        for host in self._hosts_of.pop(key, ()):
            self._hosts[host] -= 1
            if not self._hosts[host]:
                del self._hosts[host]
