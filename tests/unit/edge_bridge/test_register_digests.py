import hashlib
import re

import pytest

from edge_bridge.entrances.sip.gate.message import Message
from edge_bridge.entrances.sip.registering.digests import Challenge, challenges, next_nonce

pytestmark = pytest.mark.unit

RFC_7616 = ("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")


def response_of(challenge: Challenge, method: str, uri: str, user: str, password: str) -> str:
    found = re.search(r'response="([0-9a-f]+)"', challenge.answer(method, uri, user, password)[1])
    assert found is not None
    return found[1]


def asking(*values: str, header: str = "www-authenticate") -> Message:
    return Message([(header, value) for value in values], status=401)


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, expected: str) -> None:
    nonce, cnonce = RFC_7616
    challenge = Challenge("http-auth@example.org", nonce, algorithm, qop="auth", cnonce=cnonce)
    assert response_of(challenge, "GET", "/dir/index.html", "Mufasa", "Circle of Life") == expected


def test_the_example_of_rfc_2617() -> None:
    nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    challenge = Challenge("testrealm@host.com", nonce, qop="auth", cnonce="0a4f113b")
    expected = "6629fae49393a05397450978507c4ef1"
    assert response_of(challenge, "GET", "/dir/index.html", "Mufasa", "Circle Of Life") == expected


def test_sha_512_256_is_the_hash_that_rfc_7616_means() -> None:
    # Its third example, of the user's hash; the response there is a known erratum.
    name = "Jäsøn Doe:api@example.org".encode()
    expected = "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    assert hashlib.new("sha512_256", name).hexdigest() == expected


@pytest.mark.parametrize(("algorithm", "name"), [("SHA-256-SESS", "sha256"), ("SHA-512-256", "sha512_256")])
@pytest.mark.parametrize("qop", ["", "auth", "auth-int"])
def test_each_way_is_what_the_rfc_spells_out(algorithm: str, name: str, qop: str) -> None:
    def h(text: str) -> str:
        return hashlib.new(name, text.encode()).hexdigest()

    secret = h("anna:trunk:secret")
    if algorithm.endswith("SESS"):
        secret = h(f"{secret}:n:c")
    asked = "REGISTER:sip:trunk" + (f":{h('')}" if qop == "auth-int" else "")
    expected = h(f"{secret}:n:{f'00000001:c:{qop}:' if qop else ''}{h(asked)}")
    challenge = Challenge("trunk", "n", algorithm, qop=qop, cnonce="c")
    assert response_of(challenge, "REGISTER", "sip:trunk", "anna", "secret") == expected


def test_uses_of_a_nonce_are_counted_and_a_new_one_begins_anew() -> None:
    challenge = Challenge("trunk", "n", qop="auth")
    assert [challenge.answer("REGISTER", "sip:t", "a", "p")[1].rpartition("nc=")[2] for _ in range(2)] == [
        "00000001",
        "00000002",
    ]
    challenge.renewed("next")
    assert challenge.answer("REGISTER", "sip:t", "a", "p")[1].endswith("nc=00000001")


def test_the_strongest_known_algorithm_of_each_realm_is_chosen() -> None:
    offered = challenges(
        asking(
            'Digest realm="a", nonce="1", algorithm=MD5, qop="auth"',
            'Digest realm="a", nonce="2", algorithm=SHA-256, qop="auth-int,auth"',
            'Digest realm="a", nonce="3", algorithm=AKAv1-MD5',
            'Digest realm="b", nonce="4"',
            'Basic realm="a"',
        )
    )
    assert {(one.realm, one.nonce, one.algorithm, one.qop) for one in offered.best} == {
        ("a", "2", "SHA-256", "auth"),
        ("b", "4", "MD5", ""),
    }
    assert offered.algorithms == {"MD5", "SHA-256", "AKAV1-MD5"}


def test_challenges_in_one_header_are_told_apart() -> None:
    value = 'Digest realm="a, \\"b\\"", nonce="1",stale=TRUE,opaque="", DIGEST algorithm=SHA-256, realm="c",nonce="2"'
    first, second = challenges(asking(value, header="proxy-authenticate")).best
    assert (first.realm, first.nonce, first.stale, first.opaque, first.proxy) == ('a, "b"', "1", True, "", True)
    assert (second.realm, second.algorithm, second.stale, second.opaque) == ("c", "SHA-256", False, None)
    name, text = first.answer("REGISTER", "sip:t", 'a"b', "p")
    assert name == "proxy-authorization"
    assert 'username="a\\"b", realm="a, \\"b\\""' in text and text.endswith('opaque=""')


@pytest.mark.parametrize(
    "value",
    ["", "Digest", "Digest realm", 'Digest realm="a"', 'Digest nonce="1", qop="other"', "Digest " + "a=b," * 3000],
)
def test_what_is_no_challenge_is_none(value: str) -> None:
    assert challenges(asking(value)).best == ()


def test_an_algorithm_is_named_only_where_the_challenge_names_one() -> None:
    (challenge,) = challenges(asking('Digest realm="a", nonce="1"')).best
    assert "algorithm" not in challenge.answer("REGISTER", "sip:t", "a", "p")[1]


def test_the_next_nonce_is_read() -> None:
    said = Message([("authentication-info", 'qop=auth, nextnonce="abc, d", rspauth="1"')], status=200)
    assert next_nonce(said) == "abc, d"
    assert next_nonce(Message([], status=200)) == ""
