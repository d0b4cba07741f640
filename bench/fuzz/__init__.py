"""``alloresto bench fuzz``: a real bridge under attack, while two real calls go on.

Everything stays on loopback and is bounded in number and time. The same seed sends the same messages, though not at
the same moments. A figure that is missed names what was found below the table: an exception, a process that ended.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.fuzz import media, sip, sockets
from bench.fuzz.scene import GAP_S, KEPT_CALLS, NUMBER, PLACES, WARM, Budget, KeptCalls, Scene, attacked
from bench.fuzz.watch import Log, LogFigures, Processes, Weight, dialogs_left, grown_mb, more_files
from bench.report import Figure
from softphone.caller import Caller

Target = Callable[[Scene, random.Random, Budget], None]
TARGETS: dict[str, Target] = {
    "sip": sip.sip,
    "sdp": sip.sdp,
    "reinvite": sip.reinvite,
    "rtp": media.rtp,
    "rtcp": media.rtcp,
    "websocket": sockets.websocket,
    "audiosocket": sockets.audiosocket,
}
SEED = 1
SECONDS = 60.0
PACKETS = 5_000
LOOK_EVERY_S = 0.2
FREE_WITHIN_S = 45.0
CONDITIONS: dict[str, str] = {}


async def run(
    runs: int,
    targets: Sequence[str] = (),
    seed: int | None = None,
    seconds: float | None = None,
    packets: int | None = None,
) -> list[Figure]:
    """At most ``packets`` and ``seconds`` for each of ``targets``, all where none are named. ``runs`` are ignored."""
    seed = SEED if seed is None else seed
    CONDITIONS.update(seed=str(seed))
    with tempfile.TemporaryDirectory(prefix="alloresto-fuzz-") as folder:
        async with attacked(Path(folder)) as scene:
            attack = _Attack(scene, seed, seconds or SECONDS, packets or PACKETS)
            return await attack.figures(targets or tuple(TARGETS))


class _Attack:
    def __init__(self, scene: Scene, seed: int, seconds: float, packets: int) -> None:
        self._scene = scene
        self._seed = seed
        self._seconds = seconds
        self._packets = packets
        self._processes = Processes(scene.bridge)
        self._log = Log(scene.bridge)
        self._sent: dict[str, int] = {}
        self._grown: list[float] = []
        self._files: list[int] = []

    async def figures(self, targets: Sequence[str]) -> list[Figure]:
        began = time.monotonic()
        looking = asyncio.create_task(self._look())
        try:
            async with KeptCalls(self._scene) as kept:
                for name in targets:
                    await self._attack(name)
                kept.end_watch()
                lasted = time.monotonic() - began
                left = await asyncio.to_thread(dialogs_left, self._scene.bridge)
                heard = self._heard(kept)
            lost = await self._places_lost()
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        figures = [Figure(f"packets to {name}", sent, "") for name, sent in self._sent.items()]
        figures += [Figure("how long", lasted, "s"), *self._survived(), *heard]
        figures += [Figure("dialogs left over", left, "", "= 0"), Figure("places lost", lost, "", "= 0")]
        return [*figures, *self._answered(), *self._logged(self._log.read())]

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self._processes.look()

    async def _attack(self, name: str) -> None:
        warm: list[dict[int, Weight]] = []
        budget = Budget(self._seconds, self._packets, warm=lambda: warm.append(self._processes.weights()))
        chance = random.Random(f"{self._seed} {name}")
        await asyncio.to_thread(TARGETS[name], self._scene, chance, budget)
        self._sent[name] = budget.sent
        if warm:
            now = self._processes.weights()
            self._grown.append(grown_mb(warm[0], now))
            self._files.append(more_files(warm[0], now))

    async def _places_lost(self) -> int:
        """How many of the bridge's places can't be rung any more, once all calls have ended."""
        end = time.monotonic() + FREE_WITHIN_S
        while True:
            callers = [Caller(self._scene.bridge.target, NUMBER) for _ in range(PLACES)]
            taken = 0
            for caller in callers:
                await caller.__aenter__()
                taken += (await caller.invite()).status == 200
            for caller in callers:
                await caller.__aexit__()
            if taken == PLACES or time.monotonic() > end:
                return PLACES - taken
            await asyncio.sleep(1)

    def _survived(self) -> list[Figure]:
        return [
            Figure("processes that ended", self._processes.crashes, "", "= 0"),
            Figure(f"memory grown after {WARM} packets, of one process", max(self._grown, default=0.0), "MB", "≤ 8"),
            Figure("files that stayed open, of one process", max(self._files, default=0), "", "≤ 20"),
        ]

    def _heard(self, kept: KeptCalls) -> list[Figure]:
        return [
            Figure("kept calls that were hung up", kept.hung_up, f"of {KEPT_CALLS}", "= 0"),
            Figure(f"gaps in their audio > {GAP_S * 1000:.0f} ms", len(kept.gaps), "", "= 0"),
            Figure("longest gap", max(kept.gaps, default=0.0) * 1000, "ms"),
            Figure("silence heard where they spoke", kept.silent_share, "%"),
        ]

    def _answered(self) -> list[Figure]:
        scene = self._scene
        if not scene.bytes_of_strangers:
            return []
        overall = scene.bytes_to_strangers / scene.bytes_of_strangers
        return [
            Figure("bytes to strangers for each of theirs", overall, "", "≤ 1"),
            Figure("of the stranger who got most", scene.worst_amplification, "", "≤ 1"),
        ]

    def _logged(self, log: LogFigures) -> list[Figure]:
        for number, (text, count) in enumerate(log.errors.most_common(5), 1):
            CONDITIONS[f"error {number}, {count} times"] = text
        return [
            Figure("errors and exceptions in the log", sum(log.errors.values()), "", "= 0"),
            Figure("lines that are no log entries", log.others, "", "= 0"),
            Figure("lines with a caller's number", log.personal, "", "= 0"),
            Figure("log lines in the busiest second", log.busiest_second, "", "≤ 200"),
        ]
