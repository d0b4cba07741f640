"""What calls with audio cost a node, and how late their audio is."""

from __future__ import annotations

import asyncio
import statistics
import time

from bench.edge import words
from bench.edge.node import ROLES, Node, Use
from bench.programs import Program
from bench.report import Figure, percentile
from bench.rtp import wire

RING_PER_S = 8.0
RING_WITHIN_S = 60.0
SETTLE_S = 6.0  # greetings are over, spare signallers are there
WINDOWS = 3
WINDOW_S = 8.0
TO_BEGIN_S = 0.3
MORE_S = 20.0
REACHED_BY = 60  # calls: what each wakeup costs is shared by all of them


async def ring(phones: Program, calls: int, per_s: float = RING_PER_S) -> int:
    """Have so many more calls with audio; gives how many were not taken."""
    phones.tell(words.Ring(calls, per_s))
    return (await phones.read(list[float | None], calls / per_s + RING_WITHIN_S)).count(None)


async def hang_up(phones: Program) -> int:
    phones.tell(words.HangUp())
    return await phones.read(int)


async def figures(
    what: str, node: Node, phones: Program, calls: int, idle: dict[str, Use], window_s: float = WINDOW_S
) -> list[Figure]:
    """Of ``calls``, which are hung up at the end. ``idle`` is what the node used before its first one."""
    refused = await ring(phones, calls)
    await asyncio.sleep(SETTLE_S)
    taken = [await _window(node, phones, window_s) for _ in range(WINDOWS)]
    busy = node.use()
    up = await hang_up(phones)
    what = f"{what}, {calls} calls:"
    told = [Figure(f"{what} refused", refused, "", "= 0")]
    return told + _costs(what, up, taken, idle, busy) + _ages(what, taken)


async def _window(node: Node, phones: Program, window_s: float) -> _Taken:
    begin = time.time() + TO_BEGIN_S
    phones.tell(words.Measure(begin, begin + window_s))
    node.handlers.tell(wire.Window([], begin, begin + window_s))
    await asyncio.sleep(begin - time.time())
    before, began = node.use(), time.monotonic()
    await asyncio.sleep(begin + window_s - time.time())
    after, took = node.use(), time.monotonic() - began
    share = {role: 100 * after[role].spent_since(before[role]) / took for role in ROLES}
    heard = await phones.read(wire.PhoneSamples, window_s + MORE_S)
    return _Taken(share, heard, await node.handlers.read(wire.HandlerSamples, window_s + MORE_S))


class _Taken:
    """One window. ``cpu`` is in % of a core by role."""

    def __init__(self, cpu: dict[str, float], phones: wire.PhoneSamples, handlers: wire.HandlerSamples) -> None:
        self.cpu = cpu
        self.phones = phones
        self.handlers = handlers


def _costs(what: str, up: int, taken: list[_Taken], idle: dict[str, Use], busy: dict[str, Use]) -> list[Figure]:
    calls = max(up, 1)
    by_role = {role: statistics.median(one.cpu[role] for one in taken) / calls for role in ROLES}
    whole = statistics.median(sum(one.cpu.values()) for one in taken) / calls
    more = {role: (busy[role].private_kb - idle[role].private_kb) / 1000 / calls for role in ROLES}
    reach = "≤ 0.4" if up >= REACHED_BY else ""
    return [
        Figure(f"{what} CPU per call, whole edge", whole, "% of a core", reach),
        *(Figure(f"{what} CPU per call, {role}", share, "% of a core") for role, share in by_role.items() if share),
        Figure(f"{what} private memory per call, whole edge", sum(more.values()), "MB", "≤ 2"),
        *(Figure(f"{what} private memory per call, {role}", one, "MB") for role, one in more.items() if one > 0.01),
    ]


def _ages(what: str, taken: list[_Taken]) -> list[Figure]:
    inward = [age for one in taken for age in wire.all_ms(one.handlers.inward)]
    gathered = [ms for one in taken for ms in wire.all_ms(one.handlers.gathered)]
    outward = [age for one in taken for age in wire.all_ms(one.phones.outward)]
    jitter = [off for one in taken for off in wire.all_ms(one.phones.jitter)]
    lost = max(abs(1 - one.phones.received / max(one.phones.sent, 1)) for one in taken)
    told = [Figure(f"{what} packets heard, off those said, worst window", 100 * lost, "%", "≤ 1")]
    for name, ages, middle, most in (("RTP → WebSocket", inward, 3, 12), ("WebSocket → RTP", outward, 12, 22)):
        if ages:
            told.append(Figure(f"{what} {name}, p50", statistics.median(ages), "ms", f"≤ {middle}"))
            told.append(Figure(f"{what} {name}, p99", percentile(ages, 99), "ms", f"≤ {most}"))
    if gathered:
        told.append(
            Figure(f"{what} of a message, its first packet waited for its last, mean", statistics.mean(gathered), "ms")
        )
    if jitter:
        told.append(Figure(f"{what} jitter of RTP sent, p99", percentile(jitter, 99), "ms", "≤ 2"))
    return told
