"""A short ``alloresto bench upgrade``: two callers at once while everything is replaced, and a broken candidate."""

import asyncio

import pytest

from bench import upgrade
from bench.upgrade import Upgrade
from devstack.edge.bridge_process import ROOT

pytestmark = pytest.mark.e2e

CALLERS, CALLS = 2, 8
AT_MOST_S = 400.0


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Upgrade:
    folder = tmp_path_factory.mktemp("upgrade")
    folder.chmod(0o755)
    (folder / "state").mkdir()
    return asyncio.run(asyncio.wait_for(upgrade.on_a_stack(folder / "state", ROOT, CALLS, CALLERS, print), AT_MOST_S))


def test_no_call_is_cut_or_refused_while_everything_is_replaced(told: Upgrade) -> None:
    assert len(told.calls) >= CALLS - CALLERS
    assert told.missed == []
    assert told.refused == 0
    assert told.release is not None
    assert told.release.state == "promoted"


def test_a_broken_candidate_goes_back_by_itself_and_its_callers_get_their_orders(told: Upgrade) -> None:
    assert told.returned is not None
    assert (told.returned.state, told.returned.share) == ("returned", 0)
    assert told.broken
    assert told.missed == []
