"""The calls as the supervisor knows them: enough for the next session to go on with them, or to see to it that they are
found lost.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from edge_bridge.node import control
from process import logs
from stores import live
from stores.live import LiveCall
from stores.redis import Redis

log = logs.get(__name__)

# A handler may still write what its caller has agreed to: closed any earlier, a call would be lost that has an order.
LAST_WORDS_S = 8.0
TELL_WITHIN_S = 4.0
TELL_AGAIN_S = 1.0
MOST_SESSIONS = 3  # a call that ends one after the other is not given to a fourth
STEADY_AFTER_S = 10.0  # a session that has lived so long was not ended by the calls that it was given


@dataclass(slots=True)
class _Kept:
    held: control.CallHeld
    sockets: tuple[int, ...] = ()
    sessions: int = 1  # that have had it, since the last one that was steady


class KeptCalls:
    """Owns a copy of each call's RTP sockets."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._kept: dict[str, _Kept] = {}
        self._telling: set[asyncio.Task[None]] = set()

    @property
    def rtp_ports(self) -> set[int]:
        return {one.held.rtp_port for one in self._kept.values() if one.held.rtp_port}

    def held(self, held: control.CallHeld, sockets: Sequence[int]) -> None:
        kept = self._kept.setdefault(held.call.call_id, _Kept(held))
        kept.held = held
        if sockets:
            _close(kept.sockets)
            kept.sockets = tuple(sockets)

    def left(self, call_id: str) -> None:
        kept = self._kept.pop(call_id, None)
        if kept is not None:
            _close(kept.sockets)

    def lost(self, call_id: str) -> None:
        """No session can go on with it."""
        kept = self._kept.get(call_id)
        if kept is not None:
            self.left(call_id)
            self._give_up([kept.held.call])

    def after_a_session(self, lived_s: float) -> None:
        """It is dead: what nobody can go on with is given up."""
        lost = []
        for call_id, kept in list(self._kept.items()):
            kept.sessions = 2 if lived_s >= STEADY_AFTER_S else kept.sessions + 1
            if not kept.sockets or not kept.held.progress or kept.sessions > MOST_SESSIONS:
                lost.append(kept.held.call)
                self.left(call_id)
        self._give_up(lost)

    def give_up_all(self) -> None:
        lost = [kept.held.call for kept in self._kept.values()]
        for call in lost:
            self.left(call.call_id)
        self._give_up(lost)

    def adoptable(self) -> list[tuple[control.Adopt, tuple[int, ...]]]:
        """For the next session, each with its sockets."""
        return [
            (control.Adopt(kept.held.call, kept.held.rtp_port, kept.held.progress), kept.sockets)
            for kept in self._kept.values()
        ]

    def _give_up(self, calls: Sequence[LiveCall]) -> None:
        """See to it that calls which no session has written to their end are found lost, and soon."""

        async def tell() -> None:
            while True:
                try:
                    async with asyncio.timeout(TELL_WITHIN_S):
                        await live.calls_renewed(self._redis, calls, datetime.now(UTC), lease_s=LAST_WORDS_S)
                    return
                except Exception as error:  # whatever Redis comes up with: the restaurant has to learn of its callers
                    log.warning("lost calls are not told yet", calls=len(calls), why=type(error).__name__)
                    await asyncio.sleep(TELL_AGAIN_S)

        if calls:
            log.error("calls were lost with their session", calls=len(calls))
            task = asyncio.create_task(tell(), name="lost calls")
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def close(self, within_s: float = TELL_WITHIN_S) -> None:
        """What is to be told is told, if that takes no longer."""
        if self._telling:
            await asyncio.wait(self._telling, timeout=within_s)
        for task in self._telling:
            task.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)


def _close(sockets: Sequence[int]) -> None:
    for one in sockets:
        os.close(one)
