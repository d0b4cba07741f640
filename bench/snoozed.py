"""A part of ``alloresto bench around``: a dish runs out at the till while a caller has it in the cart.

The real stack (admin, Postgres, outbox, relay, Broker, functions, bridge, call handler) and a call by SIP. The engine
is an instrument: it has the caller agree again and again, and notes when the handler first says that the dish is gone,
which is what it asks Postgres for at ``confirm_order``. The till's stand-in sends its notice to the admin's door as the
provider does, signed. Timed from the notice's first byte.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from bench.report import Figure
from devstack.stack.engines import EngineEndpoint
from devstack.stack.stack import Stack, StackOptions
from devstack.stand_ins import connecting
from devstack.stand_ins.deliverect import Deliverect
from devstack.stand_ins.neighbourhood import TOKEN
from devstack.stand_ins.square import Square
from devstack.stand_ins.toast import Toast
from domain.menu import MenuItem
from domain.till_menus import TillCode
from softphone.caller import Caller
from stores import connections, menus, tills
from stores.postgres import Postgres

ROUNDS = 3  # of each way
JOINS_WITHIN_S = 20.0
WITHIN_S = 20.0
ASKS_EVERY_S = 0.15
SETTLED = 3  # answers: the dish is in the cart, and it was agreed to
ANSWERS_WITHIN_S = 1.0  # a handler that has not joined yet answers nothing
POLL_S = 0.01
REPLY = base64.b64encode(bytes([0xA0] * 10 + [0x20] * 10) * 40).decode()  # 100 ms of a tone, µ-law

Way = Callable[["Till", bool], Awaitable[None]]


@dataclass
class Asking:
    """What the engine does in every session: nothing until ``dish`` is set, then it orders it once and agrees without
    an end. ``ordered``: the handler has taken it into the cart."""

    dish: str = ""
    ordered: bool = False
    answers: list[tuple[float, str]] = field(default_factory=list)
    sessions: int = 0


class _Session(WSListener):
    """One connection of a call handler, by the Realtime protocol."""

    _ids = itertools.count(1)

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._transport: WSTransport | None = None
        self._busy_until = 0.0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._asking.sessions += 1
        self._send("session.created", session={"type": "realtime", "id": f"sess_{next(self._ids)}"})
        asyncio.get_running_loop().call_later(ASKS_EVERY_S, self._ask)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        event = orjson.loads(frame.get_payload_as_memoryview())
        match event.get("type"):
            case "session.update":
                self._send("session.updated", session=event["session"])
            case "conversation.item.create" if event["item"]["type"] == "function_call_output":
                said = event["item"]["output"]
                self._asking.ordered = self._asking.ordered or orjson.loads(said)["ok"]
                self._asking.answers.append((time.monotonic(), said))
            case "response.create":
                self._reply()

    def _ask(self) -> None:
        """The caller's words, and the tool that they lead to."""
        if self._transport is None:
            return
        asyncio.get_running_loop().call_later(ASKS_EVERY_S, self._ask)
        now = time.monotonic()
        if not self._asking.dish or now < self._busy_until:
            return
        self._busy_until = now + ANSWERS_WITHIN_S
        dish, ordered = self._asking.dish, self._asking.ordered
        item_id, words = self._id("item"), "Yes." if ordered else f"One {dish}, please."
        tool, arguments = ("confirm_order", {}) if ordered else ("add_item", {"item": dish, "quantity": 1})
        self._send("input_audio_buffer.speech_started", audio_start_ms=0, item_id=item_id)
        self._send("input_audio_buffer.speech_stopped", audio_end_ms=0, item_id=item_id)
        self._send("input_audio_buffer.committed", item_id=item_id, previous_item_id=None)
        kind = "conversation.item.input_audio_transcription.completed"
        usage = {"type": "duration", "seconds": 1}
        self._send(kind, item_id=item_id, content_index=0, transcript=words, usage=usage)
        call = {"id": self._id("item"), "type": "function_call", "status": "completed", "name": tool}
        self._respond([call | {"call_id": self._id("call"), "arguments": orjson.dumps(arguments).decode()}])

    def _reply(self) -> None:
        self._busy_until = 0.0
        response = self._id("resp")
        self._send("response.created", response={"id": response, "status": "in_progress", "output": []})
        place = {"response_id": response, "item_id": self._id("item"), "output_index": 0, "content_index": 0}
        self._send("response.output_audio_transcript.delta", **place, delta="Yes.")
        self._send("response.output_audio.delta", **place, delta=REPLY)
        self._send("response.output_audio.done", **place)
        self._send("response.output_audio_transcript.done", **place, transcript="Yes.")
        self._done(response, [])

    def _respond(self, output: list[dict[str, Any]]) -> None:
        response = self._id("resp")
        self._send("response.created", response={"id": response, "status": "in_progress", "output": []})
        self._done(response, output)

    def _done(self, response: str, output: list[dict[str, Any]]) -> None:
        done = {"id": response, "status": "completed", "status_details": None, "output": output, "usage": None}
        self._send("response.done", response=done)

    def _id(self, kind: str) -> str:
        return f"{kind}_{next(self._ids)}"

    def _send(self, kind: str, **fields: object) -> None:
        if self._transport is not None:
            message = {"type": kind, "event_id": self._id("event"), **fields}
            self._transport.send(WSMsgType.TEXT, orjson.dumps(message))


@dataclass
class Till:
    """One connected till of the first restaurant, and the dish that runs out there."""

    stack: Stack
    http: aiohttp.ClientSession
    item: MenuItem
    server: Any
    door: str
    restaurant_id: str

    async def post(self, notice: tuple[bytes, dict[str, str]]) -> None:
        """Raises RuntimeError for what the door does not take."""
        async with self.http.post(self.door, data=notice[0], headers=notice[1]) as answer:
            if answer.status != 200:
                raise RuntimeError(f"{self.door} answers {answer.status}")

    async def is_there(self, postgres: Postgres) -> bool:
        async with postgres.tenant(self.restaurant_id) as connection:
            menu = await menus.load(connection, self.restaurant_id)
        return next(one for one in menu.items if one.id == self.item.id).available

    def codes(self) -> dict[str, TillCode]:
        return {size.id: TillCode(f"CODE-{at}") for at, size in enumerate(self.item.sizes)}


async def _deliverect(till: Till, off: bool) -> None:
    assert isinstance(till.server, Deliverect)
    items = [{"plu": one.code} for one in till.codes().values()]
    action = "snooze" if off else "unsnooze"
    await till.post(till.server.notice({"operations": [{"action": action, "data": {"items": items}}]}))


async def _square_count(till: Till, off: bool) -> None:
    assert isinstance(till.server, Square)
    at, quantity = datetime.now(UTC).isoformat(), "0" if off else "9"
    counts = [
        {"catalog_object_id": one.code, "quantity": quantity, "state": "IN_STOCK", "calculated_at": at}
        for one in till.codes().values()
    ]
    await till.post(till.server.notice(till.door, "inventory.count.updated", {"inventory_counts": counts}))


async def _square_catalogue(till: Till, off: bool) -> None:
    assert isinstance(till.server, Square)
    override = [{"location_id": TOKEN, "sold_out": off}]
    variations = []
    for size, one in zip(till.item.sizes, till.codes().values(), strict=True):
        price = {"amount": size.price_cents}
        data = {"name": size.name, "price_money": price, "location_overrides": override}
        variations.append({"id": one.code, "item_variation_data": data})
    till.server.catalogue = [
        {"id": "I", "type": "ITEM", "item_data": {"name": till.item.name, "variations": variations}}
    ]
    await till.post(till.server.notice(till.door, "catalog.version.updated", {}))


async def _toast(till: Till, off: bool) -> None:
    assert isinstance(till.server, Toast)
    for one in till.codes().values():
        details = {"itemGuid": one.code, "status": "OUT_OF_STOCK" if off else "IN_STOCK"}
        await till.post(till.server.notice("stock", details))


WAYS: tuple[tuple[str, str, Way], ...] = (
    ("Deliverect, snooze", "deliverect", _deliverect),
    ("Square, count", "square", _square_count),
    ("Square, sold out in the catalogue, which is read", "square", _square_catalogue),
    ("Toast, stock", "toast", _toast),
)


class Snoozed:
    def __init__(self, stack: Stack, postgres: Postgres, asking: Asking, http: aiohttp.ClientSession) -> None:
        self._stack, self._postgres, self._asking, self._http = stack, postgres, asking, http
        self._line = stack.lines[0]

    async def figures(self) -> list[Figure]:
        found = []
        for name, provider, way in WAYS:
            async with self._till(provider) as till:
                took = [await self._round(till, way) for _ in range(ROUNDS)]
            found.append(
                Figure(f"86 at the till → refused to a caller on the line ({name}), worst", max(took), "s", "≤ 3")
            )
        return found

    async def _round(self, till: Till, way: Way) -> float:
        """In a call of its own, which has the dish first. Seconds; infinite for what is not refused in WITHIN_S."""
        self._asking.answers.clear()
        self._asking.ordered = False
        seen = self._asking.sessions
        async with Caller(("127.0.0.1", self._stack.sip_port), self._line.line_id) as caller:
            await caller.invite()
            await _until(lambda: self._asking.sessions > seen, JOINS_WITHIN_S)
            self._asking.dish = till.item.name
            await _until(lambda: len(self._asking.answers) > SETTLED and self._asking.ordered, WITHIN_S)
            began = time.monotonic()
            await way(till, True)
            with contextlib.suppress(TimeoutError):
                await _until(lambda: self._refused_since(began) is not None, WITHIN_S)
            refused_at = self._refused_since(began)
            self._asking.dish = ""
        await way(till, False)
        async with asyncio.timeout(WITHIN_S):
            while not await till.is_there(self._postgres):
                await asyncio.sleep(POLL_S)
        return float("inf") if refused_at is None else refused_at - began

    def _refused_since(self, began: float) -> float | None:
        return next((at for at, said in self._asking.answers if at > began and _is_refused(said)), None)

    @contextlib.asynccontextmanager
    async def _till(self, provider: str) -> AsyncIterator[Till]:
        """Connected as its owner would, and disconnected at the end."""
        restaurant_id = self._line.restaurant_id
        neighbour = self._stack.neighbourhood.neighbours[provider]
        async with self._postgres.tenant(restaurant_id) as connection:
            menu = await menus.load(connection, restaurant_id)
            made = await connecting.connect(
                connection, restaurant_id, provider, neighbour.address, self._stack.pii_cipher, created_by="bench"
            )
            item = next(one for one in menu.items if len(one.sizes) == 1 and not one.combo and not _asks(one))
            door = f"{self._stack.web_url}/hooks/{provider}/{made.id}"
            till = Till(self._stack, self._http, item, neighbour.server, door, restaurant_id)
            await tills.set_codes(connection, restaurant_id, made.id, till.codes())
        try:
            yield till
        finally:
            async with self._postgres.tenant(restaurant_id) as connection:
                await connections.disconnect(connection, made.id)


def _asks(item: MenuItem) -> bool:
    """Whether something must be chosen with it."""
    return any(group.minimum for group in item.modifier_groups)


def _is_refused(said: str) -> bool:
    return "menu_changed" in said


async def _until(wanted: Callable[[], bool], within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while not wanted():
            await asyncio.sleep(POLL_S)


async def figures() -> list[Figure]:
    """About two minutes."""
    asking = Asking()

    def accept(_: WSUpgradeRequest) -> _Session:
        return _Session(asking)

    async with contextlib.AsyncExitStack() as opened:
        folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="alloresto-snoozed-"))
        server = await ws_create_server(accept, "127.0.0.1", 0)
        opened.callback(server.close)
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        engine = EngineEndpoint("one that asks for a dish", address, "bench")
        stack = Stack(StackOptions(Path(folder) / "state", engine=engine), lambda _: None)
        opened.push_async_callback(stack.stop)
        await stack.start()
        postgres = Postgres(stack.app_url)
        await postgres.open()
        opened.push_async_callback(postgres.close)
        http = await opened.enter_async_context(aiohttp.ClientSession())
        return await Snoozed(stack, postgres, asking, http).figures()
