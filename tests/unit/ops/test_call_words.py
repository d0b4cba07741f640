"""A call's ladder, its course and its figures, as an operator reads them."""

import msgspec
import pytest

from domain import call_words as words
from domain import sip_ladders as ladder
from domain.traces import AudioFigures, Ladder, Moment, Rung

pytestmark = pytest.mark.unit

GOOD = AudioFigures(
    heard_packets=1000,
    heard_lost=0,
    heard_late=0,
    heard_jitter_ms=2.0,
    sent_packets=1000,
    sent_lost=0,
    sent_jitter_ms=1.0,
    round_trip_ms=40.0,
)


def verdicts(**changed: object) -> list[str]:
    return [line.verdict for line in words.audio(msgspec.structs.replace(GOOD, **changed))]


def test_each_message_is_an_arrow_with_what_it_says() -> None:
    rungs = [
        Rung(at_ms=0, direction="in", method="INVITE", sequence=1, times=3, facts={"media": "192.0.2.9:4000"}),
        Rung(at_ms=4, direction="out", method="INVITE", sequence=1, status=200),
        Rung(at_ms=900, direction="in", method="REFER", sequence=2, status=603),
        Rung(at_ms=9000, direction="out", method="BYE", sequence=3, facts={"reason": "Q.850 16"}),
    ]
    head, invite, answer, refused, bye = ladder.lines(Ladder(rungs=rungs))
    assert head.split() == ["ms", "caller", "bridge"]
    assert invite.endswith("▶  3 times, media 192.0.2.9:4000")
    assert invite.split()[:2] == ["0", "INVITE"]
    assert answer.split()[0] == "4" and answer.endswith("200 OK") and "◀──" in answer
    assert "603 Decline ──" in refused and refused.endswith("of REFER")
    assert bye.endswith("BYE  reason Q.850 16")


def test_what_was_left_out_and_what_a_restart_took_is_said() -> None:
    rungs = [Rung(at_ms=at, direction="in", method="INFO", sequence=at) for at in (1, 2)]
    told = list(ladder.lines(Ladder(rungs=rungs, left_out=40, late=True)))
    assert "restarted" in told[0]
    assert "40 messages left out" in told[-2]


def test_a_call_without_messages_has_no_ladder() -> None:
    assert list(ladder.lines(Ladder())) == []


def test_a_call_that_was_fine_is_called_good() -> None:
    assert verdicts() == ["good"] * 3


@pytest.mark.parametrize(
    ("changed", "way", "said"),
    [
        ({"heard_packets": 960, "heard_lost": 40}, 0, "lossy: 4.0 % of the caller's packets never came"),
        ({"heard_packets": 0}, 0, "nothing came"),
        ({"heard_late": 20}, 0, "late: 2.0 %"),
        ({"heard_jitter_ms": 45.0}, 0, "unsteady: packets come 45 ms"),
        ({"sent_lost": 100}, 1, "lossy: 10.0 % of our packets never reached"),
        ({"sent_lost": None}, 1, "no reports"),
        ({"round_trip_ms": 500.0}, 2, "slow"),
    ],
)
def test_what_was_wrong_with_the_sound_is_said(changed: dict[str, object], way: int, said: str) -> None:
    assert said in verdicts(**changed)[way]


def test_a_handlers_latency_counts_from_when_it_was_asked() -> None:
    moments = [
        Moment(at_ms=0, what="rings"),
        Moment(at_ms=10, what="asks for a handler", attempt=1),
        Moment(at_ms=60, what="handler", attempt=1, detail="refused with HTTP 503"),
        Moment(at_ms=200, what="asks for a handler", attempt=2),
        Moment(at_ms=450, what="handler joins", attempt=2),
        Moment(at_ms=9000, what="over", detail="order_confirmed"),
    ]
    told = dict(words.course(moments))
    assert told[60] == "handler: refused with HTTP 503"
    assert told[450] == "handler joins (attempt 2), 250 ms after it was asked"
    assert told[9000] == "over: order confirmed"


def test_a_masked_number_cannot_be_dialled() -> None:
    assert words.masked("+33612345678") == "+33•••••78"
    assert words.masked("112") == "•••••"
    assert words.masked("") == ""
