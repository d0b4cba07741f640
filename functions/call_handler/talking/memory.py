"""What a conversation is kept in."""

from typing import Protocol

from functions.call_handler.engines.base import Speaker
from functions.call_handler.engines.costs import Usage
from functions.call_handler.remembering.marks import Marks
from functions.call_handler.remembering.transcript import Transcript


class Memory(Protocol):
    """What the conversation is kept in; every method returns at once."""

    @property
    def transcript(self) -> Transcript: ...

    @property
    def marks(self) -> Marks: ...

    @property
    def usage(self) -> Usage: ...

    def said(self, who: Speaker, text: str) -> None: ...

    def turn_ended(self) -> None:
        """Something happened that a handler that takes over has to know."""

    def caption_failed(self, code: str) -> None:
        """A turn of the caller's has no words; ``code`` is the engine's."""

    def barged_in(self, ms: float) -> None:
        """The caller spoke over a reply; ``ms`` from the first sound to the ``clear``."""

    def first_audio(self, seconds: float) -> None:
        """From the end of the caller's speech to the engine's first audio."""

    def recognised(self, engine: str, seconds: float) -> None:
        """From the end of the caller's turn to its words, by the engine of that name."""
