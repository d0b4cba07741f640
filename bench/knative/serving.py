"""Knative Serving's figures: first bytes, streamed lines, calls at once, a killed handler, pre-warming, to zero."""

from __future__ import annotations

import asyncio
import statistics
import time

import aiohttp

from bench.knative import measured
from bench.knative.probes import ProbeCall, ProbeCluster, probes
from bench.report import Figure
from ops.manifests import Manifest

WARM_CALLS = 50
STREAM_S = 20.0
LINE_EVERY_MS = 50
LAG_REACH = "≤ 5"
"""The cluster's 0.9 ms and what a busy laptop adds; were lines buffered, half of LINE_EVERY_MS (25 ms) would show."""
PLACES = ("1st", "2nd", "3rd", "4th", "5th", "6th")
SIX = len(PLACES)
HELD_S = 30.0  # longer than any wait of the cluster's
KILLS = 5
KILLED_LINE_EVERY_MS = 10
NEXT_TRY_S = 0.02
BACK_WITHIN_S = 10.0
PREWARMED_PODS = 2
PREWARMED_FOR_S = 8.0  # longer than the window: how soon they may go depends on how long they have been there
WINDOWS = {6: measured.TO_ZERO_6, 30: measured.TO_ZERO_30}


def manifests(runs: int) -> list[Manifest]:
    """One Service a cold start and a kill: each measures a first pod, and none waits for another's to be gone."""
    return [
        *probes((_cold(run) for run in range(runs)), max_scale="1"),  # no spare pod starts beside the next measurement
        *probes(["stream", "six-calls"], max_scale="20", window="30s"),
        *probes((_killed(kill) for kill in range(KILLS)), max_scale="1"),
        *probes(["prewarmed"], window="6s", scale_to_zero_pod_retention_period="0s"),
        *(
            one
            for window in WINDOWS
            for one in probes([f"zero-{window}"], window=f"{window}s", scale_to_zero_pod_retention_period="0s")
        ),
    ]


def _cold(run: int) -> str:
    return f"cold-{run + 1:02}"


def _killed(kill: int) -> str:
    return f"killed-{kill + 1}"


async def first_bytes(cluster: ProbeCluster, runs: int) -> list[Figure]:
    """POST → first byte, from zero pods and warm."""
    cold = [await _first_byte_ms(cluster, _cold(run)) for run in range(runs)]
    warm = [await _first_byte_ms(cluster, _cold(runs - 1)) for _ in range(WARM_CALLS)]
    return [
        Figure("cold start, POST → first byte, median", statistics.median(cold), "ms", cluster=measured.COLD_START),
        Figure("cold start, best", min(cold), "ms", cluster=measured.COLD_START_BEST),
        Figure("cold start, worst", max(cold), "ms", cluster=measured.COLD_START_WORST),
        Figure("warm, POST → first byte, median", statistics.median(warm), "ms", cluster=measured.WARM),
    ]


async def _first_byte_ms(cluster: ProbeCluster, service: str) -> float:
    call = await ProbeCall.start(cluster, service, every_ms=1)
    await call.finish()
    return call.first_byte_s * 1000


async def streamed_lines(cluster: ProbeCluster) -> list[Figure]:
    """From the handler's writing to the client's reading, one clock."""
    call = await ProbeCall.start(cluster, "stream", STREAM_S, LINE_EVERY_MS)
    await call.finish()
    held = f"held POST of {STREAM_S:.0f} s"
    return [
        Figure(f"{held}: lag of a line, median", statistics.median(call.lags_ms), "ms", LAG_REACH, measured.LINE_LAG),
        Figure(f"{held}: lag of a line, worst", max(call.lags_ms), "ms", cluster=measured.LINE_LAG_WORST),
    ]


async def six_calls(cluster: ProbeCluster) -> list[Figure]:
    """At once from zero pods, and one more when the spare pods are there. A call that waits behind a live one gets
    that one's pod: six calls and the next one have seven.
    """
    calls = await asyncio.gather(*(ProbeCall.start(cluster, "six-calls", HELD_S) for _ in range(SIX)))
    await cluster.until(lambda: bool(cluster.pods("six-calls", "ready")), "a spare pod beside six calls")
    following = await ProbeCall.start(cluster, "six-calls", HELD_S)
    for call in (*calls, following):
        call.hang_up()
    waits = sorted(call.first_byte_s for call in calls)
    behind = SIX + 1 - len({call.worker for call in (*calls, following)})
    return [
        *(
            Figure(f"six calls at once: the {place} waits", wait, "s", cluster=f"{there:.2f} s")
            for place, wait, there in zip(PLACES, waits, measured.SIX_CALLS_S, strict=True)
        ),
        Figure("six calls at once: waited behind a live call", behind, "calls", "= 0", measured.BEHIND_LIVE_CALLS),
        Figure("next call with a spare pod", following.first_byte_s, "s", cluster=measured.SPARE_POD),
    ]


async def kills(cluster: ProbeCluster) -> list[Figure]:
    """SIGKILL to a handler in a call: how soon its POST ends, and for how long new calls to that pod get 502."""
    ended, refused = [], []
    for kill in range(KILLS):
        service = _killed(kill)
        call = await ProbeCall.start(cluster, service, HELD_S, KILLED_LINE_EVERY_MS)
        killed = time.monotonic()
        cluster.runtime.kill_pod(call.worker)
        await call.finish()
        ended.append((time.monotonic() - killed) * 1000)
        refused.append(await _refused_s(cluster, service, killed))
    return [
        Figure(
            "kill −9 of a handler: its POST ends after, median",
            statistics.median(ended),
            "ms",
            cluster=measured.KILLED_POST_ENDS,
        ),
        Figure(
            "kill −9: new calls get 502 for, median", statistics.median(refused), "s", cluster=measured.KILLED_POD_502
        ),
    ]


async def _refused_s(cluster: ProbeCluster, service: str, killed: float) -> float:
    """From the kill to the last 502 before a call is served again; 0 when there was none."""
    last = killed
    async with asyncio.timeout(BACK_WITHIN_S):
        while True:
            url = f"{cluster.runtime.url(service)}/wait?ms=0"
            async with cluster.http.post(url, timeout=aiohttp.ClientTimeout(total=BACK_WITHIN_S)) as answer:
                if answer.status == 200:
                    return last - killed
                last = time.monotonic()
            await asyncio.sleep(NEXT_TRY_S)


async def prewarming(cluster: ProbeCluster) -> list[Figure]:
    """By the Revision's min-scale; taken back, the pods go."""
    cluster.runtime.prewarm("prewarmed", PREWARMED_PODS)
    ready_s = await cluster.until(lambda: len(cluster.pods("prewarmed", "ready")) == PREWARMED_PODS, "pre-warmed pods")
    await asyncio.sleep(PREWARMED_FOR_S)
    cluster.runtime.prewarm("prewarmed", 0)
    gone_s = await cluster.until(lambda: not cluster.pods("prewarmed"), "no pre-warmed pod")
    return [
        Figure("pre-warm: 2 pods ready in", ready_s, "s", cluster=measured.PREWARMED),
        Figure("pre-warm taken back: none in", gone_s, "s", cluster=measured.PREWARM_TAKEN_BACK),
    ]


async def times_to_zero(cluster: ProbeCluster) -> list[Figure]:
    """From the end of the last call to no pod that could take another."""
    took = await asyncio.gather(*(_to_zero(cluster, f"zero-{window}") for window in WINDOWS))
    return [
        Figure(f"to zero pods, window {window} s", seconds, "s", cluster=there)
        for (window, there), seconds in zip(WINDOWS.items(), took, strict=True)
    ]


async def _to_zero(cluster: ProbeCluster, service: str) -> float:
    await (await ProbeCall.start(cluster, service)).finish()
    return await cluster.until(lambda: not cluster.pods(service), f"{service} at zero pods")
