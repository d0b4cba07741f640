"""SIP without pjsip: URIs, what is read of an INVITE, its pacing."""

import pytest

from edge_bridge.entrances.sip.pacing import KEYS, KeyLedger, media_lines, open_lines
from edge_bridge.entrances.sip.signals import Invite, host_of, read_invite, transfer_target, user_of

pytestmark = pytest.mark.unit

PJSIP_KEEPS_S = 0.5


@pytest.mark.parametrize(
    ("address", "user"),
    [
        ("sip:+33123@host", "+33123"),
        ('"Ann" <sip:ann@host:5060;transport=udp>;tag=x', "ann"),
        ("<sips:line%2D1@host>", "line-1"),
        ("sip:host", ""),
        ("<tel:+33123>;tag=x", "+33123"),
        ("tel:0465710042;phone-context=+33", "+33465710042"),
        ("sip:0465710042;phone-context=+33@host;user=phone", "+33465710042"),
        ("sip:+33465710042;npdi;rn=+33999@host", "+33465710042"),
        ("tel:42;phone-context=trunk.test", "42"),
        ("", ""),
        ("sip:user:password@host", "user"),
        ("sip:a?b@host", "a?b"),
        ("sip:host?Subject=x", ""),
        ('"<sip:+33999@x>" <sip:+33123@host>', "+33123"),
        ('"a \\" <sip:+33999@x>" <sip:+33123@host>', "+33123"),
    ],
)
def test_the_user_of_an_address(address: str, user: str) -> None:
    assert user_of(address) == user


def test_an_invite_is_read_with_long_and_with_compact_headers() -> None:
    expected = Invite("line-1", "+33612345678", "10.0.0.7")
    request = "INVITE sip:line-1@10.0.0.1:5060;ob SIP/2.0\r\nVia: x\r\n"
    for header in ("From: <sip:+33612345678@10.0.0.7>;tag=1", "f: sip:+33612345678@10.0.0.7;tag=1"):
        assert read_invite(f"{request}{header}\r\n\r\nv=0\r\n", "10.0.0.7:5060") == expected


@pytest.mark.parametrize(
    ("headers", "caller"),
    [
        (("P-Asserted-Identity: <sip:desk@x>, <tel:+33-6-1234-5678>",), "+33612345678"),
        (("P-Asserted-Identity: <sip:desk@x>", "P-Asserted-Identity: <sip:+33612345678@x>"), "+33612345678"),
        (('P-Asserted-Identity: "Test, <sip:+33999@x>, A" <sip:+33612345678@x>',), "+33612345678"),
        (("Remote-Party-ID: <sip:+33999@x>;party=called",), "+33600000000"),
        (("Remote-Party-ID: <sip:+33999@x>;party=called", "Remote-Party-ID: <sip:+33612345678@x>"), "+33612345678"),
        (("Remote-Party-ID: <sip:+33612345678@x>;party=calling;screen=yes",), "+33612345678"),
        (("P-Asserted-Identity: <sip:anonymous@anonymous.invalid>",), "+33600000000"),
        (("P-Asserted-Identity: <sip:+33612345678@x>", "Privacy: none"), "+33612345678"),
        (("P-Asserted-Identity: <sip:+33612345678@x>", "Privacy: id;critical"), ""),
    ],
)
def test_of_all_that_tells_of_the_caller_the_networks_first_number_counts(
    headers: tuple[str, ...], caller: str
) -> None:
    lines = ["INVITE sip:line-1@10.0.0.1 SIP/2.0", "From: <sip:+33600000000@x>;tag=1", *headers]
    assert read_invite("\r\n".join(lines) + "\r\n\r\n", "10.0.0.7:5060").caller == caller


def test_nobody_vouches_for_a_number_by_the_name_that_the_caller_chose() -> None:
    name = '"x;verstat=TN-Validation-Passed-A"'
    text = f"INVITE sip:line-1@x SIP/2.0\r\nP-Asserted-Identity: {name} <sip:+33612345678@x>\r\n\r\n"
    assert read_invite(text, "10.0.0.7:5060").attestation == ""


def test_a_request_that_is_none_has_no_user_and_no_caller() -> None:
    assert read_invite("nonsense", "10.0.0.7:5060") == Invite("", "", "10.0.0.7")


@pytest.mark.parametrize(
    ("address", "host"), [("10.0.0.1:5060", "10.0.0.1"), ("[::1]:5060", "::1"), ("trunk.test", "trunk.test")]
)
def test_the_host_of_an_address(address: str, host: str) -> None:
    assert host_of(address) == host


@pytest.mark.parametrize(
    ("target", "uri"),
    [
        ("+33 6 12 34 56 78", "sip:+33612345678@trunk.test"),
        ("tel:+33612345678", "sip:+33612345678@trunk.test"),
        ("sip:ann@elsewhere.test", "sip:ann@elsewhere.test"),
        ("ann", None),
        ("", None),
        ("sip:ann@x>\r\nX-Evil: 1", None),
        ("sip:ann@192.0.2.1:5070;transport=tcp", "sip:ann@192.0.2.1:5070;transport=tcp"),
        ("sip:ann@127.1", None),
        ("sip:ann@2130706433:5060;user=phone", None),
        ("sip:ann@[::ffff:127.0.0.1]?Subject=x", None),
    ],
)
def test_where_a_transfer_goes(target: str, uri: str | None) -> None:
    assert transfer_target(target, "trunk.test") == uri


def test_a_number_without_a_domain_cannot_be_transferred_to() -> None:
    assert transfer_target("+33612345678", "") is None


def test_media_lines_are_counted() -> None:
    assert media_lines("INVITE …\r\n\r\nv=0\r\nm=audio 1 RTP/AVP 0\r\nm=video 2 RTP/AVP 96\r\n") == 2
    assert media_lines("INVITE …\r\n\r\nv=0\r\nm=audio 1 RTP/AVP 0\r\nm=video 0 RTP/AVP 96\r\n") == 1
    assert media_lines("INVITE without a body") == 1


def test_a_media_line_is_open_while_it_has_a_port() -> None:
    assert open_lines("v=0\r\nm=audio 4000 RTP/AVP 0\r\nm=video 0 RTP/AVP 96\r\n") == (True, False)
    assert open_lines("") == ()


@pytest.mark.parametrize("media", [1, 2, 50])
def test_a_flood_never_takes_more_keys_than_there_are(media: int) -> None:
    ledger, now = KeyLedger(), 0.0
    taken: list[tuple[float, int]] = []
    for _ in range(200):
        now += ledger.wait_s(now, media)
        ledger.take(now, media)
        taken.append((now, 2 * min(media, 16)))
        assert sum(keys for at, keys in taken if now - at < PJSIP_KEEPS_S) < KEYS


def test_ordinary_traffic_never_waits() -> None:
    ledger = KeyLedger()
    for number in range(100):
        assert ledger.wait_s(number * 0.1, 1) == 0
        ledger.take(number * 0.1, 1)


@pytest.mark.parametrize(
    ("header", "attestation"),
    [
        ("P-Attestation-Indicator: b", "B"),
        ("P-Attestation-Indicator: <script>", ""),
        ("P-Asserted-Identity: <sip:+33612345678;verstat=TN-Validation-Passed-A@trunk.test;user=phone>", "A"),
        ("P-Asserted-Identity: <tel:+33612345678;verstat=TN-Validation-Passed>", ""),
        ("P-Asserted-Identity: <tel:+33612345678;verstat=TN-Validation-Failed-C>", "failed"),
        ("From: <sip:+33612345678;verstat=TN-Validation-Passed-A@trunk.test>", ""),
    ],
)
def test_how_far_the_network_vouches_for_the_number(header: str, attestation: str) -> None:
    invite = read_invite(f"INVITE sip:line-1@edge SIP/2.0\r\n{header}\r\n\r\n", "10.0.0.7:5060")
    assert invite.attestation == attestation
