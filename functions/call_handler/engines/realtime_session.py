"""The ``session`` of the Realtime protocol, and what of it is given up when a server refuses it.

A server may know another model's voices, no reasoning, no noise reduction, or refuse a transcription model that has
been switched off over night. None of that is worth a call: what is refused is left out and the session asked for again.
Only instructions, tools and audio format are not negotiable.
"""

from collections.abc import Iterable
from typing import Any, Literal

from functions.call_handler.engines.base import EngineComplains, Setup
from functions.call_handler.settings import MAIN, EngineSettings, RealtimeEndpoint

PCMU = {"type": "audio/pcmu"}
FULL_STRENGTH = 1.0  # of noise reduction; the server's own default, and left out for servers that know no other

Part = Literal[
    "voice", "reasoning", "truncation", "noise_reduction", "idle_timeout_ms", "semantic_vad", "transcription"
]

# In this order when the server does not say which one it dislikes: captions last.
PARTS: tuple[Part, ...] = (
    "voice",
    "reasoning",
    "truncation",
    "noise_reduction",
    "idle_timeout_ms",
    "semantic_vad",
    "transcription",
)


class Session:
    """What is asked for; it becomes less with each ``give_up``."""

    def __init__(self, setup: Setup, endpoint: RealtimeEndpoint, settings: EngineSettings) -> None:
        self._setup = setup
        self._settings = settings
        self._captions = [name for model in endpoint.transcription_models.split(",") if (name := model.strip())]
        # A restaurant chooses among the voices of the main engine; another one may not have them.
        voices = (setup.voice, endpoint.voice) if endpoint.name == MAIN else (endpoint.voice, setup.voice)
        self._voices = [name for name in dict.fromkeys(voices) if name]
        self._given_up: set[Part] = set()

    @property
    def transcription_model(self) -> str:
        """ "" when the server takes none."""
        return self._captions[0] if self._captions else ""

    def give_up(self, complaint: EngineComplains) -> Part | None:
        """Leave out what ``complaint`` is about, or else what can be done without best; None when nothing is left."""
        asked_for = [part for part in PARTS if part in self._asked_for()]
        named = [part for part in asked_for if _is_about(complaint.param, part)]
        worded = [part for part in asked_for if _is_about(complaint.message.lower().replace(" ", "_"), part)]
        part = next(iter([*named, *worded, *asked_for]), None)
        if part == "transcription":
            self._captions.pop(0)
        elif part == "voice":
            self._voices.pop(0)
        elif part is not None:
            self._given_up.add(part)
        return part

    def change(self, setup: Setup) -> None:
        """Other instructions and tools; what the server refused stays left out, and the voice is the same."""
        self._setup = setup

    def next_captions(self) -> bool:
        """The transcription model in use is of no use: the next one, if there is one."""
        if self._captions:
            self._captions.pop(0)
        return bool(self._captions)

    def as_object(self) -> dict[str, Any]:
        """The ``session`` of a ``session.update``."""
        settings, asked_for = self._settings, self._asked_for()
        output: dict[str, Any] = {"format": PCMU}
        if "voice" in asked_for:
            output["voice"] = self._voices[0]
        session: dict[str, Any] = {
            "type": "realtime",
            "output_modalities": ["audio"],
            "instructions": self._setup.instructions,
            "tools": list(self._setup.tools),
            "tool_choice": "auto",
            "audio": {"input": self._audio_input(), "output": output},
        }
        if "reasoning" in asked_for:
            session["reasoning"] = {"effort": settings.openai_reasoning_effort}
        if "truncation" in asked_for:
            session["truncation"] = _truncation(settings)
        return session

    def _audio_input(self) -> dict[str, Any]:
        return {
            "format": PCMU,
            "noise_reduction": self._noise_reduction() if "noise_reduction" in self._asked_for() else None,
            "transcription": self._transcription(),
            "turn_detection": self._turn_detection(),
        }

    def _noise_reduction(self) -> dict[str, Any]:
        strength = self._settings.openai_noise_reduction_strength
        kept: dict[str, Any] = {"type": self._settings.openai_noise_reduction}
        return kept if strength == FULL_STRENGTH else kept | {"strength": strength}

    def _asked_for(self) -> set[Part]:
        settings = self._settings
        by_volume = settings.turn_detection == "server_vad"
        wanted: Iterable[tuple[Part, object]] = (
            ("voice", self._voices),
            ("reasoning", settings.openai_reasoning_effort),
            ("truncation", settings.openai_truncation_retention),
            ("noise_reduction", settings.openai_noise_reduction),
            ("idle_timeout_ms", by_volume and settings.vad_idle_timeout_ms),
            ("semantic_vad", not by_volume),
            ("transcription", self._captions),
        )
        return {part for part, value in wanted if value} - self._given_up

    def _transcription(self) -> dict[str, Any] | None:
        if not self._captions:
            return None
        return {"model": self._captions[0], "language": self._setup.language, "prompt": self._setup.vocabulary}

    def _turn_detection(self) -> dict[str, Any]:
        settings, asked_for = self._settings, self._asked_for()
        common = {"create_response": True, "interrupt_response": True}
        if "semantic_vad" in asked_for:
            return {"type": "semantic_vad", "eagerness": settings.vad_eagerness} | common
        by_volume = turns_by_volume(settings)
        if "idle_timeout_ms" in asked_for:
            by_volume["idle_timeout_ms"] = settings.vad_idle_timeout_ms
        return by_volume | common


def turns_by_volume(settings: EngineSettings) -> dict[str, Any]:
    """A ``turn_detection`` that ends a turn after a silence."""
    return {
        "type": "server_vad",
        "threshold": settings.vad_threshold,
        "prefix_padding_ms": settings.vad_prefix_ms,
        "silence_duration_ms": settings.vad_silence_ms,
    }


def _is_about(text: str, part: Part) -> bool:
    return part in text or (part == "semantic_vad" and ("turn_detection" in text or "eagerness" in text))


def _truncation(settings: EngineSettings) -> dict[str, Any]:
    kept: dict[str, Any] = {"type": "retention_ratio", "retention_ratio": settings.openai_truncation_retention}
    if settings.openai_context_tokens:
        kept["token_limits"] = {"post_instructions": settings.openai_context_tokens}
    return kept
