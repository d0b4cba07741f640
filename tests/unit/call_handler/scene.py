"""A conversation whose engine, bridge and clock the test plays."""

import json
import uuid
from datetime import datetime
from typing import Any

from domain import carts
from domain.menu import ItemSize, Menu, MenuCategory, MenuItem
from domain.order import ConfirmedOrder
from domain.placed import PlacedOrder
from domain.placed_tools import Wanted
from domain.reservations import Book
from domain.restaurant import Opening, Restaurant
from domain.tools import BookTable, OrderState
from domain.vat import same_rate
from functions.call_handler.engines.base import (
    CallerPauses,
    CallerSaid,
    CallerSpeaks,
    CallerTurn,
    EngineEvent,
    EngineGone,
    Line,
    OnEvent,
    ReplyAudio,
    ReplyAudioEnds,
    ReplyEnds,
    ReplyStarts,
    ReplyText,
    Setup,
    ToolCall,
)
from functions.call_handler.engines.costs import Usage
from functions.call_handler.phrases import phrases_for
from functions.call_handler.remembering.marks import Marks
from functions.call_handler.remembering.orders import Receipt
from functions.call_handler.remembering.placed_orders import NotChangedError
from functions.call_handler.remembering.reservations import NotReservedError
from functions.call_handler.remembering.transcript import Transcript
from functions.call_handler.talking.conversation import Conversation
from functions.call_handler.talking.media import MediaSocket
from functions.call_handler.talking.patience import Patience
from functions.call_handler.talking.playback import Playback
from functions.call_handler.talking.present import Present, PresentWatch
from functions.call_handler.talking.read_back import ReadBackWatch
from functions.call_handler.talking.tool_loop import ToolLoop
from protocols.media import TransferMode

QUIET = b"\xff" * 160


class Engine:
    """Keeps what it is told to do."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.alive = True
        self.name = self.model = "main"
        self.seconds_left = 3600.0

    async def connect(self, on_event: OnEvent, within_s: float) -> None: ...

    def configure(self, setup: Setup) -> None: ...
    def reconfigure(self, setup: Setup) -> None: ...

    def remember(self, line: Line) -> None:
        self.done.append(("remember", line.who, line.text))

    def forget(self, item_id: str, instead: str) -> None:
        self.done.append(("forget", item_id, instead))

    def hear(self, audio: bytes) -> None:
        self.done.append(("hear", audio))

    def answer_tool(self, call_id: str, output: str) -> None:
        self.done.append(("answer", call_id))

    def speak(self, sentence: str = "") -> None:
        self.done.append(("speak", sentence))

    def cancel(self) -> None:
        self.done.append(("cancel",))

    def end_turn(self) -> None:
        self.done.append(("end_turn",))

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        self.done.append(("truncate", item_id, audio_end_ms))

    def close(self) -> None:
        self.alive = False


class Media(MediaSocket):
    """Keeps what it is told to send."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[tuple[Any, ...]] = []

    def play(self, audio: bytes) -> None:
        self.done.append(("play", len(audio)))

    def mark(self, name: str) -> None:
        self.done.append(("mark", name))

    def clear(self) -> None:
        self.done.append(("clear",))

    def prompt(self, name: str) -> None:
        self.done.append(("prompt", name))

    def transfer(self, target: str, reason: str, mode: TransferMode) -> None:
        self.done.append(("transfer", target, mode))

    def whisper(self, audio: bytes) -> None:
        self.done.append(("whisper", len(audio)))

    def blank(self, seconds: float) -> None:
        self.done.append(("blank", round(seconds, 1)))

    def hangup(self, reason: str) -> None:
        self.done.append(("hangup", reason))


class Keeper:
    """The conversation's memory, and an order desk that promises to write."""

    def __init__(self) -> None:
        self.transcript = Transcript()
        self.usage = Usage()
        self.marks = Marks()
        self.lost: list[EngineGone] = []
        self.latencies: list[float] = []
        self.recognitions: list[tuple[str, float]] = []
        self.orders: list[ConfirmedOrder] = []
        self.checkpoints = 0

    def said(self, who: str, text: str) -> None: ...

    def turn_ended(self) -> None:
        self.checkpoints += 1

    def caption_failed(self, code: str) -> None: ...

    def barged_in(self, ms: float) -> None: ...

    def recognised(self, engine: str, seconds: float) -> None:
        self.recognitions.append((engine, seconds))

    def first_audio(self, seconds: float) -> None:
        self.latencies.append(seconds)

    async def generation(self) -> bytes | None:
        return None

    async def present(self) -> Present | None:
        return None

    async def confirm(self, order: ConfirmedOrder) -> Receipt | None:
        self.orders.append(order)
        return None

    async def look_up(self, around: datetime) -> Book | None:
        return None

    async def find(self, wanted: Wanted) -> tuple[PlacedOrder, ...] | None:
        return None

    async def missed(self, wanted: Wanted) -> None:
        pass

    async def change(self, order: ConfirmedOrder, before: PlacedOrder) -> Receipt:
        raise NotChangedError

    async def cancel(self, before: PlacedOrder) -> None:
        raise NotChangedError

    async def reserve(self, booking: BookTable) -> None:
        raise NotReservedError


def order_state() -> OrderState:
    """An empty cart at a restaurant that is open and sells one pizza."""
    openings = tuple(Opening(day, 0, 24 * 60) for day in range(7))
    restaurant = Restaurant(
        str(uuid.uuid4()), "Harbour Pizza", "en", "EUR", "Europe/Paris", openings=openings, fallback_number="+331"
    )
    item = MenuItem(str(uuid.uuid4()), "c", "Regina", (ItemSize(str(uuid.uuid4()), "", 1300),), same_rate(1000))
    menu = Menu(restaurant.id, "EUR", "en", (MenuCategory("c", "Pizzas"),), (item,))
    return OrderState(restaurant, menu, (), carts.new_cart(menu, str(uuid.uuid4())), "call-1")


class Scene:
    """A conversation that has begun, at second 0. The bridge plays in real time and gives back every mark."""

    def __init__(self, earlier: Transcript | None = None) -> None:
        self.now = 0.0
        self.engine, self.media, self.keeper = Engine(), Media(), Keeper()
        self.keeper.transcript = earlier or self.keeper.transcript
        phrases = phrases_for("en")
        self.playback = Playback(0.0)
        read_back = ReadBackWatch(self.playback, "en")
        self.tools = ToolLoop(
            order_state(),
            read_back,
            PresentWatch(self.keeper.generation, self.keeper.present, None),
            self.keeper.confirm,
            self.keeper,
            self.keeper,
            lambda *_: None,
            clock=lambda: self.now,
        )
        self.conversation = Conversation(
            self.media,
            self.playback,
            self.tools,
            read_back,
            self.keeper,
            Patience(60.0, 60.0, phrases),
            phrases,
            clock=lambda: self.now,
        )
        self.conversation.on_engine_lost = self.keeper.lost.append
        self.conversation.join(self.engine)
        self._replies = self._items = self._calls = 0

    def engine_says(self, *events: EngineEvent) -> None:
        for event in events:
            self.conversation.on_engine(self.engine, event)

    def passes(self, seconds: float) -> None:
        """Time, and a tick of it; what was queued is played meanwhile."""
        self.now += seconds
        self.plays()
        self.conversation.tick()

    def plays(self) -> None:
        """The bridge gives back the marks of all that was played by now."""
        for act in self.media.done:
            if act[0] == "mark" and self.playback.ms_left(self.now) <= 0:
                self.conversation.played(act[1])

    async def uses(self, name: str, arguments: str = "{}", spoken_ms: int = 0) -> None:
        """A reply with ``spoken_ms`` of speech and one tool call."""
        await self.replies(spoken_ms=spoken_ms, tools=((name, json.loads(arguments)),))

    async def replies(
        self, text: str = "", spoken_ms: int = 0, tools: tuple[tuple[str, dict[str, Any]], ...] = ()
    ) -> str:
        """A whole reply: speech of so many ms, then tools. The item's id."""
        self._replies += 1
        self._items += 1
        reply, item = f"r{self._replies}", f"i{self._items}"
        self.engine_says(ReplyStarts(reply))
        if spoken_ms:
            self.engine_says(ReplyAudio(reply, item, 0, bytes(spoken_ms * 8)), ReplyAudioEnds(reply))
        if text:
            self.engine_says(ReplyText(reply, item, text, whole=True))
        calls = []
        for name, arguments in tools:
            self._calls += 1
            calls.append(ToolCall(f"c{self._calls}", name, json.dumps(arguments)))
        self.engine_says(ReplyEnds(reply, "completed", "", tuple(calls), Usage()))
        await self.conversation.settle_tools()
        return item

    def caller_says(self, text: str) -> None:
        """A whole turn of the caller's, and the reply that it asks for is still to come."""
        item = f"u{self.now}"
        self.engine_says(CallerSpeaks(), CallerPauses(), CallerTurn(item), CallerSaid(item, text, Usage()))
