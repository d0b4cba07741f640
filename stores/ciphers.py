"""What is encrypted at rest: SIP passwords, in the format the platform has always had, and callers' personal data.

Everything hangs on MASTER_KEY. Losing it loses the SIP passwords and the callers' names and numbers; the orders
stay. It may hold several keys: the first one writes, all of them read, and ``stores.rotation`` writes anew what an
older one has written. ``cryptography`` is imported at the first use: a cold start seldom needs it.
"""

import base64
import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

T = TypeVar("T")

KEY_BYTES = 32
IV_BYTES = 12
READABLE_IV_BYTES = (12, 16)  # older records have 16
TAG_BYTES = 16
PBKDF2_ITERATIONS = 100_000
CACHED_KEYS = 512
PII_VERSION = b"\x01"


class CipherError(ValueError):
    """A stored secret can't be read. The message says why and quotes nothing of it."""


def decode_keys(text: str, variable: str) -> tuple[bytes, ...]:
    """The keys of a setting, with commas between: the first one writes, all of them read.

    Raises ValueError when there is none, or one is not 32 bytes in base64, naming ``variable``.
    """
    keys: list[bytes] = []
    given = text.split(",")
    for one in given:
        try:
            key = base64.b64decode(one.strip(), validate=True)
        except ValueError:  # binascii.Error is one
            key = b""
        if len(key) != KEY_BYTES:
            which = f"key {len(keys) + 1} of {len(given)} is " if len(given) > 1 else ""
            raise ValueError(f"{variable}: {which}not 32 bytes in base64; make one with: openssl rand -base64 32")
        keys.append(key)
    return tuple(keys)


def decode_master_key(text: str) -> bytes:
    """MASTER_KEY as bytes. Raises ValueError when it is not 32 bytes in base64."""
    return decode_keys(text, "MASTER_KEY")[0]


def key_name(key: bytes) -> str:
    """Eight characters to tell keys apart by. They say nothing of the key."""
    return derive_key(key, "alloresto key's name")[:4].hex()


class SipPasswordCipher:
    """``base64(iv):base64(tag):base64(ciphertext)``, AES-256-GCM.

    The key is PBKDF2-HMAC-SHA256(master key, salt = the line's id, 100,000): 22 ms of CPU, so the last
    CACHED_KEYS are kept.
    """

    def __init__(self, master_key: str) -> None:
        """``master_key`` as in the settings. Raises ValueError when it is malformed."""
        self._masters = decode_keys(master_key, "MASTER_KEY")
        self._keys: OrderedDict[tuple[bytes, str], bytes] = OrderedDict()

    def encrypt(self, line_id: str, password: str) -> str:
        iv = os.urandom(IV_BYTES)
        sealed = _aes(self._key(self._masters[0], line_id)).encrypt(iv, password.encode(), None)
        parts = (iv, sealed[-TAG_BYTES:], sealed[:-TAG_BYTES])
        return ":".join(base64.b64encode(part).decode() for part in parts)

    def decrypt(self, line_id: str, stored: str) -> str:
        """Raises CipherError for a malformed record, or one of another line or master key."""
        return self._opened(line_id, stored)[1]

    def renewed(self, line_id: str, stored: str) -> str | None:
        """What is to be stored instead; None where the first key has written it. Raises CipherError.

        The token of a practice line is derived, so it becomes another one.
        """
        number, password = self._opened(line_id, stored)
        if number == 0:
            return None
        is_derived = password == practice_token(self._masters[number], line_id)
        return self.encrypt(line_id, practice_token(self._masters[0], line_id) if is_derived else password)

    def practice_tokens(self, line_id: str) -> list[str]:
        """What the token of a practice line is, or was until it is renewed."""
        return [practice_token(master, line_id) for master in self._masters]

    def _opened(self, line_id: str, stored: str) -> tuple[int, str]:
        try:
            iv, tag, ciphertext = (base64.b64decode(part, validate=True) for part in stored.split(":"))
        except ValueError:  # binascii.Error is one
            raise CipherError("SIP password: not iv:tag:ciphertext in base64; enter it again") from None
        if len(iv) not in READABLE_IV_BYTES or len(tag) != TAG_BYTES:
            raise CipherError("SIP password: its iv or tag has the wrong length; enter it again")
        candidates = [partial(self._key, master, line_id) for master in self._masters]
        number, password = _open(candidates, iv, ciphertext + tag, None, "SIP password")
        return number, password.decode()

    def _key(self, master: bytes, line_id: str) -> bytes:
        key = self._keys.get((master, line_id))
        if key is None:
            key = hashlib.pbkdf2_hmac("sha256", master, line_id.encode(), PBKDF2_ITERATIONS, KEY_BYTES)
            self._keys[master, line_id] = key
            if len(self._keys) > CACHED_KEYS:
                self._keys.popitem(last=False)
        else:
            self._keys.move_to_end((master, line_id))
        return key


class PiiCipher:
    """Callers' names, numbers and addresses, bound to their restaurant.

    AES-256-GCM with the restaurant's id as associated data, so that a ciphertext copied to another restaurant
    can't be read there; a keyed hash finds a caller again without storing the number. One derived key for each.
    """

    def __init__(self, master_key: str) -> None:
        """``master_key`` as in the settings. Raises ValueError when it is malformed."""
        masters = decode_keys(master_key, "MASTER_KEY")
        self._encryption_keys = [derive_key(master, "alloresto pii encryption 1") for master in masters]
        self._lookup_keys = [derive_key(master, "alloresto pii look-up 1") for master in masters]

    def encrypt(self, restaurant_id: str, text: str) -> bytes:
        iv = os.urandom(IV_BYTES)
        return PII_VERSION + iv + _aes(self._encryption_keys[0]).encrypt(iv, text.encode(), restaurant_id.encode())

    def decrypt(self, restaurant_id: str, stored: bytes) -> str:
        """Raises CipherError for a malformed value, or one of another restaurant or master key."""
        return self._opened(restaurant_id, stored)[1]

    def renewed(self, restaurant_id: str, stored: bytes) -> bytes | None:
        """What is to be stored instead; None where the first key has written it. Raises CipherError."""
        number, text = self._opened(restaurant_id, stored)
        return None if number == 0 else self.encrypt(restaurant_id, text)

    def _opened(self, restaurant_id: str, stored: bytes) -> tuple[int, str]:
        if stored[:1] != PII_VERSION or len(stored) < 1 + IV_BYTES + TAG_BYTES:
            raise CipherError("personal data: not a format of this release")
        iv, sealed = stored[1 : 1 + IV_BYTES], stored[1 + IV_BYTES :]
        candidates = [partial(bytes, key) for key in self._encryption_keys]
        number, text = _open(candidates, iv, sealed, restaurant_id.encode(), "personal data")
        return number, text.decode()

    def phone_hash(self, restaurant_id: str, number: str) -> bytes:
        """32 bytes, the same for the same number at the same restaurant, however it is punctuated."""
        return self.phone_hashes(restaurant_id, number)[0]

    def phone_hashes(self, restaurant_id: str, number: str) -> tuple[bytes, ...]:
        """By each key, as long as a rotation is under way: what a row may have. The first is what is written."""
        digits = "".join(character for character in number if character.isdigit() or character == "+")
        named = f"{restaurant_id}:{digits}".encode()
        return tuple(hmac.new(key, named, hashlib.sha256).digest() for key in self._lookup_keys)


class SecretCipher:
    """Secrets of ours that must be read again, each bound to its owner's id. A purpose has a key of its own."""

    def __init__(self, master_key: str, purpose: str) -> None:
        """``master_key`` as in the settings. Raises ValueError when it is malformed."""
        self._keys = [derive_key(key, f"alloresto {purpose}") for key in decode_keys(master_key, "MASTER_KEY")]

    def encrypt(self, owner_id: str, secret: bytes) -> bytes:
        iv = os.urandom(IV_BYTES)
        return iv + _aes(self._keys[0]).encrypt(iv, secret, owner_id.encode())

    def decrypt(self, owner_id: str, stored: bytes) -> bytes:
        """Raises CipherError for a malformed value, or one of another owner, purpose or master key."""
        return self._opened(owner_id, stored)[1]

    def renewed(self, owner_id: str, stored: bytes) -> bytes | None:
        """What is to be stored instead; None where the first key has written it. Raises CipherError."""
        number, secret = self._opened(owner_id, stored)
        return None if number == 0 else self.encrypt(owner_id, secret)

    def _opened(self, owner_id: str, stored: bytes) -> tuple[int, bytes]:
        if len(stored) < IV_BYTES + TAG_BYTES:
            raise CipherError("secret: too short")
        candidates = [partial(bytes, key) for key in self._keys]
        return _open(candidates, stored[:IV_BYTES], stored[IV_BYTES:], owner_id.encode(), "secret")


class RowReader:
    """Reads what is encrypted in one row, for people to look at.

    A ciphertext that can't be read (another key, another release, damaged) leaves its field empty and is named in
    ``unreadable``: one such field must not cost the page that it stands on.
    """

    def __init__(self, pii: PiiCipher | None, restaurant_id: str) -> None:
        """Without a cipher every field is empty, and none is unreadable."""
        self._pii = pii
        self._restaurant_id = restaurant_id
        self._unreadable: set[str] = set()

    @property
    def unreadable(self) -> frozenset[str]:
        """Complete once every field has been read."""
        return frozenset(self._unreadable)

    def text(self, field: str, stored: bytes | None) -> str:
        if self._pii is None or not stored:
            return ""
        try:
            return self._pii.decrypt(self._restaurant_id, stored)
        except ValueError:  # CipherError is one, UnicodeDecodeError another
            self._unreadable.add(field)
            return ""

    def struct(self, field: str, stored: bytes | None, kind: type[T]) -> T | None:
        """A value that was encrypted as JSON."""
        text = self.text(field, stored)
        if not text:
            return None
        try:
            return msgspec.json.decode(text, type=kind)
        except msgspec.DecodeError:
            self._unreadable.add(field)
            return None


def practice_token(master: bytes, line_id: str) -> str:
    """The token of a line that a restaurant rings from its own page: derived, so that it is never read back."""
    return base64.urlsafe_b64encode(derive_key(master, f"alloresto practice line {line_id}")).decode()


def derive_key(master_key: bytes, purpose: str) -> bytes:
    """HKDF-SHA256 (RFC 5869) without salt, one block."""
    pseudorandom = hmac.new(bytes(hashlib.sha256().digest_size), master_key, hashlib.sha256).digest()
    return hmac.new(pseudorandom, purpose.encode() + b"\x01", hashlib.sha256).digest()


def _aes(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _open(
    candidates: Sequence[Callable[[], bytes]], iv: bytes, sealed: bytes, associated: bytes | None, what: str
) -> tuple[int, bytes]:
    """Which of the keys fits, and the plain text. A key is asked for when its turn comes: a line's takes 22 ms."""
    from cryptography.exceptions import InvalidTag

    for number, key in enumerate(candidates):
        try:
            return number, _aes(key()).decrypt(iv, sealed, associated)
        except InvalidTag:
            continue
    raise CipherError(f"{what}: encrypted under another MASTER_KEY, or for another owner, or damaged")
