"""The gate without sockets: who is admitted, what is forwarded, which dialogs there are."""

import ipaddress

import pytest

from domain.phone_numbers import country_code
from edge_bridge.entrances.sip.gate import admission, ipc, proxying
from edge_bridge.entrances.sip.gate.dialogs import Dialogs, asked, destination_of, dialled
from edge_bridge.entrances.sip.gate.message import Message, parse, tag_of
from edge_bridge.entrances.sip.gate.sources import Bucket, Limits, Sources
from edge_bridge.entrances.sip.numbers import AddressBook, LineKeys, forms
from edge_bridge.entrances.sip.signals import Refusal, read_invite
from tests.unit.edge_bridge.test_gate_message import PLAIN, changed

pytestmark = pytest.mark.unit

PEERS = (ipaddress.ip_network("10.0.0.0/8"),)
SOURCE = ("192.0.2.9", 5071)
PUBLIC = ("198.51.100.1", 5060)
INNER = 40_000
FRENCH = LineKeys("line-1", "+33465710042", "user-1", "trunk.test")
BELGIAN = LineKeys("line-2", "+32465710042", "user-2", "other.test")
LIMITS = Limits(requests_per_s=2, in_dialog_per_s=5, stranger_answer_s=10, stranger_messages=3, ban_s=60)


@pytest.fixture
def book() -> AddressBook:
    trunks = {"trunk.test": frozenset({"192.0.2.1"}), "other.test": frozenset({"192.0.2.2"})}
    return AddressBook((FRENCH, BELGIAN), PEERS, trunks)


def test_no_line_takes_anothers_calls_by_a_username_that_is_a_way_to_write_its_number() -> None:
    """Usernames are what whoever made the line has written; numbers are one line's each."""
    greedy = LineKeys("line-3", "+33465710099", "0465710042", "trunk.test")
    also = LineKeys("line-4", "+32465710042", "0465710042", "trunk.test")
    trunks = {"trunk.test": frozenset({"192.0.2.1"})}
    of_two = AddressBook((FRENCH, greedy), (), trunks)
    assert of_two.find(("0465710042",), "192.0.2.1") == "line-1"
    assert of_two.find(("33465710042",), "192.0.2.1") == "line-1"
    assert AddressBook((greedy,), (), trunks).find(("0465710042",), "192.0.2.1") == "line-3"
    assert AddressBook((FRENCH, also), (), trunks).find(("0465710042",), "192.0.2.1") == Refusal(404)


# --- Numbers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("digits", "code"), [("33465710042", "33"), ("12125550100", "1"), ("352123456", "352"), ("79161234567", "7")]
)
def test_the_country_of_a_number(digits: str, code: str) -> None:
    assert country_code(digits) == code


def test_the_forms_of_a_number_and_of_an_extension() -> None:
    assert forms("+33 4 65 71 00 42") == {"+33465710042", "33465710042", "0465710042", "465710042"}
    assert forms("200") == {"200"}


@pytest.mark.parametrize("dialled", ["33465710042", "0033465710042", "+33465710042", "line-1", "user-1", "0465710042"])
def test_a_trunk_finds_its_line_by_every_form(book: AddressBook, dialled: str) -> None:
    assert book.find([dialled], "192.0.2.1") == "line-1"


def test_a_national_number_that_two_countries_have_is_nobodys_for_a_peer(book: AddressBook) -> None:
    assert book.find(["0465710042"], "10.1.1.1") == Refusal(404)
    assert book.find(["32465710042"], "10.1.1.1") == "line-2"


def test_the_second_name_counts_where_the_first_has_no_line(book: AddressBook) -> None:
    assert book.find(["", "+33465710042"], "10.1.1.1") == "line-1"
    assert book.find(["trunk-7", "+33465710042"], "192.0.2.1") == "line-1"
    assert book.find(["line-2"], "192.0.2.1") == Refusal(403)
    assert book.find(["line-1"], "203.0.113.5") == Refusal(403)


# --- Sources -----------------------------------------------------------------------------------------------------


def test_strangers_are_answered_rarely_and_banned_for_a_time(book: AddressBook) -> None:
    sources = Sources(book, LIMITS, lambda _: False)
    assert [sources.stranger("203.0.113.5", at) for at in (0, 1, 2, 3, 4)] == [
        "answer",
        "silence",
        "silence",
        "banned",
        "banned",
    ]
    assert sources.banned(5) == 1
    assert sources.stranger("203.0.113.6", 5) == "answer"
    assert sources.stranger("203.0.113.5", 64) == "answer"


def test_known_sources_are_told_apart_and_change_with_the_lines(book: AddressBook) -> None:
    sources = Sources(book, LIMITS, lambda host: host == "203.0.113.7")
    hosts = ("10.1.1.1", "192.0.2.1", "203.0.113.7", "203.0.113.5")
    assert [sources.kind(host, 0) for host in hosts] == ["peer", "trunk", "dialog", "stranger"]
    sources.asks("203.0.113.5", 0)
    assert [sources.kind("203.0.113.5", at) for at in (1, 100)] == ["asked", "stranger"]
    sources.use(AddressBook((), PEERS, {}))
    assert sources.kind("192.0.2.1", 0) == "stranger"


def test_a_known_source_is_limited_and_its_dialogs_apart_from_the_rest(book: AddressBook) -> None:
    sources = Sources(book, LIMITS, lambda _: False)
    assert [sources.may_ask("10.1.1.1", 0, in_dialog=False) for _ in range(5)] == [True] * 4 + [False]
    assert sources.may_ask("10.1.1.1", 0, in_dialog=True)
    assert sources.may_ask("10.1.1.1", 0.5, in_dialog=False)


def test_a_bucket_never_holds_more_than_two_seconds_worth() -> None:
    bucket = Bucket(3, 0)
    assert sum(bucket.take(1000) for _ in range(20)) == 6


# --- Admission ---------------------------------------------------------------------------------------------------


def sdp(media: int) -> bytes:
    return b"v=0\r\n" + b"m=audio 4000 RTP/AVP 0\r\n" * media


@pytest.mark.parametrize(
    ("method", "kind", "body", "status"),
    [
        ("INVITE", "application/sdp", sdp(1), 0),
        ("INVITE", "application/sdp", sdp(2), 0),
        ("INVITE", "application/sdp", sdp(3), 488),
        ("INVITE", "application/sdp", sdp(2) + b"m=video 0 RTP/AVP 96\r\n" * 14, 0),
        ("INVITE", "application/sdp", sdp(2) + b"m=video 0 RTP/AVP 96\r\n" * 15, 488),
        ("INVITE", "application/sdp", sdp(2) + b"m=video 00 RTP/AVP 96\r\n", 488),
        ("INVITE", "application/sdp", sdp(0), 488),
        ("UPDATE", "application/sdp", sdp(16), 488),
        ("ACK", "application/sdp", sdp(16), 488),
        ("INVITE", "application/sdp", sdp(1) + b"a=x\r\n" * 500, 488),
        ("INVITE", "application/sdp", b"v" * 7000, 413),
        ("INVITE", "", b"", 0),
        ("INVITE", "text/plain", b"hello", 415),
        ("INVITE", "multipart/mixed;boundary=b", b"--b\r\nContent-Type: application/isup\r\n\r\nx", 415),
        ("INVITE", "multipart/mixed;boundary=b", b"--b\r\nContent-Type: application/sdp\r\n\r\n" + sdp(1), 0),
        ("INFO", "application/dtmf", b"5", 0),
    ],
)
def test_which_bodies_may_reach_the_worker(method: str, kind: str, body: bytes, status: int) -> None:
    message = Message([("content-type", kind)], body, method=method)
    answer = admission.unfit_body(message, 6000)
    assert (answer.status if answer else 0) == status


@pytest.mark.parametrize(
    ("body", "digit"),
    [
        (b"5", "5"),
        (b"Signal=#\r\nDuration=160\r\n", "#"),
        (b"Signal= 10\r\n", "*"),
        (b"d\n", "D"),
        (b"Signal=55", ""),
        (b"\xff", ""),
    ],
)
def test_the_key_in_an_info(body: bytes, digit: str) -> None:
    assert admission.digit_of(Message([], body)) == digit


@pytest.mark.parametrize(
    ("read", "draining", "places", "source", "expected"),
    [
        (True, False, 1, "192.0.2.1", "line-1"),
        (True, False, 0, "192.0.2.1", 486),
        (True, True, 1, "192.0.2.1", 503),
        (True, False, 0, "192.0.2.2", 403),
        (False, False, 1, "10.1.1.1", ""),
    ],
)
def test_what_becomes_of_a_new_call(
    book: AddressBook, read: bool, draining: bool, places: int, source: str, expected: str | int
) -> None:
    message = parse(changed("sip:vivekg@", "sip:0033465710042@"))
    verdict = admission.new_call(message, source, admission.Node(book, read, draining, places, 7))
    if isinstance(verdict, str):
        assert verdict == expected
    else:
        assert verdict.status == expected
        assert bool(verdict.headers) == (expected in (486, 503))


# --- Proxying ----------------------------------------------------------------------------------------------------


def forwarded(data: bytes = PLAIN.encode(), *, trusted: bool = True) -> Message:
    return parse(proxying.to_worker(parse(data), SOURCE, INNER, trusted=trusted, first=True))


def test_a_forwarded_request_has_the_gates_via_and_its_true_source() -> None:
    received = "Via: SIP/2.0/UDP 192.0.2.1:5070;received=10.0.0.1;rport"
    spoofed = changed("Via: SIP/2.0/UDP 192.0.2.1:5070;rport", f"X-Edge-Source: 10.0.0.1:1\r\n{received}")
    message = forwarded(spoofed)
    assert (message.vias[0].host, message.vias[0].port) == ("127.0.0.1", INNER)
    assert message.vias[1].parameters["received"] == "192.0.2.9"
    assert proxying.answer_address(message.vias[1]) == SOURCE
    assert [value for name, value in message.headers if name == "x-edge-source"] == ["192.0.2.9:5071"]
    assert message.first("record-route") == f"<sip:127.0.0.1:{INNER};lr>"
    assert message.first("max-forwards") == "69"
    assert read_invite(message.render().decode(), "127.0.0.1:1").source_host == "192.0.2.9"


def test_a_repeated_request_its_cancel_and_its_ack_have_the_same_branch_and_others_another() -> None:
    branches = [
        forwarded(data).vias[0].branch
        for data in (
            PLAIN.encode(),
            PLAIN.encode(),
            PLAIN.replace("INVITE", "CANCEL").encode(),
            PLAIN.replace("INVITE", "ACK").encode(),
        )
    ]
    assert len(set(branches)) == 1
    assert forwarded(changed("z9hG4bK1", "z9hG4bK2")).vias[0].branch not in branches


def test_what_an_untrusted_source_asserts_of_the_caller_is_taken_out() -> None:
    data = changed("Max-Forwards", "P-Asserted-Identity: <tel:+33611111111>\r\nPrivacy: none\r\nMax-Forwards")
    assert forwarded(data).first("p-asserted-identity")
    assert not forwarded(data, trusted=False).first("p-asserted-identity")
    assert forwarded(data, trusted=False).first("privacy")


def test_a_workers_request_goes_where_it_says_and_the_world_does_not_see_that() -> None:
    asked_by_worker = parse(changed("Max-Forwards", "X-Edge-Target: 203.0.113.9:5071\r\nMax-Forwards"))
    assert proxying.request_out(asked_by_worker, PUBLIC, INNER) == ("203.0.113.9", 5071)
    assert b"203.0.113.9" not in asked_by_worker.render()


def test_where_a_dialog_of_ours_begins_is_for_the_gate_alone() -> None:
    routes = f"<sip:203.0.113.9:5071;lr;{proxying.HOP}>", "<sip:proxy.test;lr>"
    invite = parse(changed("Max-Forwards", "".join(f"Route: {one}\r\n" for one in routes) + "Max-Forwards"))
    assert proxying.request_out(invite, PUBLIC, INNER) == ("203.0.113.9", 5071)
    assert invite.values("route") == ["<sip:proxy.test;lr>"]


def test_a_workers_request_leaves_under_the_public_address_and_its_answer_finds_back() -> None:
    asked_by_worker = parse(
        changed("192.0.2.1:5070;rport", "127.0.0.1:33333;rport").replace(
            b"Max-Forwards",
            f"Route: <sip:127.0.0.1:{INNER};lr>\r\nRoute: <sip:203.0.113.1:5070;lr>\r\nMax-Forwards".encode(),
        )
    )
    assert proxying.request_out(asked_by_worker, PUBLIC, INNER) == ("203.0.113.1", 5070)
    sent = asked_by_worker.render()
    assert b"127.0.0.1" not in sent
    answer = parse(sent.replace(b"INVITE sip:vivekg@chair-dnrc.example.com SIP/2.0", b"SIP/2.0 200 OK"))
    back = proxying.answer_in(answer, SOURCE, PUBLIC, {33_333, 44_444})
    assert back is not None
    assert back[1] == 33_333
    assert (parse(back[0]).vias[0].port, parse(back[0]).vias[0].branch) == (33_333, "z9hG4bK1")


def test_an_answer_that_names_another_port_than_a_workers_goes_nowhere() -> None:
    for port in ("33333", "6379", "", "x", "999999", "-1"):
        via = f"SIP/2.0/UDP {PUBLIC[0]}:{PUBLIC[1]};branch=z9hG4bK1;wp={port}"
        answer = parse(f"SIP/2.0 200 OK\r\nVia: {via}\r\n{PLAIN.partition(chr(10))[2].partition(chr(10))[2]}".encode())
        assert (proxying.answer_in(answer, SOURCE, PUBLIC, {33_333}) is None) == (port != "33333"), port


def test_an_answer_that_answers_nothing_of_ours_goes_nowhere() -> None:
    answer = parse(b"SIP/2.0 200 OK\r\n" + PLAIN.partition("\r\n")[2].encode())
    assert proxying.answer_in(answer, SOURCE, PUBLIC, {33_333}) is None
    assert proxying.answer_out(answer, INNER) is None


def test_a_workers_answer_leaves_without_the_gates_via_and_route() -> None:
    answer = forwarded()
    answer.method, answer.status, answer.reason = "", 200, "OK"
    assert proxying.answer_out(answer, INNER) == SOURCE
    assert b"127.0.0.1" not in answer.render()


def test_the_gates_own_answer_is_no_longer_than_what_was_asked() -> None:
    request = parse(PLAIN.encode())
    answer = proxying.reply(request, SOURCE, 403, "Forbidden")
    read = parse(answer)
    assert (read.status, read.call_id, read.vias[0].branch) == (403, "c1", "z9hG4bK1")
    assert tag_of(read.first("to")) == proxying.own_tag(request)
    assert len(answer) <= len(PLAIN)


# --- Dialogs -----------------------------------------------------------------------------------------------------


def test_a_dead_workers_bye_goes_along_the_route_with_both_tags_and_the_next_cseq() -> None:
    routes = "Record-Route: <sip:192.0.2.7:5070;lr>, <sip:192.0.2.8;lr>\r\nMax-Forwards"
    dialog = asked(parse(changed("Max-Forwards", routes)), SOURCE, 1)
    dialog.local, dialog.local_sequence = "<sip:b@192.0.2.2>;tag=ours", 41
    bye = parse(dialog.bye(PUBLIC).render())
    assert (bye.method, bye.uri, bye.sequence) == ("BYE", "sip:a@192.0.2.1:5070", 42)
    assert (bye.from_tag, bye.to_tag, bye.call_id) == ("ours", "f", "c1")
    assert bye.values("route") == ["<sip:192.0.2.7:5070;lr>", "<sip:192.0.2.8;lr>"]
    assert dialog.next_hops() == [("192.0.2.7", 5070), SOURCE]
    assert dialog.hosts() == {"192.0.2.9", "192.0.2.1", "192.0.2.7", "192.0.2.8"}


def test_a_dialogs_hosts_are_known_as_long_as_one_of_their_dialogs_is() -> None:
    dialogs = Dialogs()
    first, second = (asked(parse(changed("Call-ID: c1", f"Call-ID: {name}")), SOURCE, 1) for name in ("x", "y"))
    for dialog in (first, second, first):
        dialogs.put(dialog)
    dialogs.remove(first)
    assert dialogs.knows_host(SOURCE[0])
    dialogs.remove(second)
    assert not dialogs.knows_host(SOURCE[0])
    assert len(dialogs) == 0


@pytest.mark.parametrize("state", ["asked", "up", "ending"])
def test_no_dialog_is_kept_for_ever(state: str) -> None:
    dialog = asked(parse(PLAIN.encode()), SOURCE, 1)
    dialog.moved(state)  # type: ignore[arg-type]
    dialog.answer = b"SIP/2.0 100 Trying"
    assert not dialog.is_over(dialog.since + 10)
    assert dialog.is_over(dialog.since + 3 * 3600)


def test_an_invite_that_the_worker_has_not_understood_holds_its_place_for_seconds() -> None:
    dialog = asked(parse(PLAIN.encode()), SOURCE, 1)
    assert not dialog.is_over(dialog.since + 1)
    assert dialog.is_over(dialog.since + 10)


def test_a_dialog_comes_back_from_the_supervisor_as_it_went() -> None:
    dialog = asked(parse(PLAIN.encode()), SOURCE, 3)
    dialog.sdp, dialog.answer = b"v=0", b"SIP/2.0 200 OK"
    told = ipc.for_gate(ipc.encode(ipc.Kept(dialog)))
    assert isinstance(told, ipc.Kept)
    assert told.dialog == dialog


def test_long_names_and_many_addresses_are_told_in_packets_that_fit() -> None:
    domain = "d" * 250
    lines = tuple(LineKeys(f"{n:036}", f"+33465{n:06}", "u" * 128, f"{n}.{domain}") for n in range(300))
    hosts = frozenset(f"2001:db8:1111:2222:3333:4444:5555:{n:x}" for n in range(256))
    packets = ipc.packets(lines, {line.domain: hosts for line in lines[::2]}, read=True, draining=False)
    assert max(len(ipc.encode(packet)) for packet in packets) < ipc.MAX_PACKET
    assert tuple(line for packet in packets for line in packet.lines) == lines
    for packet in packets:
        assert packet.parts == len(packets)
        assert set(packet.trunks) == {line.domain for line in packet.lines if line in lines[::2]}


def test_two_thousand_lines_are_told_in_packets_that_fit() -> None:
    lines = tuple(LineKeys(f"{n:036}", f"+3346571{n:04}", f"user-{n}", f"trunk-{n % 7}.test") for n in range(2000))
    trunks = {f"trunk-{n}.test": frozenset({f"192.0.2.{n}"}) for n in range(7)}
    packets = ipc.packets(lines, trunks, read=True, draining=False)
    assert sum(len(packet.lines) for packet in packets) == 2000
    assert {packet.part for packet in packets} == set(range(packets[0].parts))
    assert max(len(ipc.encode(packet)) for packet in packets) < ipc.MAX_PACKET


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("sip:a@host.test", ("host.test", 5060)),
        ("sip:a@192.0.2.1:5070;transport=udp?x=y", ("192.0.2.1", 5070)),
        ("sip:[2001:db8::1]:5062", ("2001:db8::1", 5062)),
        ("sip:host:99999", ("", 0)),
        ("sip:host:\u0663", ("", 0)),
        ("tel:+33", ("", 0)),
        ("sip:+33612345678", ("", 0)),  # no host: a number is neither looked up nor logged
        ("sip:a@2130706433", ("", 0)),  # a resolver would make 127.0.0.1 of these
        ("sip:a@127.1", ("", 0)),
        ("sip:a@0x7f000001", ("", 0)),
        ("sip:a@host..test", ("", 0)),
        ("sip:a@3com.test.", ("3com.test.", 5060)),
    ],
)
def test_where_a_uri_leads(uri: str, address: tuple[str, int]) -> None:
    assert destination_of(uri) == address


# --- Dialogs that a worker begins --------------------------------------------------------------------------------


def answered_with(status: int, *headers: str) -> Message:
    answer = PLAIN.replace("INVITE sip:vivekg@chair-dnrc.example.com SIP/2.0", f"SIP/2.0 {status} OK", 1)
    assert answer != PLAIN
    to = next(line for line in PLAIN.split("\r\n") if line.startswith("To:"))
    added = "".join(f"{header}\r\n" for header in headers)
    return parse(answer.replace(to, f"{added}{to};tag=theirs", 1).encode())


def test_a_workers_own_invite_that_nobody_says_anything_to_holds_its_place_as_long_as_pjsip_waits() -> None:
    dialog = dialled(parse(PLAIN.encode()), 2)
    assert not dialog.is_over(dialog.since + 33)
    assert dialog.is_over(dialog.since + 60)


def test_a_workers_own_invite_makes_a_dialog_that_its_answer_completes() -> None:
    dialog = dialled(parse(PLAIN.encode()), 2)
    assert (dialog.key, dialog.state, dialog.is_unanswered) == (("c1", ""), "asked", True)
    dialog.heard_from(answered_with(100), SOURCE)
    assert (dialog.key, dialog.is_over(dialog.since + 60)) == (("c1", ""), False)
    dialog.heard_from(answered_with(180), SOURCE)
    assert (dialog.key, dialog.is_unanswered, dialog.state) == (("c1", "theirs"), True, "asked")
    route = "Record-Route: <sip:192.0.2.8;lr>, <sip:192.0.2.7:5070;lr>"
    dialog.heard_from(answered_with(200, route), SOURCE)
    assert (dialog.is_unanswered, dialog.state) == (False, "up")
    bye = parse(dialog.bye(PUBLIC).render())
    assert (bye.from_tag, bye.to_tag, bye.sequence) == ("f", "theirs", dialog.sequence + 1)
    assert bye.values("route") == ["<sip:192.0.2.7:5070;lr>", "<sip:192.0.2.8;lr>"]


def test_a_dead_workers_invite_is_taken_back_within_its_own_transaction() -> None:
    invite = parse(PLAIN.encode())
    dialog = dialled(invite, 2)
    dialog.heard_from(answered_with(180), SOURCE)
    cancel = parse(dialog.cancel(PUBLIC).render())
    assert (cancel.method, cancel.uri, cancel.vias[0].branch) == ("CANCEL", invite.uri, invite.vias[0].branch)
    assert (cancel.sequence, cancel.from_tag, cancel.to_tag) == (invite.sequence, "f", "")
    ack = parse(dialog.refusal_ack(answered_with(487), PUBLIC).render())
    assert (ack.method, ack.vias[0].branch, ack.to_tag) == ("ACK", invite.vias[0].branch, "theirs")
