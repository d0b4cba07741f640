"""What a calendar says: spans that are put together, and what is left between them."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendars import Span, apart, between

pytestmark = pytest.mark.unit

AT = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
LENGTH = 40


def span(begins: int, length: int) -> Span:
    return Span(AT + timedelta(minutes=begins), AT + timedelta(minutes=begins + length))


def minutes(spans: tuple[Span, ...]) -> set[int]:
    return {
        minute
        for one in spans
        for minute in range(-LENGTH, 2 * LENGTH)
        if one.starts_at <= AT + timedelta(minutes=minute) < one.ends_at
    }


SPANS = st.lists(st.builds(span, st.integers(-20, LENGTH + 10), st.integers(1, 15)), max_size=8)


@given(SPANS)
def test_spans_are_made_one_where_they_meet_and_lose_nothing(spans: list[Span]) -> None:
    found = apart(spans)
    assert minutes(found) == minutes(tuple(spans))
    assert all(one.ends_at < later.starts_at for one, later in pairwise(found))


@given(SPANS)
def test_what_is_between_is_all_that_is_not_free(free: list[Span]) -> None:
    found = between(free, AT, AT + timedelta(minutes=LENGTH))
    assert minutes(found) == set(range(LENGTH)) - minutes(tuple(free))
    assert all(one.starts_at < one.ends_at for one in found)
