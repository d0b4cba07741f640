"""The Live engine against a server that the package ``openai`` types: one engine in this process, and a whole call."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from domain.restaurant import Restaurant
from functions.call_handler.engines import live
from functions.call_handler.engines.base import (
    CallerSaid,
    CallerSpeaks,
    EngineComplains,
    EngineDownError,
    EngineEvent,
    EngineGone,
    Line,
    ReplyAudio,
    ReplyEnds,
    ReplyStarts,
    ReplyText,
    Setup,
)
from functions.call_handler.engines.live import LiveEngine
from functions.call_handler.settings import EngineSettings, LiveEndpoint, SpeakingPlace
from protocols.call_lane import ConnectedLine, EndedLine
from protocols.media import Prompt
from stores import restaurants
from tests.fakes.bridge import FakeBridge
from tests.fakes.engine import FakeEngine
from tests.fakes.live import FakeLive, FakeLiveSession
from tests.fakes.models import FakeModels
from tests.integration.call_handler.conftest import Lane, MakeBridge, Ring, StartHandler, eventually, new_id, written
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

TOOL = {"type": "function", "name": "add_item", "description": "Adds.", "parameters": {"type": "object"}}
SETUP = Setup("You answer the phone.", [TOOL], "en", "cedar", "")


@pytest.fixture
async def server() -> AsyncIterator[FakeLive]:
    async with FakeLive() as fake:
        yield fake


@pytest.fixture
async def models() -> AsyncIterator[FakeModels]:
    async with FakeModels() as fake:
        yield fake


class Talker:
    """An engine, and what it told."""

    def __init__(self, server: FakeLive, speaking: SpeakingPlace | None = None) -> None:
        self.events: list[EngineEvent] = []
        self._news = asyncio.Event()
        endpoint = LiveEndpoint(
            name="live", url=server.base_url, model="gpt-live-1.1", backend="gpt-6-luna", speaking=speaking
        )
        self.engine = LiveEngine(endpoint, EngineSettings(openai_api_key="k"))
        self._server = server

    def _told(self, event: EngineEvent) -> None:
        self.events.append(event)
        self._news.set()

    async def start(self, *history: Line) -> FakeLiveSession:
        await self.engine.connect(self._told, PATIENCE_S)
        self.engine.configure(SETUP)
        for line in history:
            self.engine.remember(line)
        session = await self._server.session()
        await session.expect("session.start")
        await session.starts()
        return session

    async def until(self, is_there: Callable[[list[EngineEvent]], Any]) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            while not (found := is_there(self.events)):
                self._news.clear()
                await self._news.wait()
        return found

    async def first(self, kind: type[Any]) -> Any:
        found = await self.until(lambda events: [event for event in events if isinstance(event, kind)])
        return found[0]


@pytest.fixture
async def talker(server: FakeLive) -> AsyncIterator[Talker]:
    made = Talker(server)
    yield made
    made.engine.close()


@pytest.fixture
async def exact(server: FakeLive, models: FakeModels) -> AsyncIterator[Talker]:
    """One with a speech model for what has to be said word for word."""
    made = Talker(server, SpeakingPlace(url=models.url, model="tts-1", voice="alloy"))
    yield made
    made.engine.close()


async def test_the_session_starts_with_all_that_was_said_before(talker: Talker) -> None:
    session = await talker.start(
        Line("assistant", "Good evening!"), Line("caller", "A Regina."), Line("system", "Go on.")
    )

    [start] = session.of("session.start")
    wanted = start["session"]
    assert (session.path, session.authorization) == ("/v1/live/sessions", "")
    assert wanted["model"] == "gpt-live-1.1"
    assert wanted["audio"] == {"format": {"type": "audio/pcmu", "rate": 8000}, "output": {"voice": "cedar"}}
    assert wanted["instructions"].endswith("You answer the phone.")
    backend = wanted["delegation"]["responses"]
    assert (backend["model"], backend["instructions"], backend["tools"]) == (
        "gpt-6-luna",
        "You answer the phone.",
        [TOOL],
    )
    assert [(item["role"], item["content"][0]["text"]) for item in wanted["input"]] == [
        ("assistant", "Good evening!"),
        ("user", "A Regina."),
        ("developer", "Go on."),
    ]


async def test_nothing_is_sent_before_the_session_has_started_and_nothing_is_lost(
    talker: Talker, server: FakeLive
) -> None:
    await talker.engine.connect(talker._told, PATIENCE_S)
    talker.engine.configure(SETUP)
    talker.engine.hear(b"\x11" * 800)
    talker.engine.speak()
    session = await server.session()
    await session.expect("session.start")
    talker.engine.hear(b"\x22" * 800)

    await session.starts()

    await session.hears(1600)
    assert bytes(session.heard[:1600]) == b"\x11" * 800 + b"\x22" * 800
    await session.expect("session.instructions.append")
    assert session.errors == []


async def test_a_phone_that_sends_nothing_keeps_the_sessions_clock_running(talker: Talker) -> None:
    session = await talker.start()

    await session.hears(3 * 8 * int(live.LAG_MS))

    assert set(session.heard) == {0xFF}


async def test_a_reply_is_heard_and_its_words_are_known(talker: Talker) -> None:
    session = await talker.start()

    await session.has_used(30.0)
    await session.speaks("Good evening.", audio_ms=400)
    ends = await talker.first(ReplyEnds)

    starts = next(event for event in talker.events if isinstance(event, ReplyStarts))
    heard = b"".join(event.audio for event in talker.events if isinstance(event, ReplyAudio))
    words = [event.text for event in talker.events if isinstance(event, ReplyText) and event.whole]
    assert ends.reply_id == starts.reply_id
    assert (len(heard), words) == (3200, ["Good evening."])
    assert ends.usage.dollars == pytest.approx(30 / 60 * 0.05)


async def test_a_caller_is_heard_and_interrupts(talker: Talker) -> None:
    session = await talker.start()
    await session.sound(400)
    await talker.first(ReplyAudio)

    await session.caller_says("No, a Regina.")
    await session.sound(200, loud=False)

    ends = await talker.first(ReplyEnds)
    said = await talker.first(CallerSaid)
    kinds = [type(event) for event in talker.events]
    assert ends.status == "cancelled"
    assert said.text == "No, a Regina."
    assert kinds.index(CallerSpeaks) < kinds.index(ReplyEnds)


async def test_tools_are_used_and_the_backend_goes_on_when_all_are_answered(talker: Talker) -> None:
    session = await talker.start()
    await session.caller_says("A Regina, please.")
    await session.delegates()
    first, second = await session.backend_calls(("add_item", {"item": "Regina"}), ("read_cart", "not json"))

    ends = await talker.first(ReplyEnds)
    said = next(event for event in talker.events if isinstance(event, CallerSaid))
    talker.engine.answer_tool(first, '{"ok":true}')
    talker.engine.speak()
    talker.engine.answer_tool(second, '{"ok":false}')
    talker.engine.speak()
    outputs = await session.tool_outputs(2)

    assert [(call.call_id, call.name, call.arguments) for call in ends.calls] == [
        (first, "add_item", '{"item": "Regina"}'),
        (second, "read_cart", "not json"),
    ]
    assert talker.events.index(said) < talker.events.index(ends)
    assert outputs == [{"ok": True}, {"ok": False}]
    assert len(session.of("response.create")) == 1
    assert session.of("session.instructions.append") == []  # the backend works: nobody has to be asked
    assert ends.usage.dollars == pytest.approx((200 * 0.10 + 800 * 0.01 + 100 * 0.50) / 1_000_000)


async def test_what_has_to_be_said_word_for_word_is_played_as_a_recording(exact: Talker, models: FakeModels) -> None:
    session = await exact.start()

    exact.engine.speak("That is nine euros. Is that right?")
    audio = await session.plays_fixture()
    ends = await exact.first(ReplyEnds)

    told = await session.expect("session.instructions.append")
    assert models.spoken == ["That is nine euros. Is that right?"]
    assert audio == b"\x10\x10" * (34 * 5 * 24)
    assert [event.text for event in exact.events if isinstance(event, ReplyText) and event.whole] == models.spoken
    assert (ends.status, ends.usage.dollars) == ("completed", pytest.approx(34 * 15 / 1_000_000))
    assert "do not say it again: That is nine euros." in told["content"]
    assert session.errors == []


async def test_the_cart_is_read_back_as_a_recording_and_the_backend_waits(exact: Talker, models: FakeModels) -> None:
    session = await exact.start()
    [call] = await session.backend_calls(("read_cart", {}))
    await exact.first(ReplyEnds)

    exact.engine.answer_tool(call, json.dumps({"ok": True, "say": "One Regina, nine euros. Is that right?"}))
    exact.engine.speak()
    output = (await session.expect("response.item.create"))["item"]["output"]
    exact.engine.remember(Line("caller", "(1)"))
    created_before = session.of("response.create")
    await session.plays_fixture()
    await session.expect("response.create")

    assert models.spoken == ["One Regina, nine euros. Is that right?"]
    assert "Add nothing" in json.loads(output)["said"]
    assert created_before == []
    assert session.errors == []
    assert [message["content"] for message in session.of("session.instructions.append")][1].endswith("(1)")


async def test_a_sentence_that_cannot_be_recorded_is_asked_for(exact: Talker, models: FakeModels) -> None:
    models.speech_status = 503
    session = await exact.start()

    exact.engine.speak("Nine euros.")

    asked = await session.expect("session.commentary.append")
    assert asked["content"] == "Say exactly this, and nothing else: Nine euros."


async def test_a_recording_that_is_refused_is_asked_for(exact: Talker) -> None:
    session = await exact.start()
    exact.engine.speak("Nine euros.")
    await session.expect("session.output_audio.fixture.play")

    await session.fails("invalid_audio", about="fixture")

    asked = await session.expect("session.commentary.append")
    assert asked["content"].endswith("Nine euros.")


async def test_a_voice_that_is_refused_is_left_out(talker: Talker, server: FakeLive) -> None:
    await talker.engine.connect(talker._told, PATIENCE_S)
    talker.engine.configure(SETUP)
    session = await server.session()
    await session.expect("session.start")

    await session.fails("invalid_value", about="setup", param="session.audio.output.voice")
    again = await session.expect("session.start")
    await session.fails("model_not_found", about="setup", param="session.model")
    gone = await talker.first(EngineGone)

    assert "output" not in again["session"]["audio"]
    assert (gone.reason, gone.at_fault) == ("the engine refuses the session: model_not_found", True)


async def test_a_session_that_does_not_start_is_none(
    talker: Talker, server: FakeLive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "START_WITHIN_S", 0.1)
    await talker.engine.connect(talker._told, PATIENCE_S)

    talker.engine.configure(SETUP)

    gone = await talker.first(EngineGone)
    assert (gone.reason, gone.at_fault) == ("the session does not start", True)


@pytest.mark.parametrize(("reason", "at_fault"), [("expired", False), ("content", True), ("connection_lost", True)])
async def test_a_session_that_ends_says_whose_fault_it_is(reason: str, at_fault: bool, talker: Talker) -> None:
    session = await talker.start()

    await session.ends(reason)

    gone = await talker.first(EngineGone)
    assert (gone.reason, gone.at_fault) == (f"the session ended: {reason}", at_fault)
    assert not talker.engine.alive


async def test_garbage_and_complaints_do_not_end_the_session(talker: Talker) -> None:
    session = await talker.start()

    for message in ("{", "[]", '{"type": 5}', b"\xff\xfe", '{"type": "session.output_audio.delta", "delta": "*"}'):
        await session.raw(message)
    await session.fails("rate_limit_exceeded")
    complains = await talker.first(EngineComplains)
    await session.speaks("Still here.")
    await talker.first(ReplyEnds)

    assert complains.code == "rate_limit_exceeded"
    assert talker.engine.alive


async def test_a_connection_that_breaks_or_is_refused_is_told(talker: Talker, server: FakeLive) -> None:
    session = await talker.start()
    await session.drop()
    gone = await talker.first(EngineGone)
    server.refuse = 401

    with pytest.raises(EngineDownError) as down:
        await Talker(server).engine.connect(lambda event: None, PATIENCE_S)

    assert gone.at_fault
    assert (down.value.reason, down.value.passing) == ("ENGINES: url of 'live': the engine answered 401", False)


async def test_a_session_that_will_end_says_when(talker: Talker, server: FakeLive) -> None:
    await talker.engine.connect(talker._told, PATIENCE_S)
    talker.engine.configure(SETUP)
    session = await server.session()
    await session.expect("session.start")
    await session.starts(expires_in_s=80.0)
    await session.sound(20)
    await talker.first(ReplyStarts)

    assert 70 < talker.engine.seconds_left <= 80


# --- A whole call -------------------------------------------------------------------------------------------------


@dataclass
class Answered:
    """A call that a session has taken up; ``start`` is what the session was told."""

    bridge: FakeBridge
    lane: Lane
    session: FakeLiveSession
    start: dict[str, Any]


@pytest.fixture
async def answered(
    server: FakeLive,
    models: FakeModels,
    start_handler: StartHandler,
    engine: FakeEngine,
    restaurant: Restaurant,
    bridge_for: MakeBridge,
    ring: Ring,
    postgres: Any,
) -> Answered:
    handler = await start_handler(engine, **await _duplex(server, models, restaurant, postgres))
    bridge = await bridge_for(new_id(), greeting="Good evening!")
    lane = await ring(handler, bridge)
    session = await server.session()
    await lane.until(ConnectedLine)
    start = await session.expect("session.start")
    await session.starts()
    return Answered(bridge, lane, session, start)


async def test_an_order_is_taken_to_its_end(answered: Answered, models: FakeModels, postgres: Any) -> None:
    bridge, session = answered.bridge, answered.session

    await session.caller_says("A small Margherita, to take away, for Ada.")
    await session.delegates()
    await session.backend_calls(
        ("add_item", {"item": "Margherita", "size": "Small"}),
        ("set_fulfilment", {"kind": "pickup"}),
        ("set_customer", {"name": "Ada"}),
    )
    outputs = await session.tool_outputs(3)
    await session.backend_calls(("read_cart", {}))
    await session.plays_fixture(audio_ms=800)
    await session.expect("response.create")
    await session.backend_calls()
    await bridge.quiet()
    await session.caller_says("Yes.")
    await session.delegates()
    await session.backend_calls(("confirm_order", {}))
    [confirmed] = await session.tool_outputs(1)
    await session.backend_calls()
    await session.speaks("Thank you, Ada.")
    [order] = await eventually(lambda: _orders(postgres))
    await bridge.quiet()
    await bridge.hang_up()
    ended = await answered.lane.until(EndedLine)

    assert session.authorization == "Bearer sk-live"
    assert answered.start["session"]["input"][0]["content"][0]["text"] == "Good evening!"
    assert all(output["ok"] for output in outputs)
    assert confirmed["ok"], confirmed
    assert "9" in models.spoken[0]
    assert order["total_cents"] == 900
    assert ended.outcome == "order_confirmed"
    assert session.errors == []


async def test_after_a_card_number_another_session_is_told_only_what_may_be_kept(
    answered: Answered, server: FakeLive, models: FakeModels
) -> None:
    first = answered.session

    await first.caller_says("A small Margherita, please.")
    await first.speaks("Anything else?")
    await first.caller_says("You can take my card, it is 4111 1111 1111 1111.")
    await first.plays_fixture(audio_ms=400)
    second = await server.session()
    await first.closed.wait()

    start = await second.expect("session.start")
    told = json.dumps(start)
    assert "Margherita" in told
    assert "1111" not in told
    assert not answered.bridge.of(Prompt)  # the caller has noticed nothing
    assert "card number" in models.spoken[0]


async def _duplex(server: FakeLive, models: FakeModels, restaurant: Restaurant, postgres: Any) -> dict[str, str]:
    """The restaurant is answered by ``server``. What its handler has to be set."""
    endpoint = {
        "kind": "live",
        "name": "duplex",
        "url": server.base_url,
        "key": "LIVE_KEY",
        "model": "gpt-live-1.1",
        "backend": "gpt-6-luna",
        "speaking": {"url": models.url, "model": "tts-1", "voice": "alloy"},
    }
    async with postgres.platform.platform() as connection:
        await restaurants.update(connection, restaurant.id, {"engines": ["duplex", "main"]})
    return {"ENGINES": json.dumps([endpoint]), "LIVE_KEY": "sk-live"}


async def _orders(postgres: Any) -> list[Any]:
    return (await written(postgres))[0]
