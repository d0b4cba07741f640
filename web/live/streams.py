"""Live pages: a server-sent event whenever something happened in the restaurant, with the fragment drawn anew.

Redis pub/sub only says *that* something changed; the fragment always comes from Postgres. So a lost, doubled
or reordered message costs nothing, a burst of messages becomes one drawing, and a client that reconnects is
up to date at once.

A stream lives on the loop and holds no thread. Pages that show the same to anybody (one path, language and role) share
one fragment, which is drawn in a thread, once for all of them and never twice at a time. It is drawn as nobody in
particular: without a session, and with a stand-in for the form token that each client's own takes the place of.

Each client hears every HEARTBEAT_S that its page is still true; a page that does not says since when. Every
ACCESS_S it is asked whether they all still may watch.

Not guaranteed: that every intermediate state is drawn.
"""

import asyncio
import io
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from flask import Flask, Response, current_app, g, request
from flask_wtf.csrf import generate_csrf  # type: ignore[import-untyped]
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from process import logs
from stores import keys, live
from web import language, metrics
from web.database import Database, UnavailableError
from web.live import access
from web.live.access import Visit
from web.live.active_calls import LastWords
from web.serving import handover
from web.serving.handover import Handover, Sink
from web.settings import WebSettings

ACCESS_S = 2.5
# At most this many drawings a second of one fragment, however busy the restaurant.
SHORTEST_GAP_S = 0.25
# A new subscription is waited for this long before the first drawing.
SUBSCRIBE_TIMEOUT_S = 0.5
# Without Redis nobody tells of changes: look oneself this often.
UNTOLD_S = 5.0
# After a drawing that failed.
RETRY_S = 2.0
# Over the limit of open streams a page is drawn once and asks again after this long.
POLLING_MS = 10_000
# New restaurants are subscribed to between two waits for messages.
LISTEN_S = 0.1
STOP_TICK_S = 0.1
# A client that is behind for so many heartbeats is not read by anybody.
LAGGING_BEATS = 5
DRAWING_THREADS = 4
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)

GONE = b"event: gone\ndata: \n\n"
_TOKEN = secrets.token_urlsafe(24)
_SHARED = ("restaurant_id", "restaurant", "membership")

log = logs.get(__name__)
_decoder = msgspec.json.Decoder(live.LiveEvent)

Kinds = tuple[type[live.LiveEvent], ...]
Draw = Callable[[], str]


class _Fragment:
    """One drawing and who sees it. ``version`` counts what was drawn, 0 for nothing yet."""

    def __init__(self, feed: "_Feed", kinds: Kinds, draw: Draw, untold: bool) -> None:
        self.feed = feed
        self.kinds = kinds
        self.draw = draw
        self.untold = untold
        self.clients: set[_Client] = set()
        self.event = b""
        self.version = 0
        self.drawn_at = 0.0
        self.drawing = False
        self.changed = False
        self.failed = False


class _Feed:
    """What is known of one restaurant. ``subscribed`` once Redis has said so."""

    def __init__(self) -> None:
        self.fragments: dict[tuple[str, ...], _Fragment] = {}
        self.subscribed = False
        self.words = LastWords()


class _Client:
    """One open page (``handover.Stream``)."""

    def __init__(
        self, streams: "Streams", visit: Visit, key: tuple[str, ...], kinds: Kinds, draw: Draw, untold: bool
    ) -> None:
        self.visit = visit
        self.key = key
        self.kinds = kinds
        self.draw = draw
        self.untold = untold
        self.token = generate_csrf().encode()
        self.sink: Sink | None = None
        self.seen = 0
        self.lagged = 0
        self._streams = streams

    def opened(self, sink: Sink) -> None:
        self.sink = sink
        self._streams.join(self)

    def closed(self) -> None:
        if self.sink is not None:
            self.sink = None
            self._streams.leave(self)

    def send(self, fragment: _Fragment) -> None:
        if self.sink is None or self.seen == fragment.version or self.sink.lagging:
            return
        self.seen = fragment.version
        self.sink.write(fragment.event.replace(_TOKEN.encode(), self.token))

    def end(self, last: bytes = b"") -> None:
        if self.sink is not None:
            self.sink.write(last)
            self.sink.end()


class Streams:
    """The live pages of one worker, at most ``web_max_streams``. All but ``response`` runs on the database's loop."""

    def __init__(self, database: Database, settings: WebSettings) -> None:
        self._database = database
        self._heartbeat_s = settings.web_heartbeat_s
        self._most = settings.web_max_streams
        self._feeds: dict[str, _Feed] = {}
        self._clients: set[_Client] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._wanted = asyncio.Event()
        self._threads: ThreadPoolExecutor | None = None
        self._app: Flask | None = None

    def last_words(self, restaurant_id: str) -> Mapping[str, live.Spoke]:
        """What was said last, by call; nothing until a page of the restaurant has its stream."""
        feed = self._feeds.get(restaurant_id)
        return {} if feed is None else feed.words.now()

    def response(
        self, restaurant_id: str, kinds: Kinds, draw: Draw, *, visit: Visit | None = None, untold: bool = False
    ) -> Response:
        """An event stream that sends ``draw()`` at once and again after messages of ``kinds``.

        ``visit`` is who watches, when that is no member of the restaurant. ``untold`` is for what changes without a
        message: it is also drawn at each heartbeat, and sent where it differs.

        ``draw`` may read what the URL and the restaurant's blueprint say, nothing of who is logged in. Without room
        for a stream, or a server that keeps one, it is one drawing that asks the client to come back.
        """
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        left: Handover | None = request.environ.get(handover.KEY)
        if left is None or len(self._clients) >= self._most:
            body = alive(POLLING_MS) + event(draw(), retry_ms=POLLING_MS)
            return Response(body, content_type="text/event-stream", headers=headers)
        visit = visit or Visit(g.member.token, restaurant_id, g.membership.role)
        key = (request.full_path, language.current(), visit.role)
        self._app = current_app._get_current_object()  # type: ignore[attr-defined]
        left.stream = _Client(self, visit, key, kinds, _as_nobody(self._app, draw), untold)
        return Response("", content_type="text/event-stream", headers=headers)

    # Joining and leaving.

    def join(self, client: _Client) -> None:
        if not self._tasks:
            self._start()
        metrics.streams_open.inc()
        self._clients.add(client)
        feed = self._feeds.setdefault(client.visit.restaurant_id, _Feed())
        fragment = feed.fragments.get(client.key)
        if fragment is None:
            fragment = feed.fragments[client.key] = _Fragment(feed, client.kinds, client.draw, client.untold)
        fragment.clients.add(client)
        self._wanted.set()
        if feed.subscribed:
            self._say_alive(client)
            self._draw(fragment)
        else:
            self._database.loop.call_later(SUBSCRIBE_TIMEOUT_S, self._draw_first, fragment)

    def leave(self, client: _Client) -> None:
        metrics.streams_open.dec()
        self._clients.discard(client)
        feed = self._feeds[client.visit.restaurant_id]
        fragment = feed.fragments[client.key]
        fragment.clients.discard(client)
        if not fragment.clients:
            del feed.fragments[client.key]
        if not feed.fragments:
            del self._feeds[client.visit.restaurant_id]
            self._wanted.set()

    async def stop(self) -> None:
        """End every stream, for good."""
        for client in list(self._clients):
            client.end()
        running = set(self._tasks)
        while running:  # redis-py loses a cancellation that meets the end of its own wait
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=STOP_TICK_S)
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _start(self) -> None:
        loop = self._database.loop
        self._threads = ThreadPoolExecutor(DRAWING_THREADS, thread_name_prefix="drawing")
        forever: list[Coroutine[Any, Any, None]] = [self._listen(), self._beat(), self._watch_access()]
        self._tasks = [loop.create_task(work) for work in forever]

    # Drawing.

    def _draw_first(self, fragment: _Fragment) -> None:
        if not fragment.version:
            self._draw(fragment)

    def _draw(self, fragment: _Fragment) -> None:
        fragment.changed = True
        if not fragment.drawing:
            fragment.drawing = True
            wait_s = fragment.drawn_at + SHORTEST_GAP_S - time.monotonic()
            if wait_s > 0:
                self._database.loop.call_later(wait_s, self._submit, fragment)
            else:
                self._submit(fragment)

    def _submit(self, fragment: _Fragment) -> None:
        if not fragment.clients or self._threads is None:
            fragment.drawing = False
            return
        fragment.changed = False
        self._threads.submit(self._drawn_in_thread, fragment)

    def _drawn_in_thread(self, fragment: _Fragment) -> None:
        drawn: bytes | None = None
        try:
            drawn = event(fragment.draw()).encode()
        except UnavailableError as unavailable:
            log.warning("a live page could not be drawn", part=unavailable.part)
        except Exception:
            log.exception("a live page could not be drawn")
        self._database.loop.call_soon_threadsafe(self._drawn, fragment, drawn)

    def _drawn(self, fragment: _Fragment, drawn: bytes | None) -> None:
        fragment.drawing = False
        fragment.drawn_at = time.monotonic()
        fragment.failed = drawn is None
        if drawn is None:
            # The page hears no heartbeat meanwhile and says since when it is stale.
            self._database.loop.call_later(RETRY_S, self._draw, fragment)
            return
        if drawn != fragment.event:
            fragment.event = drawn
            fragment.version += 1
        for client in list(fragment.clients):
            client.send(fragment)
        if fragment.changed:
            self._draw(fragment)

    # What the restaurants tell.

    async def _listen(self) -> None:
        """Keep the subscription, through as many losses of Redis as it takes."""
        failures = 0
        while True:
            try:
                async with self._database.client.pubsub() as pubsub:
                    await self._follow(pubsub)
            except (RedisError, OSError) as error:
                failures = 0 if any(feed.subscribed for feed in self._feeds.values()) else failures + 1
                for feed in self._feeds.values():
                    feed.subscribed = False
                log.warning("live feed lost; reconnecting", error=type(error).__name__)
                await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])

    async def _follow(self, pubsub: PubSub) -> None:
        known: dict[str, str] = {}
        self._wanted.set()
        while True:
            if self._wanted.is_set():
                self._wanted.clear()
                known = await self._subscribe(pubsub, known)
            if known:
                message = await pubsub.get_message(timeout=LISTEN_S)
                if message is not None:
                    self._take(known.get(message["channel"].decode(), ""), message)
            else:
                await self._wanted.wait()

    async def _subscribe(self, pubsub: PubSub, known: dict[str, str]) -> dict[str, str]:
        """To the restaurants that are watched, and no others: each channel's restaurant."""
        wanted = {keys.restaurant_live(restaurant_id): restaurant_id for restaurant_id in self._feeds}
        # One that left and came back may be known and not have been told so: subscribing again tells it.
        more = [channel for channel, owner in wanted.items() if not self._feeds[owner].subscribed]
        over = known.keys() - wanted.keys()
        if more:
            await pubsub.subscribe(*more)
        if over:
            await pubsub.unsubscribe(*over)
        return wanted

    def _take(self, restaurant_id: str, message: Mapping[str, Any]) -> None:
        """A message: remember what was said, draw what shows its kind. One of another release is ignored."""
        feed = self._feeds.get(restaurant_id)
        if feed is None:
            return
        if message["type"] == "subscribe":
            feed.subscribed = True
            for fragment in feed.fragments.values():  # nobody knows what was missed before
                self._draw(fragment)
                for client in fragment.clients:
                    self._say_alive(client)
        elif message["type"] == "message":
            try:
                told = _decoder.decode(message["data"])
            except msgspec.DecodeError:
                return
            feed.words.apply(told)
            for fragment in feed.fragments.values():
                if isinstance(told, fragment.kinds):
                    self._draw(fragment)

    # What the clients hear when nothing happens.

    def _say_alive(self, client: _Client) -> None:
        """Not before what happens is heard here: a page that says it is live misses nothing from then on."""
        if client.sink is not None:
            client.sink.write(alive(round(self._heartbeat_s * 1000)).encode())

    async def _beat(self) -> None:
        beat = alive(round(self._heartbeat_s * 1000)).encode()
        while True:
            await asyncio.sleep(self._heartbeat_s)
            now = time.monotonic()
            for feed in list(self._feeds.values()):
                for fragment in list(feed.fragments.values()):
                    if fragment.untold or (not feed.subscribed and now - fragment.drawn_at > UNTOLD_S):
                        self._draw(fragment)
                    if fragment.version and not fragment.failed:
                        self._beat_of(fragment, beat)

    def _beat_of(self, fragment: _Fragment, beat: bytes) -> None:
        for client in list(fragment.clients):
            if client.sink is None:
                continue
            client.lagged = client.lagged + 1 if client.sink.lagging else 0
            if client.lagged >= LAGGING_BEATS:
                client.end()
            elif not client.lagged:
                client.send(fragment)  # what it could not take before
                client.sink.write(beat)

    async def _watch_access(self) -> None:
        """Close the pages of those who may no longer look. While Postgres is away nothing is drawn for them either."""
        loop = self._database.loop
        while True:
            await asyncio.sleep(ACCESS_S)
            visits = {client.visit for client in self._clients}
            if not visits:
                continue
            try:
                over = await loop.run_in_executor(self._threads, self._lost, visits)
            except UnavailableError:
                continue
            except Exception:
                log.exception("the access of live pages could not be checked")
                continue
            for client in [client for client in self._clients if client.visit in over]:
                client.end(GONE)

    def _lost(self, visits: set[Visit]) -> frozenset[Visit]:
        assert self._app is not None
        with self._app.app_context():
            return access.lost(visits)


def event(fragment: str, retry_ms: int | None = None) -> str:
    """One server-sent event. ``retry_ms`` asks the client to come back after that long."""
    head = "" if retry_ms is None else f"retry: {retry_ms}\n"
    return head + "".join(f"data: {line}\n" for line in fragment.splitlines()) + "\n"


def alive(again_ms: int) -> str:
    """The heartbeat: the page is true now, and hears so again in ``again_ms``."""
    return f"event: alive\ndata: {again_ms}\n\n"


def _as_nobody(app: Flask, draw: Draw) -> Draw:
    """``draw`` in a request of its own that has this one's URL and language, and nobody who sent it."""
    kept = {name: g.get(name) for name in _SHARED if name in g}
    environ = {
        name: value
        for name, value in request.environ.items()
        if name in ("SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL")
    }
    environ |= {
        "REQUEST_METHOD": "GET",
        "HTTP_COOKIE": f"{language.COOKIE}={language.current()}",
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": io.BytesIO(),
    }

    def drawn() -> str:
        with app.request_context(dict(environ)):
            for name, value in kept.items():
                setattr(g, name, value)
            g.csrf_token = _TOKEN
            return draw()

    return drawn
