"""``alloresto bench churn``: many short calls, one after the other, with audio in each: what they take is given back.

A call is an INVITE, its 200, a few packets of RTP and a BYE. Memory may grow while the first of them fill pools and
caches; after that it has to stay.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.fuzz.scene import NUMBER, Scene, attacked
from bench.fuzz.watch import Log, Processes, Weight, dialogs_left, grown_mb, more_files
from bench.report import Figure
from softphone.caller import Caller

CALLS = 10_000
WARM = 1000
PACKETS_OF_A_CALL = 3
PAUSE_S = 0.06  # below the 20 calls a second that pjsip's sockets bear
RTP_WITHIN_S = 2.0
CONDITIONS: dict[str, str] = {}  # no more than every bench's


async def run(runs: int, calls: Sequence[int] = (CALLS,)) -> list[Figure]:
    """The first of ``calls`` is how many. ``runs`` are ignored."""
    with tempfile.TemporaryDirectory(prefix="alloresto-churn-") as folder:
        async with attacked(Path(folder)) as scene:
            return await _churned(scene, calls[0])


async def _churned(scene: Scene, calls: int) -> list[Figure]:
    processes, log = Processes(scene.bridge), Log(scene.bridge)
    warm: dict[int, Weight] = {}
    unanswered, began = 0, time.monotonic()
    warm_after = min(WARM, calls // 2)
    for number in range(calls):
        unanswered += not await _short_call(scene)
        scene.handler.calls.clear()
        if number == warm_after:
            warm = processes.weights()
        if number % 20 == 0:
            processes.look()
        await asyncio.sleep(PAUSE_S)
    lasted = time.monotonic() - began
    left = await asyncio.to_thread(dialogs_left, scene.bridge, 0)
    now = processes.weights()
    processes.look()
    return [
        Figure("short calls", calls, ""),
        Figure("calls a second", calls / lasted, ""),
        Figure("calls without a 200 or without audio", unanswered, "", "= 0"),
        Figure("processes that ended", processes.crashes, "", "= 0"),
        Figure(f"memory grown after {warm_after} calls, of one process", grown_mb(warm, now), "MB", "≤ 8"),
        Figure("files that stayed open, of one process", more_files(warm, now), "", "≤ 20"),
        Figure("dialogs left over", left, "", "= 0"),
        Figure("errors and exceptions in the log", sum(log.read().errors.values()), "", "= 0"),
    ]


async def _short_call(scene: Scene) -> bool:
    """Whether it was taken and heard something."""
    async with Caller(scene.bridge.target, NUMBER) as caller:
        if (await caller.invite()).status != 200:
            return False
        try:
            async with asyncio.timeout(RTP_WITHIN_S):
                while len(caller.rtp.received) < PACKETS_OF_A_CALL:
                    await asyncio.sleep(0.005)
        except TimeoutError:
            return False
        return True
