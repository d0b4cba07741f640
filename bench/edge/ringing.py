"""How soon a caller is answered, alone and while strangers send INVITEs."""

from __future__ import annotations

import statistics

from bench.edge import words
from bench.programs import Program
from bench.report import Figure, percentile
from bench.rtp import wire
from bench.strangers import flood

PER_S = 20.0
CALLS = 300
HOLD_S = 0.3
MORE_S = 20.0
STRANGERS_INVITES_PER_S = 500
STRANGERS = tuple(f"127.9.{number}.1" for number in range(100))  # so many that none of them is banned for its rate


async def figures(what: str, port: int, phones: Program, calls: int = CALLS) -> list[Figure]:
    await _answered(phones, int(PER_S))  # the first signallers and pools are no caller's every day
    alone = await _answered(phones, calls)
    async with flood((wire.HOST, port), STRANGERS, STRANGERS_INVITES_PER_S):
        flooded = await _answered(phones, calls)
    how = f"{what}: INVITE → 200, {PER_S:.0f} calls/s"
    under = f"{how} and {STRANGERS_INVITES_PER_S} strangers'/s"
    return [*_told(how, alone, "≤ 5", "≤ 15"), *_told(under, flooded, "", "≤ 30")]


async def _answered(phones: Program, calls: int) -> list[float | None]:
    phones.tell(words.Ring(calls, PER_S, HOLD_S))
    return await phones.read(list[float | None], calls / PER_S + MORE_S)


def _told(how: str, answered: list[float | None], middle: str, most: str) -> list[Figure]:
    times = [one for one in answered if one is not None] or [float("inf")]
    return [
        Figure(f"{how}, p50", statistics.median(times), "ms", middle),
        Figure(f"{how}, p99", percentile(times, 99), "ms", most),
        Figure(f"{how}, unanswered", answered.count(None), "", "= 0"),
    ]
