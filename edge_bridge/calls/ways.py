"""Where a call's handlers are asked for: at the Service, or while a release is on trial at one of its two Revisions.

A restaurant's calls go one way as long as the share stays. A call keeps its way, so that the Revision that lost it is
asked once more; what fails otherwise is asked of the Service, whose traffic is the stable Revision's. So a caller of a
broken candidate waits for one attempt and is served all the same.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec

from domain import trials
from domain.trials import Failure
from edge_bridge.calls.emissions import CallEvents, Emissions
from edge_bridge.calls.record import Arrival
from edge_bridge.calls.retries import Again, AttemptRefused, FallBack, LaneEnded, Lost, Result, Silent, Step
from eventing import releasing
from process import logs, metrics
from stores import releases
from stores.postgres import AWAY, Connection, Postgres

log = logs.get(__name__)

READ_EVERY_S = 2.0
OVERLAP = 409  # the pod still ends its last call: nobody's failure


class Way(msgspec.Struct, frozen=True):
    """``url`` is one Revision's own; "": the Service's, where nothing is counted."""

    url: str = ""
    release_id: str = ""
    is_candidate: bool = False


SERVICE = Way()


class Trials(Protocol):
    """What a call asks of the release on trial."""

    def of(self, restaurant_id: str) -> Way: ...

    def is_on(self, release_id: str) -> bool: ...

    def count(self, way: Way, arrival: Arrival, failure: Failure | None) -> None: ...


class CallWay:
    """One call's. ``before`` is the way that it had in a session that died."""

    def __init__(self, trials: Trials, arrival: Arrival, before: Way | None) -> None:
        self.now = trials.of(arrival.line.restaurant.id) if before is None else before
        self._trials = trials
        self._arrival = arrival
        self._first = self.now
        self._failed = False

    def after(self, result: Result, step: Step) -> Step:
        """``step`` follows an attempt in any case, unless another way is open to the caller."""
        failure, way = failure_of(result), self.now
        if failure is None or not way.release_id:
            return step
        again = failure == "lost" and not self._failed and self._trials.is_on(way.release_id)
        self.failed(failure)
        if again:
            return step
        self.now = SERVICE
        return Again(0.0) if way.is_candidate and isinstance(step, FallBack) else step

    def failed(self, failure: Failure) -> None:
        """The Revision that has the call is to blame for this."""
        if self.now.release_id and not self._failed:
            self._failed = True
            self._trials.count(self.now, self._arrival, failure)

    def over(self) -> None:
        """A handler had the caller, and the call has ended."""
        if self._first.release_id and not self._failed:
            self._trials.count(self._first, self._arrival, None)


def failure_of(result: Result) -> Failure | None:
    """None where the handler's version is not to blame."""
    match result:
        case LaneEnded(outcome="failed"):
            return "failed"
        case AttemptRefused(status) if status != OVERLAP:
            return "refused"
        case Silent():
            return "silent"
        case Lost():
            return "lost"
        case _:
            return None


class ReleaseTrials:
    """A bridge's look at the release on trial, from memory. Its counts are written with the calls' events."""

    def __init__(self, postgres: Postgres, emissions: Emissions, node_id: str) -> None:
        self._postgres = postgres
        self._emissions = emissions
        self._node_id = node_id
        self._release: releases.Release | None = None
        self._tell_gauges()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with self._postgres.platform() as connection:
                    self._learn(await releases.latest(connection))
            except AWAY as error:
                log.debug("the release is not read", why=type(error).__name__)
            await asyncio.sleep(READ_EVERY_S)

    def of(self, restaurant_id: str) -> Way:
        release = self._release
        if release is None or release.state != "trial":
            return SERVICE
        if trials.takes_candidate(release.id, restaurant_id, release.share):
            return Way(release.candidate_url, release.id, True)
        return Way(release.stable_url, release.id)

    def is_on(self, release_id: str) -> bool:
        release = self._release
        return release is not None and release.id == release_id and release.state == "trial"

    def count(self, way: Way, arrival: Arrival, failure: Failure | None) -> None:
        version = "candidate" if way.is_candidate else "stable"
        metrics.handler_trial_calls_total.labels(self._node_id, version, failure or "").inc()
        returned: releases.Release | None = None

        async def also(connection: Connection) -> None:
            nonlocal returned
            returned = await releasing.count(
                connection,
                way.release_id,
                arrival.call_id,
                arrival.line.restaurant.id,
                is_candidate=way.is_candidate,
                failure=failure,
                source=f"/edge/{self._node_id}",
            )

        def written() -> None:
            if returned is not None:
                log.error("a candidate is returned", candidate=returned.candidate, why=returned.why)
                self._learn(returned)

        self._emissions.put(
            CallEvents(arrival.call_id, (), also=also, written=written, traceparent=arrival.traceparent)
        )

    def _learn(self, release: releases.Release | None) -> None:
        known, self._release = self._release, release
        if release is not None and (known is None or (known.id, known.state) != (release.id, release.state)):
            log.info("a release of the call handler", candidate=release.candidate, state=release.state)
        self._tell_gauges()

    def _tell_gauges(self) -> None:
        release = self._release
        state = release.state if release is not None else ""
        metrics.handler_candidate_share_percent.labels(self._node_id).set(release.share if release is not None else 0)
        metrics.handler_candidate_returned.labels(self._node_id).set(state == "returned")
