"""One sentence over the line and through the server's own turn detection and recognition, without a server.

As a call has it: G.711 at 8 kHz in frames of 20 ms with silence before and after, the handler's turn detection, the
restaurant's words to expect, the question that was asked.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from devstack.speech.agent import Agent, TurnContext
from devstack.speech.audio_format import FORMATS, INPUT_RATE
from devstack.speech.expecting import expected
from devstack.speech.input_audio import InputAudio, TurnStopped, VoiceDetector
from devstack.speech.postcodes import codes_of
from devstack.speech.protocol.items import Content, Message, new_id
from devstack.speech.protocol.session_config import ServerVad, SessionTool
from devstack.speech.speech_models import SpeechModels
from devstack.speech.tool_calls import UseTool
from domain.prompts import restaurant_instructions, transcription_prompt
from domain.tools import tool_schemas
from evaluation.audio.sentences import spoken
from evaluation.files import Place
from evaluation.hearing.sentences import Sentence
from functions.call_handler.settings import EngineSettings
from seeds.build import faq_of, restaurant_of

FRAME = INPUT_RATE // 50
SILENCE = b"\xff"
BEFORE_S = 1.0
AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class Heard:
    """``turns`` that the sentence was cut into, ``audio_s`` of them, ``took_s`` of recognition."""

    text: str
    turns: int
    audio_s: float
    took_s: float


async def hear(sentence: Sentence, models: SpeechModels, detector: VoiceDetector, kept: Path) -> Heard:
    said = spoken(sentence.said, sentence.voice, sentence.noise_db, kept)
    turns = list(_turns(said, detector))
    codes = codes_of(_session(sentence.place)[1])
    expectation = expected(sentence.language, transcription_prompt(sentence.place.menu), sentence.asked, codes)
    began = time.perf_counter()
    texts = [(await models.transcribe(one.samples, expectation)).text for one in turns]
    took = time.perf_counter() - began
    audio_s = sum(len(one.samples) for one in turns) / INPUT_RATE
    return Heard(" ".join(filter(None, texts)), len(turns), audio_s, took)


def _turns(ulaw: bytes, detector: VoiceDetector) -> Sequence[TurnStopped]:
    """What the server would transcribe of it, with the settings that a call handler asks for."""
    asked = EngineSettings(openai_api_key="")
    detection = ServerVad(
        threshold=asked.vad_threshold,
        prefix_padding_ms=asked.vad_prefix_ms,
        silence_duration_ms=asked.vad_silence_ms,
    )
    audio = InputAudio(detector, FORMATS["audio/pcmu"], detection)
    line = SILENCE * int(BEFORE_S * INPUT_RATE) + ulaw + SILENCE * int(AFTER_S * INPUT_RATE)
    frames = (line[at : at + FRAME] for at in range(0, len(line), FRAME))
    return [edge for frame in frames for edge in audio.append(frame) if isinstance(edge, TurnStopped)]


def understood(sentence: Sentence, text: str) -> list[str]:
    """What the local agent would do at a first sentence ``text``: its tool calls."""
    tools, menu = _session(sentence.place)
    asked = Message(id=new_id("item"), role="assistant", content=[Content("output_text", text=sentence.asked)])
    answer = Message(id=new_id("item"), role="user", content=[Content("input_text", text=text)])
    turn = TurnContext([asked, answer], tools, "auto", True, sentence.language, menu=menu)
    return sorted(repr(action) for action in Agent().respond(turn) if isinstance(action, UseTool))


def _session(where: Place) -> tuple[list[SessionTool], str]:
    restaurant = restaurant_of(where.content)
    tools = [msgspec.convert(tool, SessionTool) for tool in tool_schemas(restaurant, where.menu)]
    return tools, restaurant_instructions(restaurant, where.menu, faq_of(where.content))
