"""``alloresto bench overload``: three times as many callers as can be served, all at once, on the embedded stack.

Twice: first there are too few handlers (``max-scale``), then too few places on the bridge (``MAX_CALLS``). The callers
order from the scripted engine of ``bench.chaos``, leave a message at a beep, and remember what they heard; their memory
is compared with the restaurant's books. Everything is on loopback, and every call and wait has its limit.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench.chaos.accounts import Accountant, Books, is_as_agreed
from bench.chaos.caller import Experience, ScriptedCaller
from bench.chaos.dialogue import Wish
from bench.chaos.engine import Engine
from bench.chaos.stack_process import Options, StackProcess, overlay_with
from bench.chaos.tones import VOICES
from bench.report import Figure
from domain.calls import Outcome

CAPACITY = 3
TIMES = 3
CALLERS = CAPACITY * TIMES
STAGGER_S = 0.15
USEFUL_WITHIN_S = 3.0
SETTLED_WITHIN_S = 30.0
READ_EVERY_S = 0.5
RTP_PORT_MIN = 19_400  # away from a stack that the developer has running, and from the tests'
USEFUL: frozenset[Outcome] = frozenset({"order_confirmed", "message_taken", "transferred", "busy"})
DEATHS = ("a process says nothing any more", "died; starting it again", "a signaller died")
NAMES = ("Anna Byrne", "Brian Doyle", "Clara Egan", "Declan Farrell", "Emma Galvin", "Fergus Hayes", "Grace Keane")
CONDITIONS = {
    "capacity": f"{CAPACITY} at once",
    "callers": f"{CALLERS} within {CALLERS * STAGGER_S:.1f} s",
    "ladder": "the settings' own thresholds",
}


@dataclass(frozen=True, slots=True)
class Rush:
    """What one rush was to its callers, and what is left of it."""

    calls: Sequence[Experience]
    books: Books
    recordings: frozenset[str]  # ids of calls
    deaths: int

    def outcome(self, told: Experience) -> str:
        row = self.books.row_of(told)
        return "none" if row is None else row.outcome


async def rush(folder: Path, *, few_handlers: bool) -> Rush:
    """CALLERS ring within seconds where either handlers or places are few. Raises TimeoutError."""
    overlay = overlay_with(CAPACITY if few_handlers else CALLERS, folder)
    max_calls = CALLERS + 1 if few_handlers else CAPACITY
    engine = Engine()
    await engine.start()
    try:
        options = Options(str(folder), engine.base_url, RTP_PORT_MIN, max_calls=max_calls, manifests=overlay)
        async with StackProcess(options) as stack:
            about = stack.about
            callers = []
            for place in range(CALLERS):
                name = f"{NAMES[place % len(NAMES)]} {'Junior' if place >= len(NAMES) else ''}".strip()
                wish = Wish(name, 1 + place % 3, VOICES[place])
                engine.expect(wish)
                number = f"+35320930{place:05d}"
                callers.append(ScriptedCaller(("127.0.0.1", about.sip_port), about.line.line_id, wish, number))
            calls = await asyncio.gather(*(_ring(caller, place) for place, caller in enumerate(callers)))
            books = await _settled(Accountant(about), calls)
    finally:
        await engine.stop()
    kept = frozenset(path.stem for path in (folder / "recordings").glob("*/*.wav"))
    logs = [path.read_text(errors="replace") for path in folder.rglob("*.log")]
    return Rush(calls, books, kept, sum(log.count(death) for log in logs for death in DEATHS))


async def _ring(caller: ScriptedCaller, place: int) -> Experience:
    await asyncio.sleep(place * STAGGER_S)
    return await caller.run()


async def _settled(accountant: Accountant, calls: Sequence[Experience]) -> Books:
    """The books once every answered call is closed, or SETTLED_WITHIN_S later."""
    end = time.monotonic() + SETTLED_WITHIN_S
    while True:
        books = await accountant.read()
        closed = all(books.is_closed(told) for told in calls if told.status == 200)
        if (closed and not books.leases) or time.monotonic() > end:
            return books
        await asyncio.sleep(READ_EVERY_S)


def figures(name: str, one: Rush) -> list[Figure]:
    """Of one rush; ``name`` says what was scarce."""
    calls, books = one.calls, one.books
    voices = [told.voice_after(told.rang_at) for told in calls]
    messages = [row for row in books.calls if row.outcome == "message_taken"]
    agreed = [told for told in calls if told.agreed]
    right = [told for told in agreed if [is_as_agreed(order, told) for order in books.orders_of(told)] == [True]]
    invented = sum(len(books.orders_under(told)) for told in calls if not told.agreed)
    share = 100 / len(calls)
    return [
        Figure(f"{name}: callers for {CAPACITY}", len(calls), ""),
        Figure("… who heard a voice within 3 s", share * sum(map(_is_soon, voices)), "%", "= 100"),
        Figure("… latest first voice", max((voice for voice in voices if voice is not None), default=0.0), "s"),
        Figure("… refused without a word", sum(told.status != 200 for told in calls), "", "= 0"),
        Figure("… left on a dead line", sum(told.ended_by == "dead line" for told in calls), "", "= 0"),
        Figure(
            "… with an order, a message or the words",
            share * sum(_is_useful(one, told) for told in calls),
            "%",
            "= 100",
        ),
        Figure("… orders agreed to", len(agreed), ""),
        Figure("… of these lost, doubled or changed", len(agreed) - len(right), "", "= 0"),
        Figure("… orders that nobody agreed to", invented, "", "= 0"),
        Figure("… messages taken", len(messages), ""),
        Figure("… of these without their recording", sum(row.id not in one.recordings for row in messages), "", "= 0"),
        Figure("… processes of the bridge that died", one.deaths, "", "= 0"),
    ]


def _is_soon(voice_s: float | None) -> bool:
    return voice_s is not None and voice_s <= USEFUL_WITHIN_S


def _is_useful(one: Rush, told: Experience) -> bool:
    return one.outcome(told) in USEFUL


async def run(runs: int) -> list[Figure]:
    """Both rushes, ``runs`` times; each time on a stack of its own. Raises TimeoutError."""
    console = Console(file=sys.stderr)
    found: list[Figure] = []
    for number in range(runs):
        for name, few_handlers in (("handlers", True), ("places", False)):
            with tempfile.TemporaryDirectory(prefix="alloresto-overload-") as folder:
                Path(folder).chmod(0o755)  # Postgres may run as nobody
                one = await rush(Path(folder), few_handlers=few_handlers)
            found += figures(name, one)
            told = ", ".join(f"{one.outcome(told)} ({told.ended_by})" for told in one.calls)
            console.print(f"{number + 1}/{runs} {name}: {told}", soft_wrap=True, highlight=False)
    return found
