"""The call handler's settings; each is the environment variable of the same name in upper case.

Nothing heavier than msgspec may be imported here: this is read before the process listens.
"""

from typing import Annotated, Literal

import msgspec

from process.settings import Port, Seconds

Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Ms = Annotated[int, msgspec.Meta(ge=0, le=10_000)]


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which voice engine, and how it takes turns. A restaurant's own voice goes before ``openai_voice``."""

    openai_api_key: str
    openai_base_url: Annotated[str, msgspec.Meta(pattern=r"^(https?|wss?)://")] = "https://api.openai.com/v1"
    openai_realtime_model: str = "gpt-realtime-2.1"
    openai_transcription_model: str = "gpt-4o-mini-transcribe"
    openai_voice: str = "marin"
    turn_detection: Literal["server_vad", "semantic_vad"] = "server_vad"
    vad_threshold: Fraction = 0.5
    vad_prefix_ms: Ms = 300
    vad_silence_ms: Ms = 500
    vad_eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    engine_connect_s: Seconds = 5.0


class Settings(EngineSettings, frozen=True, kw_only=True):
    """One process, one call at a time. The durations are in seconds.

    ``max_call_s`` ends a call politely; the engine's own limit is 60 min. A caller who says nothing for
    ``idle_ask_s`` is asked once, and after ``idle_end_s`` more is told goodbye. An order that cannot be
    written within ``order_wait_s`` is promised and written later, for ``order_retry_s`` at most. A stopping
    process lets its call go on for ``drain_s`` (no longer than the pod's termination grace).
    """

    database_url: str
    redis_url: str
    master_key: str
    port: Port = 8080
    host: str = "0.0.0.0"
    hostname: str = "call-handler"
    media_connect_s: Seconds = 5.0
    profile_wait_s: Seconds = 6.0
    max_call_s: Annotated[float, msgspec.Meta(gt=0, le=3540)] = 1800.0
    idle_ask_s: Seconds = 15.0
    idle_end_s: Seconds = 15.0
    order_wait_s: Seconds = 2.5
    order_retry_s: Seconds = 600.0
    drain_s: Seconds = 3600.0
