"""Webhooks by Standard Webhooks: who may be called, how a message is signed, when it is tried again.

The signature is HMAC-SHA256 over ``id.timestamp.body``, in base64 after ``v1,``; the key is what follows ``whsec_`` in
the secret, in base64.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Iterable
from datetime import timedelta
from urllib.parse import urlsplit

from domain import breakers

SECRET_MARK = "whsec_"
SECRET_BYTES = 32
LONGEST_URL = 500

# A message that fails while others arrive: after the first attempt; then it is given up. Eight in some twenty hours.
RETRY_AFTER = tuple(timedelta(seconds=seconds) for seconds in (5, 60, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 12 * 3600))
DISABLE_AFTER = timedelta(days=5)  # of nothing but failures
# What has failed so often by itself keeps its own times when its receiver is there again: it may be the message.
RELEASED_MOST = 5
# A receiver that has been away for so long is asked less often.
LONG_OUTAGE = timedelta(hours=2)
OPEN_LATER = timedelta(minutes=5)
OLD_SECRET_FOR = timedelta(hours=24)  # both sign, so that the receiver may change over

# IPv4 addresses inside of IPv6 ones: whoever translates them would reach the inner one.
_TRANSLATED = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")))


class BadUrlError(ValueError):
    """``reason`` is one of ``url``, ``https``, ``userinfo``, ``fragment``, ``address``, ``length``."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def open_for(failures: int, failing_for: timedelta) -> timedelta | None:
    """How long a receiver is left alone (``domain.breakers``); None while it isn't."""
    pause = breakers.open_for(failures)
    return OPEN_LATER if pause is not None and failing_for >= LONG_OUTAGE else pause


def again_after(counted: int, pause: timedelta | None) -> timedelta | None:
    """How long after a failed attempt a message is sent again; None for never. ``counted`` are its failures while the
    receiver was taken to be there, ``pause`` is how long that one is left alone now."""
    if counted > len(RETRY_AFTER):
        return None
    if pause is not None and counted <= RELEASED_MOST:
        return pause
    return RETRY_AFTER[max(counted, 1) - 1]


def new_secret() -> str:
    return SECRET_MARK + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature, as it stands in ``webhook-signature``; several are separated by spaces."""
    key = base64.b64decode(secret.removeprefix(SECRET_MARK))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers(given: Iterable[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a message, signed with each of the secrets."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(secret, message_id, timestamp, body) for secret in given),
    }


def is_public(address: str) -> bool:
    """Whether this IP address is one of the internet's; anything that is no plain IP address is not."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        elif parsed.scope_id or any(parsed in network for network in _TRANSLATED):
            return False
    return parsed.is_global and not parsed.is_multicast


def check_url(url: str, *, private: bool = False) -> str:
    """The URL of an endpoint, as it is kept. Raises BadUrlError.

    ``private`` allows http and addresses that are not the internet's: for tests and for receivers inside a cluster. A
    name's addresses are looked at when it is called, each time.
    """
    url = url.strip()
    if len(url) > LONGEST_URL:
        raise BadUrlError("length")
    if not url.isascii() or not url.isprintable() or any(character in url for character in ' \\"<>^`{|}'):
        raise BadUrlError("url")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise BadUrlError("url") from None
    if parts.scheme not in ("http", "https") or not host:
        raise BadUrlError("url")
    if parts.scheme != "https" and not private:
        raise BadUrlError("https")
    if "@" in parts.netloc:
        raise BadUrlError("userinfo")
    if parts.fragment:
        raise BadUrlError("fragment")
    if not private and not _may_be_public(host):
        raise BadUrlError("address")
    return url


def _may_be_public(host: str) -> bool:
    """False for an address that is not the internet's, and for a name that is known to be local."""
    numeric = ":" in host or host.replace(".", "").isdigit()
    if numeric:
        return is_public(host)
    return "." in host.rstrip(".") and not host.rstrip(".").endswith((".local", ".localhost", ".internal"))
