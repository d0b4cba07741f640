"""A short campaign of ``alloresto bench chaos``: the faults that cost most, once each."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bench import chaos
from bench.chaos.campaign import Round
from bench.chaos.faults import FAULTS
from bench.chaos.figures import figures, missed

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

SEED = 7
CALLERS = 2
CAMPAIGN_AT_MOST_S = 600.0
NAMES = (
    *("handler-kill", "session-kill", "signaller-kill", "postgres-kill", "valkey-lost"),
    *("engine-close-twice", "engine-stall", "call-logger-kill"),
)
# A machine that runs other tests beside is slower than the bench's reach; a caller who is left alone waits longer.
SILENCE_AT_MOST_S = 8.0
TIMED = ("longest", "handler killed")  # figures of the bench; that each order arrives in time is counted here


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Round]:
    folder = tmp_path_factory.mktemp("chaos")
    folder.chmod(0o755)
    # With one caller, which is the signaller's that dies: the others have none of that.
    faults = [replace(FAULTS[name], callers=1 if name == "signaller-kill" else CALLERS) for name in NAMES]
    campaign = chaos.run_campaign(faults, 1, SEED, folder, print)
    return asyncio.run(asyncio.wait_for(campaign, CAMPAIGN_AT_MOST_S))


def test_every_fault_happens_and_every_call_is_answered(rounds: Sequence[Round]) -> None:
    assert {one.fault.name for one in rounds if one.happened} == set(NAMES)
    assert all(told.status == 200 for one in rounds for told in one.calls)


def test_no_order_is_lost_invented_or_doubled_and_every_call_has_a_truthful_row(rounds: Sequence[Round]) -> None:
    counted = [one for one in figures(rounds) if not one.figure.startswith(TIMED)]
    assert [(one.figure, one.value) for one in counted if not one.ok] == [], list(missed(rounds))


def test_nobody_is_left_in_silence_but_by_a_dead_bridge(rounds: Sequence[Round]) -> None:
    silences = {one.fault.name: told.silence_s for one in rounds if not one.fault.ends_calls for told in one.calls}
    assert {name: waited for name, waited in silences.items() if waited > SILENCE_AT_MOST_S} == {}
