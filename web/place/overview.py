"""The restaurant's day at a glance: today's figures and the calls that are going on."""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from flask import Response, render_template
from flask.typing import ResponseReturnValue

from stores import calls, figures, live
from stores.calls import LoggedCall
from stores.figures import DailyFigure
from stores.postgres import Connection
from web import context, formats, words
from web.access import staff
from web.live import active_calls
from web.place.tenancy import in_restaurant, restaurant, restaurant_blueprint

blueprint = restaurant_blueprint("overview", __name__)

# More calls than this in a day are shown as "500+".
MOST_CALLS = 500


@dataclass(frozen=True, slots=True)
class Today:
    """``revenue_cents`` is in the restaurant's currency; ``missed`` counts callers whom nobody served."""

    orders: int
    revenue_cents: int
    calls: int
    missed: int
    latest: tuple[LoggedCall, ...]

    @property
    def average_cents(self) -> int:
        return round(self.revenue_cents / self.orders) if self.orders else 0


@blueprint.get("/")
@staff
def show() -> ResponseReturnValue:
    return render_template("place/overview/overview.html", **_page())


@blueprint.get("/overview/stream")
@staff
def stream() -> Response:
    kinds = (live.CallChanged, live.Spoke, live.OrderTaken, live.EventHandled)
    return context.streams().response(
        restaurant().id, kinds, lambda: render_template("place/overview/_overview.html", **_page())
    )


@blueprint.context_processor
def labels() -> dict[str, object]:
    return {"outcomes": words.outcomes(), "call_states": words.call_states(), "most_calls": MOST_CALLS}


def _page() -> dict[str, object]:
    words_heard = context.streams().last_words(restaurant().id)
    active = active_calls.going_on(context.database(), context.pii(), restaurant().id, words_heard)
    return {"today": _today(), "active": active, "now": datetime.now(UTC)}


def _today() -> Today:
    now = datetime.now(UTC)
    start, day = formats.day_start(now, restaurant().zone), now.astimezone(ZoneInfo(restaurant().zone)).date()
    restaurant_id, currency = restaurant().id, restaurant().currency

    async def work(connection: Connection) -> tuple[tuple[DailyFigure, ...], tuple[LoggedCall, ...]]:
        return (
            await figures.daily(connection, restaurant_id, day, day),
            await calls.recent(connection, MOST_CALLS, pii=context.pii()),
        )

    daily, recent = in_restaurant(work)
    todays = tuple(call for call in recent if call.started_at >= start)
    figure = next((figure for figure in daily if figure.currency == currency), None)
    return Today(
        orders=figure.orders if figure else 0,
        revenue_cents=figure.total_cents if figure else 0,
        calls=len(todays),
        missed=sum(1 for call in todays if call.missed),
        latest=todays[:5],
    )
