import pytest

from edge_bridge.entrances.sip.gate.message import Message
from edge_bridge.entrances.sip.registering.answers import granted_s, seconds_of, sender_of, sent_on_to

pytestmark = pytest.mark.unit

LINE = "c32ff170-d006-53b3-a185-cfbcb13bdfd9"

OURS = "192.0.2.1:5060"


def answer(*headers: tuple[str, str]) -> Message:
    return Message(list(headers), status=200)


@pytest.mark.parametrize(
    ("headers", "granted"),
    [
        ([("contact", f"<sip:{LINE}@192.0.2.1:5060>;expires=60"), ("expires", "3600")], 60),
        ([("contact", f"<sip:{LINE.upper()}@192.0.2.1>;q=1;Expires = 61")], 61),
        ([("contact", f'"x;expires=1" <sip:{LINE}@192.0.2.1;expires=2>;expires="62"')], 62),
        ([("contact", f"<sip:other@192.0.2.9>;expires=5, <sip:{LINE}@192.0.2.1>;expires=63")], 63),
        ([("contact", "<sip:other@192.0.2.9>;expires=5"), ("contact", f"sip:{LINE}@192.0.2.1;expires=64")], 64),
        ([("contact", f"<sip:{LINE}@192.0.2.1>"), ("expires", "65")], 65),
        ([("contact", f"<sip:{LINE}@192.0.2.9>;expires=5, <sip:{LINE}@{OURS}>;expires=67")], 67),
        ([("contact", f"<sip:{LINE}@{OURS};x=y>;expires=68, <sip:{LINE}@192.0.2.9>;expires=5")], 68),
        ([("contact", "<sip:rewritten@192.0.2.1>;expires=5"), ("expires", "66")], 66),
        ([("contact", f"<sip:{LINE}@192.0.2.1>;expires=soon")], 120),
        ([], 120),
        ([("contact", f"<sip:{LINE}@192.0.2.1>;expires=0")], 0),
        ([("contact", f"<sip:{LINE}@192.0.2.1>;expires=9999999999")], 1 << 31),
    ],
)
def test_what_is_granted_is_our_own_contacts_time_then_the_headers(
    headers: list[tuple[str, str]], granted: int
) -> None:
    assert granted_s(answer(*headers), LINE, OURS, 120) == granted


@pytest.mark.parametrize(("text", "seconds"), [("17", 17), ("18 (busy);duration=5", 18), ("later", 0), ("", 0)])
def test_seconds_are_read_with_what_may_follow_them(text: str, seconds: int) -> None:
    assert seconds_of(answer(("retry-after", text)), "retry-after") == seconds


@pytest.mark.parametrize(
    ("contact", "to"),
    [
        ("<sip:anna@192.0.2.1:5070;transport=udp>", "192.0.2.1:5070"),
        ("sip:trunk.test", "trunk.test"),
        ('"A" <sip:trunk.test;x=y?h=v>;q=1', "trunk.test"),
        ("<sip:trunk.test;transport=tcp>", ""),
        ("<sips:trunk.test>", ""),
        ("<tel:+33465710042>", ""),
        ("<sip:trunk.test:99999>", ""),
        ("", ""),
    ],
)
def test_where_a_redirection_leads(contact: str, to: str) -> None:
    assert sent_on_to(answer(("contact", contact)), "udp") == to


@pytest.mark.parametrize(
    ("contact", "to"),
    [
        ("<sip:trunk.test:5070;transport=TLS>", "trunk.test:5070"),
        ("<sip:trunk.test>", "trunk.test"),
        ("<sip:trunk.test;transport=udp>", ""),
    ],
)
def test_a_redirection_leads_by_the_transport_of_the_line(contact: str, to: str) -> None:
    assert sent_on_to(answer(("contact", contact)), "tls") == to


def test_who_answered_is_whom_the_gate_names() -> None:
    assert sender_of(answer(("x-edge-source", "192.0.2.1:5060"))) == "192.0.2.1"
    assert sender_of(answer()) == ""
