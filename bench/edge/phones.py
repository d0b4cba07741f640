"""Many callers in one process. Their RTP is sent and read by a thread of its own, as ``bench.rtp.phones`` has it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import heapq
import itertools
import queue
import random
import struct
import threading
import time

import msgspec
import uvloop

from bench.edge import words
from bench.rtp import wire
from bench.rtp.phones import PRIORITY, READ_EVERY_PACKETS, Phone
from process.punctuality import make_punctual
from softphone.caller import Caller
from softphone.media import RtpStream

ANSWER_WITHIN_S = 8.0
SWITCH_S = 0.0005
READ_WITHIN_S = 0.4  # a phone reads what came every READ_EVERY_PACKETS
DYING_S = 0.05  # what a killed process had sent is on its way for no longer
SILENCE = b"\xff\x7f"
STAMP_OF_LAST = 0x8907  # SIOCGSTAMPNS: when the packet that was read last had come
_TIME = struct.Struct("=qq")


class TalkingPhone(Phone):
    """Knows when it heard voice."""

    def __init__(self) -> None:
        super().__init__()
        self.silent = False  # for the air to let go
        self._since_ns = 0
        self._first_ns = 0
        self._last_ns = 0

    def watch(self, since: float) -> None:
        self._first_ns = self._last_ns = 0
        self._since_ns = int(since * 1e9)

    def heard(self, payload: bytes, arrived_ns: int) -> None:
        if arrived_ns > self._since_ns + DYING_S * 1e9 and payload.strip(SILENCE):
            self._first_ns = self._first_ns or arrived_ns
            self._last_ns = arrived_ns

    def voice_ms(self) -> tuple[float | None, float | None]:
        """The first and the last one since it is watched."""
        if not self._first_ns:
            return None, None
        return (self._first_ns - self._since_ns) / 1e6, (self._last_ns - self._since_ns) / 1e6


class Air(threading.Thread):
    """Sends 50 packets a second for each phone, one by one, and reads."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.window = wire.Window([], 0.0, 0.0)
        self.samples = wire.PhoneSamples({}, {}, 0, 0)
        self._joining: queue.SimpleQueue[TalkingPhone] = queue.SimpleQueue()

    def join_in(self, phone: TalkingPhone) -> None:
        self._joining.put(phone)

    def measure(self, begin: float, end: float) -> None:
        self.samples = wire.PhoneSamples({}, {}, 0, 0)
        self.window = wire.Window([], begin, end)

    def run(self) -> None:
        make_punctual(PRIORITY, SWITCH_S)
        numbers, due = itertools.count(), list[tuple[float, int, TalkingPhone]]()
        while True:
            while not self._joining.empty():
                moment = time.time() + random.random() * wire.FRAME_S
                heapq.heappush(due, (moment, next(numbers), self._joining.get()))
            if not due:
                time.sleep(wire.FRAME_S)
                continue
            at, number, phone = due[0]
            if phone.silent:
                heapq.heappop(due)
                phone.socket.close()
                continue
            if (early := at - time.time()) > 0:
                time.sleep(early)
            phone.say()
            self.samples.sent += self.window.begin <= at < self.window.end
            if phone.sequence % READ_EVERY_PACKETS == 0:
                phone.read(self.window, self.samples)
            heapq.heapreplace(due, (at + wire.FRAME_S, number, phone))


class _ThroughAir(RtpStream):
    """The audio of a caller, which a phone in the air has; none at all where there is no air."""

    def __init__(self, phone: TalkingPhone, air: Air | None) -> None:
        super().__init__()
        self._phone = phone
        self._air = air

    def start(self, remote: tuple[str, int], payload_type: int) -> None:
        self._phone.to = remote
        if self._air is not None:
            self._air.join_in(self._phone)

    async def stop(self) -> None:
        if self._air is not None and self._phone.to[1]:
            self._phone.silent = True
        else:
            self._phone.socket.close()


class LightCaller(Caller):
    """Rings as the softphone does. ``answered_ns`` is when the 200 was at its socket, by the kernel's stamp, for a
    phone may read it later: this process is one of hundreds; ``bye_at`` is when the other side hung up. Both are on
    the wall clock, and 0 until then."""

    def __init__(self, target: tuple[str, int], number: str, air: Air | None) -> None:
        super().__init__(target, number, local_ip=wire.HOST)
        self.phone = TalkingPhone()
        self.rtp = _ThroughAir(self.phone, air)
        self.rtp_port = self.phone.port
        self.bye_at = 0.0
        self.answered_ns = 0
        self._socket = -1
        self._hanging: asyncio.Task[None] | None = None

    async def __aenter__(self) -> LightCaller:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=(wire.HOST, 0)
        )
        self._socket = transport.get_extra_info("socket").fileno()
        with contextlib.suppress(FileNotFoundError):  # there is no packet yet; from now on each is stamped
            fcntl.ioctl(self._socket, STAMP_OF_LAST, bytes(_TIME.size))
        self._hanging = asyncio.create_task(self._hear_bye())
        return self

    async def __aexit__(self, *_: object) -> None:
        await super().__aexit__()
        if self._hanging is not None:
            self._hanging.cancel()

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        if not self.answered_ns and data.startswith(b"SIP/2.0 200"):
            seconds, rest = _TIME.unpack(fcntl.ioctl(self._socket, STAMP_OF_LAST, bytes(_TIME.size)))
            self.answered_ns = seconds * 1_000_000_000 + rest
        super().datagram_received(data, source)

    async def _hear_bye(self) -> None:
        await self.hung_up.wait()
        self.bye_at = time.time()


class Phones:
    """Obeys one command after the other."""

    def __init__(self, target: tuple[str, int], number: str) -> None:
        self._target = target
        self._number = number
        self._air = Air()
        self._callers: list[LightCaller] = []
        self._since = 0.0
        self._air.start()

    async def obey(self, command: words.Command) -> object:
        """The answer, None for none."""
        match command:
            case words.Ring():
                return await self._ring(command)
            case words.Measure(begin, end):
                self._air.measure(begin, end)
                await asyncio.sleep(max(0.0, end - time.time()) + READ_WITHIN_S)
                return self._air.samples
            case words.Watch(since):
                self._since = since
                for caller in self._callers:
                    caller.phone.watch(since)
                return None
            case words.Tell(at):
                await asyncio.sleep(max(0.0, at - time.time()) + READ_WITHIN_S)
                return await self._experiences()
            case words.HangUp():
                callers, self._callers = self._callers, []
                await asyncio.gather(*(caller.__aexit__() for caller in callers))
                return len(callers)

    async def _ring(self, command: words.Ring) -> list[float | None]:
        began, tasks = time.monotonic(), list[asyncio.Task[float | None]]()
        for place in range(command.calls):
            await asyncio.sleep(max(0.0, began + place / command.per_s - time.monotonic()))
            tasks.append(asyncio.create_task(self._one(command.hold_s)))
        return list(await asyncio.gather(*tasks))

    async def _one(self, hold_s: float | None) -> float | None:
        caller = LightCaller(self._target, self._number, self._air if hold_s is None else None)
        await caller.__aenter__()
        invited_ns = time.time_ns()
        answered = (await caller.invite(ANSWER_WITHIN_S)).status == 200
        took = (caller.answered_ns - invited_ns) / 1e6 if answered else None
        if took is not None and hold_s is None:
            self._callers.append(caller)
            return took
        await asyncio.sleep(hold_s or 0.0)
        await caller.__aexit__()
        return took

    async def _experiences(self) -> list[words.Experience]:
        told = [
            words.Experience(*caller.phone.voice_ms(), (caller.bye_at - self._since) * 1e3 if caller.bye_at else None)
            for caller in self._callers
        ]
        gone = [caller for caller in self._callers if caller.bye_at]
        self._callers = [caller for caller in self._callers if not caller.bye_at]
        await asyncio.gather(*(caller.__aexit__() for caller in gone))
        return told


async def serve() -> None:
    start = await asyncio.to_thread(wire.read, words.Start)
    phones = Phones((wire.HOST, start.port), start.number)
    while True:
        try:
            line = await asyncio.to_thread(wire.read, msgspec.Raw)
        except EOFError:
            return
        answer = await phones.obey(words.command(line))
        if answer is not None:
            wire.tell(answer)


if __name__ == "__main__":
    uvloop.run(serve())
