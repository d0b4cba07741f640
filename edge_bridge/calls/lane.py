"""The call lane: one POST of ``call.incoming`` to the call handler's Service, held as long as the call.

One ``Attempt`` is one POST and one door at the media server. It ends with a ``retries.Result``, and by then
the POST is cancelled and the door shut, so the next attempt never meets the last one's handler.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol

import aiohttp

from edge_bridge.calls.retries import AttemptRefused, CallerGone, LaneEnded, Lost, Result, Silent
from edge_bridge.media.server import CLOSED_PROPERLY
from edge_bridge.media.stream import MediaStream
from eventing import cloudevents
from process import logs
from process.telemetry import spans
from protocols import call_lane as lane

log = logs.get(__name__)

CONNECT_WITHIN_S = 2.0
JOIN_WITHIN_S = 12.0  # from the first line to the last of media socket and model
LINE_WITHIN_S = 3 * lane.ALIVE_EVERY_S
FINAL_LINE_WITHIN_S = 8.0  # after the caller hung up: a handler finishes what the caller has just agreed to
GRACE_AFTER_MEDIA_S = 1.5  # a handler that closed its socket properly writes its final line at once


class LaneClient:
    """POSTs events to the sink; one for the whole session."""

    def __init__(self, sink: str, extensions: Mapping[str, str]) -> None:
        self._sink = sink
        self._extensions = extensions
        self._http: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        # A kept connection may be closed by the far end just when a call needs it: a new one costs a millisecond.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_WITHIN_S)
        self._http = aiohttp.ClientSession(
            connector=connector, timeout=timeout, read_bufsize=2 * lane.MAX_LINE_BYTES, auto_decompress=False
        )

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()

    @contextlib.asynccontextmanager
    async def post(self, event: cloudevents.Event, url: str = "") -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer with its headers read, from ``url`` or else the sink. Leaving the context closes the connection:
        the handler aborts.
        """
        assert self._http is not None
        headers, body = cloudevents.to_binary(event.with_extensions(self._extensions))
        traceparent = event.extensions.get(spans.TRACEPARENT, "")
        if traceparent:  # for proxies on the way, which may tell of their part
            headers[spans.TRACEPARENT] = traceparent
        async with self._http.post(url or self._sink, data=body, headers=headers) as response:
            yield response


class LaneListener(Protocol):
    """What the call wants to know while an attempt runs."""

    def accepted(self, worker: str) -> None: ...

    def connected(self) -> None: ...

    def model_answered(self, seconds: float) -> None: ...


class Attempt:
    """One try at having the call handled."""

    def __init__(
        self,
        client: LaneClient,
        event: cloudevents.Event,
        stream: MediaStream,
        listener: LaneListener,
        deadline: float,
        url: str = "",
    ) -> None:
        self._client = client
        self._event = event
        self._url = url
        self._stream = stream
        self._listener = listener
        self._deadline = deadline
        self._accepted = False
        self._connected = False

    async def run(self, caller_gone: asyncio.Event, given_up: asyncio.Event, stop_reason: Callable[[], str]) -> Result:
        """Until the handler's final line, its loss, or FINAL_LINE_WITHIN_S after the caller went. ``given_up``: nobody
        waits for a handler any more that has not accepted yet."""
        reading = asyncio.create_task(self._read(), name="lane")
        waits = [asyncio.create_task(event.wait()) for event in (caller_gone, self._stream.lost, given_up)]
        gone, lost, over = waits
        try:
            await asyncio.wait([reading, gone, lost, over], return_when=asyncio.FIRST_COMPLETED)
            if over.done() and not (gone.done() or self._accepted):
                return Silent()
            if reading.done():
                return reading.result()
            if gone.done():
                if not self._accepted:
                    return CallerGone()
                self._stream.stop(stop_reason())
                result = await _within(reading, FINAL_LINE_WITHIN_S)
                return result if isinstance(result, LaneEnded) else CallerGone()
            grace = GRACE_AFTER_MEDIA_S if self._stream.why_lost == CLOSED_PROPERLY else 0.0
            return await _within(reading, grace) or Lost(self._stream.why_lost)
        finally:
            for task in (reading, *waits):
                task.cancel()
            await asyncio.gather(reading, *waits, return_exceptions=True)
            self._stream.close("the attempt is over")

    async def _read(self) -> Result:
        first_line_within_s = max(min(lane.FIRST_LINE_WITHIN_S, self._deadline - time.monotonic()), 0.0)
        before_joining: Result = Silent()
        try:
            async with contextlib.AsyncExitStack() as held:
                async with asyncio.timeout(first_line_within_s):
                    answer = await held.enter_async_context(self._client.post(self._event, self._url))
                    if answer.status != 200:
                        return AttemptRefused(answer.status)
                    line = await _next_line(answer)
                if line is None:
                    # 200 and not one line: an old proxy's error, or a handler that died at once
                    return AttemptRefused(0)
                join_by = time.monotonic() + JOIN_WITHIN_S
                while line is not None:
                    match line:
                        case lane.AcceptedLine():
                            self._accepted = True
                            self._listener.accepted(line.worker)
                        case lane.ConnectedLine():
                            self._connected = True
                            self._listener.connected()
                        case lane.AliveLine(model_ms) if model_ms:
                            self._listener.model_answered(model_ms / 1000)
                        case lane.EndedLine():
                            return LaneEnded(line.outcome, line.order_id, line.reason, self._connected)
                    wait = LINE_WITHIN_S if self._connected else min(LINE_WITHIN_S, join_by - time.monotonic())
                    line = await asyncio.wait_for(_next_line(answer), max(wait, 0.0))
            why, before_joining = "the stream ended without its final line", AttemptRefused(0)
        except TimeoutError:
            why = "no line in time"
        except (aiohttp.ClientError, OSError) as error:
            why, before_joining = type(error).__name__, AttemptRefused(0)
        return Lost(why) if self._stream.is_joined else before_joining


async def _next_line(answer: aiohttp.ClientResponse) -> lane.LaneLine | None:
    """The next line; None at the end, and for text that is none of the lane's (a proxy's, in mid-stream)."""
    try:
        raw = await answer.content.readline()
        return lane.decode(raw) if raw else None
    except ValueError as error:  # LaneError, or a line that never ends
        log.warning("the call lane carried something else", why=str(error)[:200])
        return None


async def _within(reading: "asyncio.Task[Result]", timeout_s: float) -> Result | None:
    """The attempt's result if it comes in time; the reading goes on otherwise."""
    done, _ = await asyncio.wait([reading], timeout=timeout_s)
    return reading.result() if done else None
