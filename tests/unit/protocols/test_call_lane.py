import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import call_lane
from protocols.call_lane import AcceptedLine, AliveLine, ConnectedLine, EndedLine, LaneError, LaneLine

pytestmark = pytest.mark.unit


def test_the_lines_of_a_call_are_the_documented_json() -> None:
    lines: list[LaneLine] = [
        AcceptedLine("handler-7f", 2),
        ConnectedLine(),
        AliveLine(),
        EndedLine("order_confirmed", "o-1"),
        EndedLine("answered"),
    ]

    written = b"".join(call_lane.encode(line) for line in lines)

    assert written == (
        b'{"state":"accepted","worker":"handler-7f","attempt":2}\n'
        b'{"state":"connected"}\n'
        b'{"state":"alive"}\n'
        b'{"state":"ended","outcome":"order_confirmed","orderId":"o-1"}\n'
        b'{"state":"ended","outcome":"answered"}\n'
    )
    assert [call_lane.decode(line) for line in written.splitlines(keepends=True)] == lines


def test_a_field_added_later_is_ignored() -> None:
    assert call_lane.decode(b'{"state":"alive","load":0.3}') == AliveLine()


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (b"activator request timeout", "malformed"),
        (b'{"state":"finished"}', "$.state"),
        (b'{"state":"ended"}', "outcome"),
        (b'{"state":"ended","outcome":"fine"}', "$.outcome"),
        (b'{"state":"accepted","worker":"w","attempt":"1"}', "$.attempt"),
        (b"", "truncated"),
        (b'{"state":"alive","x":"' + b"a" * 5000 + b'"}', "over 4096 bytes"),
    ],
)
def test_what_is_no_line_is_refused_with_the_reason(line: bytes, names: str) -> None:
    with pytest.raises(LaneError) as refusal:
        call_lane.decode(line)

    assert names in refusal.value.reason


@given(st.binary(max_size=200))
def test_any_bytes_are_a_line_or_a_lane_error(noise: bytes) -> None:
    try:
        line = call_lane.decode(noise)
    except LaneError:
        return
    assert call_lane.decode(call_lane.encode(line)) == line
