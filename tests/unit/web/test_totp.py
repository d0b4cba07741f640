"""RFC 6238's own vectors (appendix B), and what is accepted around them."""

from base64 import b32decode
from urllib.parse import parse_qs, urlsplit

import pytest

from web.identity import totp

pytestmark = pytest.mark.unit

DIGITS = b"1234567890"
SECRETS = {"sha1": DIGITS * 2, "sha256": (DIGITS * 4)[:32], "sha512": (DIGITS * 7)[:64]}
VECTORS = [
    (59, "94287082", "46119246", "90693936"),
    (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"),
    (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"),
    (20000000000, "65353130", "77737706", "47863826"),
]


@pytest.mark.parametrize(("seconds", "sha1", "sha256", "sha512"), VECTORS)
def test_the_codes_are_those_of_the_rfc(seconds: int, sha1: str, sha256: str, sha512: str) -> None:
    step = seconds // totp.STEP_S
    codes = [totp.code_at(SECRETS[name], step, digits=8, algorithm=name) for name in SECRETS]

    assert codes == [sha1, sha256, sha512]


@pytest.mark.parametrize(("drift", "right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_phones_clock_may_be_one_step_off(drift: int, right: bool) -> None:
    now, secret = 1111111111, SECRETS["sha1"]
    typed = totp.code_at(secret, now // totp.STEP_S + drift)

    assert totp.step_of(secret, typed, now) == (now // totp.STEP_S + drift if right else None)


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "é12345", "١٢٣٤٥٦"])
def test_what_is_no_code_is_wrong(typed: str) -> None:
    assert totp.step_of(SECRETS["sha1"], typed, 59) is None


def test_spaces_that_an_app_shows_are_no_mistake() -> None:
    assert totp.step_of(SECRETS["sha1"], " 287 082 ", 59) == 1


def test_an_app_reads_account_issuer_and_secret() -> None:
    address = urlsplit(totp.address(SECRETS["sha1"], "anna+1@example.org"))

    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert address.path == "/AlloResto%3Aanna%2B1%40example.org"
    query = parse_qs(address.query)
    assert query["issuer"] == ["AlloResto"]
    assert b32decode(query["secret"][0]) == SECRETS["sha1"]
    assert totp.readable(SECRETS["sha1"]).replace(" ", "") == query["secret"][0]
