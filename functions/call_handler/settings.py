"""The call handler's settings; each is the environment variable of the same name in upper case.

Nothing heavier than msgspec may be imported here: this is read before the process listens.
"""

import os
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from process.settings import Port, Seconds, SettingsError

Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Ms = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
Url = Annotated[str, msgspec.Meta(pattern=r"^(https?|wss?)://")]
EngineName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
KeyName = Annotated[str, msgspec.Meta(pattern=r"^([A-Z][A-Z0-9_]{0,63})?$")]

ENGINES_PACKAGE = "functions.call_handler.engines"
MAIN = "main"  # the engine that the OPENAI_* settings describe
MAX_ENGINES = 8


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What ENGINES may hold: a misspelt field is an error at start."""


class RealtimeEndpoint(_Strict, frozen=True, kw_only=True, tag="realtime"):
    """A server of the Realtime protocol. ``key`` names the variable that holds its key, "" where it wants none.

    ``transcription_models`` are tried in this order, with commas between; ``voice`` "" is the engine's own.
    ``free``: a server of one's own, which costs nothing by use.
    """

    name: EngineName
    url: Url
    key: KeyName = ""
    model: str
    transcription_models: str = ""
    voice: str = ""
    free: bool = False

    def key_names(self) -> tuple[str, ...]:
        return (self.key,) if self.key else ()

    def modules(self) -> tuple[str, ...]:
        return ()


class _Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a part of a cascade is: ``url`` with its ``/v1``, if it has one."""

    url: Url
    key: KeyName = ""
    model: str


class HearingPlace(_Place, frozen=True, kw_only=True):
    """``realtime``: transcription sessions of the Realtime protocol, at ``url`` + ``/realtime``. ``google``: Cloud
    Speech-to-Text v2 by gRPC, or a server of one's own that speaks it; ``url`` is https for TLS, else http. There
    ``recognizer`` is the resource's full name, "" the key's project with no recognizer of its own.
    """

    api: Literal["realtime", "google"] = "realtime"
    recognizer: str = ""


class ThinkingPlace(_Place, frozen=True, kw_only=True):
    """``chat`` is OpenAI's ``/chat/completions``, ``messages`` Claude's ``/v1/messages``, both below ``url``.

    ``effort`` "" is the model's own. Some of OpenAI's take tools over ``chat`` only with ``none``.
    """

    api: Literal["chat", "messages"] = "chat"
    effort: Literal["", "none", "minimal", "low", "medium", "high", "xhigh", "max"] = ""


class SpeakingPlace(_Place, frozen=True, kw_only=True):
    """``speech``: OpenAI's ``/audio/speech``, below ``url``. ``google``: Cloud Text-to-Speech by gRPC. ``voice`` goes
    before the restaurant's.
    """

    api: Literal["speech", "google"] = "speech"
    voice: str = ""


class CascadeEndpoint(_Strict, frozen=True, kw_only=True, tag="cascade"):
    """Speech to text, a text model, text to speech. ``free``: servers of one's own, which cost nothing by use."""

    name: EngineName
    hearing: HearingPlace
    thinking: ThinkingPlace
    speaking: SpeakingPlace
    free: bool = False

    def key_names(self) -> tuple[str, ...]:
        return tuple(place.key for place in (self.hearing, self.thinking, self.speaking) if place.key)

    def modules(self) -> tuple[str, ...]:
        """gRPC costs 9 MiB."""
        by_google = (
            (self.hearing.api, f"{ENGINES_PACKAGE}.google_hearing"),
            (self.speaking.api, f"{ENGINES_PACKAGE}.google_speaking"),
        )
        return (f"{ENGINES_PACKAGE}.cascade", *(module for api, module in by_google if api == "google"))


class LiveEndpoint(_Strict, frozen=True, kw_only=True, tag="live"):
    """A server of OpenAI's Live protocol, at ``url`` + ``/live/sessions``. ``backend`` is the text model that it hands
    over to, ``effort`` how long that may think. ``speaking`` says what has to be said word for word (``speech`` alone);
    without it the voice is asked to.
    """

    name: EngineName
    url: Url
    key: KeyName = ""
    model: str
    backend: str
    effort: Literal["", "none", "minimal", "low", "medium", "high", "xhigh"] = ""
    voice: str = ""
    speaking: SpeakingPlace | None = None
    free: bool = False

    def key_names(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.key, self.speaking.key if self.speaking is not None else "")))

    def modules(self) -> tuple[str, ...]:
        fixtures = (f"{ENGINES_PACKAGE}.fixtures",) if self.speaking is not None else ()
        return (f"{ENGINES_PACKAGE}.live", *fixtures)


Endpoint = RealtimeEndpoint | CascadeEndpoint | LiveEndpoint


def _has_grpc() -> bool:
    from importlib.util import find_spec

    return find_spec("grpc") is not None


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which voice engines, and how they take turns. A restaurant's own voice goes before ``openai_voice``.

    ``engines`` is a JSON list of further endpoints, in the order in which they take over from the main one.
    ``overload_engines`` are the names of those that go before the others while there is more to do than can be done,
    with commas between. A setting that the engine refuses is left out, and the call goes on without it.
    """

    openai_api_key: str
    openai_base_url: Url = "https://api.openai.com/v1"
    openai_realtime_model: str = "gpt-realtime-2.1"
    openai_transcription_model: str = "gpt-transcribe,gpt-live-transcribe"
    openai_voice: str = "marin"
    engines: str = ""
    overload_engines: str = ""
    turn_detection: Literal["server_vad", "semantic_vad"] = "server_vad"
    vad_threshold: Fraction = 0.5
    vad_prefix_ms: Ms = 300
    vad_silence_ms: Ms = 500
    vad_eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    # The engine speaks up by itself after so much silence behind its own words; only with server_vad. 0: it does not,
    # and IDLE_ASK_S alone decides.
    vad_idle_timeout_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 0
    # How long a reasoning model may think: the strongest lever on its delay. "" is the engine's own default.
    openai_reasoning_effort: Literal["", "minimal", "low", "medium", "high", "xhigh"] = ""
    openai_noise_reduction: Literal["", "near_field", "far_field"] = ""
    openai_noise_reduction_strength: Fraction = 1.0
    # What is kept of a conversation that has become too long, all at once, so that the rest stays in the cache: each
    # turn pays for all before it. 0 leaves it to the engine. ``openai_context_tokens`` says what is too long; 0: what
    # the model can't take.
    openai_truncation_retention: Fraction = 0.8
    openai_context_tokens: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    # An engine that does not say when its session ends is taken to end it after so long.
    engine_session_s: Seconds = 3600.0
    engine_connect_s: Seconds = 5.0

    def __post_init__(self) -> None:
        """Raises SettingsError for what ENGINES says wrong, and for a key that it names and that is not set."""
        problems = []
        try:
            further = msgspec.json.decode(self.engines or "[]", type=list[Endpoint])
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise SettingsError([f"ENGINES: {error}"]) from None
        names = [MAIN, *(one.name for one in further)]
        if len(set(names)) < len(names) or len(names) > MAX_ENGINES:
            problems.append(f"ENGINES: up to {MAX_ENGINES - 1}, each with a name of its own, and none is {MAIN!r}")
        problems += [
            f"OVERLOAD_ENGINES: no engine is called {name!r}; there is {', '.join(names)}"
            for name in self._cheaper()
            if name not in names
        ]
        problems += [
            f"{key}: not set; the engine {one.name!r} of ENGINES needs it"
            for one in further
            for key in one.key_names()
            if not self.key_of(key)
        ]
        problems += [
            f"ENGINES: speaking of {one.name!r} has to have the api 'speech'"
            for one in further
            if isinstance(one, LiveEndpoint) and one.speaking is not None and one.speaking.api != "speech"
        ]
        if any("google" in module for one in further for module in one.modules()) and not _has_grpc():
            problems.append(
                "ENGINES: Google's services need gRPC: install the extra 'google' (requirements/google.txt)"
            )
        if problems:
            raise SettingsError(problems)

    def main_endpoint(self) -> RealtimeEndpoint:
        return RealtimeEndpoint(
            name=MAIN,
            url=self.openai_base_url,
            key="OPENAI_API_KEY",
            model=self.openai_realtime_model,
            transcription_models=self.openai_transcription_model,
            voice=self.openai_voice,
        )

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All engines, in the operator's order."""
        return (self.main_endpoint(), *msgspec.json.decode(self.engines or "[]", type=list[Endpoint]))

    def cheaper_first(self, endpoints: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
        """``endpoints`` with those before the others that OVERLOAD_ENGINES names, in its order."""
        named = {one.name: one for one in endpoints}
        first = [named[name] for name in self._cheaper() if name in named]
        return (*first, *(one for one in endpoints if one not in first))

    def _cheaper(self) -> tuple[str, ...]:
        return tuple(filter(None, map(str.strip, self.overload_engines.split(","))))

    def further_modules(self) -> tuple[str, ...]:
        """What the endpoints need beyond the code of every call."""
        return tuple(dict.fromkeys(module for endpoint in self.endpoints() for module in endpoint.modules()))

    def key_of(self, variable: str) -> str:
        """The secret in ``variable``; "" for none."""
        return self.openai_api_key if variable == "OPENAI_API_KEY" else os.environ.get(variable, "")


class Settings(EngineSettings, frozen=True, kw_only=True):
    """One process, one call at a time. The durations are in seconds.

    ``max_call_s`` ends a call politely; an engine's session that ends before that is renewed. A caller who says
    nothing for ``idle_ask_s`` is asked once, and after ``idle_end_s`` more is told goodbye. An order that cannot be
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
    max_call_s: Annotated[float, msgspec.Meta(gt=0, le=14_400)] = 1800.0
    idle_ask_s: Seconds = 15.0
    idle_end_s: Seconds = 15.0
    order_wait_s: Seconds = 2.5
    order_retry_s: Seconds = 600.0
    drain_s: Seconds = 3600.0
