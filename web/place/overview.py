"""The restaurant's day at a glance: what needs somebody, the calls that are going on, today's figures."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec
from flask import Response, render_template
from flask.typing import ResponseReturnValue

from domain.order import Cart
from stores import attention, calls, checkpoints, figures, live
from stores.attention import Attention
from stores.calls import LoggedCall
from stores.checkpoints import Checkpoint
from stores.figures import Sums
from stores.postgres import Connection
from stores.redis import Redis
from web import context, formats, words
from web.access import staff
from web.database import UnavailableError
from web.live import active_calls
from web.live.active_calls import ActiveCall
from web.place.tenancy import in_restaurant, restaurant, restaurant_blueprint

blueprint = restaurant_blueprint("overview", __name__)

LATEST = 5
MISSED_WITHIN = timedelta(days=3)
CARTS_WITHIN = timedelta(hours=24)
# A page is drawn without the carts of the calls rather than waiting for a silent Redis.
ASK_WITHIN_S = 1.0
MOST_CARTS = 20

_KINDS = (live.CallChanged, live.Spoke, live.ToolUsed, live.OrderTaken, live.OrderMoved, live.FollowedUp)


@blueprint.get("/")
@staff
def show() -> ResponseReturnValue:
    return render_template("place/overview/overview.html", **_page())


@blueprint.get("/overview/stream")
@staff
def stream() -> Response:
    return context.streams().response(
        restaurant().id,
        (*_KINDS, live.EventHandled),
        lambda: render_template("place/overview/_overview.html", **_page()),
    )


@blueprint.context_processor
def labels() -> dict[str, object]:
    return {"outcomes": words.outcomes(), "call_states": words.call_states(), "most": attention.MOST}


def _page() -> dict[str, object]:
    words_heard = context.streams().last_words(restaurant().id)
    active = active_calls.going_on(context.database(), context.pii(), restaurant().id, words_heard)
    today, needed, latest = _today()
    carts, elsewhere = _standing(active or ())
    return {
        "today": today,
        "needed": needed,
        "latest": latest,
        "active": active,
        "carts": carts,
        "elsewhere": elsewhere,
        "now": datetime.now(UTC),
    }


def _today() -> tuple[Sums, Attention, tuple[LoggedCall, ...]]:
    now, place = datetime.now(UTC), restaurant()
    day = formats.local_day(now, place.zone)

    async def work(connection: Connection) -> tuple[tuple[Sums, ...], Attention, tuple[LoggedCall, ...]]:
        return (
            await figures.sums(connection, place.id, day, day, place.currency),
            await attention.look(
                connection, place.id, now, missed_since=now - MISSED_WITHIN, carts_since=now - CARTS_WITHIN
            ),
            await calls.recent(connection, LATEST, pii=context.pii()),
        )

    found, needed, latest = in_restaurant(work)
    return next((one for one in found if one.day == day), Sums(day, None)), needed, latest


def _standing(active: tuple[ActiveCall, ...]) -> tuple[Mapping[str, Cart], Mapping[str, str]]:
    """By call, what the callers have chosen so far, and the house in which a call goes on that is not this one any
    more, whose cart is not shown: from the last turn's checkpoint. Both empty while Redis is away."""
    ids, owner = [call.call_id for call in active[:MOST_CARTS]], restaurant().id

    async def ask(redis: Redis) -> dict[str, Checkpoint]:
        found = {call_id: await checkpoints.load(redis, call_id) for call_id in ids}
        return {call_id: kept for call_id, kept in found.items() if kept is not None}

    try:
        kept = context.database().redis(ask, within_s=ASK_WITHIN_S) if ids else {}
    except (UnavailableError, msgspec.DecodeError):
        return {}, {}
    own = {call_id: one.cart for call_id, one in kept.items() if one.restaurant_id == owner and one.cart.lines}
    return own, {call_id: one.went_to.name for call_id, one in kept.items() if one.went_to is not None}
