"""The scripted engine's side of the protocol, frame by frame."""

import asyncio
import base64
import json
from typing import Any

import pytest
from picows import WSMsgType

from bench.chaos import tones
from bench.chaos.dialogue import Wish
from bench.chaos.engine import Engine, Kind, Session, Stage, Trouble
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.unit

WISH = Wish("Anna Byrne", 2, tones.VOICES[0])
SILENCE = b"\xff" * 8 * 500


class Frame:
    msg_type = WSMsgType.TEXT

    def __init__(self, event: dict[str, Any]) -> None:
        self._event = event

    def get_payload_as_memoryview(self) -> bytes:
        return json.dumps(self._event).encode()


class Line:
    """A handler's end of a session: what was sent to it, and whether it was closed."""

    def __init__(self, engine: Engine) -> None:
        self.sent: list[dict[str, Any]] = []
        self.closed_with: list[Any] = []
        self._session = Session(engine)
        self._session.on_ws_connected(self)  # type: ignore[arg-type]

    def send(self, _: WSMsgType, message: bytes) -> None:
        self.sent.append(json.loads(message))

    def send_close(self, code: int, message: bytes) -> None:
        self.closed_with.append(int(code))

    def disconnect(self, graceful: bool = True) -> None:
        self.closed_with.append("closed" if graceful else "broken")

    def tells(self, kind: str, **fields: Any) -> None:
        self._session.on_ws_frame(self, Frame({"type": kind, **fields}))  # type: ignore[arg-type]

    def says(self, *voice: int) -> None:
        """Tones of a second, and the silence after it, in frames as they come."""
        sound = tones.said(voice, 1.0) + SILENCE
        for at in range(0, len(sound), tones.FRAME_BYTES):
            frame = base64.b64encode(sound[at : at + tones.FRAME_BYTES]).decode()
            self.tells("input_audio_buffer.append", audio=frame)

    def answers_tools(self) -> None:
        """Every call of the last reply succeeds."""
        for item in self.of("response.done")[-1]["response"]["output"]:
            output = json.dumps({"ok": True, "say": "2 salads, right?"})
            item = {"type": "function_call_output", "call_id": item["call_id"], "output": output}
            self.tells("conversation.item.create", item=item)
        self.tells("response.create")

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.sent if event["type"] == kind]

    @property
    def tools(self) -> list[str]:
        return [item["name"] for item in self.of("response.done")[-1]["response"]["output"]]


def engine_with(kind: Kind | None = None, stage: Stage = "order", left: int = 1) -> Engine:
    engine = Engine()
    engine.expect(WISH, None if kind is None else Trouble(kind, stage, left))
    return engine


def test_a_turn_is_a_tone_and_a_silence_and_its_words_are_the_callers() -> None:
    line = Line(engine_with())
    line.says(*WISH.voice)
    assert [len(line.of(f"input_audio_buffer.{what}")) for what in ("speech_started", "speech_stopped")] == [1, 1]
    [words] = line.of("conversation.item.input_audio_transcription.completed")
    assert WISH.name in words["transcript"]
    assert line.tools == ["add_item", "set_fulfilment", "set_customer", "read_cart"]


def test_the_read_back_is_said_word_for_word_with_its_audio() -> None:
    line = Line(engine_with())
    line.says(*WISH.voice)
    line.answers_tools()
    assert line.of("response.output_audio_transcript.done")[-1]["transcript"] == "2 salads, right?"
    heard = b"".join(base64.b64decode(delta["delta"]) for delta in line.of("response.output_audio.delta"))
    assert len(heard) == 2.5 * tones.RATE


def test_a_yes_after_the_read_back_confirms() -> None:
    line = Line(engine_with())
    line.says(*WISH.voice)
    line.answers_tools()
    line.says(tones.YES_HZ)
    assert line.tools == ["confirm_order"]


@pytest.mark.parametrize(("kind", "closed"), [("drop", ["broken"]), ("close_twice", [1011, "closed"])])
def test_the_connection_ends_at_its_stage_and_only_there(kind: Kind, closed: list[Any]) -> None:
    line = Line(engine_with(kind, "order"))
    assert line.closed_with == []
    line.says(*WISH.voice)
    assert line.closed_with == closed
    assert line.of("response.created") == []


def test_a_closing_that_comes_twice_ends_the_next_session_at_whatever_stage() -> None:
    engine = engine_with("close_twice", "order", left=2)
    Line(engine).says(*WISH.voice)
    second = Line(engine)
    words = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": WISH.words}]}
    second.tells("conversation.item.create", item=words)
    second.tells("response.create")
    assert second.closed_with == [1011, "closed"]
    assert len(engine.happened) == 2


def test_a_stalled_reply_never_ends_until_it_is_cancelled_and_is_then_said_whole() -> None:
    line = Line(engine_with("stall", "read_back"))
    line.says(*WISH.voice)
    line.answers_tools()
    done = len(line.of("response.done"))
    assert line.of("response.output_audio.delta") and not line.of("response.output_audio.done")
    line.tells("response.cancel")
    assert line.of("response.done")[done]["response"]["status"] == "cancelled"
    line.tells("response.create")
    assert line.of("response.output_audio_transcript.done")[-1]["transcript"] == "2 salads, right?"


def test_an_endless_turn_stops_only_when_it_is_committed() -> None:
    line = Line(engine_with("endless_turn", "order"))
    line.says(*WISH.voice)
    assert line.of("input_audio_buffer.speech_stopped") == []
    line.tells("input_audio_buffer.commit")
    assert WISH.name in line.of("conversation.item.input_audio_transcription.completed")[0]["transcript"]


def test_a_reply_that_is_asked_for_while_one_is_active_is_refused() -> None:
    line = Line(engine_with("stall", "read_back"))
    line.says(*WISH.voice)
    line.answers_tools()
    line.tells("response.create")
    assert line.of("error")[-1]["error"]["code"] == "conversation_already_has_active_response"


async def test_a_reply_of_the_engines_own_has_the_asked_one_refused_and_ends_by_itself() -> None:
    line = Line(engine_with("active_response", "read_back"))
    line.says(*WISH.voice)
    done = len(line.of("response.done"))
    line.answers_tools()
    assert line.of("error")
    async with asyncio.timeout(PATIENCE_S):
        while len(line.of("response.done")) == done:
            await asyncio.sleep(0.01)
    line.tells("response.create")
    assert line.of("response.output_audio_transcript.done")


def test_a_doubled_tool_has_the_same_id_and_a_doubled_end_the_same_reply() -> None:
    twice = Line(engine_with("tool_twice", "order"))
    twice.says(*WISH.voice)
    ids = [item["call_id"] for item in twice.of("response.done")[-1]["response"]["output"]]
    assert ids[-1] == ids[-2]
    ended = Line(engine_with("done_twice", "order"))
    ended.says(*WISH.voice)
    first, second = ended.of("response.done")
    assert first["response"] == second["response"]
