"""Sends what is due, and writes how it went.

A message may come twice (``functions._claims``), with the same webhook-id, and is never left out.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from prometheus_client import Counter

from domain import webhooks as rules
from eventing import integrators
from eventing.cloudevents import STRUCTURED_CONTENT_TYPE
from eventing.serving import TRANSIENT
from functions._claims import Claims
from integrations.network import AT_ONCE, OF_SUSPECTS, Answer, Network
from process import logs
from stores import audit, webhooks
from stores.ciphers import CipherError, PiiCipher
from stores.postgres import Postgres
from stores.webhooks import Claimed

OF_ONE_ENDPOINT = 4
GONE = 410
ACTOR = audit.Actor("AlloResto")

webhook_attempts_total = Counter("webhook_attempts_total", "Webhooks sent, by what came of it.", ["outcome"])
webhook_endpoints_disabled_total = Counter(
    "webhook_endpoints_disabled_total", "Webhooks switched off because they failed for days, or are gone."
)

log = logs.get(__name__)


class Courier(Claims[Claimed]):
    def __init__(self, platform: Postgres, network: Network, pii: PiiCipher) -> None:
        super().__init__("webhooks", AT_ONCE)
        self._platform = platform
        self._network = network
        self._pii = pii

    async def stop(self) -> None:
        await super().stop()
        await self._network.close()

    async def _claim(self, most: int, under_way: Mapping[str, int]) -> Sequence[Claimed]:
        async with self._platform.platform() as connection:
            return await webhooks.claim(connection, most, OF_ONE_ENDPOINT, under_way, of_suspects=OF_SUSPECTS)

    def _place(self, one: Claimed) -> str:
        return one.endpoint_id

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
            # A tenth more or less, so that what failed together does not come back together.
            spread = random.uniform(0.9, 1.1)
            since = await webhooks.failed(connection, one, answer.status, answer.error, answer.ms, spread=spread)
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
