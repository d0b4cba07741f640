"""A dump's outer form: encrypted in chunks, so that neither end ever holds it whole, and none can be lost unnoticed.

``MAGIC``, the header's length (4 bytes, big-endian), the header (JSON), then the chunks: each its length (4 bytes) and
AES-256-GCM over at most CHUNK_BYTES. The key is derived from BACKUP_KEY and the header's random salt, so it serves one
file alone and a nonce may be a counter; its last byte is 1 in the last chunk only (the STREAM construction of
Hoang, Reyhanitabar, Rogaway and Vizár, 2015). The header is each chunk's associated data. So a file that is cut off,
reordered, spliced or changed anywhere is refused, at that place.
"""

import base64
import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backups.errors import BackupError
from stores.ciphers import derive_key, key_name

MAGIC = b"alloresto backup 1\n"
CHUNK_BYTES = 1 << 20
SALT_BYTES = 32
TAG_BYTES = 16
LONGEST_HEADER = 1 << 16
_LENGTH = struct.Struct(">I")


class Header(msgspec.Struct, frozen=True):
    """What must be known before anything is restored. Not secret."""

    key: str
    """The name of the key, see ``key_name``."""
    salt: str
    server_version: int
    """``server_version_num``, such as 180006."""
    owner: str
    """The role that owns the schema: policies and functions name it."""
    migrations: tuple[str, ...]


class Opened(NamedTuple):
    header: Header
    plain: Iterator[bytes]


def seal(
    plain: Iterable[bytes], key: bytes, *, server_version: int, owner: str, migrations: Sequence[str]
) -> Iterator[bytes]:
    """The sealed form of ``plain``, piece by piece. ``key`` is 32 bytes."""
    salt = os.urandom(SALT_BYTES)
    header = msgspec.json.encode(
        Header(key_name(key), base64.b64encode(salt).decode(), server_version, owner, tuple(migrations))
    )
    yield MAGIC + _LENGTH.pack(len(header)) + header
    cipher, number = _cipher(key, salt), 0
    waiting: bytes | None = None
    for chunk in _in_chunks(plain):
        if waiting is not None:
            yield _closed(cipher, number, waiting, header, last=False)
            number += 1
        waiting = chunk
    yield _closed(cipher, number, waiting or b"", header, last=True)


def unseal(sealed: Iterable[bytes], keys: Sequence[bytes]) -> Opened:
    """The header, at once, and the plain text as it comes.

    Raises BackupError: at once for what is no backup or of another key, and from the iterator for a file that is cut
    off or was changed.
    """
    source = _Reader(sealed)
    if source.take(len(MAGIC), "it is not a backup of this platform") != MAGIC:
        raise BackupError("the file is not a backup of this platform, or one of a release with another format")
    length = _LENGTH.unpack(source.take(_LENGTH.size, "cut off in its header"))[0]
    if length > LONGEST_HEADER:
        raise BackupError("the backup's header is damaged; take another backup")
    encoded = source.take(length, "cut off in its header")
    try:
        header = msgspec.json.decode(encoded, type=Header)
        salt = base64.b64decode(header.salt, validate=True)
    except ValueError:  # msgspec.DecodeError and binascii.Error are
        raise BackupError("the backup's header is damaged; take another backup") from None
    for key in keys:
        if key_name(key) == header.key:
            return Opened(header, _opened(source, _cipher(key, salt), encoded))
    names = ", ".join(key_name(key) for key in keys)
    raise BackupError(f"the backup is sealed with key {header.key}, and BACKUP_KEY has {names}; put that key into it")


def _opened(source: "_Reader", cipher: AESGCM, header: bytes) -> Iterator[bytes]:
    number = 0
    while True:
        length = _LENGTH.unpack(source.take(_LENGTH.size, "cut off"))[0]
        if not TAG_BYTES <= length <= CHUNK_BYTES + TAG_BYTES:
            raise BackupError("the backup is damaged; take another backup")
        sealed = source.take(length, "cut off")
        last = source.at_end()
        try:
            yield cipher.decrypt(_nonce(number, last), sealed, header)
        except InvalidTag:
            what = "cut off or damaged" if last else "damaged"
            raise BackupError(f"the backup is {what}, after {number} MiB; fetch it again, or take another") from None
        if last:
            return
        number += 1


def _closed(cipher: AESGCM, number: int, chunk: bytes, header: bytes, *, last: bool) -> bytes:
    sealed = cipher.encrypt(_nonce(number, last), chunk, header)
    return _LENGTH.pack(len(sealed)) + sealed


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(derive_key(key, f"alloresto backup 1 {salt.hex()}"))


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _in_chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    gathered = bytearray()
    for piece in pieces:
        gathered += piece
        while len(gathered) >= CHUNK_BYTES:
            yield bytes(gathered[:CHUNK_BYTES])
            del gathered[:CHUNK_BYTES]
    if gathered:
        yield bytes(gathered)


class _Reader:
    """Exact lengths from pieces of any length."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._held = bytearray()

    def take(self, length: int, otherwise: str) -> bytes:
        """Raises BackupError, saying ``otherwise``, when fewer bytes are left."""
        while len(self._held) < length:
            if not self._more():
                raise BackupError(f"the backup is incomplete: {otherwise}; fetch it again, or take another")
        taken = bytes(self._held[:length])
        del self._held[:length]
        return taken

    def at_end(self) -> bool:
        return not self._held and not self._more()

    def _more(self) -> bool:
        for piece in self._pieces:
            if piece:
                self._held += piece
                return True
        return False
