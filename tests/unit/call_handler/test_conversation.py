"""What only time brings out in a conversation, by a clock that the test turns."""

import asyncio
import uuid
from typing import Any

import pytest

from domain import carts
from domain.menu import ItemSize, Menu, MenuCategory, MenuItem
from domain.order import ConfirmedOrder
from domain.restaurant import Restaurant
from domain.tools import OrderState
from functions.call_handler.engines.base import (
    CallerPauses,
    CallerSpeaks,
    EngineEvent,
    EngineGone,
    Line,
    OnEvent,
    ReplyAudio,
    ReplyEnds,
    ReplyStarts,
    ReplyText,
    Setup,
    ToolCall,
)
from functions.call_handler.engines.costs import Usage
from functions.call_handler.phrases import phrases_for
from functions.call_handler.remembering.orders import Receipt
from functions.call_handler.remembering.transcript import Transcript
from functions.call_handler.talking.conversation import (
    BRIDGE_TRANSFERS_WITHIN_S,
    FAREWELL_WITHIN_S,
    MAX_TOOL_ROUNDS,
    Conversation,
    Over,
)
from functions.call_handler.talking.media import MediaSocket
from functions.call_handler.talking.patience import REPLY_WITHIN_S, Patience
from functions.call_handler.talking.playback import Playback
from functions.call_handler.talking.tool_loop import ToolLoop

pytestmark = pytest.mark.unit


class Engine:
    """Keeps what it is told to do."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.alive = True

    async def connect(self, on_event: OnEvent) -> None: ...

    def configure(self, setup: Setup) -> None: ...

    def remember(self, line: Line) -> None:
        self.done.append(("remember", line.who, line.text))

    def hear(self, audio: bytes) -> None:
        self.done.append(("hear", audio))

    def answer_tool(self, call_id: str, output: str) -> None:
        self.done.append(("answer", call_id))

    def speak(self, sentence: str = "") -> None:
        self.done.append(("speak", sentence))

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

    def transfer(self, target: str, reason: str) -> None:
        self.done.append(("transfer", target))

    def hangup(self, reason: str) -> None:
        self.done.append(("hangup", reason))


class Watcher:
    """An Observer that remembers, and an order desk without a database."""

    def __init__(self) -> None:
        self.lost: list[str] = []
        self.latencies: list[float] = []

    def said(self, who: str, text: str) -> None: ...

    def turn_ended(self) -> None: ...

    def barged_in(self, ms: float) -> None: ...

    def first_audio(self, seconds: float) -> None:
        self.latencies.append(seconds)

    def engine_lost(self, reason: str) -> None:
        self.lost.append(reason)

    async def confirm(self, order: ConfirmedOrder) -> Receipt | None:
        return None


class Scene:
    """A conversation that has begun, at second 0."""

    def __init__(self) -> None:
        self.now = 0.0
        self.engine, self.media, self.watcher = Engine(), Media(), Watcher()
        self.transcript = Transcript()
        phrases = phrases_for("en")
        restaurant = Restaurant(str(uuid.uuid4()), "Harbour Pizza", "en", "EUR", "Europe/Paris", fallback_number="+331")
        item = MenuItem(str(uuid.uuid4()), "c", "Regina", (ItemSize(str(uuid.uuid4()), "", 1300),), 1000)
        menu = Menu(restaurant.id, "EUR", "en", (MenuCategory("c", "Pizzas"),), (item,))
        state = OrderState(restaurant, menu, (), carts.new_cart(menu), "call-1")
        self.conversation = Conversation(
            self.media,
            Playback(0.0),
            ToolLoop(state, self.watcher, lambda *_: None),
            self.transcript,
            self.watcher,
            Patience(60.0, 60.0, phrases),
            phrases,
            clock=lambda: self.now,
        )
        self.conversation.join(self.engine)

    def engine_says(self, *events: EngineEvent) -> None:
        for event in events:
            self.conversation.on_engine(self.engine, event)

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.conversation.tick()

    async def uses(self, name: str, arguments: str = "{}", spoken_ms: int = 0) -> None:
        """A reply with ``spoken_ms`` of speech and one tool call."""
        self.engine_says(ReplyStarts("r1"))
        if spoken_ms:
            self.engine_says(ReplyAudio("r1", "i1", 0, bytes(spoken_ms * 8)))
        self.engine_says(ReplyEnds("r1", "completed", "", (ToolCall("c1", name, arguments),), Usage()))
        await self.conversation.settle_tools()


@pytest.fixture
async def scene() -> Scene:
    return Scene()


async def test_a_transfer_that_nobody_takes_goes_on_with_the_assistant(scene: Scene) -> None:
    await scene.uses("transfer_to_human", '{"reason": "asked"}', spoken_ms=100)
    scene.passes(0.2)
    assert scene.media.done[-1] == ("transfer", "+331")
    scene.conversation.caller_audio(b"ringing")

    scene.passes(BRIDGE_TRANSFERS_WITHIN_S)
    scene.conversation.caller_audio(b"hello?")

    assert [act[:2] for act in scene.engine.done[-3:]] == [("remember", "system"), ("speak", ""), ("hear", b"hello?")]
    assert ("hear", b"ringing") not in scene.engine.done
    assert not scene.conversation.over.done()


async def test_a_reply_spoken_over_is_marked_as_cut_in_the_transcript(scene: Scene) -> None:
    scene.engine_says(
        ReplyStarts("r1"),
        ReplyText("r1", "i1", "We are open until eleven.", whole=True),
        ReplyAudio("r1", "i1", 0, bytes(2000 * 8)),
    )
    scene.passes(0.5)
    scene.engine_says(CallerSpeaks(0.0))

    [line] = scene.transcript.lines()
    assert (line.text, line.cut) == ("We are open until eleven.", True)
    assert ("clear",) in scene.media.done
    assert ("truncate", "i1", 500) in scene.engine.done


@pytest.mark.parametrize(
    ("tool", "reason", "over"),
    [
        ("", "caller_hung_up", Over.HUNG_UP),
        ("", "transferred", Over.TRANSFERRED),
        ("", "superseded", Over.SUPERSEDED),
        ("transfer_to_human", "transferred", Over.TRANSFERRED),
        ("transfer_to_human", "the attempt is over", Over.TRANSFERRED),
        ("transfer_to_human", "caller_hung_up", Over.FAREWELL),
        ("end_call", "caller_hung_up", Over.FAREWELL),
    ],
)
async def test_what_a_stop_means_depends_on_what_was_under_way(
    scene: Scene, tool: str, reason: str, over: Over
) -> None:
    if tool:
        await scene.uses(tool, '{"reason": "asked"}' if tool == "transfer_to_human" else "{}", spoken_ms=100)
        scene.passes(0.2)
    scene.conversation.stopped(reason)

    assert scene.conversation.over.result() is over


async def test_the_call_is_hung_up_as_soon_as_the_bridge_says_that_the_goodbye_was_heard(scene: Scene) -> None:
    await scene.uses("end_call", spoken_ms=1000)
    scene.now += 0.9  # by the bridge's clock, which is ahead, all of it is played
    [mark] = [act[1] for act in scene.media.done if act[0] == "mark"][-1:]
    assert not any(act[0] == "hangup" for act in scene.media.done)

    scene.conversation.played(mark)

    assert scene.media.done[-1][0] == "hangup"


async def test_a_goodbye_that_the_engine_never_says_does_not_keep_the_line_open(scene: Scene) -> None:
    await scene.uses("end_call")
    assert scene.engine.done[-1] == ("speak", "")

    scene.passes(1.0)
    assert ("hangup", "completed") not in scene.media.done
    scene.passes(FAREWELL_WITHIN_S)
    assert scene.media.done[-1] == ("hangup", "completed")
    scene.passes(10.0)

    assert scene.conversation.over.result() is Over.FAREWELL


async def test_an_engine_that_does_not_reply_is_asked_and_then_given_up(scene: Scene) -> None:
    scene.engine_says(CallerSpeaks(), CallerPauses())

    scene.passes(REPLY_WITHIN_S - 1)
    assert scene.engine.done == []
    scene.passes(1.0)
    assert scene.engine.done == [("speak", "")]
    scene.passes(REPLY_WITHIN_S)

    assert scene.watcher.lost == ["the engine does not reply"]
    assert not scene.engine.alive


async def test_a_reply_that_failed_is_asked_for_again_soon(scene: Scene) -> None:
    scene.engine_says(CallerSpeaks(), CallerPauses(), ReplyStarts("r1"), ReplyEnds("r1", "failed", "busy", (), Usage()))

    scene.passes(2.0)

    assert scene.engine.done == [("speak", "")]


async def test_a_model_that_only_uses_tools_is_stopped(scene: Scene) -> None:
    for _ in range(MAX_TOOL_ROUNDS):
        await scene.uses("read_cart")

    assert scene.conversation.over.result() is Over.ENGINE_FAILED


async def test_the_latency_is_from_the_pause_to_the_first_sound_only(scene: Scene) -> None:
    scene.engine_says(CallerSpeaks(), CallerPauses())
    scene.now += 0.5
    scene.engine_says(ReplyStarts("r1"), ReplyAudio("r1", "i1", 0, bytes(800)), ReplyAudio("r1", "i1", 0, bytes(800)))

    assert scene.watcher.latencies == [0.5]


async def test_what_the_caller_says_while_the_engine_is_away_is_kept_for_it(scene: Scene) -> None:
    scene.engine_says(EngineGone("1006"))
    scene.conversation.caller_audio(b"one")
    scene.conversation.caller_audio(b"two")
    second = Engine()

    scene.conversation.join(second)

    assert second.done == [("hear", b"one"), ("hear", b"two")]
    assert scene.watcher.lost == ["1006"]


async def test_events_of_an_engine_that_was_replaced_mean_nothing(scene: Scene) -> None:
    first, scene.engine = scene.engine, Engine()
    scene.conversation.join(scene.engine)

    scene.conversation.on_engine(first, ReplyStarts("old"))
    scene.conversation.on_engine(first, ReplyAudio("old", "i", 0, bytes(800)))
    scene.conversation.on_engine(first, EngineGone("late"))
    await asyncio.sleep(0)

    assert scene.media.done == []
    assert scene.watcher.lost == []
