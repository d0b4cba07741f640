"""What the models cost, by model and by restaurant, and when their makers stop serving them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from flask import render_template, request
from flask.typing import ResponseReturnValue

from domain import model_retirements
from stores import tenants
from stores.postgres import Connection
from stores.tenants import Cost
from web.access import platform
from web.platform.pages import everywhere, platform_blueprint
from web.words import _

blueprint = platform_blueprint("costs", __name__)

SPANS = (7, 30, 90)
RESTAURANTS = 50
# A model counts as used when it held a call in the last days.
USED_WITHIN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class _Costs:
    by_model: tuple[Cost, ...]
    by_restaurant: tuple[Cost, ...]
    used: frozenset[str]

    @property
    def total(self) -> Decimal:
        return sum((cost.dollars for cost in self.by_model), Decimal(0))

    @property
    def calls(self) -> int:
        return sum(cost.calls for cost in self.by_model)

    @property
    def a_call(self) -> Decimal | None:
        return self.total / self.calls if self.calls else None


@blueprint.get("/costs")
@platform
def index() -> ResponseReturnValue:
    asked = request.args.get("days", type=int)
    days = asked if asked in SPANS else 30
    today = datetime.now(UTC).date()

    async def work(connection: Connection) -> _Costs:
        first = today - timedelta(days=days - 1)
        lately = await tenants.costs_by_model(connection, today - USED_WITHIN, today)
        return _Costs(
            by_model=await tenants.costs_by_model(connection, first, today),
            by_restaurant=await tenants.costs_by_restaurant(connection, first, today, RESTAURANTS),
            used=frozenset(cost.name for cost in lately),
        )

    costs = everywhere(work)
    used = {one.model for model in costs.used if (one := model_retirements.of_model(model)) is not None}
    return render_template(
        "platform/costs.html",
        costs=costs,
        days=days,
        spans=SPANS,
        most=RESTAURANTS,
        retirements=model_retirements.RETIREMENTS,
        used=used,
        today=today,
        soon=today + model_retirements.SOON,
        purposes={
            "conversation": _("Conversation"),
            "transcription": _("Transcription"),
            "greeting": _("Greeting's voice"),
        },
    )
