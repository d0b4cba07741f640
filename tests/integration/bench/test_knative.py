"""The bench's instruments see what they are to measure: a call that is cut, an event that nobody takes."""

from pathlib import Path

import pytest

from bench.knative import eventing
from bench.knative.probes import ProbeCall, ProbeError, probes, running

pytestmark = pytest.mark.integration


async def test_a_call_is_complete_with_its_final_line_and_cut_without(tmp_path: Path) -> None:
    async with running(probes(["calls"], max_scale="2"), tmp_path) as cluster:
        whole = await ProbeCall.start(cluster, "calls", seconds=0.2, every_ms=20)
        assert await whole.finish()
        assert len(whole.lags_ms) == 9
        cut = await ProbeCall.start(cluster, "calls", seconds=60)
        cluster.runtime.kill_pod(cut.worker)
        assert not await cut.finish()


async def test_a_pod_that_never_comes_is_an_error_that_says_so(tmp_path: Path) -> None:
    async with running(probes(["calls"]), tmp_path) as cluster:
        with pytest.raises(ProbeError, match="a pod that nobody asked for"):
            await cluster.until(lambda: bool(cluster.pods("calls")), "a pod that nobody asked for", timeout_s=0.1)


async def test_the_eventing_figures_reach_what_they_must_on_a_broker_that_works(tmp_path: Path) -> None:
    async with running(eventing.manifests(tmp_path), tmp_path) as cluster:
        figures = [*await eventing.dead_letters(cluster), *await eventing.replies(cluster)]
    assert [figure.figure for figure in figures if not figure.ok] == []
    assert figures[0].value == 202
