"""Runs what is due: claims errands, has each one's adapter perform it, settles it with what follows.

A service may be asked twice (``functions._claims``), with the same key; adapters see to it that this is one effect.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from prometheus_client import Counter, Histogram

from domain import errands as rules
from domain.errands import AnyWork, State
from eventing.serving import TRANSIENT
from functions._claims import Claims
from functions.errand_runner import consequences, objections
from functions.errand_runner.situation import Home
from integrations.catalogue import PROVIDERS
from integrations.network import AT_ONCE, OF_SUSPECTS, Network
from integrations.tasks import Done, Later, Outcome, Refused, Task
from process import logs
from stores import connections, errands
from stores.ciphers import CipherError
from stores.errands import Claimed
from stores.postgres import Postgres

PRICE = "message.price"
OF_ONE_CONNECTION = 4
ATTEMPT_TIMEOUT_S = 30.0  # shorter than a lease

errands_total = Counter("errands_total", "Attempts at an errand, by what came of it.", ["to", "outcome"])
errand_seconds = Histogram(
    "errand_seconds",
    "From what an errand follows from until the service has it.",
    ["to"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600),
)
connections_opened_total = Counter(
    "connections_opened_total",
    "Breakers that opened: a restaurant's connected service failed again and again.",
    ["to"],
)

log = logs.get(__name__)


class Runner(Claims[Claimed]):
    """``defaults`` are settings by provider, for connections that have none of their own."""

    def __init__(
        self,
        platform: Postgres,
        tenants: Postgres,
        network: Network,
        home: Home,
        defaults: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        super().__init__("errands", AT_ONCE)
        self._platform = platform
        self._tenants = tenants
        self._network = network
        self._defaults = defaults or {}
        self._home, self._pii = home, home.pii

    async def stop(self) -> None:
        await super().stop()
        await self._network.close()

    async def _claim(self, most: int, under_way: Mapping[str, int]) -> Sequence[Claimed]:
        async with self._platform.platform() as connection:
            return await errands.claim(connection, most, OF_ONE_CONNECTION, under_way, of_suspects=OF_SUSPECTS)

    def _place(self, one: Claimed) -> str:
        return one.connection_id

    async def _attempt(self, one: Claimed) -> None:
        started = time.monotonic()
        work = errands.work_of(one, self._pii)
        outcome = await self._outcome(one, work)
        service = _told(one)
        what = type(outcome).__name__.lower()
        errands_total.labels(service, what).inc()
        log.info(
            "errand attempted",
            id=one.id,
            kind=one.kind,
            connection=one.connection_id,
            attempt=one.attempt,
            outcome=what,
            ms=round((time.monotonic() - started) * 1000),
        )
        try:
            await self._settle(one, work, outcome, service)
        except TRANSIENT as error:  # it is attempted again once its lease ends
            log.warning("how an errand went is not written", id=one.id, why=type(error).__name__)
        except Exception as error:  # else it would be attempted again for ever, and what is behind it never
            log.exception("what follows from an errand can't be written", id=one.id, kind=one.kind)
            with contextlib.suppress(*TRANSIENT):
                await self._settle(one, None, _fault(error), service)

    async def _outcome(self, one: Claimed, work: AnyWork | None) -> Outcome:
        """What the adapter says; never raises. An adapter's mistake is an attempt that failed."""
        if datetime.now(UTC) >= one.give_up_at:  # it waited for a connection that was off, or for us
            return Later("its time was over before it could be told", ours=True)
        if one.work is None:
            return Later("what it was to tell is forgotten", ours=True)
        provider = PROVIDERS.get(one.provider)
        if provider is None:
            return Later(f"this release knows no provider {one.provider!r}")
        if work is None:
            return Later("it can't be read: another MASTER_KEY, or another release", ours=True)
        try:
            if unwanted := await objections.against(self._home, self._tenants, one, work):
                return Refused(unwanted, ours=True)
            known = {**self._defaults.get(one.provider, {}), **one.settings}
            secrets = connections.unsealed(self._pii, one.restaurant_id, one.secrets)
            adapter = provider.open(self._network, known, secrets)
            async with asyncio.timeout(ATTEMPT_TIMEOUT_S):
                return _storable(await adapter.perform(self._task(one, work)))
        except TRANSIENT as error:
            return Later(f"our own database is away ({type(error).__name__})", untouched=True, ours=True)
        except TimeoutError:
            return Later(f"nothing came of it within {ATTEMPT_TIMEOUT_S:g} s")
        except CipherError:
            return Later("its secrets were sealed with another MASTER_KEY")
        except Exception as error:  # the boundary: an adapter's fault must not cost the other errands
            log.exception("an adapter failed", provider=one.provider, kind=one.kind)
            return _fault(error)

    @staticmethod
    def _task(one: Claimed, work: AnyWork) -> Task:
        return Task(one.id, one.restaurant_id, one.key, one.attempt, work, one.doubtful, one.created_at)

    async def _settle(self, one: Claimed, work: AnyWork | None, outcome: Outcome, service: str) -> None:
        async with self._tenants.tenant(one.restaurant_id) as connection:
            if isinstance(outcome, Later):
                if outcome.is_there:
                    await connections.answered(connection, one.connection_id)
                elif not outcome.ours and await connections.failed(connection, one.connection_id, outcome.reason):
                    connections_opened_total.labels(service).inc()
                if datetime.now(UTC) < one.give_up_at and one.work is not None:
                    asked = None if outcome.after_s is None else timedelta(seconds=outcome.after_s)
                    pause = rules.again_after(one.attempt, asked)
                    await errands.put_off(connection, one, outcome.reason, pause, untouched=outcome.untouched)
                    return
            elif isinstance(outcome, Done) or not outcome.ours:
                await connections.answered(connection, one.connection_id)
            state = _state(outcome)
            reference = outcome.reference if isinstance(outcome, Done) else ""
            reason = "" if isinstance(outcome, Done) else outcome.reason
            if not await errands.settle(connection, one, state, reference=reference, error=reason):
                return
            if work is not None:
                await consequences.follow(self._home, connection, one, work, state, outcome)
        if state == "done":
            errand_seconds.labels(service).observe((datetime.now(UTC) - one.created_at).total_seconds())


def _fault(error: Exception) -> Later:
    return Later(f"a fault of ours ({type(error).__name__})", ours=True)


def _storable(outcome: Outcome) -> Outcome:
    """Without what no column takes: a service may say anything."""
    if isinstance(outcome, Done):
        return replace(outcome, reference=_printable(outcome.reference))
    return replace(outcome, reason=_printable(outcome.reason))


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())


def _state(outcome: Outcome) -> State:
    match outcome:
        case Done():
            return "done"
        case Refused():
            return "refused"
        case Later():
            return "failed"


def _told(one: Claimed) -> str:
    """Whom the figures count it to. A price is asked for when it is there: its waiting is nobody's delay."""
    if one.kind == PRICE:
        return "prices"
    return PROVIDERS[one.provider].service if one.provider in PROVIDERS else "unknown"
