"""``alloresto demo``: one spoken order over a real SIP call, from zero pods to a row in Postgres, watched live.

The stack is a fresh one in a folder of its own, so that what is expected can be said exactly. The caller is
another process. Nothing here reaches into the call: it watches the live feed, the runtime's events and what the
caller reports, and in the end it reads the database.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace
from redis.asyncio import Redis
from rich.console import Console

from devstack.demo import report as demo_report
from devstack.demo.admin_client import AdminClient
from devstack.demo.report import Expected
from devstack.knative import RuntimeEvent
from devstack.servers.embedded_server import EmbeddedServerError
from devstack.stack.running import DialableLine
from devstack.stack.stack import Stack, StackError, StackOptions
from devstack.stack.timeline import Timeline, watch_live
from devstack.stack.watched_call import CallerProcess
from domain.menu import Menu
from ops.manifests import ManifestError
from softphone.scripted_call import Script, Turn
from stores import keys, menus, orders
from stores.orders import Order
from stores.postgres import Postgres

SERVICE = "call-handler"
RESTAURANT = "Harbour Pizza"
SETTLE_TIMEOUT_S = 60.0
POLL_S = 0.05
TROUBLE = ("delivery_failed", "dead_letter")

# A change of mind (turn 2), and an interruption (turn 3: while the answer to turn 2 is still being spoken).
ORDER_TURNS = (
    Turn("Hello, I would like one large margherita with extra olives, and one cheeseburger, please."),
    Turn("Sorry, I changed my mind. Instead of the cheeseburger, I would like two Caesar salads."),
    Turn("Pick up, please.", interrupt_after_ms=900),
    Turn("My name is Anna.", answer_s=6.0),  # her name is thanked for, and then the order read back
    Turn("Yes, that is right."),
)
EXPECTED = Expected(
    lines=((1, "Margherita", "Large", ("Extra olives",)), (2, "Caesar salad", "", ())),
    fulfilment="pickup",
    customer_name="Anna",
)
PRICE_QUESTION = (Turn("Hello, how much is a large margherita?"),)
RAISE_CENTS = 150
PRICE_GOODBYE_S = 0.5
FOLDER_LOCK = ".alloresto-demo"


class FolderError(ValueError):
    """The folder may not be emptied; the message says why."""


@contextmanager
def fresh_folder(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for this process and empty it of what an earlier demo left.

    Raises FolderError for a folder with other things in it, or one that another demo uses now: nothing is deleted then.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / FOLDER_LOCK).exists():
        raise FolderError(f"--state-dir {folder}: it holds something that no demo made; choose an empty or new folder")
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / FOLDER_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderError(f"--state-dir {folder}: a demo runs there now; wait for its end") from None
        for entry in folder.iterdir():
            if entry.name == FOLDER_LOCK:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        yield
    finally:
        os.close(lock)


@dataclass
class PodCount:
    """The call handler's pods as the runtime's events tell them; one that is ending no longer counts.

    ``peak`` may be more than the calls: at 70 % utilisation the autoscaler keeps a spare pod for the next caller.
    """

    peak: int = 0
    peak_busy: int = 0
    _alive: set[str] = field(default_factory=set)
    _busy: set[str] = field(default_factory=set)

    @property
    def now(self) -> int:
        return len(self._alive)

    def note(self, event: RuntimeEvent) -> None:
        if event.service != SERVICE:
            return
        if event.kind == "pod_started":
            self._alive.add(event.pod)
        elif event.kind == "pod_busy":
            self._busy.add(event.pod)
        elif event.kind == "pod_idle":
            self._busy.discard(event.pod)
        elif event.kind in ("pod_terminating", "pod_gone"):
            self._alive.discard(event.pod)
            self._busy.discard(event.pod)
        self.peak = max(self.peak, len(self._alive))
        self.peak_busy = max(self.peak_busy, len(self._busy))


@dataclass
class Demo:
    """The demo's parts while it runs."""

    stack: Stack
    timeline: Timeline
    pods: PodCount
    console: Console
    line: DialableLine
    recording: Path

    async def until(self, what: str, arrived: Callable[[], bool], timeout_s: float = SETTLE_TIMEOUT_S) -> bool:
        """Wait for something seen; False, and a line that says so, when it does not come in time."""
        deadline = time.monotonic() + timeout_s
        while not arrived():
            if time.monotonic() > deadline:
                self.console.print(f"[red]not seen within {timeout_s:.0f} s:[/] {what}")
                return False
            await asyncio.sleep(POLL_S)
        return True

    async def greeting_rendered(self) -> None:
        """The greeting is rendered by a function when its text is set; the first call should hear it."""
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        async with Redis.from_url(self.stack.redis_url) as redis:
            while not await redis.exists(keys.restaurant_greeting(self.line.restaurant_id)):
                if time.monotonic() > deadline:
                    raise StackError("greeting_renderer did not render the greeting; see its pod's log")
                await asyncio.sleep(POLL_S)

    def script(self, turns: tuple[Turn, ...], recording: str = "") -> Script:
        target = f"127.0.0.1:{self.stack.sip_port}"
        return Script(target=target, to_user=self.line.line_id, turns=turns, recording=recording)

    async def price_told(self) -> bool:
        """Edit a price in the admin; the next caller must be told the new one."""
        self.timeline.started_at = time.time()
        new = await self._raise_price("Margherita", "Large")
        if not await self.until("menu.changed at cache_invalidator", lambda: self.took("cache_invalidator", "menu")):
            return False
        seen = len(self.timeline.events)
        await CallerProcess(replace(self.script(PRICE_QUESTION), goodbye_s=PRICE_GOODBYE_S), self.timeline).run()
        await self.until("call.ended at call_logger", lambda: self.took("call_logger", "call", since=seen))
        told = [said["text"] for said in self.timeline.transcript if said["who"] == "assistant"][-3:]
        spoken = (f"{new / 100:.2f}", f"{new // 100} euros {new % 100}")
        return any(price in text for text in told for price in spoken)

    async def _raise_price(self, item_name: str, size_name: str) -> int:
        """Through the admin, as the restaurateur does it; the new price in cents."""
        _, menu = await self.read_back()
        item = next(one for one in menu.items if one.name == item_name)
        size = next(one for one in item.sizes if one.name == size_name)
        new = size.price_cents + RAISE_CENTS
        async with AdminClient(self.stack.web_url) as admin:
            await admin.log_in(self.stack.admin_email, self.stack.admin_password)
            await admin.set_price(self.line.restaurant_id, item.id, size.id, new)
        change = f"{item_name} {size_name}: {size.price_cents / 100:.2f} → {new / 100:.2f}"
        self.timeline.tell(time.time(), "admin", change)
        return new

    async def read_back(self) -> tuple[tuple[Order, ...], Menu]:
        """The orders in Postgres, and the menu they should be priced by."""
        postgres = Postgres(self.stack.app_url)
        await postgres.open()
        try:
            async with postgres.tenant(self.line.restaurant_id) as connection:
                menu = await menus.load(connection, self.line.restaurant_id)
                return await orders.recent(connection, pii=self.stack.pii_cipher), menu
        finally:
            await postgres.close()

    def took(self, function: str, about: str, since: int = 0) -> bool:
        """Whether ``function`` has taken an event about ``about``, among those from number ``since`` on."""
        events = self.timeline.events[since:]
        return any(one["function"] == function and f".{about}." in one["type"] for one in events)


async def run(state_dir: Path, json_file: Path | None, stay: bool | None) -> int:
    """The demo. Exit status 0 only when the order in the database is exactly the expected one and the price is told."""
    console = Console(highlight=False)
    try:
        with fresh_folder(state_dir):
            return await _run_stack(state_dir, json_file, sys.stdin.isatty() if stay is None else stay, console)
    except (FolderError, StackError, EmbeddedServerError, ManifestError, TimeoutError) as error:
        console.print(f"error: {error or type(error).__name__}", style="red", markup=False)
        return 1


async def _run_stack(state_dir: Path, json_file: Path | None, stay: bool, console: Console) -> int:
    pods = PodCount()
    timeline = Timeline(console)

    def on_event(event: RuntimeEvent) -> None:
        pods.note(event)
        if timeline.started_at is not None and (event.service == SERVICE or event.kind in TROUBLE):
            timeline.runtime(event)

    stack = Stack(StackOptions(state_dir), lambda text: console.print(f"· {text}", markup=False), on_event)
    try:
        await stack.start()
        line = next(one for one in stack.lines if one.restaurant == RESTAURANT)
        demo = Demo(stack, timeline, pods, console, line, state_dir.absolute() / "call.wav")
        return await _perform(demo, json_file, stay)
    finally:
        await stack.stop()


async def _perform(demo: Demo, json_file: Path | None, stay: bool) -> int:
    watching = asyncio.create_task(watch_live(demo.stack.redis_url, demo.timeline.live))
    try:
        await demo.greeting_rendered()
        await demo.until("no call handler pod", lambda: demo.pods.now == 0)
        result, problems = await _take_order(demo)
        demo.console.rule("the price changes")
        if not await demo.price_told():
            problems.append("the next caller was not told the new price")
        result["events"] = list(demo.timeline.events)
        result["transcript"] = list(demo.timeline.transcript)
        demo.timeline.silent = True
        demo_report.summarise(demo.console, result, demo.stack, problems)
        if json_file is not None:
            json_file.write_bytes(msgspec.json.format(msgspec.json.encode(result)))
        if stay:
            await asyncio.to_thread(input, "The admin is still there. Enter ends it. ")
        return 1 if problems else 0
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _take_order(demo: Demo) -> tuple[dict[str, Any], list[str]]:
    """The spoken order: what happened, as the JSON tells it, and what is not as it should be."""
    before = demo.pods.now
    demo.console.rule(f"a caller rings {RESTAURANT}")
    demo.timeline.events.clear()
    caller = CallerProcess(demo.script(ORDER_TURNS, str(demo.recording)), demo.timeline)
    await caller.run()
    await demo.until("order.confirmed at order_logger", lambda: demo.took("order_logger", "order"))
    await demo.until("call.ended at call_logger", lambda: demo.took("call_logger", "call"))
    await demo.until("pods back at 0", lambda: demo.pods.now == 0)
    stored, menu = await demo.read_back()
    timeline = demo.timeline
    result = {
        "timings_ms": demo_report.timings(
            caller.timings, timeline.call_states, timeline.started_at or 0.0, timeline.barge_in_ms
        ),
        "pods": {"before": before, "peak": demo.pods.peak, "after": demo.pods.now, "peak_busy": demo.pods.peak_busy},
        "order": demo_report.order_as_data(stored),
        "recording": str(demo.recording),
    }
    return result, demo_report.differences(stored, EXPECTED, menu)
