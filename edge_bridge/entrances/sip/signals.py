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

_ADDRESS = re.compile(r"<([^>]+)>")
_USER = re.compile(r"^sips?:([^@;?:]+)(?::[^@]*)?@", re.IGNORECASE)
_NUMBER = re.compile(r"^\+?[0-9*#]{2,20}$")
_TARGET = re.compile(r"^sips?:[^\s<>\"@]+@[^\s<>\"@]+$", re.IGNORECASE)

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

    ``caller`` is "" when the number is withheld, or what From holds is no phone number (``anonymous``, a name).
    """

    user: str
    caller: str
    source_host: str


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


class SipEvents(Protocol):
    """Called on the SIP thread: must return at once and must not wait for anything."""

    def invited(self, handle: Handle, invite: Invite) -> MediaSide | Refusal:
        """Take the call with this media, or refuse it."""

    def answered(self, handle: Handle, codec: str) -> None:
        """Audio flows both ways; ``codec`` is PCMU or PCMA. Once a call."""

    def pressed(self, handle: Handle, digit: str) -> None:
        """A DTMF key that came by SIP INFO."""

    def transfer_answered(self, handle: Handle, status: int, final: bool) -> None:
        """How far a REFER got: the status of the new call."""

    def ended(self, handle: Handle, status: int, by_caller: bool) -> None:
        """The dialog is over; the handle is free. Once a call that was taken."""

    def registered(self, line_id: str, status: int, expires_s: int, registrar_host: str) -> None:
        """A REGISTER was answered (or not: 408). ``expires_s`` 0 after a 2xx means unregistered."""


def read_invite(message: str, source: str) -> Invite:
    """A whole INVITE from ``source``, ``host:port``. Fields that it lacks are ""."""
    head = message.partition("\r\n\r\n")[0].split("\r\n")
    headers: dict[str, str] = {}
    for line in head[1:]:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    request_line = head[0].split(" ", 2)
    return Invite(
        user=user_of(request_line[1]) if len(request_line) == 3 else "",
        caller="" if _wants_privacy(headers) else caller_number(headers.get("from") or headers.get("f", "")),
        source_host=host_of(source),
    )


def user_of(address: str) -> str:
    """The user part of a URI or of a header such as ``"Ann" <sip:+33123@host>``; "" when there is none."""
    bracketed = _ADDRESS.search(address)
    match = _USER.match(bracketed.group(1) if bracketed else address.strip())
    return unquote(match.group(1)) if match else ""


def caller_number(address: str) -> str:
    """The phone number in a From header (compact form ``f``, RFC 3261); "" for ``anonymous`` or a name."""
    user = user_of(address).partition(";")[0]
    number = plain_number(user)
    return number if _NUMBER.match(number) else ""


def _wants_privacy(headers: dict[str, str]) -> bool:
    """RFC 3323: the caller withholds the number, whatever From still says."""
    return not {"id", "user", "full"}.isdisjoint(re.split(r"[;,\s]+", headers.get("privacy", "").lower()))


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
