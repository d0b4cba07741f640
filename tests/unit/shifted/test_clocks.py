from datetime import UTC, datetime

import pytest

from tests.shifted.__main__ import shift

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("clock", "now", "begins"),
    [
        ("+40d", "2026-11-27T12:00:00+00:00", "2027-01-06T12:00:00+00:00"),
        ("-1d", "2026-11-27T12:00:00+00:00", "2026-11-26T12:00:00+00:00"),
        ("2027-03-28T01:59:00+01:00", "2026-11-27T12:00:00+00:00", "2027-03-28T00:59:00+00:00"),
        ("new-year", "2026-11-27T12:00:00+00:00", "2026-12-31T23:59:00+00:00"),
        ("new-year", "2026-12-31T23:59:30+00:00", "2027-12-31T23:59:00+00:00"),
        ("new-year-in-paris", "2026-11-27T12:00:00+00:00", "2026-12-31T22:59:00+00:00"),
        ("leap-day", "2026-11-27T12:00:00+00:00", "2028-02-29T22:59:00+00:00"),
        ("leap-day", "2028-03-01T12:00:00+00:00", "2032-02-29T22:59:00+00:00"),
        ("leap-day", "2096-03-01T12:00:00+00:00", "2104-02-29T22:59:00+00:00"),
        ("spring", "2026-11-27T12:00:00+00:00", "2027-03-28T00:59:00+00:00"),
        ("autumn", "2026-11-27T12:00:00+00:00", "2027-10-31T00:59:00+00:00"),
        ("autumn", "2026-10-25T00:58:00+00:00", "2026-10-25T00:59:00+00:00"),
    ],
)
def test_a_clock_begins_at_the_next_such_moment(clock: str, now: str, begins: str) -> None:
    at = datetime.fromisoformat(now)

    assert at + shift(clock, at) == datetime.fromisoformat(begins)


@pytest.mark.parametrize("clock", ["easter", "+d", "40", "2027-01-01T00:00:00", ""])
def test_what_is_no_clock_is_refused(clock: str) -> None:
    with pytest.raises(ValueError, match="no clock"):
        shift(clock, datetime(2026, 11, 27, tzinfo=UTC))
