"""What the SIP side and the rest of the bridge tell each other, without pjsua2: plain types, and the little of SIP's
text that the bridge reads and writes itself.
"""

import re
from dataclasses import dataclass, field
from typing import Protocol, cast
from urllib.parse import unquote

from domain.calls import Attestation
from domain.trunks import Srtp, Transport, is_plain_host
from edge_bridge.media.rtp.families import is_ip6_alone
from edge_bridge.media.rtp.ice import IceLite

# Compiled into the public pjsua2 wheel (PJSUA_MAX_CALLS): the fifth INVITE gets 486 from pjsip itself.
MAX_CALLS = 4

ALLOW = ("allow", "INVITE, ACK, CANCEL, BYE, UPDATE, PRACK, INFO, OPTIONS, REFER, NOTIFY")
"""The header that says what we take."""

UNAVAILABLE = 503  # a status for now: a trunk calls another node, or again

_ADDRESS = re.compile(r"<([^>]+)>")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')  # a name: the caller's own word, whatever it looks like
_LONG_NAMES = {"f": "from", "t": "to", "i": "call-id", "m": "contact"}  # RFC 3261, 7.3.3
_USER = re.compile(r"^(?:sips?:(?P<sip>[^@]+)@|tel:(?P<tel>[^?]+)$)", re.IGNORECASE)
_CONTEXT = re.compile(r";phone-context=(\+[0-9]{1,6})(?:;|$)", re.IGNORECASE)  # RFC 3966, 5.1.5
_NUMBER = re.compile(r"^\+?[0-9*#]{2,20}$")
_TARGET = re.compile(r"^sips?:[^\s<>\"@]+@[^\s<>\"@]+$", re.IGNORECASE)

LOOPBACK = "127.0.0.1"
WAKE = b"\r\n\r\n"
"""A keep-alive (RFC 5626): sent to a signaller's SIP port, it wakes pjsip and does nothing else."""

SOURCE_HEADER = "X-Edge-Source"
"""``host:port`` of who really sent it: written by the gate, and taken out of what comes from outside."""

TARGET_HEADER = "X-Edge-Target"
"""``address:port`` that a request of ours leaves to, where its URI and Route do not say it: read and taken out by the
gate."""

_VERSTAT = re.compile(r";verstat=TN-Validation-(Passed(?:-([ABC]))?|Failed(?:-[ABC])?)\b", re.IGNORECASE)

Handle = int
"""Names one call for the life of the node; never used twice. Given by the signaller for calls that come, by the session
for those that it dials (see ``link``)."""


class MediaSide(Protocol):
    """One call's media, which SIP only settles; asked within pjsip's callbacks, which wait for nobody."""

    def describe(self, offer: str) -> str:
        """SDP of ours: the answer to ``offer``, or an offer when that is "". All lines declined where it can't be
        taken. In force once ``agreed`` or ``agreed_by`` says so.
        """

    @property
    def accepts(self) -> bool:
        """Whether there is a line of the last offer that isn't declined."""

    def agreed(self) -> str:
        """Our last answer is in force, if there is a new one. Gives the codec; "" while the caller holds."""

    def agreed_in(self, answer: str) -> str:
        """Our last offer was answered by this text. Gives the codec; "" on hold and where nothing is agreed."""

    def agreed_by(self, host: str, port: int, payload_type: int, held: bool) -> str:
        """Our last offer was answered so, in the ACK of a re-INVITE: what else was agreed on stays. Gives the codec; ""
        while the caller holds."""

    def seen(self) -> None:
        """The caller's phone sent something by SIP."""


@dataclass(frozen=True, slots=True)
class Invite:
    """An INVITE as it came: ``user`` of its Request-URI, ``caller``'s number, the sender's address.

    ``caller`` is "" when the number is withheld, or what tells of the caller is no phone number (``anonymous``, a
    name). ``dialled`` is To's user, "" where the call was diverted: To then names whom somebody wanted once.
    ``attestation`` is how far the network vouches for the number, "" where it says nothing. ``wants_ip6``: the caller's
    audio is at addresses of IPv6 alone, or where it doesn't say yet, its signalling.
    """

    user: str
    caller: str
    source_host: str
    dialled: str = ""
    call_id: str = ""  # SIP's
    source_port: int = 5060
    attestation: Attestation = ""
    wants_ip6: bool = False

    @property
    def source(self) -> str:
        """As the host of a URI."""
        host = f"[{self.source_host}]" if ":" in self.source_host else self.source_host
        return f"{host}:{self.source_port}" if self.source_port != 5060 else host


@dataclass(frozen=True, slots=True)
class Dial:
    """A call of ours, from ``caller`` to ``uri``, both SIP URIs; ``routes`` are the URIs of what it goes by, the first
    one first. ``username`` and ``password`` answer a challenge of the far end's, "" where there are none."""

    uri: str
    caller: str
    headers: tuple[tuple[str, str], ...] = ()
    username: str = ""
    password: str = field(default="", repr=False)
    routes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answer with this final status instead of taking the call."""

    status: int


@dataclass(frozen=True, slots=True)
class Terms:
    """Take the call, with its audio here: the address that SDP names, RTP's port, our ICE credentials, and whether it
    is to be encrypted."""

    host: str
    port: int
    ice: IceLite
    srtp: Srtp


@dataclass(frozen=True, slots=True)
class Registration:
    """One line at its trunk. ``registrar`` is the trunk's domain or ``host:port``; ``auth_username`` is "" where it is
    the username, ``outbound_proxy`` "" where there is none."""

    line_id: str
    registrar: str
    username: str
    password: str = field(repr=False)
    auth_username: str = ""
    outbound_proxy: str = ""
    transport: Transport = "udp"

    @property
    def next_hop(self) -> str:
        """What requests are sent to."""
        return self.outbound_proxy or self.registrar

    @property
    def trunk(self) -> str:
        """What lines have in common whose trunk is one: what works by UDP may fail by TLS."""
        return f"{self.next_hop};transport={self.transport}"


@dataclass(frozen=True, slots=True)
class RegisterAnswer:
    """What became of a REGISTER: ``status`` 408 when nothing came, 0 when it could not even be sent.

    ``expires_s`` 0 after a 2xx means unregistered. ``retry_after_s`` is 0 where the registrar says nothing of it;
    ``algorithms`` are those of its digest challenges, in upper case. ``problem`` says in words what the status does
    not.
    """

    line_id: str
    status: int
    expires_s: int = 0
    registrar_host: str = ""
    retry_after_s: int = 0
    algorithms: frozenset[str] = frozenset()
    problem: str = ""


class SipEvents(Protocol):
    """What a signaller's pjsua2 tells, on the signaller's one thread: must return at once."""

    def invited(self, handle: Handle, invite: Invite) -> None:
        """An INVITE waits for a decision (``SipEndpoint.decide``)."""

    def dialled(self, handle: Handle) -> None:
        """The INVITE of a call of ours has left. Once."""

    def answered(self, handle: Handle, codec: str) -> None:
        """Taken, and audio flows both ways; ``codec`` is PCMU or PCMA. Once a call."""

    def pressed(self, handle: Handle, digit: str) -> None:
        """A DTMF key that came by SIP INFO."""

    def transfer_answered(self, handle: Handle, status: int, final: bool) -> None:
        """How far a REFER got: the status of the new call."""

    def ended(self, handle: Handle, status: int, by_caller: bool) -> None:
        """The dialog is over, or the INVITE cancelled; once a call that came, or was dialled."""

    def freed(self, handle: Handle) -> None:
        """The place of a call that has ended is free: some time later where the far end does not answer. Once."""


def read_invite(message: str, source: str) -> Invite:
    """A whole INVITE from ``source``, ``host:port``, or from whom the gate says. Fields that it lacks are ""."""
    headers = _headers(message)
    request_line = message.partition("\r\n")[0].split(" ", 2)
    diverted = "diversion" in headers or "history-info" in headers
    sender = _sender_of(headers, source)
    return Invite(
        user=user_of(request_line[1]) if len(request_line) == 3 else "",
        caller="" if _wants_privacy(headers) else _caller(headers),
        source_host=host_of(sender),
        dialled="" if diverted else user_of(headers.get("to", [""])[0]),
        call_id=headers.get("call-id", [""])[0],
        wants_ip6=is_ip6_alone(message) if message.partition("\r\n\r\n")[2] else ":" in host_of(sender),
        source_port=port_of(sender) or 5060,
        attestation=_attestation(headers),
    )


def _attestation(headers: dict[str, list[str]]) -> Attestation:
    """SHAKEN's level as the trunk has verified it (RFC 8588; 3GPP TS 24.229, 7.2A.20): in a header of its own, or as a
    parameter of the number. Only the network's headers count: anybody can write such a parameter into From.
    """
    told = headers.get("p-attestation-indicator", [""])[0].strip().upper()
    if told in ("A", "B", "C"):
        return cast("Attestation", told)
    verified = _VERSTAT.search(_QUOTED.sub("", headers.get("p-asserted-identity", [""])[0]))
    if verified is None:
        return ""
    if verified[1].lower().startswith("failed"):
        return "failed"
    return cast("Attestation", (verified[2] or "").upper())


def _sender_of(headers: dict[str, list[str]], otherwise: str) -> str:
    """Who sent it to the gate, ``host:port``: to pjsip, all comes from the gate itself."""
    return headers.get(SOURCE_HEADER.lower(), [otherwise])[0]


def _caller(headers: dict[str, list[str]]) -> str:
    """What the network says of the caller (RFC 3325; before it, Remote-Party-ID) goes before what the caller says.

    The gate takes the network's headers out of what comes from a source that is not trusted.
    """
    told = [value for name in ("p-asserted-identity", "remote-party-id") for value in headers.get(name, [])]
    # One P-Asserted-Identity may hold a SIP and a tel URI; a Remote-Party-ID may be whom the call is for.
    values = [one for value in told for one in _QUOTED.sub("", value).split(",") if "party=called" not in one.lower()]
    return next(filter(None, map(caller_number, values + headers.get("from", [])[:1])), "")


def _headers(message: str) -> dict[str, list[str]]:
    """Each header's values in their order, by its long name in lower case."""
    found: dict[str, list[str]] = {}
    for line in message.partition("\r\n\r\n")[0].split("\r\n")[1:]:
        name, _, value = line.partition(":")
        name = name.strip().lower()
        found.setdefault(_LONG_NAMES.get(name, name), []).append(value.strip())
    return found


def user_of(address: str) -> str:
    """The user of a URI or of a header such as ``"Ann" <sip:+33123;npdi@host>``, or the number of a tel URI; "" when
    there is none. A local number with a ``phone-context`` becomes the international one."""
    address = _QUOTED.sub("", address)
    bracketed = _ADDRESS.search(address)
    match = _USER.match(bracketed.group(1) if bracketed else address.strip())
    if match is None:
        return ""
    whole = match["sip"] or match["tel"]
    user = unquote(whole.partition(";")[0].partition(":")[0])
    context = _CONTEXT.search(whole)
    number = plain_number(user)
    if context is None or number.startswith("+") or not _NUMBER.match(number):
        return user
    return context[1] + number.removeprefix("0")


def caller_number(address: str) -> str:
    """The phone number in a From header (compact form ``f``, RFC 3261); "" for ``anonymous`` or a name."""
    number = plain_number(user_of(address))
    return number if _NUMBER.match(number) else ""


def _wants_privacy(headers: dict[str, list[str]]) -> bool:
    """RFC 3323: the caller withholds the number, whatever From still says; Remote-Party-ID has a way of its own."""
    asked = {one for value in headers.get("privacy", []) for one in re.split(r"[;,\s]+", value.lower())}
    party = ";".join(headers.get("remote-party-id", [])).lower()
    return not {"id", "user", "full"}.isdisjoint(asked) or "privacy=full" in party or "privacy=uri" in party


def host_of(address: str) -> str:
    """The host of ``host:port``, ``[v6]:port`` or a bare host."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.rpartition(":")[0] if address.count(":") == 1 else address


def port_of(address: str) -> int:
    """The port of ``host:port`` or ``[v6]:port``; 0 when there is none."""
    _, _, port = address.rpartition(":")
    return int(port) if port.isascii() and port.isdigit() else 0


def plain_number(text: str) -> str:
    """A phone number in one form: digits with a leading ``+`` when international (``00`` counts as ``+``)."""
    digits = re.sub(r"[\s().\-/]", "", text)
    return "+" + digits[2:] if digits.startswith("00") else digits


def by_transport(address: str, transport: Transport) -> str:
    """What follows ``sip:`` or a user in a URI. UDP is what a URI says that says nothing."""
    return address if transport == "udp" else f"{address};transport={transport}"


def transfer_target(target: str, domain: str) -> str | None:
    """The URI to refer a caller to: ``target`` is a SIP URI or a number at ``domain``; None when it is neither."""
    if _TARGET.match(target):
        host = host_of(re.split("[;?]", target.rpartition("@")[2])[0])
        return target if is_plain_host(host) else None
    dialled = plain_number(target.removeprefix("tel:"))
    return f"sip:{dialled}@{domain}" if domain and _NUMBER.match(dialled) else None
