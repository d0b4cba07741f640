"""The gate's parser: RFC 4475's torture messages, and that nothing makes it raise but BadMessage."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_bridge.entrances.sip.gate.message import (
    MAX_HEAD,
    BadMessage,
    Message,
    outline,
    parse,
    split_values,
    tag_of,
    uri_of,
)

pytestmark = pytest.mark.unit

PLAIN = (
    "INVITE sip:vivekg@chair-dnrc.example.com SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.1:5070;rport;branch=z9hG4bK1\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:a@192.0.2.1>;tag=f\r\nTo: <sip:b@192.0.2.2>\r\n"
    "Call-ID: c1\r\nCSeq: 1 INVITE\r\nContact: <sip:a@192.0.2.1:5070>\r\n"
    "Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
)
# RFC 4475, 3.1.1.1: folded and compact headers, odd spacing, escapes, commas in quotes, unknown headers.
WSINV = (
    "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n"
    "TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n"
    'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n'
    "MaX-fOrWaRdS: 0068\r\nCall-ID: wsinv.ndaksdj@192.0.2.1\r\nContent-Length   : 9\r\n"
    "cseq: 0009\r\n  INVITE\r\nVia  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\ns :\r\n"
    "NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
    "UnknownHeaderWithUnusualValue: ;;,,;;,;\r\nContent-Type: application/sdp\r\nRoute:\r\n"
    " <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n"
    "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n"
    " SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n"
    'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n'
    "  secondparam ; q = 0.33\r\n\r\nv=0\r\no=mhandley"
)


def changed(old: str, new: str, message: str = PLAIN) -> bytes:
    assert old in message
    return message.replace(old, new, 1).encode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Content-Length: 5", "Content-Length: 500"),
        ("Content-Length: 5", "Content-Length: five"),
        ("Content-Length: 5", "Content-Length: 5\r\nl: 5"),
        ("Call-ID: c1", "Call-ID: c1\r\nCall-ID: c2"),
        ("1 INVITE", "1 OPTIONS"),
        ("sip:vivekg@", "sip:vive kg@"),
        ("Contact: ", f"X-Long: {'x' * 5000}\r\nContact: "),
    ],
)
def test_a_request_that_is_not_taken_can_still_be_refused(old: str, new: str) -> None:
    with pytest.raises(BadMessage):
        parse(changed(old, new))
    message = outline(changed(old, new))
    assert message is not None
    assert (message.method, message.call_id, message.from_tag, message.sequence) == ("INVITE", "c1", "f", 1)
    assert message.vias[0].branch == "z9hG4bK1"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("INVITE sip:vivekg@chair-dnrc.example.com SIP/2.0", "SIP/2.0 200 OK"),
        ("INVITE sip", "ACK sip"),
        ("Via: ", "X-Via: "),
        ("CSeq: ", "X-CSeq: "),
        ("Call-ID: c1", "Call-ID: c\x001"),
    ],
)
def test_what_can_not_be_answered_or_must_not_be_is_not(old: str, new: str) -> None:
    assert outline(changed(old, new)) is None


def test_the_torture_invite_with_odd_white_space_is_read_right() -> None:
    message = parse(WSINV.encode())
    assert (message.method, message.sequence, message.call_id) == ("INVITE", 9, "wsinv.ndaksdj@192.0.2.1")
    assert (message.to_tag, message.from_tag) == ("1918181833n", "98asjd8")
    assert [(via.transport, via.host, via.branch) for via in message.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert uri_of(message.first("contact")) == "sip:jdrosen@example.com"
    assert message.body == b"v=0\r\no=mh"[:9]


def test_what_is_written_is_read_again_as_the_same_message() -> None:
    message = parse(WSINV.encode())
    again = parse(message.render())
    assert (again.vias, again.body, again.from_tag) == (message.vias, message.body, message.from_tag)
    assert b"\r\n " not in message.render()


@pytest.mark.parametrize(
    ("old", "new", "name", "written"),
    [
        ("application/sdp", "application / sdp ;level=1/2", "content-type", "application/sdp ;level=1/2"),
        ("<sip:b@192.0.2.2>", "urn:service:sos ;x=y", "to", "<urn:service:sos> ;x=y"),
        ("<sip:a@192.0.2.1>;tag=f", "urn:uuid:1;tag=f", "from", "<urn:uuid:1>;tag=f"),
        ("<sip:b@192.0.2.2>", "sip:b@192.0.2.2;x=y", "to", "sip:b@192.0.2.2;x=y"),
    ],
)
def test_what_may_be_written_in_two_ways_is_written_in_the_one_that_pjsip_reads(
    old: str, new: str, name: str, written: str
) -> None:
    message = parse(changed(old, new))
    assert message.first(name) == written
    assert message.from_tag == "f"


# RFC 4475 and kin: what has to be read, be it as strange as it is.
@pytest.mark.parametrize(
    "data",
    [
        changed("INVITE sip", "!interesting-Method0123456789_*+`.%indeed'~ sip").replace(
            b"1 INVITE", b"1 !interesting-Method0123456789_*+`.%indeed'~"
        ),  # intmeth
        changed("sip:vivekg@", "sip:sips%3Auser%40example.com@"),  # esc01
        changed("<sip:a@192.0.2.1>;tag=f", "<sip:null-%00-null@example.com>;tag=f"),  # escnull
        changed("\r\n\r\nv=0", "\r\nX: " + "x" * 4000 + "\r\n\r\nv=0"),  # longreq
        changed("z9hG4bK1", "z9hG4bK"),  # transports, badbranch
        PLAIN.replace("\r\n", "\n").replace("Length: 5", "Length: 4").encode(),
        b"\r\n\r\n" + PLAIN.encode(),
        changed("Content-Length: 5\r\n", ""),
        PLAIN.encode() + b"more than its length",  # dblreq
        changed("Call-ID: c1", "i: c1"),
        changed("<sip:b@192.0.2.2>", "isbn:2983792873"),  # unkscm
        changed("Via: SIP/2.0/UDP 192.0.2.1:5070", "Via: SIP/2.0/UDP [2001:db8::9:1]:5070"),
        "SIP/2.0 200 = 2**3 * 5**2 \u043d\u043e\r\n".encode() + PLAIN.partition("\r\n")[2].encode(),  # unreason
        b"SIP/2.0 100 \r\n" + PLAIN.partition("\r\n")[2].encode(),  # noreason
    ],
)
def test_strange_messages_that_are_valid_are_read(data: bytes) -> None:
    message = parse(data)
    assert message.call_id == "c1"
    assert parse(message.render()).call_id == "c1"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\x00\x01\x00\x00!\x12\xa4B",  # STUN
        PLAIN.partition("\r\n\r\n")[0].encode(),
        changed("Content-Length: 5", "Content-Length: 9999"),  # clerr
        changed("Content-Length: 5", "Content-Length: -999"),  # ncl
        changed("Content-Length: 5", "Content-Length: 5\r\nl: 5"),  # mcl01
        changed("1 INVITE", "36893488147419103232 INVITE"),  # scalar02
        changed("1 INVITE", "8 REGISTER"),  # mismatch01
        changed("Call-ID: c1", "Call-ID: c1\r\nCall-ID: c2"),  # multi01
        changed("From: <sip:a@192.0.2.1>;tag=f\r\n", ""),  # insuf
        changed("INVITE sip:vivekg@chair-dnrc.example.com", "INVITE <sip:user@example.com>"),  # ltgtruri
        changed("sip:vivekg@chair-dnrc.example.com", "sip:user@example.com; lr"),  # lwsruri
        changed(" SIP/2.0\r\n", " SIP/7.0\r\n"),  # badvers
        changed(" SIP/2.0\r\n", " SIP/2.0 \r\n"),  # trws
        changed("INVITE sip", "INVITE  sip"),  # lwsstart
        changed("Via: SIP/2.0/UDP 192.0.2.1:5070", "Via: SIP/2.0/UDP 192.0.2.1:99999"),
        changed("Via: SIP/2.0/UDP", "Via: HTTP/1.1"),
        changed("From: <sip:a@192.0.2.1>", "From: \x00<sip:a@192.0.2.1>"),
        changed("From: <sip:a@192.0.2.1>", 'From: "Bell, Alexander" sip:a@192.0.2.1'),  # quotbal's kin
        changed("Max-Forwards: 70", "Max-Forwards: 70\r\nno header at all"),
        changed("Max-Forwards: 70", "X: 1\r\n" * 200 + "Max-Forwards: 70"),
        changed("Max-Forwards: 70", "X: " + "y" * MAX_HEAD),
        changed("Max-Forwards: 70", "Via: " + ", ".join(["SIP/2.0/UDP a"] * 40)),
    ],
)
def test_what_is_no_message_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(BadMessage):
        parse(data)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=2000))
def test_no_bytes_make_the_parser_raise_anything_else(data: bytes) -> None:
    read_or_refuse(data)


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from([PLAIN, WSINV]),
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 40), st.binary(max_size=30)), max_size=6),
)
def test_no_mutation_of_a_message_makes_the_parser_raise_anything_else(
    message: str, edits: list[tuple[int, int, bytes]]
) -> None:
    data = message.encode()
    for at, length, new in edits:
        data = data[:at] + new + data[at + length :]
    read_or_refuse(data)


def read_or_refuse(data: bytes) -> None:
    """What is read can be written, and what is written is clean."""
    try:
        message: Message = parse(data)
    except BadMessage:
        return
    head = message.render().partition(b"\r\n\r\n")[0]
    assert not set(head.replace(b"\r\n", b"").replace(b"\t", b"")) & set(range(32))


def test_a_name_in_latin_1_is_sent_on_as_utf_8() -> None:
    message = parse(PLAIN.encode().replace(b"From: <", b'From: "Ren\xe9" <'))
    assert '"Ren\u00e9"'.encode() in message.render()


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("a, b,c", ["a", "b", "c"]),
        ('"x, y" <sip:a,b@c>, <sip:d>', ['"x, y" <sip:a,b@c>', "<sip:d>"]),
        ('"\\"," <sip:a>', ['"\\"," <sip:a>']),
        (",,", []),
        ("", []),
    ],
)
def test_values_are_split_at_the_commas_between_them(value: str, parts: list[str]) -> None:
    assert split_values(value) == parts


@pytest.mark.parametrize(
    ("address", "tag"),
    [
        ("<sip:a@b;tag=inside>;tag=outside", "outside"),
        ('"x;tag=quoted" <sip:a@b>', ""),
        ("sip:a@b;tag=1", "1"),
        ("<sip:a@b>;TAG = 1;x=y", "1"),
        ("<sip:a@b>;tag=" + "1" * 2000, ""),
    ],
)
def test_the_tag_is_the_headers_and_not_the_uris(address: str, tag: str) -> None:
    assert tag_of(address) == tag
