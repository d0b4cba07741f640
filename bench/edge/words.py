"""What the bench tells its phones, and what they answer; each is one JSON line."""

from __future__ import annotations

import msgspec


class Start(msgspec.Struct):
    """The first line: the port and the number to ring."""

    port: int
    number: str


class Ring(msgspec.Struct, tag=True):
    """``calls`` new calls, ``per_s`` a second. ``hold_s`` is how long each lasts; None: until it is hung up, with audio
    both ways. The answer is a list of ms from INVITE to 200, with None for each that was not taken."""

    calls: int
    per_s: float
    hold_s: float | None = None


class Measure(msgspec.Struct, tag=True):
    """Between two moments of the wall clock, in s. The answer, after the end, is a ``wire.PhoneSamples``."""

    begin: float
    end: float


class Watch(msgspec.Struct, tag=True):
    """What becomes of the calls, from a moment of the wall clock on, in s. No answer."""

    since: float


class Tell(msgspec.Struct, tag=True):
    """The answer, ``at`` a moment of the wall clock, is a list of ``Experience``. Calls that were hung up are gone
    then."""

    at: float


class HangUp(msgspec.Struct, tag=True):
    """All calls. The answer is how many there were."""


Command = Ring | Measure | Watch | Tell | HangUp
_commands: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


def command(line: msgspec.Raw) -> Command:
    """Raises msgspec.DecodeError."""
    return _commands.decode(line)


class Experience(msgspec.Struct):
    """Of one caller, in ms since the moment that was watched from: the first voice, the last one, a BYE."""

    first_voice: float | None
    last_voice: float | None
    bye: float | None
