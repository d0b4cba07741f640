"""The phones: each sends 50 stamped packets a second at a moment of its own and keeps what it receives.

Packets leave one by one, as from many networks, and not in a burst. When one came is the kernel's stamp, so that
nothing here has to be quick; the sockets hold what is not read yet.
"""

from __future__ import annotations

import heapq
import random
import socket
import struct
import time

from bench.rtp import wire
from process.punctuality import make_punctual

# Of SCHED_RR: above all that is not measured, and below the endpoints. No phone and no handler of a real call stops the
# edge in the midst of its work, to have it go on on another core, where its caches are cold; a sixth of the cost was
# that. What an instrument is late by is in the ages: it makes no figure better.
PRIORITY = 5
SEED = 1
SO_TIMESTAMPNS = 35
READ_EVERY_PACKETS = 10
HEADER_BYTES = 12
_HEADER = struct.Struct(">BBHII")
_TIME = struct.Struct("=qq")


class Phone:
    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((wire.HOST, 0))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]
        self.to = (wire.HOST, 0)
        self.sequence = 0
        self.ssrc = self.port
        self.last_ns = 0

    def say(self) -> None:
        self.sequence += 1
        header = _HEADER.pack(0x80, 0, self.sequence & 0xFFFF, self.sequence * 160 & 0xFFFFFFFF, self.ssrc)
        self.socket.sendto(header + wire.stamped(), self.to)

    def heard(self, payload: bytes, arrived_ns: int) -> None:
        """For phones that want to know more of each packet than its age."""

    def read(self, window: wire.Window, into: wire.PhoneSamples) -> None:
        begin_ns, end_ns = int(window.begin * 1e9), int(window.end * 1e9)
        while True:
            try:
                data, extra, _, _ = self.socket.recvmsg(2048, 64)
            except BlockingIOError:
                return
            seconds, rest = _TIME.unpack_from(extra[0][2])
            arrived = seconds * 1_000_000_000 + rest
            self.heard(data[HEADER_BYTES:], arrived)
            last, self.last_ns = self.last_ns, arrived
            if not last or not begin_ns <= arrived < end_ns or len(data) != HEADER_BYTES + wire.FRAME_BYTES:
                continue
            into.received += 1
            wire.add(into.jitter, abs(arrived - last - wire.FRAME_S * 1e9) / 1e6)
            for age in wire.ages_ms(data[HEADER_BYTES:], arrived):
                wire.add(into.outward, age)


def main() -> None:
    count = wire.read(int)
    phones = [Phone() for _ in range(count)]
    wire.tell([phone.port for phone in phones])
    window = wire.read(wire.Window)
    make_punctual(PRIORITY)
    for phone, call in zip(phones, window.calls, strict=True):
        phone.to = (wire.HOST, call.rtp_port)
    samples = wire.PhoneSamples({}, {}, 0, 0)
    moments, began = random.Random(SEED), time.time()
    due = [(began + moments.random() * wire.FRAME_S, number) for number in range(count)]
    heapq.heapify(due)
    while due[0][0] < window.end:
        at, number = due[0]
        if (early := at - time.time()) > 0:
            time.sleep(early)
        phone = phones[number]
        phone.say()
        samples.sent += window.begin <= at
        if phone.sequence % READ_EVERY_PACKETS == 0:
            phone.read(window, samples)
        heapq.heapreplace(due, (at + wire.FRAME_S, number))
    for phone in phones:
        phone.read(window, samples)
    wire.tell(samples)


if __name__ == "__main__":
    main()
