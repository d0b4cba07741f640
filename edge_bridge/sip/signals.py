"""What the SIP side tells the bridge, and what it is told: plain types, no pjsua2."""

from dataclasses import dataclass
from typing import Protocol

Handle = int  # names one call for the life of the process; never used twice


class FrameSide(Protocol):
    """The bridge's end of a call's audio; called on the clock thread every 20 ms."""

    def heard(self, pcm: bytes) -> None:
        """One frame of the caller as 16-bit PCM; empty while nothing arrives."""

    def next_pcm(self) -> bytes | None:
        """The next frame for the caller as 16-bit PCM; None for silence."""


@dataclass(frozen=True, slots=True)
class Invite:
    """An INVITE as it came: ``user`` of its Request-URI, ``caller`` of From, ``called`` of To, the sender's address."""

    user: str
    caller: str
    called: str
    source_host: str
    sip_call_id: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answer with this final status instead of taking the call."""

    status: int


@dataclass(frozen=True, slots=True)
class Registration:
    """One line at its trunk. ``registrar`` is the trunk's domain or ``host:port``."""

    line_id: str
    registrar: str
    username: str
    password: str


class SipEvents(Protocol):
    """Called on the SIP thread: must return at once and must not wait for anything."""

    def invited(self, handle: Handle, invite: Invite) -> FrameSide | Refusal:
        """Take the call with this audio, or refuse it."""

    def answered(self, handle: Handle, codec: str) -> None:
        """Audio flows both ways; ``codec`` is PCMU or PCMA. Once a call."""

    def pressed(self, handle: Handle, digit: str) -> None:
        """A DTMF key."""

    def transfer_answered(self, handle: Handle, status: int, final: bool) -> None:
        """How far a REFER got: the status of the new call."""

    def ended(self, handle: Handle, status: int, by_caller: bool) -> None:
        """The dialog is over; the handle is free. Once a call that was taken."""

    def registered(self, line_id: str, status: int, expires_s: int, registrar_host: str) -> None:
        """A REGISTER was answered (or not: 408). ``expires_s`` 0 after a 2xx means unregistered."""
