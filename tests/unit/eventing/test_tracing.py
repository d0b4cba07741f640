"""What an event belongs under, of what it carries and what brought it."""

from collections.abc import Iterator

import pytest

from eventing import tracing
from process.telemetry import spans
from process.telemetry.starting import Exports, TraceSettings

pytestmark = pytest.mark.unit

MADE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
HOP = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"
ANOTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def traced() -> Iterator[None]:
    spans.use(Exports(TraceSettings(), "test", {}))
    yield
    spans.use(None)


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize(
    ("carried", "header", "expected"),
    [
        (MADE, HOP, HOP),
        (MADE, ANOTHER, MADE),
        (MADE, "", MADE),
        (MADE, "nonsense", MADE),
        ("", HOP, HOP),
        ("", "", ""),
    ],
)
def test_the_nearer_hop_counts_if_it_is_of_the_events_own_trace(carried: str, header: str, expected: str) -> None:
    assert tracing.above({"traceparent": carried}, {"traceparent": header}) == expected


def test_without_traces_an_events_own_context_is_passed_on() -> None:
    assert tracing.above({"traceparent": MADE}, {"traceparent": HOP}) == MADE
