"""Keeps copies of connected calendars young: reads each again at its time, and what is said to have changed at once.

A reading that fails says nothing to the connection's breaker, nor one that does not: a calendar may be open to be read
and refuse what it is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

from prometheus_client import Counter

from domain.calendars import BusyTimes
from domain.reservations import LONGEST_STAY, Rules
from eventing.serving import TRANSIENT
from functions._claims import Claims
from functions.errand_runner.situation import Home
from integrations.catalogue import PROVIDERS
from integrations.network import Network
from integrations.tasks import Later, TellsTime
from process import logs
from stores import calendar_copies, connections
from stores.calendar_copies import Due
from stores.ciphers import CipherError
from stores.postgres import Postgres

AT_ONCE = 16
READ_WITHIN_S = 20.0  # shorter than a lease, and than a tick may take
# What is asked for begins earlier: the staff write down who has come already.
LOOK_BACK = timedelta(days=1)

calendar_readings_total = Counter(
    "calendar_readings_total", "Times that a restaurant's calendar was read, by what came of it.", ["outcome"]
)

log = logs.get(__name__)


class CalendarReader(Claims[Due]):
    """``network`` is somebody else's to close."""

    def __init__(self, platform: Postgres, tenants: Postgres, network: Network, home: Home) -> None:
        super().__init__("calendars", AT_ONCE)
        self._platform = platform
        self._tenants = tenants
        self._network = network
        self._pii = home.pii

    async def _claim(self, most: int, under_way: Mapping[str, int]) -> Sequence[Due]:
        async with self._platform.platform() as connection:
            return await calendar_copies.claim(connection, most, Rules().horizon_days)

    def _place(self, one: Due) -> str:
        return one.connection_id

    async def _attempt(self, one: Due) -> None:
        said = await self._read(one)
        outcome = "failed" if isinstance(said, Later) else "read"
        calendar_readings_total.labels(outcome).inc()
        log.info("calendar read", connection=one.connection_id, outcome=outcome)
        try:
            await self._settle(one, said)
        except TRANSIENT as error:  # it is read again once its lease ends
            log.warning("what a calendar says is not written", connection=one.connection_id, why=type(error).__name__)
        except Exception:  # the boundary: one calendar's must not keep the others from their turn
            log.exception("what a calendar says can't be written", connection=one.connection_id)

    async def _read(self, one: Due) -> BusyTimes | Later:
        """Never raises."""
        provider = PROVIDERS.get(one.provider)
        if provider is None:
            return Later(f"this release knows no provider {one.provider!r}")
        try:
            secrets = connections.unsealed(self._pii, one.restaurant_id, one.secrets)
            adapter = provider.open(self._network, one.settings, secrets)
            if not isinstance(adapter, TellsTime):
                return Later(f"{provider.label} tells nothing of its time")
            since, ahead = one.asked_at - LOOK_BACK, timedelta(days=one.horizon_days + 1) + LONGEST_STAY
            async with asyncio.timeout(READ_WITHIN_S):
                return await adapter.busy_times(since, one.asked_at + ahead)
        except TimeoutError:
            return Later(f"nothing came of it within {READ_WITHIN_S:g} s")
        except CipherError:
            return Later("its secrets were sealed with another MASTER_KEY")
        except Exception as error:  # the boundary: an adapter's fault must not cost the other calendars
            log.exception("a calendar's adapter failed", provider=one.provider)
            return Later(f"a fault of ours ({type(error).__name__})")

    async def _settle(self, one: Due, said: BusyTimes | Later) -> None:
        async with self._tenants.tenant(one.restaurant_id) as connection:
            if isinstance(said, Later):
                await calendar_copies.put_off(connection, one, said.reason)
            else:
                await calendar_copies.keep(connection, one, said)
