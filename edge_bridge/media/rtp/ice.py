"""ICE, the lite half of it (RFC 8445, 2.5): some phones send no audio before somebody has answered their checks.

A lite endpoint has one candidate, its own address, and answers STUN binding requests (RFC 8489). Whoever knows the
password knows the SDP: the address that such a phone nominates is where its audio is.
"""

import hashlib
import hmac
import ipaddress
import secrets
import struct
import zlib
from dataclasses import dataclass

import msgspec

Address = tuple[str, int]

_COOKIE = 0x2112A442
_REQUEST, _SUCCESS = 0x0001, 0x0101
_USERNAME, _INTEGRITY, _XOR_ADDRESS, _USE_CANDIDATE, _FINGERPRINT = 0x0006, 0x0008, 0x0020, 0x0025, 0x8028
_FINGERPRINT_MASK = 0x5354554E
_HEADER = struct.Struct(">HHI12s")
_ATTRIBUTE = struct.Struct(">HH")
_INTEGRITY_BYTES = 20
_HOST_PRIORITY = (126 << 24) + (65_535 << 8)  # less the component


class IceLite(msgspec.Struct, frozen=True):
    """Our credentials in one call."""

    fragment: str
    password: str

    @classmethod
    def fresh(cls) -> "IceLite":
        return cls(secrets.token_hex(4), secrets.token_hex(16))

    def sdp(self, host: str, ports: tuple[int, ...]) -> list[str]:
        """The media line's attributes; one port for each component."""
        candidates = [
            f"a=candidate:1 {component} UDP {_HOST_PRIORITY + 256 - component} {host} {port} typ host"
            for component, port in enumerate(ports, 1)
        ]
        return [f"a=ice-ufrag:{self.fragment}", f"a=ice-pwd:{self.password}", *candidates]


@dataclass(frozen=True, slots=True)
class Check:
    """A request that was made with our password. ``nominates``: the sender wants its audio to come from there."""

    answer: bytes
    nominates: bool


def is_stun(data: bytes) -> bool:
    return len(data) >= _HEADER.size and data[0] < 4 and _HEADER.unpack_from(data)[2] == _COOKIE


def check(data: bytes, source: Address, ice: IceLite) -> Check | None:
    """Answer one binding request from ``source``; None for one that does not prove our password, or is none."""
    kind, length, _, transaction = _HEADER.unpack_from(data)
    if kind != _REQUEST or length + _HEADER.size != len(data):
        return None
    proven, named, nominates = False, False, False
    at = _HEADER.size
    while at + _ATTRIBUTE.size <= len(data) and not proven:
        attribute, size = _ATTRIBUTE.unpack_from(data, at)
        value = data[at + _ATTRIBUTE.size : at + _ATTRIBUTE.size + size]
        if attribute == _USERNAME:
            named = value.startswith(f"{ice.fragment}:".encode())
        elif attribute == _USE_CANDIDATE:
            nominates = True
        elif attribute == _INTEGRITY:  # what comes after it is not protected, so not looked at
            proven = hmac.compare_digest(value, _integrity(data[:at], ice))
        at += _ATTRIBUTE.size + size + -size % 4
    if not (proven and named):
        return None
    return Check(_answer(transaction, source, ice), nominates)


def _answer(transaction: bytes, source: Address, ice: IceLite) -> bytes:
    address = ipaddress.ip_address(source[0]).packed
    mask = struct.pack(">I", _COOKIE) + transaction
    xored = bytes(one ^ other for one, other in zip(address, mask, strict=False))
    value = struct.pack(">BBH", 0, 1 if len(address) == 4 else 2, source[1] ^ _COOKIE >> 16) + xored
    message = _HEADER.pack(_SUCCESS, 0, _COOKIE, transaction) + _ATTRIBUTE.pack(_XOR_ADDRESS, len(value)) + value
    message += _ATTRIBUTE.pack(_INTEGRITY, _INTEGRITY_BYTES) + _integrity(message, ice)
    message = _with_length(message, _ATTRIBUTE.size + 4)
    return message + _ATTRIBUTE.pack(_FINGERPRINT, 4) + struct.pack(">I", zlib.crc32(message) ^ _FINGERPRINT_MASK)


def _integrity(before: bytes, ice: IceLite) -> bytes:
    """Of the message up to the attribute, with a length that counts the attribute in."""
    covered = _with_length(before, _ATTRIBUTE.size + _INTEGRITY_BYTES)
    return hmac.digest(ice.password.encode(), covered, hashlib.sha1)


def _with_length(message: bytes, more: int) -> bytes:
    return message[:2] + struct.pack(">H", len(message) - _HEADER.size + more) + message[4:]
