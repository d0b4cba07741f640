"""The platform at a glance, live: bridges, handlers, who waits, who talks, what events do.

Callers stay unknown here: staff see that a restaurant is on the phone, and not with whom.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import msgspec
from flask import Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from redis.asyncio import Redis

from stores import infrastructure, live
from stores.errors import NotFoundError
from stores.infrastructure import Bridge, Outbox, TakenEvent
from stores.live import CallState, LiveCall, QueuedCall
from stores.postgres import NO_RESTAURANT, Connection
from web import context, words
from web.access import platform
from web.database import UnavailableError
from web.identity import accounts
from web.live.access import Visit
from web.platform.pages import audit, everywhere, platform_blueprint
from web.platform.pods import Pods
from web.words import _

blueprint = platform_blueprint("infrastructure", __name__)

PODS = "alloresto.pods"
MOST_CALLS = 100
MOST_WAITING = 20
EVENTS = 30
# A page is drawn without its calls rather than waiting for a silent Redis.
ASK_WITHIN_S = 1.0
# Three heartbeats: what the assigner takes for a node that is lost.
SILENT_S = 30.0
# An event is published within seconds; one that waits longer has a reason.
LATE_S = 10.0


@dataclass(frozen=True, slots=True)
class _Calls:
    """``waiting`` counts all who wait for a handler, ``queue`` holds those that wait longest."""

    going_on: tuple[tuple[LiveCall, CallState | None], ...]
    waiting: int
    queue: tuple[QueuedCall, ...]

    @property
    def by_node(self) -> Counter[str]:
        return Counter(call.bridge_node_id for call, _ in self.going_on)

    @property
    def restaurant_ids(self) -> set[str]:
        return {call.restaurant_id for call, _ in self.going_on} | {call.restaurant_id for call in self.queue}


@dataclass(frozen=True, slots=True)
class _Stored:
    bridges: tuple[Bridge, ...]
    outbox: Outbox
    letters: int
    events: tuple[TakenEvent, ...]
    names: dict[str, str]


@blueprint.get("/infrastructure")
@platform
def show() -> ResponseReturnValue:
    return render_template("platform/infrastructure.html", **_state())


@blueprint.get("/infrastructure/stream")
@platform
def stream() -> Response:
    """Nobody tells of heartbeats, pods and the outbox: it is looked at with each of the stream's own heartbeats."""
    visit = Visit(accounts.signed_in_member().token, NO_RESTAURANT, "platform")
    return context.streams().response(
        NO_RESTAURANT,
        (),
        lambda: render_template("platform/_infrastructure.html", **_state()),
        visit=visit,
        untold=True,
    )


@blueprint.post("/infrastructure/bridges/drain")
@platform
def drain() -> ResponseReturnValue:
    """The node is named in the form: its id may hold anything a hostname can."""
    node_id, asked = request.form.get("node", ""), request.form.get("drain") == "yes"

    async def work(connection: Connection) -> None:
        await infrastructure.ask_to_drain(connection, node_id, asked)
        await audit(connection, "bridge.drain_asked" if asked else "bridge.drain_taken_back", subject=node_id)

    try:
        everywhere(work)
    except NotFoundError:
        abort(404)
    if asked:
        flash(_("%(node)s gives its lines to the others and finishes its calls.", node=node_id), "saved")
    else:
        flash(_("%(node)s takes lines again.", node=node_id), "saved")
    return redirect(url_for(".show"), 303)


def _state() -> dict[str, object]:
    now = datetime.now(UTC)
    calls = _calls(now)

    async def work(connection: Connection) -> _Stored:
        return _Stored(
            bridges=await infrastructure.bridges(connection),
            outbox=await infrastructure.outbox(connection),
            letters=await infrastructure.open_letters(connection),
            events=await infrastructure.taken_events(connection, EVENTS),
            names=dict(await infrastructure.names(connection, calls.restaurant_ids)) if calls else {},
        )

    pods = cast(Pods, current_app.extensions[PODS])
    return {
        "calls": calls,
        "stored": everywhere(work),
        "pods": pods.now(),
        "now": now,
        "silent_s": SILENT_S,
        "late_s": LATE_S,
        "most_calls": MOST_CALLS,
        "most_letters": infrastructure.MOST_LETTERS,
        "call_states": words.call_states(),
    }


def _calls(now: datetime) -> _Calls | None:
    """None when nobody knows: Redis is away, or holds calls in another release's shape."""

    async def work(redis: Redis) -> _Calls:
        going_on = await live.in_progress(redis, now, MOST_CALLS + 1)
        return _Calls(going_on, *await live.waiting(redis, MOST_WAITING))

    try:
        return context.database().redis(work, within_s=ASK_WITHIN_S)
    except (UnavailableError, msgspec.DecodeError):
        return None
