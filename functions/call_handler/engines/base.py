"""What a voice engine does for a call, whoever's it is. An engine hears, decides when to speak, and speaks.

A second engine comes beside ``realtime`` by implementing ``Engine`` and giving the same events; one without
turn events (full duplex) gives CallerSpeaks when its own audio stops short.

Structs, not dataclasses: one takes 20 µs to define, a frozen dataclass with slots 1 ms, and this is read on
every cold start.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from functions.call_handler.engines.costs import Usage

Speaker = Literal["caller", "assistant"]


class EngineDownError(Exception):
    """No conversation can be had: ``reason`` says why and names the setting, if one is to blame."""

    def __init__(self, reason: str, passing: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.passing = passing  # worth another try in a moment


class Setup(msgspec.Struct, frozen=True):
    """How the engine is to behave. ``language`` is ISO 639-1; ``voice`` "" is the engine's own default."""

    instructions: str
    tools: Sequence[Mapping[str, Any]]
    language: str
    voice: str
    vocabulary: str


class Line(msgspec.Struct, frozen=True):
    """A line of text put into the conversation, as if said before."""

    who: Speaker | Literal["system"]
    text: str


class ToolCall(msgspec.Struct, frozen=True):
    """``arguments`` is the model's JSON text, not yet believed."""

    call_id: str
    name: str
    arguments: str


class CallerSpeaks(msgspec.Struct, frozen=True):
    """The caller began to speak, ``since_ms`` ago; a reply in progress is cancelled by the engine itself."""

    since_ms: float = 0.0


class CallerPauses(msgspec.Struct, frozen=True):
    """The caller stopped; a reply follows by itself."""


class CallerTurn(msgspec.Struct, frozen=True):
    """What was heard became item ``item_id`` of the conversation; its text follows later, if ever."""

    item_id: str


class CallerSaid(msgspec.Struct, frozen=True):
    item_id: str
    text: str
    usage: Usage


class ReplyStarts(msgspec.Struct, frozen=True):
    reply_id: str


class ReplyAudio(msgspec.Struct, frozen=True):
    """µ-law, 8 kHz. ``item_id`` and ``content_index`` name what ``truncate`` may cut."""

    reply_id: str
    item_id: str
    content_index: int
    audio: bytes


class ReplyText(msgspec.Struct, frozen=True):
    """More words of what item ``item_id`` says, or with ``whole`` all of them."""

    reply_id: str
    item_id: str
    text: str
    whole: bool = False


class ReplyAudioEnds(msgspec.Struct, frozen=True):
    reply_id: str


class ReplyEnds(msgspec.Struct, frozen=True):
    """``calls`` in the order the model made them. ``why`` explains a status that is not ``completed``."""

    reply_id: str
    status: Literal["completed", "cancelled", "failed", "incomplete"]
    why: str
    calls: tuple[ToolCall, ...]
    usage: Usage


class StillReplying(msgspec.Struct, frozen=True):
    """A reply that we asked for was refused, since another one is being made: ask again when that has ended."""


class CaptionFailed(msgspec.Struct, frozen=True):
    """The engine heard turn ``item_id``, and its words will never be known."""

    item_id: str
    code: str


class EngineComplains(msgspec.Struct, frozen=True):
    """The engine did not like ``param`` of the message that we named ``about``; the conversation goes on."""

    code: str
    message: str
    about: str = ""
    param: str = ""


class EngineGone(msgspec.Struct, frozen=True):
    """The connection closed; nothing comes after this. ``at_fault``: not for a session that had come to its limit."""

    reason: str
    at_fault: bool = True


EngineEvent = (
    CallerSpeaks
    | CallerPauses
    | CallerTurn
    | CallerSaid
    | CaptionFailed
    | ReplyStarts
    | ReplyAudio
    | ReplyText
    | ReplyAudioEnds
    | ReplyEnds
    | StillReplying
    | EngineComplains
    | EngineGone
)
OnEvent = Callable[[EngineEvent], None]


class Engine(Protocol):
    """One conversation. Everything but ``connect`` returns at once; ``on_event`` is called from the event loop.

    ``name`` is that of its endpoint, ``model`` the one that thinks.
    """

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def alive(self) -> bool:
        """Connected, and not closed since."""

    @property
    def seconds_left(self) -> float:
        """Until the engine ends the session by itself; 0 when another one has to follow it as soon as may be."""

    async def connect(self, on_event: OnEvent, within_s: float) -> None:
        """Raises EngineDownError."""

    def configure(self, setup: Setup) -> None: ...

    def reconfigure(self, setup: Setup) -> None:
        """Other instructions and tools, in the same voice: for the next reply, or as soon as the engine can."""

    def remember(self, line: Line) -> None:
        """Put ``line`` at the end of the conversation."""

    def forget(self, item_id: str, instead: str) -> None:
        """Take a turn of the caller's out of the conversation; ``instead``, unless it is "", takes its place."""

    def hear(self, audio: bytes) -> None:
        """The caller's µ-law, in order."""

    def answer_tool(self, call_id: str, output: str) -> None: ...

    def speak(self, sentence: str = "") -> None:
        """Reply now, without waiting for the caller; with ``sentence``, say just that, word for word."""

    def cancel(self) -> None:
        """Stop the reply that is being made, if any."""

    def end_turn(self) -> None:
        """The caller's turn is over, though the engine has not noticed; no reply follows by itself."""

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """The caller heard only so much of the item."""

    def close(self) -> None: ...


def end_of_session(expires_at: float, session_s: float) -> float:
    """When a session ends, on the monotonic clock. The server's clock and ours may differ, so that is at most
    ``session_s`` from now.
    """
    return time.monotonic() + min(max(expires_at - time.time(), 0.0), session_s)
