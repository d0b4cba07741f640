"""What an entrance on the event loop and the call sessions tell each other: plain types.

The SIP entrance lives on a thread of its own and has ``sip.signals`` for the same.
"""

from dataclasses import dataclass, field
from typing import Protocol

from edge_bridge.entrances.sip.signals import Refusal
from edge_bridge.media.audio import Sound


class Phone(Protocol):
    """What a call may do with its caller's connection. It stands for the call until ``ended`` is told, once."""

    def hang_up(self) -> None:
        """End the connection; asked for again, or after the end, nothing happens."""

    def transfer_address(self, target: str) -> str | None:
        """Where a transfer to ``target``, a number or SIP URI, would go; None where this connection can't."""

    def dial_address(self, target: str) -> str | None:
        """The SIP URI at which the bridge itself may call ``target``; None where this entrance has no way out."""

    def refer(self, address: str) -> None:
        """Put the caller through to what ``transfer_address`` gave."""

    def cleared(self) -> None:
        """What was not played yet is thrown away: the far end shall do the same with what it has buffered."""


@dataclass(frozen=True, slots=True)
class TwilioLine:
    """A line with its account's auth token in clear."""

    line_id: str
    auth_token: str = field(repr=False)


class Sessions(Protocol):
    """Called on the event loop; returns at once."""

    def line_of_uuid(self, uuid: str) -> str | None:
        """The id of AudioSocket's line with that UUID, in the form of ``str(uuid.UUID)``."""

    def line_of_twilio(self, number: str) -> TwilioLine | None:
        """The Twilio line with that number, if its token is known here."""

    def arrived(self, phone: Phone, line_id: str, caller: str) -> Sound | Refusal:
        """Take a call with this audio, or refuse it. ``caller`` is "" where the number is withheld."""

    def answered(self, phone: Phone) -> None:
        """Audio flows both ways. Once a call."""

    def pressed(self, phone: Phone, digit: str) -> None:
        """A DTMF key."""

    def transfer_answered(self, phone: Phone, status: int, final: bool) -> None:
        """How far ``refer`` got, as SIP statuses: under 300 when the other phone has taken the call."""

    def ended(self, phone: Phone) -> None:
        """The caller's connection is over. Once a call that was taken."""
