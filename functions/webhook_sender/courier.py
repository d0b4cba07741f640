"""Sends what is due, and writes how it went.

Any number of couriers may run: each claims what it sends, for longer than an attempt takes. So a message may come twice
(a pod that dies after the answer), with the same webhook-id, and is never left out.
"""

from __future__ import annotations

import asyncio
import collections
import random
from datetime import UTC, datetime, timedelta

import msgspec
from prometheus_client import Counter

from domain import webhooks as rules
from eventing import integrators
from eventing.cloudevents import STRUCTURED_CONTENT_TYPE
from eventing.serving import TRANSIENT
from integrations.network import AT_ONCE, Answer, Network
from process import logs
from stores import audit, webhooks
from stores.ciphers import CipherError, PiiCipher
from stores.postgres import Postgres
from stores.webhooks import Claimed

OF_ONE_ENDPOINT = 4
PAUSE_S = 1.0
STOP_GRACE_S = 5.0
GONE = 410
ACTOR = audit.Actor("AlloResto")

webhook_attempts_total = Counter("webhook_attempts_total", "Webhooks sent, by what came of it.", ["outcome"])
webhook_endpoints_disabled_total = Counter(
    "webhook_endpoints_disabled_total", "Webhooks switched off because they failed for days, or are gone."
)

log = logs.get(__name__)


class Courier:
    """``start`` before use; ``wake`` when something may be due, ``round`` to send what is due and wait for it."""

    def __init__(self, platform: Postgres, network: Network, pii: PiiCipher) -> None:
        self._platform = platform
        self._network = network
        self._pii = pii
        self._due = asyncio.Event()
        self._claiming = asyncio.Lock()
        self._under_way: dict[asyncio.Task[None], str] = {}  # each attempt's endpoint
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Let what is under way end, as far as it does in time; the rest is the next courier's once its lease ends."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        if self._under_way:
            _, unfinished = await asyncio.wait(self._under_way, timeout=STOP_GRACE_S)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        await self._network.close()

    def wake(self) -> None:
        self._due.set()

    async def round(self) -> None:
        """Raises what Postgres raises while it is away."""
        while attempts := await self._take():
            await asyncio.wait(attempts)
        if self._under_way:  # what ``wake`` has begun
            await asyncio.wait(list(self._under_way))

    async def _run(self) -> None:
        """Takes more whenever something may be due, or an attempt has ended."""
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                while await self._take():
                    pass
            except TRANSIENT as error:
                log.warning("webhooks wait for Postgres", why=type(error).__name__)
                await asyncio.sleep(PAUSE_S)
                self._due.set()

    async def _take(self) -> list[asyncio.Task[None]]:
        """Begin attempts as far as there is room. An endpoint that is slow has OF_ONE_ENDPOINT of them at most."""
        async with self._claiming:
            free = AT_ONCE - len(self._under_way)
            if free <= 0:
                return []
            of_each = collections.Counter(self._under_way.values())
            async with self._platform.platform() as connection:
                claimed = await webhooks.claim(connection, free, OF_ONE_ENDPOINT, of_each)
            return [self._begin(one) for one in claimed]

    def _begin(self, one: Claimed) -> asyncio.Task[None]:
        task = asyncio.create_task(self._attempt(one))
        self._under_way[task] = one.endpoint_id
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._due.set()  # there is room for another

    async def _attempt(self, one: Claimed) -> None:
        try:
            headers, body = self._message(one)
        except CipherError:
            answer = Answer(None, "its secret was sealed with another MASTER_KEY", 0)
        else:
            answer = await self._network.request("POST", one.url, body=body, headers=headers)
        webhook_attempts_total.labels("delivered" if answer.good else "failed").inc()
        log.info(
            "webhook sent",
            endpoint=one.endpoint_id,
            id=one.id,
            attempt=one.attempt,
            status=answer.status,
            ms=answer.ms,
            error=answer.error,
        )
        try:
            await self._settle(one, answer)
        except TRANSIENT as error:  # it is sent again once its lease ends
            log.warning("how a webhook went is not written", id=one.id, why=type(error).__name__)

    def _message(self, one: Claimed) -> tuple[dict[str, str], bytes]:
        """Headers and body. Raises CipherError."""
        document = one.event
        if one.sends_personal and one.personal_encrypted is not None:
            personal = self._pii.decrypt(one.restaurant_id, one.personal_encrypted)
            document = integrators.joined(document, msgspec.json.decode(personal))
        body = msgspec.json.encode(document)
        secrets = [self._pii.decrypt(one.restaurant_id, sealed) for sealed in one.secrets]
        timestamp = int(datetime.now(UTC).timestamp())
        return {
            "content-type": STRUCTURED_CONTENT_TYPE,
            **rules.headers(secrets, one.id, timestamp, body),
        }, body

    async def _settle(self, one: Claimed, answer: Answer) -> None:
        async with self._platform.platform() as connection:
            if answer.good:
                assert answer.status is not None
                await webhooks.delivered(connection, one, answer.status, answer.ms)
                return
            again_after = _again_after(one.attempt)
            since = await webhooks.failed(connection, one, answer.status, answer.error, answer.ms, again_after)
            if since is None:
                return
            gone = answer.status == GONE
            if (gone or since < datetime.now(UTC) - rules.DISABLE_AFTER) and await webhooks.disable(
                connection, one.endpoint_id, "gone" if gone else "failing"
            ):
                webhook_endpoints_disabled_total.inc()
                await audit.record(
                    connection,
                    one.restaurant_id,
                    ACTOR,
                    "webhooks.switched_off",
                    subject=one.endpoint_id,
                    after={"because": "gone" if gone else "failing", "failing_since": since},
                )


def _again_after(attempt: int) -> timedelta | None:
    """A tenth more or less, so that what failed together does not come back together."""
    if attempt > len(rules.RETRY_AFTER):
        return None
    return rules.RETRY_AFTER[attempt - 1] * random.uniform(0.9, 1.1)
