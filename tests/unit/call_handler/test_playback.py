"""What the caller has heard is never more than was sent, and never behind what the bridge told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.call_handler.talking.playback import Cut, Playback

pytestmark = pytest.mark.unit


def test_nothing_is_cut_when_nothing_is_queued() -> None:
    assert Playback(0.0).clear(1.0) == []


def test_a_reply_is_cut_where_time_says_it_was() -> None:
    playback = Playback(0.0)
    playback.queue("a", 0, 8000, now=10.0)

    assert playback.clear(10.25) == [Cut("a", 0, 250)]


def test_a_reply_that_was_heard_to_its_end_is_not_cut() -> None:
    playback = Playback(0.0)
    playback.queue("a", 0, 800, now=0.0)

    assert playback.idle(0.2)
    assert playback.clear(0.2) == []


def test_a_mark_that_has_not_come_back_holds_the_position() -> None:
    playback = Playback(0.0)
    playback.queue("a", 0, 8 * 400, now=0.0)
    playback.mark()
    playback.queue("a", 0, 8 * 400, now=0.0)

    assert playback.played_ms(0.7) == 400
    assert playback.clear(0.7) == [Cut("a", 0, 400)]


def test_a_mark_that_came_back_early_moves_the_position_on() -> None:
    playback = Playback(0.0)
    playback.queue("a", 0, 8 * 400, now=0.0)
    name = playback.mark()
    playback.queue("a", 0, 8 * 400, now=0.0)
    playback.returned(name, 0.3)

    assert playback.played_ms(0.3) == 400
    assert playback.played_ms(0.35) == pytest.approx(450)


def test_a_mark_flushed_by_a_clear_means_nothing_afterwards() -> None:
    playback = Playback(0.0)
    playback.queue("a", 0, 8 * 400, now=0.0)
    name = playback.mark()
    playback.clear(0.1)
    playback.queue("b", 0, 8 * 400, now=0.25)
    playback.returned(name, 0.25)

    assert playback.clear(0.375) == [Cut("b", 0, 125)]


def test_replies_behind_the_one_that_is_heard_are_cut_to_nothing() -> None:
    playback = Playback(0.0)
    playback.queue("a", 0, 8 * 100, now=0.0)
    playback.queue("b", 1, 8 * 300, now=0.0)
    playback.queue("c", 0, 8 * 100, now=0.0)

    assert playback.clear(0.125) == [Cut("b", 1, 25), Cut("c", 0, 0)]


def test_a_reply_waits_for_the_greeting_and_the_greeting_itself_is_never_cut() -> None:
    playback = Playback(0.0, greeting_ms=1000)
    playback.queue("a", 0, 8 * 500, now=0.1)

    assert playback.clear(1.25) == [Cut("a", 0, 250)]
    assert not Playback(0.0, greeting_ms=1000).idle(0.5)
    assert Playback(0.0, greeting_ms=1000).clear(0.5) == []


def test_a_pause_between_replies_is_not_counted_as_heard() -> None:
    playback = Playback(0.0)
    playback.queue("a", 0, 8 * 100, now=0.0)
    playback.queue("b", 0, 8 * 1000, now=5.0)

    assert playback.clear(5.25) == [Cut("b", 0, 250)]


def test_marks_are_due_every_few_hundred_milliseconds() -> None:
    playback = Playback(0.0)
    due = []
    for _ in range(10):
        playback.queue("a", 0, 8 * 200, now=0.0)
        due.append(playback.mark_due())
        if due[-1]:
            playback.mark()

    assert due == [False, True] * 5


@given(
    st.lists(
        st.tuples(st.sampled_from(["queue", "mark", "return", "clear", "wait"]), st.integers(1, 16_000)), max_size=60
    )
)
def test_no_cut_is_ever_longer_than_its_item(steps: list[tuple[str, int]]) -> None:
    playback, now, item = Playback(0.0), 0.0, 0
    sent_ms: dict[str, float] = {}
    marks: list[str] = []
    for step, amount in steps:
        if step == "queue":
            item += amount % 3 == 0
            playback.queue(f"i{item}", 0, amount, now)
            sent_ms[f"i{item}"] = sent_ms.get(f"i{item}", 0.0) + amount / 8
        elif step == "mark":
            marks.append(playback.mark())
        elif step == "return" and marks:
            playback.returned(marks.pop(0), now)
        elif step == "wait":
            now += amount / 10_000
        elif step == "clear":
            item += 1
            for cut in playback.clear(now):
                assert 0 <= cut.audio_end_ms <= sent_ms[cut.item_id]
            assert playback.idle(now)
        assert playback.played_ms(now) <= playback.played_ms(now + 0.5)
