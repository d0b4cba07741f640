from datetime import UTC, datetime

import pytest

from stores.live import CallChanged, Spoke
from web.live.active_calls import MOST_CALLS_WITH_WORDS, LastWords

pytestmark = pytest.mark.unit

NOW = datetime.now(UTC)


def test_the_last_words_of_a_call_are_known_until_it_ends() -> None:
    words = LastWords()

    for text in ("Hello", "A pizza, please"):
        words.apply(Spoke(call_id="a", who="caller", text=text, at=NOW))
    words.apply(Spoke(call_id="b", who="assistant", text="Goodbye", at=NOW))
    before = {call_id: spoke.text for call_id, spoke in words.now().items()}
    words.apply(CallChanged(call_id="a", state="ended", at=NOW))

    assert before == {"a": "A pizza, please", "b": "Goodbye"}
    assert set(words.now()) == {"b"}


def test_calls_whose_end_was_missed_do_not_fill_the_memory() -> None:
    words = LastWords()

    for number in range(MOST_CALLS_WITH_WORDS + 5):
        words.apply(Spoke(call_id=str(number), who="caller", text="Hello", at=NOW))

    assert len(words.now()) == MOST_CALLS_WITH_WORDS
    assert "0" not in words.now()
