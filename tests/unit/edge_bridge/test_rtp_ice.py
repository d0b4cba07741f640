"""ICE checks: who proves to know the password is answered, and nobody else."""

import hashlib
import hmac
import struct

import pytest

from edge_bridge.media.rtp.ice import IceLite, check, is_stun

pytestmark = pytest.mark.unit

ICE = IceLite("ours", "our password")
SOURCE = ("192.0.2.1", 4000)
USE_CANDIDATE = struct.pack(">HH", 0x25, 0)


def request(password: str = ICE.password, name: str = "ours:them", more: bytes = b"") -> bytes:
    value = name.encode() + bytes(-len(name) % 4)
    attributes = struct.pack(">HH", 6, len(name)) + value + more
    head = struct.pack(">HHI12s", 1, len(attributes) + 24, 0x2112A442, b"transaction!")
    proof = hmac.digest(password.encode(), head + attributes, hashlib.sha1)
    return head + attributes + struct.pack(">HH", 8, 20) + proof


def test_a_check_with_our_password_is_answered_with_the_address_it_came_from() -> None:
    data = request()
    assert is_stun(data)
    found = check(data, SOURCE, ICE)
    assert found is not None
    assert not found.nominates
    assert found.answer[:2] == b"\x01\x01"
    assert found.answer[8:20] == b"transaction!"
    family, port, address = struct.unpack_from(">xBH4s", found.answer, 24)
    assert (family, port ^ 0x2112) == (1, 4000)
    assert bytes(one ^ other for one, other in zip(address, b"\x21\x12\xa4\x42", strict=True)) == bytes((192, 0, 2, 1))


def test_a_nomination_is_seen_only_where_it_is_protected() -> None:
    protected = check(request(more=USE_CANDIDATE), SOURCE, ICE)
    assert protected is not None
    assert protected.nominates
    plain = request()
    added = plain[:2] + struct.pack(">H", len(plain) - 20 + 4) + plain[4:] + USE_CANDIDATE
    unprotected = check(added, SOURCE, ICE)
    assert unprotected is None or not unprotected.nominates


@pytest.mark.parametrize(
    "data",
    [
        request(password="another"),
        request(name="them:ours"),
        request()[:-4],
        request()[:20],
        b"\x01\x01" + request()[2:],
    ],
)
def test_who_does_not_know_the_password_gets_no_answer(data: bytes) -> None:
    assert check(data, SOURCE, ICE) is None
