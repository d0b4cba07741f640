"""The spans of a conversation, as its engine tells of it."""

import json
from collections.abc import Iterator

import pytest

from functions.call_handler.engines.base import (
    CallerPauses,
    CallerSpeaks,
    EngineEvent,
    EngineGone,
    ReplyAudio,
    ReplyEnds,
    ReplyStarts,
    ToolCall,
)
from functions.call_handler.engines.costs import Usage
from functions.call_handler.talking.turns import Turns
from process.telemetry import spans
from process.telemetry.spans import Span
from tests.unit.call_handler.scene import Engine, Scene

pytestmark = pytest.mark.unit

CALL = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
USAGE = Usage(text_in=10, text_cached=5, audio_in=20, audio_cached=0, text_out=3, audio_out=7)
AUDIO = ReplyAudio("r-1", "i-1", 0, b"\xff" * 160)


class Told:
    """What was exported."""

    def __init__(self, has_words: bool = False) -> None:
        self.has_words = has_words
        self.spans: list[Span] = []

    def samples(self, trace_id: str, parent_sampled: bool | None) -> bool:
        return True

    def export(self, span: Span) -> None:
        self.spans.append(span)

    def named(self, beginning: str) -> list[Span]:
        return [span for span in self.spans if span.name.startswith(beginning)]


@pytest.fixture
def told(request: pytest.FixtureRequest) -> Iterator[Told]:
    tracer = Told(getattr(request, "param", False))
    spans.use(tracer)
    yield tracer
    spans.use(None)


@pytest.fixture
def turns(told: Told) -> Turns:
    with spans.within(CALL):
        return Turns("call-1")


def tell(turns: Turns, engine: Engine, *events: EngineEvent) -> None:
    for event in events:
        turns.heard(engine, event)


def ends(reply: str, *tools: str, status: str = "completed") -> ReplyEnds:
    calls = tuple(ToolCall(f"c-{name}", name, "{}") for name in tools)
    return ReplyEnds(reply, status, "", calls, USAGE)  # type: ignore[arg-type]


def test_a_turn_has_its_replies_and_is_over_with_the_last_of_them(told: Told, turns: Turns) -> None:
    engine = Engine()
    tell(turns, engine, CallerSpeaks(), CallerPauses(), ReplyStarts("r-1"), ends("r-1", "add_item"))
    for_tool = turns.current()
    tell(turns, engine, ReplyStarts("r-2"), AUDIO, AUDIO, ends("r-2"))
    turns.heard(engine, CallerSpeaks())

    [turn] = told.named("invoke_agent")
    assert [span.parent_id for span in told.named("chat")] == [turn.span_id, turn.span_id]
    assert for_tool == turn.traceparent
    assert spans.parsed(CALL) == (turn.trace_id, turn.parent_id, True)
    assert [name for _, name, _ in turn.events] == ["caller speaks", "caller pauses"]
    assert turn.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert isinstance(turn.attributes["alloresto.turn.first_audio_ms"], int)
    assert "alloresto.turn.interrupted" not in turn.attributes
    used_tools, spoke = told.named("chat")
    assert used_tools.attributes["gen_ai.response.finish_reasons"] == ("tool_calls",)
    assert spoke.attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert spoke.attributes["gen_ai.usage.input_tokens"] == 35
    assert spoke.attributes["gen_ai.usage.cache_read.input_tokens"] == 5
    assert spoke.attributes["gen_ai.usage.output_tokens"] == 10


def test_speaking_over_a_reply_begins_another_turn(told: Told, turns: Turns) -> None:
    engine = Engine()
    tell(turns, engine, ReplyStarts("r-1"), AUDIO, CallerSpeaks(), ends("r-1", status="cancelled"), ReplyStarts("r-2"))
    turns.heard(engine, ends("r-2"))
    turns.close()

    first, second = told.named("invoke_agent")
    cut, said = told.named("chat")
    assert first.attributes["alloresto.turn.interrupted"] is True
    assert (cut.parent_id, said.parent_id) == (first.span_id, second.span_id)
    assert cut.attributes["gen_ai.response.finish_reasons"] == ("cancelled",)


def test_a_caller_who_pauses_and_goes_on_has_one_turn(told: Told, turns: Turns) -> None:
    engine = Engine()
    tell(turns, engine, CallerSpeaks(), CallerPauses(), CallerSpeaks(), CallerPauses(), ReplyStarts("r-1"), ends("r-1"))
    turns.close()

    assert len(told.named("invoke_agent")) == 1


def test_a_reply_of_a_lost_engine_ends_as_an_error(told: Told, turns: Turns) -> None:
    engine = Engine()
    tell(turns, engine, CallerSpeaks(), ReplyStarts("r-1"), EngineGone("the model said: Ada"))
    turns.close()

    [reply] = told.named("chat")
    assert reply.error == "EngineGone"


@pytest.mark.parametrize("told", [True, False], indirect=True)
def test_what_was_said_is_kept_apart_and_only_where_somebody_may_be_told(told: Told, turns: Turns) -> None:
    engine = Engine()
    tell(turns, engine, CallerSpeaks(), ReplyStarts("r-1"))
    turns.said("assistant", "A Regina.")
    turns.heard(engine, ends("r-1"))
    turns.said("caller", "A Regina, please")  # its caption comes late
    turns.close()

    [turn] = told.named("invoke_agent")
    assert "Regina" not in str([(span.name, span.attributes, span.events) for span in told.spans])
    assert bool(turn.words) is told.has_words
    if told.has_words:
        [asked] = json.loads(turn.words["gen_ai.input.messages"])
        assert asked == {"role": "user", "parts": [{"type": "text", "content": "A Regina, please"}]}
        assert turn.words["gen_ai.completion"] == "A Regina."


@pytest.mark.parametrize("told", [True], indirect=True)
async def test_a_card_number_that_a_model_gives_a_tool_is_in_no_trace(told: Told) -> None:
    await Scene().tools.run(ToolCall("c-1", "add_item", '{"item": "Regina", "note": "4111 1111 1111 1111"}'))

    [used] = told.named("execute_tool")
    assert used.words
    assert "4111" not in str(used.words)
