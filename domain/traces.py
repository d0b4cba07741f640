"""What is kept of a call for those who run the node: its SIP messages, its course, how it sounded, what was in force.

Nothing here names anybody: no number, no name, no header that a caller wrote. Addresses are those of media.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Direction = Literal["in", "out"]


class Rung(msgspec.Struct, kw_only=True, omit_defaults=True, rename="camel"):
    """One SIP message at the node's public side. ``at_ms`` counts from the INVITE that began the call.

    ``status`` is 0 in a request, whose ``method`` it is; in a response, ``method`` is CSeq's. ``times``: how often the
    same message came or went. ``facts`` are ``media``, ``codecs``, ``flow``, ``reason``, ``retryAfter``, ``referTo``,
    ``state`` and ``progress`` (of a transfer), each left out where the message says nothing of it.
    """

    at_ms: int
    direction: Direction
    method: str
    sequence: int
    status: int = 0
    times: int = 1
    facts: dict[str, str] = {}


class Ladder(msgspec.Struct, kw_only=True, omit_defaults=True, rename="camel"):
    """The messages in their order. ``left_out`` were between the last rung and those before it.

    ``late``: recorded by a gate that followed one which died; what came before is not there.
    """

    rungs: list[Rung] = []
    left_out: int = 0
    late: bool = False


class Moment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A step of the call's course. ``at_ms`` counts from the INVITE, ``attempt`` the handlers that were asked."""

    at_ms: int
    what: str
    attempt: int = 0
    detail: str = ""


class AudioFigures(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """How a call's RTP fared: ``heard``, the caller's audio at the bridge, and ``sent``, the bridge's at the caller.

    ``heard_late`` packets came after they had been given up, or twice. The figures of ``sent`` and the round trip are
    the far end's own (RTCP), None where it sent none. ``*_mos`` are estimates from 1 (bad) to 4.4 (the best of G.711).
    """

    heard_packets: int
    heard_lost: int
    heard_late: int
    heard_jitter_ms: float
    sent_packets: int
    sent_lost: int | None = None
    sent_jitter_ms: float | None = None
    round_trip_ms: float | None = None
    heard_mos: float | None = None
    sent_mos: float | None = None


class InForce(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The settings that held for one call. ``trunk`` is the line's SIP domain, ``source`` who sent the INVITE."""

    provider: str
    trunk: str = ""
    source: str = ""
    codec: str = ""
    recorded: bool = False
    max_calls: int = 0
    fallback: str = ""
    language: str = ""
