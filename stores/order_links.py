"""The address of an order's page: whoever has it may see that order, and cancel it as long as callers may.

It names restaurant, order and its own end, and is signed with a key of its own; in base64 it has 64 characters, as it
goes by text message. Nothing is stored of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import uuid
from datetime import datetime, timedelta
from typing import NamedTuple

from stores.ciphers import decode_keys, derive_key

MAC_BYTES = 12  # guessed at our door only, where requests are counted
GOOD_FOR = timedelta(hours=36)


class OrderLink(NamedTuple):
    restaurant_id: str
    order_id: str


class OrderLinks:
    """Makes and reads tokens. ``pages`` is where pages are reached, "" for nowhere: then there are no links."""

    def __init__(self, master_key: str, pages: str) -> None:
        """Raises ValueError for a malformed ``master_key``."""
        self._keys = [derive_key(key, "alloresto order page 1") for key in decode_keys(master_key, "MASTER_KEY")]
        self._pages = pages.rstrip("/")

    @property
    def pages(self) -> str:
        return self._pages

    def url(self, restaurant_id: str, order_id: str, until: datetime) -> str:
        return f"{self._pages}/o/{self.token(restaurant_id, order_id, until)}" if self._pages else ""

    def booking_url(self, restaurant_id: str, reservation_id: str, until: datetime) -> str:
        """As an order's: ids are never the same, so neither page opens with the other's token."""
        return f"{self._pages}/b/{self.token(restaurant_id, reservation_id, until)}" if self._pages else ""

    def token(self, restaurant_id: str, order_id: str, until: datetime) -> str:
        named = uuid.UUID(restaurant_id).bytes + uuid.UUID(order_id).bytes + int(until.timestamp()).to_bytes(4, "big")
        return base64.urlsafe_b64encode(named + _mac(self._keys[0], named)).decode()

    def read(self, token: str, now: datetime) -> OrderLink | None:
        """None for what we have not written, and for what has ended."""
        try:
            signed = base64.b64decode(token, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        named, mac = signed[:-MAC_BYTES], signed[-MAC_BYTES:]
        if len(named) != 36 or not any(hmac.compare_digest(_mac(key, named), mac) for key in self._keys):
            return None
        if int.from_bytes(named[32:], "big") < now.timestamp():
            return None
        return OrderLink(str(uuid.UUID(bytes=named[:16])), str(uuid.UUID(bytes=named[16:32])))


def _mac(key: bytes, named: bytes) -> bytes:
    return hmac.digest(key, named, hashlib.sha256)[:MAC_BYTES]
