"""What the gate and the rest of the node tell each other: msgpack over one SOCK_SEQPACKET pair, a message a packet.

The supervisor is at the other end. It passes on what the worker says of its lines, tells of the worker's start and
death, and keeps a copy of every dialog, for the gate that follows a gate that died.
"""

import socket
from collections.abc import Mapping

import msgspec

from domain.traces import Ladder
from edge_bridge.entrances.sip.gate.dialogs import Dialog
from edge_bridge.entrances.sip.numbers import LineKeys

MAX_PACKET = 192 * 1024  # below the kernel's usual wmem_max, which bounds one packet
LINES_BYTES = 96 * 1024  # of one packet: what does not fit would be lost, and no line be known any more


class WorkerUp(msgspec.Struct, frozen=True, tag="worker"):
    """Worker ``number`` takes SIP at ``port`` on loopback, and so many calls at once. With 0 places it only asks."""

    number: int
    port: int
    places: int


class WorkerDown(msgspec.Struct, frozen=True, tag="down"):
    number: int


class Lines(msgspec.Struct, frozen=True, tag="lines"):
    """A part of the lines, trunks and state that an INVITE is judged by; in force once all ``parts`` are there.

    ``read`` is False as long as the worker does not know its lines.
    """

    part: int
    parts: int
    read: bool
    draining: bool
    lines: tuple[LineKeys, ...] = ()
    trunks: dict[str, tuple[str, ...]] = {}


class Kept(msgspec.Struct, frozen=True, tag="kept"):
    """A dialog as it is now."""

    dialog: Dialog


class Gone(msgspec.Struct, frozen=True, tag="gone"):
    call_id: str
    remote_tag: str


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """All that the gate before had is told: take what waits at the socket."""


class Leave(msgspec.Struct, frozen=True, tag="leave"):
    """End: the last worker is gone."""


class TurnedAway(msgspec.Struct, frozen=True, tag="away"):
    """A caller found no free place. ``caller`` is the number, "" when withheld; ``at`` seconds since the epoch."""

    line_id: str
    caller: str
    at: float


class Traced(msgspec.Struct, frozen=True, tag="traced"):
    """A dialog is over: its SIP messages. ``call_id`` is SIP's; ``began`` in seconds since the epoch."""

    call_id: str
    began: float
    ladder: Ladder


class Figures(msgspec.Struct, frozen=True, tag="figures"):
    """The gate's metrics, in Prometheus' text format."""

    metrics: str


ToGate = WorkerUp | WorkerDown | Lines | Kept | Begin | Leave
News = TurnedAway | Traced  # for the worker
FromGate = Kept | Gone | News | Figures

encode = msgspec.msgpack.Encoder().encode
_to_gate: msgspec.msgpack.Decoder[ToGate] = msgspec.msgpack.Decoder(ToGate)
_from_gate: msgspec.msgpack.Decoder[FromGate] = msgspec.msgpack.Decoder(FromGate)
for_gate = _to_gate.decode
from_gate = _from_gate.decode


def pair() -> tuple[socket.socket, socket.socket]:
    """The supervisor's end and the gate's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_PACKET)
    return ours, theirs


def packets(
    lines: tuple[LineKeys, ...], trunks: Mapping[str, frozenset[str]], *, read: bool, draining: bool
) -> list[Lines]:
    """The lines in parts that fit a packet. Each part has its own lines' trunks."""
    chunks: list[tuple[list[LineKeys], dict[str, tuple[str, ...]]]] = [([], {})]
    room = LINES_BYTES
    for line in lines:
        hosts = tuple(trunks.get(line.domain, ()))
        of_hosts = len(encode(hosts)) + len(line.domain.encode()) + 5  # a text's head is 5 bytes at most
        chunk, its = chunks[-1]
        needed = len(encode(line)) + (0 if line.domain in its or not hosts else of_hosts)
        if needed > room and chunk:
            chunk, its = [], {}
            chunks.append((chunk, its))
            room, needed = LINES_BYTES, len(encode(line)) + of_hosts
        room -= needed
        chunk.append(line)
        if hosts:
            its[line.domain] = hosts
    return [Lines(part, len(chunks), read, draining, tuple(chunk), its) for part, (chunk, its) in enumerate(chunks)]
