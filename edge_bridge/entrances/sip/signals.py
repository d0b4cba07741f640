"""What the SIP side and the rest of the bridge tell each other, without pjsua2: plain types, and the little of SIP's
text that the bridge reads and writes itself.
"""

import re
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote

# Compiled into the public pjsua2 wheel. A build with larger limits needs only these changed.
MAX_CALLS = 4  # PJSUA_MAX_CALLS: the fifth INVITE gets 486 from pjsip itself
MAX_ACCOUNTS = 8  # PJSUA_MAX_ACC: the ninth account aborts the process
MAX_LINES = MAX_ACCOUNTS

UNAVAILABLE = 503  # a status for now: a trunk calls another node, or again

_ADDRESS = re.compile(r"<([^>]+)>")
_LONG_NAMES = {"f": "from", "t": "to", "i": "call-id", "m": "contact"}  # RFC 3261, 7.3.3
_USER = re.compile(r"^(?:sips?:(?P<sip>[^@?]+)@|tel:(?P<tel>[^?]+)$)", re.IGNORECASE)
_CONTEXT = re.compile(r";phone-context=(\+[0-9]{1,6})(?:;|$)", re.IGNORECASE)  # RFC 3966, 5.1.5
_NUMBER = re.compile(r"^\+?[0-9*#]{2,20}$")
_TARGET = re.compile(r"^sips?:[^\s<>\"@]+@[^\s<>\"@]+$", re.IGNORECASE)

SOURCE_HEADER = "X-Edge-Source"
"""``host:port`` of who really sent it: written by the gate, and taken out of what comes from outside."""

Handle = int  # names one call for the life of the process; never used twice


class MediaSide(Protocol):
    """One call's media, which SIP only settles; called on the SIP thread."""

    def describe(self, offer: str) -> str:
        """SDP of ours: the answer to ``offer``, or an offer when that is "". All lines declined where it can't be
        taken. In force once ``agreed`` or ``agreed_by`` says so.
        """

    def agreed(self) -> str:
        """Our last answer is in force, if there is a new one. Gives the codec; "" while the caller holds."""

    def agreed_by(self, host: str, port: int, payload_type: int, held: bool) -> str:
        """Our last offer was answered so. Gives the codec; "" while the caller holds."""

    def seen(self) -> None:
        """The caller's phone sent something by SIP."""


@dataclass(frozen=True, slots=True)
class Invite:
    """An INVITE as it came: ``user`` of its Request-URI, ``caller``'s number, the sender's address.

    ``caller`` is "" when the number is withheld, or what tells of the caller is no phone number (``anonymous``, a
    name). ``dialled`` is To's user, "" where the call was diverted: To then names whom somebody wanted once.
    """

    user: str
    caller: str
    source_host: str
    dialled: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answer with this final status instead of taking the call."""

    status: int


@dataclass(frozen=True, slots=True)
class Registration:
    """One line at its trunk. ``registrar`` is the trunk's domain or ``host:port``."""

    line_id: str
    registrar: str
    username: str
    password: str


@dataclass(frozen=True, slots=True)
class RegisterAnswer:
    """What became of a REGISTER: ``status`` 408 when nothing came, 0 when it could not even be sent.

    ``expires_s`` 0 after a 2xx means unregistered. ``retry_after_s`` is 0 where the registrar says nothing of it;
    ``algorithms`` are those of its digest challenges, in upper case.
    """

    line_id: str
    status: int
    expires_s: int = 0
    registrar_host: str = ""
    retry_after_s: int = 0
    algorithms: frozenset[str] = frozenset()


class SipEvents(Protocol):
    """Called on the SIP thread: must return at once and must not wait for anything."""

    def invited(self, handle: Handle, invite: Invite) -> MediaSide | Refusal | None:
        """Take the call with this media, or refuse it. None: it is not known yet; asked again soon."""

    def answered(self, handle: Handle, codec: str) -> None:
        """Audio flows both ways; ``codec`` is PCMU or PCMA. Once a call."""

    def pressed(self, handle: Handle, digit: str) -> None:
        """A DTMF key that came by SIP INFO."""

    def transfer_answered(self, handle: Handle, status: int, final: bool) -> None:
        """How far a REFER got: the status of the new call."""

    def ended(self, handle: Handle, status: int, by_caller: bool) -> None:
        """The dialog is over; the handle is free. Once a call that was taken."""

    def registered(self, answer: RegisterAnswer) -> None:
        """A REGISTER was answered, or not."""


_RETRY_AFTER = re.compile(r"^retry-after[ \t]*:[ \t]*([0-9]{1,9})", re.IGNORECASE | re.MULTILINE)
_CHALLENGE = re.compile(r"^(?:www|proxy)-authenticate[ \t]*:[ \t]*digest(.*)$", re.IGNORECASE | re.MULTILINE)
_ALGORITHM = re.compile(r"algorithm[ \t]*=[ \t]*\"?([A-Za-z0-9-]+)", re.IGNORECASE)


def read_register_answer(line_id: str, status: int, expires_s: int, message: str) -> RegisterAnswer:
    """``message`` is the whole response as the gate passed it on; "" when none came."""
    wait = _RETRY_AFTER.search(message)
    challenges = [_ALGORITHM.search(found) for found in _CHALLENGE.findall(message)]
    return RegisterAnswer(
        line_id=line_id,
        status=status,
        expires_s=max(expires_s, 0) if status // 100 == 2 else 0,
        registrar_host=_sender_of(_headers(message), ""),
        retry_after_s=int(wait.group(1)) if wait else 0,
        # A challenge that names none means MD5 (RFC 2617).
        algorithms=frozenset(found.group(1).upper() if found else "MD5" for found in challenges),
    )


def read_invite(message: str, source: str) -> Invite:
    """A whole INVITE from ``source``, ``host:port``, or from whom the gate says. Fields that it lacks are ""."""
    headers = _headers(message)
    request_line = message.partition("\r\n")[0].split(" ", 2)
    diverted = "diversion" in headers or "history-info" in headers
    return Invite(
        user=user_of(request_line[1]) if len(request_line) == 3 else "",
        caller="" if _wants_privacy(headers) else _caller(headers),
        source_host=_sender_of(headers, source),
        dialled="" if diverted else user_of(headers.get("to", [""])[0]),
    )


def _sender_of(headers: dict[str, list[str]], otherwise: str) -> str:
    """Who sent it to the gate: to pjsip, all comes from the gate itself."""
    return host_of(headers.get(SOURCE_HEADER.lower(), [otherwise])[0])


def _caller(headers: dict[str, list[str]]) -> str:
    """What the network says of the caller (RFC 3325; before it, Remote-Party-ID) goes before what the caller says.

    The gate takes the network's headers out of what comes from a source that is not trusted.
    """
    told = [value for name in ("p-asserted-identity", "remote-party-id") for value in headers.get(name, [])]
    # One P-Asserted-Identity may hold a SIP and a tel URI.
    values = [one for value in told for one in value.split(",")] + headers.get("from", [])[:1]
    return next(filter(None, map(caller_number, values)), "")


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


def transfer_target(target: str, domain: str) -> str | None:
    """The URI to refer a caller to: ``target`` is a SIP URI or a number at ``domain``; None when it is neither."""
    if _TARGET.match(target):
        return target
    dialled = plain_number(target.removeprefix("tel:"))
    return f"sip:{dialled}@{domain}" if domain and _NUMBER.match(dialled) else None
