"""Rounds of calls: in each, some callers ring and one thing goes wrong; then the books are compared with them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.chaos.accounts import Accountant, Books
from bench.chaos.caller import Experience, ScriptedCaller
from bench.chaos.dialogue import Wish
from bench.chaos.engine import Engine
from bench.chaos.faults import Fault, Hit, NothingToBreakError, Processes
from bench.chaos.stack_process import StackProcess
from bench.chaos.tones import VOICES, Voice
from eventing.serving import TRANSIENT
from stores.errors import redis_away

CALL_LASTS_S = 10.0  # from the INVITE to the goodbye, undisturbed: the fault comes within it
STAGGER_S = 2.5
SETTLED_WITHIN_S = 30.0
READ_EVERY_S = 0.25
READY_WITHIN_S = 60.0
FIRST_NAMES = ("Anna", "Brian", "Clara", "Declan", "Emma", "Fergus", "Grace", "Hugh", "Ida", "Jack")
LAST_NAMES = ("Byrne", "Doyle", "Egan", "Farrell", "Galvin", "Hayes", "Keane", "Lynch", "Moran", "Nolan", "Quinn")
TITLES = ("", "Mary ", "Rose ", "Kate ", "Paul ", "Mark ", "Luke ", "Jane ", "Lucy ", "Noel ")

Tell = Callable[[str], None]


@dataclass(slots=True)
class Round:
    """What one fault did to its callers. ``hit`` is None for a fault of the engine, or one that did not happen."""

    fault: Fault
    calls: list[Experience]
    hit: Hit | None = None
    happened: int = 0
    books: Books | None = None
    kitchen_at: dict[str, float] = field(default_factory=dict)  # when an order was first seen, by name

    def closed(self, told: Experience) -> bool:
        return self.books is not None and self.books.is_closed(told)

    def keep(self, books: Books) -> None:
        """As the newest account. An order may be seen here first, so the kitchen is noted as well."""
        self.books = books
        self.note_kitchen(books)

    def note_kitchen(self, books: Books) -> None:
        for told in self.calls:
            if books.orders_of(told):
                self.kitchen_at.setdefault(told.wish.name, books.at)


class Campaign:
    """On one stack. The same seed makes the same calls, faults and moments; what follows from them is the machine's."""

    def __init__(self, stack: StackProcess, engine: Engine, seed: int, tell: Tell) -> None:
        self._stack = stack
        self._engine = engine
        self._tell = tell
        self._chance = random.Random(seed)
        self._processes = Processes(stack)
        self._accountant = Accountant(stack.about)
        names = [f"{first} {title}{last}" for title in TITLES for first in FIRST_NAMES for last in LAST_NAMES]
        self._chance.shuffle(names)
        self._names = iter(names)
        self._numbers = itertools.count(1)

    async def run(self, faults: Sequence[Fault], runs: int) -> list[Round]:
        """``runs`` hits of each fault at least, so many rounds as that takes."""
        plan = [fault for fault in faults for _ in range(-(-runs // (fault.callers if fault.engine else 1)))]
        self._chance.shuffle(plan)
        done = []
        for number, fault in enumerate(plan, 1):
            one = await self.round(fault)
            done.append(one)
            self._tell(f"{number}/{len(plan)} {fault.name}: {_summary(one)}")
        return done

    async def round(self, fault: Fault) -> Round:
        """Calls, the fault in one of their moments, and the books once they are closed or SETTLED_WITHIN_S later."""
        if fault.wakes:
            await self._processes.wake(fault.wakes)
        callers = [self._caller(fault, VOICES[place]) for place in range(fault.callers)]
        one = Round(fault, [caller.experience for caller in callers])
        before = len(self._engine.happened)
        watching = asyncio.create_task(self._watch_kitchen(one))
        try:
            ringing = [self._ring(caller, place * STAGGER_S) for place, caller in enumerate(callers)]
            _, one.hit = await asyncio.gather(asyncio.gather(*ringing), self._strike(fault))
            await self._settle(one)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            if fault.wakes:
                await self._processes.let_sleep(fault.wakes)
        one.happened = len(self._engine.happened) - before if fault.engine else int(one.hit is not None)
        return one

    def _caller(self, fault: Fault, voice: Voice) -> ScriptedCaller:
        wish = Wish(next(self._names), self._chance.randint(1, 4), voice)
        self._engine.expect(wish, fault.trouble(self._chance))
        number = f"+3532091{next(self._numbers):05d}"
        about = self._stack.about
        return ScriptedCaller(("127.0.0.1", about.sip_port), about.line.line_id, wish, number)

    async def _ring(self, caller: ScriptedCaller, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await caller.run()

    async def _strike(self, fault: Fault) -> Hit | None:
        if fault.strike is None:
            return None
        await asyncio.sleep(self._chance.uniform(0.3, CALL_LASTS_S))
        with contextlib.suppress(NothingToBreakError):
            return await fault.strike(self._processes)
        return None

    # --- The books ----------------------------------------------------------------------------------------------

    async def _settle(self, one: Round) -> None:
        """Wait until every call is accounted for: its row closed, its order there, no lease left."""
        deadline = time.monotonic() + SETTLED_WITHIN_S
        while time.monotonic() < deadline:
            books = await self._read()
            if books is not None:
                one.keep(books)
                if not (books.leases or books.active) and all(self._is_settled(books, told) for told in one.calls):
                    return
            await asyncio.sleep(READ_EVERY_S)

    @staticmethod
    def _is_settled(books: Books, told: Experience) -> bool:
        written = bool(books.orders_of(told)) or not told.agreed
        return told.status != 200 or (books.is_closed(told) and written)

    async def _read(self) -> Books | None:
        """None while a store is away."""
        away: tuple[type[Exception], ...] = (*TRANSIENT, *redis_away())
        try:
            async with asyncio.timeout(5):
                return await self._accountant.read()
        except away:
            return None

    async def _watch_kitchen(self, one: Round) -> None:
        """Note when each order is there to be seen; only an outage makes that interesting."""
        while one.fault.outage:
            books = await self._read()
            if books is not None:
                one.note_kitchen(books)
            await asyncio.sleep(READ_EVERY_S)


def _summary(one: Round) -> str:
    parts = []
    for told in one.calls:
        stored = len(one.books.orders_of(told)) if one.books else 0
        row = one.books.row_of(told) if one.books else None
        agreed = f"agreed {len(told.agreed_at)}×" if told.agreed else "not agreed"
        silence = f"silent {told.silence_s:.1f} s"
        parts.append(f"{agreed}, {stored} stored, {row.outcome if row else 'no row'}, {silence}, {told.ended_by}")
    return ("" if one.happened else "did not happen; ") + " | ".join(parts)
