"""``alloresto bench rtp``: what a call's audio costs the bridge, how late it is, and what the plain way would cost.

Phones and handlers are processes of their own; what is measured is the process between them: its processor time, its
memory, the age of audio when it leaves, by the clock of the one that it leaves for. Our endpoint and the plain one
(``plain``) are measured in turns, so that a busy machine burdens both.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from bench.programs import program
from bench.report import Figure, percentile
from bench.rtp import wire

COUNTS = (20, 60)
MANY = 60
ROUNDS = 3
WARM_UP_S = 2.0
WINDOW_S = 8.0
MIB = 1 << 20
CONDITIONS = {"audio": "G.711, 50 packets a second each way; the handler speaks half of the time"}


@dataclass(frozen=True, slots=True)
class Taken:
    """One endpoint in one round. ``cpu`` in % of a core a call, ``mib`` private memory a call."""

    cpu: float
    mib: float
    phones: wire.PhoneSamples
    handlers: wire.HandlerSamples


async def run(runs: int, calls: Sequence[int] = COUNTS) -> list[Figure]:
    """``runs`` are ignored: the rounds are many seconds of many calls. Takes about two minutes."""
    figures: list[Figure] = []
    for count in calls:
        ours: list[Taken] = []
        plain: list[Taken] = []
        for _ in range(ROUNDS):
            ours.append(await _take("bench.rtp.ours", count))
            plain.append(await _take("bench.rtp.plain", count))
        figures += _figures(count, ours, plain)
    return figures


def _figures(count: int, ours: list[Taken], plain: list[Taken]) -> list[Figure]:
    what = f"{count} calls:"
    inward = [age for one in ours for age in wire.all_ms(one.handlers.inward)]
    outward = [age for one in ours for age in wire.all_ms(one.phones.outward)]
    jitter = [off for one in ours for off in wire.all_ms(one.phones.jitter)]
    cost, yardstick = (statistics.median(one.cpu for one in some) for some in (ours, plain))
    lost = max(abs(1 - one.phones.received / one.phones.sent) for one in ours)
    return [
        # What each wakeup costs is shared by all calls: few of them can't be as cheap.
        Figure(f"{what} CPU per call", cost, "% of a core", "≤ 0.4" if count >= MANY else ""),
        Figure(f"{what} CPU per call, plain asyncio", yardstick, "% of a core"),
        Figure(f"{what} CPU, times plain asyncio", cost / yardstick, "", "≤ 1.4"),
        Figure(f"{what} RTP → WebSocket, p50", statistics.median(inward), "ms", "≤ 3"),
        Figure(f"{what} RTP → WebSocket, p99", percentile(inward, 99), "ms", "≤ 12"),
        Figure(f"{what} WebSocket → RTP, p50", statistics.median(outward), "ms", "≤ 12"),
        Figure(f"{what} WebSocket → RTP, p99", percentile(outward, 99), "ms", "≤ 22"),
        Figure(f"{what} jitter of RTP sent, p99", percentile(jitter, 99), "ms", "≤ 2"),
        Figure(f"{what} private memory per call", statistics.median(one.mib for one in ours), "MiB", "≤ 2"),
        Figure(f"{what} packets sent, off 50 a second, worst round", 100 * lost, "%", "≤ 1"),
    ]


async def _take(endpoint: str, count: int) -> Taken:
    async with (
        program("bench.rtp.phones") as phones,
        program(endpoint) as served,
        program("bench.rtp.handlers") as handlers,
    ):
        phones.tell(count)
        ports = await phones.read(list[int])
        await served.read(str)
        process = psutil.Process(served.pid)
        empty = process.memory_full_info().uss
        served.tell(ports)
        calls = await served.read(list[wire.Call])
        begin = time.time() + WARM_UP_S
        window = wire.Window(calls, begin, begin + WINDOW_S)
        handlers.tell(window)
        phones.tell(window)
        await asyncio.sleep(begin - time.time())
        before, began = process.cpu_times(), time.monotonic()
        await asyncio.sleep(begin + WINDOW_S - 0.2 - time.time())
        after, took = process.cpu_times(), time.monotonic() - began
        full = process.memory_full_info().uss
        spent = after.user + after.system - before.user - before.system
        return Taken(
            100 * spent / took / count,
            (full - empty) / MIB / count,
            await phones.read(wire.PhoneSamples),
            await handlers.read(wire.HandlerSamples),
        )
