"""The Broker over an in-memory channel, as measured: synchronous, and a failure is the publisher's.

The POST returns when every matching subscriber, its retries and its replies are done. One subscriber that
fails without a working dead-letter sink turns the publish into a 500, although the others have the event.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
from aiohttp import web

from devstack.knative.clock import Clock
from devstack.knative.envelopes import Envelope, NotAnEventError, read_envelope
from devstack.knative.listeners import MAX_BODY_BYTES, BodyTooLargeError, read_body
from devstack.knative.plan import Destination, TriggerPlan
from devstack.knative.states import EventKind, Report

HOPS = 255
"""How often a reply may follow a reply, as Knative's ``knativebrokerttl``: a loop of replies ends."""

MAX_PUBLISHING = 1000
"""Events under way at once; each holds its publisher, so more than that is a fault somewhere."""

_BODY_WITHIN_S = 30.0
_ERROR_DATA_BYTES = 1024
_RETRIED = frozenset({404, 408, 409, 429})
_NO_ANSWER = -1


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one delivery. ``status`` is -1 when there was no answer; ``reply`` is published in its turn."""

    ok: bool
    status: int = _NO_ANSWER
    reason: str = ""
    reply: Envelope | None = None
    explained: bool = True
    """Whether a dead letter says why: it does not after a timeout, nor after an answer that is no event."""

    @property
    def retried(self) -> bool:
        """A 4xx can never succeed, but for the ones that mean "not now"."""
        return self.status == _NO_ANSWER or self.status >= 500 or self.status in _RETRIED


class InMemoryBroker:
    """``locate`` turns a destination into a URL."""

    def __init__(
        self,
        name: str,
        namespace: str,
        triggers: Sequence[TriggerPlan],
        session: aiohttp.ClientSession,
        locate: Callable[[Destination], str],
        clock: Clock,
        report: Report,
    ) -> None:
        self.name = name
        self.path = f"/{namespace}/{name}"
        self._namespace = namespace
        self._triggers = tuple(triggers)
        self._session = session
        self._locate = locate
        self._clock = clock
        self._report = report
        self._publishing: set[asyncio.Task[bool]] = set()
        self._closing = False

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The ingress. A client that goes away does not stop the deliveries."""
        if request.path != self.path:
            return web.Response(status=404, text=f"this broker's path is {self.path}\n")
        if request.method != "POST":
            return web.Response(status=405, text="POST an event\n")
        if self._closing:
            return web.Response(status=503, text="the broker is closing\n")
        if len(self._publishing) >= MAX_PUBLISHING:
            return web.Response(status=503, text=f"{MAX_PUBLISHING} events are being delivered already\n")
        try:
            async with asyncio.timeout(_BODY_WITHIN_S):
                event = read_envelope(request.headers, await read_body(request))
        except TimeoutError:
            return web.Response(status=408, text=f"the event did not come in {_BODY_WITHIN_S:g} s\n")
        except BodyTooLargeError as error:
            return web.Response(status=413, text=f"{error}\n")
        except NotAnEventError as error:
            return web.Response(status=400, text=f"{error}\n")
        if not _is_sound(event):
            return web.Response(status=500, text=f"the body is not {event.content_type}\n")
        publishing = asyncio.create_task(self.publish(_arrived(event)))
        self._publishing.add(publishing)
        publishing.add_done_callback(self._publishing.discard)
        if await asyncio.shield(publishing):
            return web.Response(status=202)
        return web.Response(status=500, text="a subscriber failed and its dead letter was not taken\n")

    async def close(self) -> None:
        """Take nothing more and give up what is under way: who published hears a failure and tries again later."""
        self._closing = True
        for task in tuple(self._publishing):
            task.cancel()
        await asyncio.gather(*self._publishing, return_exceptions=True)

    async def publish(self, event: Envelope, hops: int = HOPS) -> bool:
        """Deliver to every matching trigger, and wait. False when one failed for good."""
        matching = [trigger for trigger in self._triggers if matches(trigger, event)]
        return all(await asyncio.gather(*(self._trigger(trigger, event, hops) for trigger in matching)))

    async def _trigger(self, trigger: TriggerPlan, event: Envelope, hops: int) -> bool:
        outcome = await self._deliver(trigger, trigger.subscriber, event)
        if not outcome.ok:
            return await self._dead_letter(trigger, event, outcome, hops)
        if outcome.reply is None:
            return True
        if hops <= 1:
            self._report("event_dropped", trigger.name, "", f"{_words(outcome.reply)} after {HOPS} replies")
            return True
        return await self.publish(_arrived(outcome.reply), hops - 1)

    async def _deliver(self, trigger: TriggerPlan, destination: Destination, event: Envelope) -> Outcome:
        """One delivery with its retries."""
        outcome = Outcome(ok=False)
        for attempt in range(trigger.delivery.retry + 1):
            started = time.monotonic()
            outcome = await self._send(self._locate(destination), event, trigger.delivery.timeout_s)
            took_ms = (time.monotonic() - started) * 1000
            if outcome.ok:
                self._report("delivery", destination.name, "", f"{_words(event)} {took_ms:.0f} ms")
                return outcome
            self._report("delivery_failed", destination.name, "", f"{_words(event)} {outcome.status} {outcome.reason}")
            if not outcome.retried or attempt == trigger.delivery.retry:
                return outcome
            await self._clock.sleep(trigger.delivery.backoff_s(attempt))
        return outcome

    async def _dead_letter(self, trigger: TriggerPlan, event: Envelope, outcome: Outcome, hops: int) -> bool:
        sink = trigger.delivery.dead_letter
        if sink is None:
            self._report("event_dropped", trigger.subscriber.name, "", f"{_words(event)}: no dead-letter sink")
            return False
        letter = event.with_attributes({"knativebrokerttl": str(hops)})
        if outcome.explained:
            letter = letter.with_attributes(
                {
                    "knativeerrordest": trigger.subscriber.in_cluster(self._namespace),
                    "knativeerrorcode": str(outcome.status),
                    "knativeerrordata": _error_data(outcome.reason),
                }
            )
        kept = await self._deliver(trigger, sink, letter)
        kind: EventKind = "dead_letter" if kept.ok else "event_dropped"
        self._report(kind, trigger.subscriber.name, "", f"{_words(event)} {outcome.status} {outcome.reason}")
        return kept.ok

    async def _send(self, url: str, event: Envelope, timeout_s: float | None) -> Outcome:
        try:
            async with self._clock.timeout(timeout_s):
                headers = event.headers() | {"Prefer": "reply", "Kn-Namespace": self._namespace}
                async with self._session.post(url, data=event.body, headers=headers, allow_redirects=False) as answer:
                    return judge(answer.status, dict(answer.headers), await _read_answer(answer))
        except BodyTooLargeError as error:
            return Outcome(ok=False, status=502, reason=str(error))
        except TimeoutError:
            return Outcome(ok=False, reason="no answer in time", explained=False)
        except (aiohttp.ClientError, ConnectionError) as error:
            return Outcome(ok=False, reason=type(error).__name__)


async def _read_answer(answer: aiohttp.ClientResponse) -> bytes:
    """The whole body. Raises BodyTooLargeError."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLargeError(f"the answer is over {MAX_BODY_BYTES} bytes")
    return bytes(body)


def judge(status: int, headers: dict[str, str], body: bytes) -> Outcome:
    """What an answer means: 2xx must be empty or a CloudEvent; anything else is a failure and is tried again."""
    text = body[:_ERROR_DATA_BYTES].decode("utf-8", "replace")
    if not 200 <= status < 300:
        return Outcome(ok=False, status=status, reason=text)
    if not body and not any(name.lower() == "ce-specversion" for name in headers):
        return Outcome(ok=True, status=status)
    try:
        return Outcome(ok=True, status=status, reply=read_envelope(headers, body))
    except NotAnEventError:
        return Outcome(ok=False, status=502, reason="the answer is neither empty nor a CloudEvent", explained=False)


def matches(trigger: TriggerPlan, event: Envelope) -> bool:
    """Exact attributes; an empty value means that the attribute must be there."""
    return all(
        name in event.attributes and (value in ("", event.attributes[name]))
        for name, value in trigger.attributes.items()
    )


def _is_sound(event: Envelope) -> bool:
    """The ingress reads what says that it is JSON, although it hands it on unchanged."""
    if not event.body or "json" not in event.content_type.lower():
        return True
    try:
        json.loads(event.body)
    except ValueError:
        return False
    return True


def _arrived(event: Envelope) -> Envelope:
    """The ingress's mark: subscribers must accept extensions that they do not know."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event.with_attributes({"knativearrivaltime": now})


def _error_data(reason: str) -> str:
    """The answer's text; with control characters (no header can carry them) base64 inside JSON, as Knative does."""
    if all(char.isprintable() for char in reason):
        return reason[:_ERROR_DATA_BYTES]
    encoded = base64.b64encode(reason.encode()).decode()
    return json.dumps({"responseBody": encoded})[:_ERROR_DATA_BYTES]


def _words(event: Envelope) -> str:
    return f"{event.kind} {event.id}"
