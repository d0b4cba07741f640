"""Live pages: a server-sent event whenever something happened in the restaurant, with the fragment drawn anew.

Redis pub/sub only says *that* something changed; the fragment always comes from Postgres. So a lost, doubled
or reordered message costs nothing, a burst of messages becomes one drawing, and a client that reconnects is
up to date at once. A worker keeps one subscription for each restaurant that is being watched.

Not guaranteed: that every intermediate state is drawn.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import msgspec
from flask import Response, copy_current_request_context, g
from redis.asyncio import Redis
from redis.exceptions import RedisError

from process import logs
from stores import keys, live
from web import metrics
from web.database import Database, UnavailableError
from web.live.active_calls import LastWords
from web.settings import WebSettings

# A stopping worker is noticed this fast; SIGTERM must not wait for a quiet stream's heartbeat.
TICK_S = 0.5
# At most this many drawings a second for one client, however busy the restaurant.
SHORTEST_GAP_S = 0.25
# Over the limit of open streams a page is drawn once and asks again after this long.
POLLING_MS = 10_000
SUBSCRIBE_TIMEOUT_S = 2.0
LISTEN_TIMEOUT_S = 5.0
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)

log = logs.get(__name__)
_decoder = msgspec.json.Decoder(live.LiveEvent)


Kinds = tuple[type[live.LiveEvent], ...]


class _Watcher:
    """One open page: ``changed`` is set when a message of one of its kinds came."""

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = kinds
        self.changed = threading.Event()


class _Feed:
    """The subscription of one restaurant and who watches it."""

    def __init__(self) -> None:
        self.watchers: set[_Watcher] = set()
        self.subscribed = threading.Event()
        self.words = LastWords()

    def take(self, data: bytes) -> None:
        """A message: remember what was said, wake who draws its kind. One of another release is ignored."""
        try:
            message = _decoder.decode(data)
        except msgspec.DecodeError:
            return
        self.words.apply(message)
        for watcher in list(self.watchers):
            if isinstance(message, watcher.kinds):
                watcher.changed.set()

    def wake_all(self) -> None:
        """After a connection nobody knows what was missed."""
        for watcher in list(self.watchers):
            watcher.changed.set()


class Streams:
    """Opens streams, at most ``web_max_streams`` at once in this worker; each holds a thread while open."""

    def __init__(self, database: Database, settings: WebSettings) -> None:
        self._database = database
        self._heartbeat_s = settings.web_heartbeat_s
        self._slots = threading.BoundedSemaphore(settings.web_max_streams)
        self._lock = threading.Lock()
        self._feeds: dict[str, _Feed] = {}
        self._stopping: Callable[[], bool] = lambda: False

    def stop_when(self, stopping: Callable[[], bool]) -> None:
        """Every stream ends within TICK_S once ``stopping()`` is true."""
        self._stopping = stopping

    def last_words(self, restaurant_id: str) -> Mapping[str, live.Spoke]:
        """What was said last, by call; nothing until a page of the restaurant has its stream."""
        feed = self._feeds.get(restaurant_id)
        return {} if feed is None else feed.words.now()

    def response(self, restaurant_id: str, kinds: Kinds, draw: Callable[[], str]) -> Response:
        """An event stream that sends ``draw()`` at once and again after messages of ``kinds``."""
        events = self._events(restaurant_id, kinds, _drawing_as_now(draw))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Response(events, content_type="text/event-stream", headers=headers)

    def _events(self, restaurant_id: str, kinds: Kinds, draw: Callable[[], str]) -> Iterator[str]:
        if not self._slots.acquire(blocking=False):
            log.warning("all streams of this worker are taken; a page polls instead", restaurant_id=restaurant_id)
            yield event(draw(), retry_ms=POLLING_MS)
            return
        metrics.streams_open.inc()
        try:
            with self._watching(restaurant_id, kinds) as (feed, watcher):
                feed.subscribed.wait(SUBSCRIBE_TIMEOUT_S)
                yield from self._drawings(feed, watcher, draw)
        except UnavailableError as unavailable:
            # The page keeps what it shows and its client reconnects with a growing delay.
            log.warning("stream ended", part=unavailable.part, restaurant_id=restaurant_id)
        finally:
            metrics.streams_open.dec()
            self._slots.release()

    def _drawings(self, feed: _Feed, watcher: _Watcher, draw: Callable[[], str]) -> Iterator[str]:
        watcher.changed.set()
        spoke_at = time.monotonic()
        while not self._stopping():
            if watcher.changed.wait(TICK_S):
                watcher.changed.clear()
                yield event(draw())
                spoke_at = time.monotonic()
                time.sleep(SHORTEST_GAP_S)
            elif time.monotonic() - spoke_at >= self._heartbeat_s:
                spoke_at = time.monotonic()
                if feed.subscribed.is_set():
                    yield ": still here\n\n"
                else:
                    watcher.changed.set()  # without Redis nobody tells of changes: look oneself

    @contextmanager
    def _watching(self, restaurant_id: str, kinds: Kinds) -> Iterator[tuple[_Feed, _Watcher]]:
        watcher = _Watcher(kinds)
        with self._lock:
            feed = self._feeds.get(restaurant_id)
            if feed is None:
                feed = self._feeds[restaurant_id] = _Feed()
                started = feed
                self._database.spawn(lambda redis: self._listen(redis, restaurant_id, started))
            feed.watchers.add(watcher)
        try:
            yield feed, watcher
        finally:
            with self._lock:
                feed.watchers.discard(watcher)

    async def _listen(self, redis: Redis, restaurant_id: str, feed: _Feed) -> None:
        """Keep the subscription until nobody watches, through as many losses of Redis as it takes."""
        failures = 0
        while self._still_watched(restaurant_id, feed):
            try:
                await self._subscribed(redis, restaurant_id, feed)
            except (RedisError, OSError) as error:
                failures = 0 if feed.subscribed.is_set() else failures + 1
                feed.subscribed.clear()
                log.warning("live feed lost; reconnecting", restaurant_id=restaurant_id, error=type(error).__name__)
                await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])

    async def _subscribed(self, redis: Redis, restaurant_id: str, feed: _Feed) -> None:
        async with redis.pubsub() as pubsub:
            await pubsub.subscribe(keys.restaurant_live(restaurant_id))
            feed.subscribed.set()
            feed.wake_all()
            while self._still_watched(restaurant_id, feed):
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=LISTEN_TIMEOUT_S)
                if message is not None:
                    feed.take(message["data"])

    def _still_watched(self, restaurant_id: str, feed: _Feed) -> bool:
        with self._lock:
            if feed.watchers:
                return True
            if self._feeds.get(restaurant_id) is feed:
                del self._feeds[restaurant_id]
            return False


def event(fragment: str, retry_ms: int | None = None) -> str:
    """One server-sent event. ``retry_ms`` asks the client to come back after that long."""
    head = "" if retry_ms is None else f"retry: {retry_ms}\n"
    return head + "".join(f"data: {line}\n" for line in fragment.splitlines()) + "\n"


def _drawing_as_now(draw: Callable[[], str]) -> Callable[[], str]:
    """``draw`` in this request's context, entered for each drawing and not held in between."""
    kept = {name: g.get(name) for name in g}

    @copy_current_request_context
    def draw_again() -> str:
        for name, value in kept.items():
            setattr(g, name, value)
        return draw()

    return draw_again
