"""The E-model's estimate, against values that are published for G.711."""

import struct

import pytest

from edge_bridge.media.rtp import rtcp
from edge_bridge.media.rtp.quality import mos, one_way_ms

pytestmark = pytest.mark.unit


def test_an_undisturbed_call_has_the_best_score_of_g711() -> None:
    assert mos(0.0, 0.0) == pytest.approx(4.41, abs=0.01)  # G.107 with its default values: 4.41


@pytest.mark.parametrize(
    ("loss", "delay_ms", "low", "high"),
    [
        (0.0, 150, 4.3, 4.4),
        (0.01, 50, 4.2, 4.4),
        (0.05, 50, 3.6, 4.1),
        (0.20, 50, 2.0, 3.0),
        (0.0, 400, 2.9, 3.4),
        (1.0, 50, 1.0, 1.2),
    ],
)
def test_loss_and_delay_lower_the_score(loss: float, delay_ms: float, low: float, high: float) -> None:
    assert low <= mos(loss, delay_ms) <= high


def test_more_of_either_is_never_better() -> None:
    by_loss = [mos(percent / 100, 60) for percent in range(101)]
    by_delay = [mos(0.01, float(ms)) for ms in range(0, 2000, 10)]
    assert by_loss == sorted(by_loss, reverse=True)
    assert by_delay == sorted(by_delay, reverse=True)


def test_jitter_is_waited_out_within_bounds() -> None:
    assert one_way_ms(100.0, 0.0) == 50 + 20 + 20
    assert one_way_ms(100.0, 25.0) == 50 + 20 + 50
    assert one_way_ms(None, 500.0) == 20 + 60


def test_a_report_says_how_many_packets_the_far_end_missed_in_all() -> None:
    def block(lost: int) -> bytes:
        head = struct.pack(">BBHI", 0x81, 201, 7, 5)
        return head + struct.pack(">IIIIII", 9, 10 << 24 | lost & 0xFFFFFF, 0, 0, 0, 0)

    for sent, read in ((300, 300), (-2, 0)):
        reports = rtcp.parse(block(sent))
        assert reports is not None
        (report,) = reports
        assert (report.blocks[0].fraction_lost, report.blocks[0].lost) == (10, read)
