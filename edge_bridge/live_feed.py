"""What the admin and the demo see happen, sent through Redis by one task, never by a call.

The queue is bounded and drops its oldest: a Redis that is away or slow costs news, not audio.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable

from process import logs
from stores.redis import Redis

log = logs.get(__name__)

QUEUED = 500
SEND_WITHIN_S = 2.0
REST_S = 1.0  # after a failure

Send = Callable[[Redis], Awaitable[object]]


class CallFeed:
    """Runs small Redis jobs in order, one after another."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: deque[Send] = deque(maxlen=QUEUED)
        self._something = asyncio.Event()
        self.failed = 0

    def put(self, send: Send) -> None:
        """Have ``send`` run soon. Never waits."""
        self._waiting.append(send)
        self._something.set()

    async def run(self) -> None:
        """Until cancelled; then what is queued is sent, at most SEND_WITHIN_S."""
        try:
            while True:
                await self._something.wait()
                self._something.clear()
                await self._send_all()
        except asyncio.CancelledError:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._send_all(), SEND_WITHIN_S)
            raise

    async def _send_all(self) -> None:
        while self._waiting:
            send = self._waiting.popleft()
            try:
                await asyncio.wait_for(send(self._redis), SEND_WITHIN_S)
            except Exception as error:  # whatever it is, it is old news: the next is tried
                self.failed += 1
                if self.failed % 50 == 1:
                    log.warning("live news was not sent", why=type(error).__name__, failed=self.failed)
                await asyncio.sleep(REST_S)
