"""What a session and a signaller tell each other, and a signaller and the supervisor: msgpack over SOCK_SEQPACKET
pairs, a message a packet.

The supervisor keeps the session's end of each link open, too. So a link outlives a session: the next one says ``Hello``
at the same link, passes over what was said before the answer to it, and knows from that answer which calls go on.
"""

import socket

import msgspec

from domain.trunks import Srtp
from edge_bridge.entrances.sip import signals
from edge_bridge.entrances.sip.signals import Handle, Invite
from edge_bridge.media.rtp.ice import IceLite
from edge_bridge.media.rtp.sdp import Agreement

MAX_PACKET = 32 * 1024
BUFFER = 192 * 1024  # below the kernel's usual wmem_max

# A handle says which signaller has the call: its number, and a count. The upper half of the counts is the session's,
# for the calls that it has dialled.
HANDLE_BITS = 32
DIALLED = 1 << (HANDLE_BITS - 1)


def first_handle(signaller: int) -> Handle:
    return (signaller << HANDLE_BITS) + 1


def first_dialled(signaller: int) -> Handle:
    return first_handle(signaller) + DIALLED


def signaller_of(handle: Handle) -> int:
    return handle >> HANDLE_BITS


def is_dialled(handle: Handle) -> bool:
    return bool(handle & DIALLED)


# --- From a signaller to the session -----------------------------------------------------------------------------


class Invited(msgspec.Struct, frozen=True, tag="invited"):
    """An INVITE that waits for ``Take`` or ``Refuse``; its caller was told 100 Trying."""

    handle: Handle
    invite: Invite


class Agreed(msgspec.Struct, frozen=True, tag="agreed"):
    """From now on the call's audio is so."""

    handle: Handle
    agreement: Agreement


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """Taken, and audio flows both ways. Once a call."""

    handle: Handle
    codec: str


class Seen(msgspec.Struct, frozen=True, tag="seen"):
    """The caller's phone sent something by SIP."""

    handle: Handle


class Pressed(msgspec.Struct, frozen=True, tag="pressed"):
    handle: Handle
    digit: str


class TransferAnswered(msgspec.Struct, frozen=True, tag="transfer"):
    handle: Handle
    status: int
    final: bool


class Dialled(msgspec.Struct, frozen=True, tag="dialled"):
    """The INVITE of a call that was dialled has left."""

    handle: Handle


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The dialog is over, or the INVITE was cancelled before it was taken, or a dialled one came to nothing."""

    handle: Handle
    status: int
    by_caller: bool


class Freed(msgspec.Struct, frozen=True, tag="freed"):
    """The place of a call that has ``Ended`` is free (see ``places``)."""

    handle: Handle


class OngoingCall(msgspec.Struct, frozen=True, array_like=True):
    """A call that was taken, or dialled. ``agreement`` is None, and ``is_up`` False, before its audio flows."""

    handle: Handle
    is_up: bool
    agreement: Agreement | None


class Ongoing(msgspec.Struct, frozen=True, tag="ongoing"):
    """The answer to ``Hello``. Held INVITEs are told anew after it. ``ending`` have ended and not been freed."""

    calls: tuple[OngoingCall, ...]
    ending: tuple[Handle, ...] = ()


FromSignaller = Invited | Agreed | Dialled | Answered | Seen | Pressed | TransferAnswered | Ended | Freed | Ongoing


# --- From the session to a signaller -----------------------------------------------------------------------------


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """A session that knows of nothing before this."""


class Take(msgspec.Struct, frozen=True, tag="take"):
    """Ring and answer at once, with audio at ``host`` and ``port``."""

    handle: Handle
    host: str
    port: int
    ice: IceLite
    srtp: Srtp


class Refuse(msgspec.Struct, frozen=True, tag="refuse"):
    handle: Handle
    status: int


class HangUp(msgspec.Struct, frozen=True, tag="hangup"):
    handle: Handle
    status: int = 0


class Refer(msgspec.Struct, frozen=True, tag="refer"):
    handle: Handle
    target: str


class Dial(msgspec.Struct, frozen=True, tag="dial"):
    """Begin a call, with audio at ``host`` and ``port``. It is ``Dialled`` once and ``Ended``, or ``Ended`` alone."""

    handle: Handle
    dial: signals.Dial
    host: str
    port: int
    ice: IceLite
    srtp: Srtp


ToSignaller = Hello | Take | Refuse | HangUp | Refer | Dial


# --- Between a signaller and the supervisor ----------------------------------------------------------------------


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """The signaller takes SIP from the gate at this port on loopback."""

    port: int


class Alive(msgspec.Struct, frozen=True, tag="alive"):
    """Said every ALIVE_EVERY_S."""


class HangUpAll(msgspec.Struct, frozen=True, tag="hangup-all"):
    """There is no session to have the calls."""


class Leave(msgspec.Struct, frozen=True, tag="leave"):
    """Hang up, end."""


ToSupervisor = Opened | Alive
FromSupervisor = HangUpAll | Leave

ALIVE_EVERY_S = 1.0

encode = msgspec.msgpack.Encoder().encode
from_signaller: "msgspec.msgpack.Decoder[FromSignaller]" = msgspec.msgpack.Decoder(FromSignaller)
to_signaller: "msgspec.msgpack.Decoder[ToSignaller]" = msgspec.msgpack.Decoder(ToSignaller)
to_supervisor: "msgspec.msgpack.Decoder[ToSupervisor]" = msgspec.msgpack.Decoder(ToSupervisor)
from_supervisor: "msgspec.msgpack.Decoder[FromSupervisor]" = msgspec.msgpack.Decoder(FromSupervisor)


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends that do not block: the one that stays, and the signaller's."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        end.setblocking(False)
    return ends
