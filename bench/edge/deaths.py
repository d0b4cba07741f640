"""``kill -9`` of each process of a node under calls: how many callers hear voice again, and how soon."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
from dataclasses import dataclass, field

from bench.edge import words
from bench.edge.carrying import hang_up, ring
from bench.edge.node import Node
from bench.programs import Program
from bench.report import Figure

WATCHED_S = 4.0
BACK_MS = 1000.0
NEXT_WITHIN_S = 30.0
JOINED_S = 2.5  # all handlers talk
KEPT_BY_ALL = ("session", "gate", "nursery", "kamailio")


@dataclass
class Told:
    """Of all deaths of one role: the callers who were not hung up, those of them who heard voice again in time and
    still do, ms until then, ms until each BYE, ms until a new caller was answered."""

    others: int = 0
    heard: int = 0
    back_ms: list[float] = field(default_factory=list)
    bye_ms: list[float] = field(default_factory=list)
    next_ms: list[float | None] = field(default_factory=list)

    def add(self, callers: list[words.Experience]) -> None:
        kept = [one for one in callers if one.bye is None]
        self.others += len(kept)
        self.bye_ms += [one.bye for one in callers if one.bye is not None]
        self.back_ms += [one.first_voice for one in kept if one.first_voice is not None]
        still = WATCHED_S * 1000 - BACK_MS
        self.heard += sum(
            one.first_voice is not None and one.first_voice <= BACK_MS and (one.last_voice or 0) >= still
            for one in kept
        )

    @property
    def share(self) -> float:
        return 100 * self.heard / max(self.others, 1)


async def figures(what: str, node: Node, phones: Program, calls: int, times: int) -> list[Figure]:
    """``times`` deaths of each role, the supervisor's once and last."""
    there = node.processes()
    roles = [role for role in ("signaller", *KEPT_BY_ALL) if there[role]]
    told = {role: Told() for role in roles}
    up = 0
    for _ in range(times):
        for role in roles:
            up += calls - up - await ring(phones, calls - up)
            up = await _death(node, phones, role, told[role])
    figures: list[Figure] = []
    for role in roles:
        figures += _figures(f"{what}, {calls} calls, {role} killed ×{times}:", role, told[role])
    await ring(phones, calls - up)
    figures += await _supervisor(f"{what}, {calls} calls, supervisor killed:", node, phones)
    await hang_up(phones)
    return figures


async def _death(node: Node, phones: Program, role: str, told: Told) -> int:
    """Gives how many calls are left."""
    await asyncio.sleep(JOINED_S)
    victim = min(node.processes()[role])
    died = time.time()  # before it: what follows the death may be on the wire when kill() returns
    os.kill(victim, signal.SIGKILL)
    phones.tell(words.Watch(died))
    phones.tell(words.Ring(1, 1.0, 0.0))
    told.next_ms += await phones.read(list[float | None], NEXT_WITHIN_S)
    phones.tell(words.Tell(died + WATCHED_S))
    callers = await phones.read(list[words.Experience], NEXT_WITHIN_S)
    told.add(callers)
    await node.until_ready()
    return sum(one.bye is None for one in callers)


def _figures(what: str, role: str, told: Told) -> list[Figure]:
    own = role == "signaller"
    whose = "other callers" if own else "callers"
    figures = [Figure(f"{what} {whose} with voice within 1 s and on", told.share, "%", "≥ 95" if own else "= 100")]
    if role == "session" and told.back_ms:  # that of the others' callers never stops
        figures.append(Figure(f"{what} voice again, median", statistics.median(told.back_ms), "ms"))
        figures.append(Figure(f"{what} voice again, worst", max(told.back_ms), "ms"))
    if own:
        figures.append(Figure(f"{what} its own callers' BYE, worst", max(told.bye_ms, default=0.0), "ms", "≤ 2000"))
        figures.append(Figure(f"{what} callers hung up", len(told.bye_ms), ""))
    else:
        figures.append(Figure(f"{what} callers hung up", len(told.bye_ms), "", "= 0"))
    answered = [one for one in told.next_ms if one is not None]
    if answered:
        figures.append(Figure(f"{what} next caller answered, worst", max(answered), "ms"))
    return [*figures, Figure(f"{what} next caller not answered", told.next_ms.count(None), "", "= 0")]


async def _supervisor(what: str, node: Node, phones: Program) -> list[Figure]:
    """Its death ends the node: what is told is how it is, without a reach."""
    await asyncio.sleep(JOINED_S)
    process = node.bridge.process
    assert process is not None
    died, told = time.time(), Told()
    process.kill()
    phones.tell(words.Watch(died))
    await asyncio.to_thread(process.wait)
    await node.until_ready()
    again = time.time() - died
    phones.tell(words.Tell(died + max(WATCHED_S, again)))
    told.add(await phones.read(list[words.Experience], NEXT_WITHIN_S))
    return [
        Figure(f"{what} callers with voice within 1 s and on", told.share, "%"),
        Figure(f"{what} callers hung up", len(told.bye_ms), ""),
        Figure(f"{what} the next one is ready", again, "s"),
    ]
