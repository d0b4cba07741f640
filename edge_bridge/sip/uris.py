"""The little of SIP's grammar that the bridge reads and writes itself."""

import re
from urllib.parse import unquote

_ADDRESS = re.compile(r"<([^>]+)>")
_USER = re.compile(r"^sips?:([^@;?:]+)(?::[^@]*)?@", re.IGNORECASE)
_NUMBER = re.compile(r"^\+?[0-9*#]{2,20}$")
_TARGET = re.compile(r"^sips?:[^\s<>\"@]+@[^\s<>\"@]+$", re.IGNORECASE)


def user_of(address: str) -> str:
    """The user part of a URI or of a header such as ``"Ann" <sip:+33123@host>``; "" when there is none."""
    bracketed = _ADDRESS.search(address)
    match = _USER.match(bracketed.group(1) if bracketed else address.strip())
    return unquote(match.group(1)) if match else ""


def request_user(message: str) -> str:
    """The user of the Request-URI of a whole request."""
    parts = message.split(" ", 2)
    return user_of(parts[1]) if len(parts) == 3 else ""


def host_of(address: str) -> str:
    """The host of ``host:port``, ``[v6]:port`` or a bare host."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.rpartition(":")[0] if address.count(":") == 1 else address


def number(text: str) -> str:
    """A phone number in one form: digits with a leading ``+`` when international (``00`` counts as ``+``)."""
    digits = re.sub(r"[\s().\-/]", "", text)
    return "+" + digits[2:] if digits.startswith("00") else digits


def transfer_target(target: str, domain: str) -> str | None:
    """The URI to refer a caller to: ``target`` is a SIP URI or a number at ``domain``; None when it is neither."""
    if _TARGET.match(target):
        return target
    dialled = number(target.removeprefix("tel:"))
    return f"sip:{dialled}@{domain}" if domain and _NUMBER.match(dialled) else None
