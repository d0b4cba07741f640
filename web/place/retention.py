"""How long the restaurant keeps what tells of people: its own days, within those of the platform."""

from dataclasses import asdict

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from stores import retention_choices
from stores.postgres import Connection
from stores.retention_choices import Choice
from web import context
from web.access import managers
from web.forms import Form
from web.place.tenancy import audit, in_restaurant, restaurant, restaurant_blueprint
from web.words import _

blueprint = restaurant_blueprint("retention", __name__)

# An order or a table may be for a day that is weeks ahead: until then somebody has to be found.
LEAST_CUSTOMER_DAYS = 30


@blueprint.get("/retention")
@managers
def index() -> ResponseReturnValue:
    return _page()


@blueprint.post("/retention")
@managers
def save() -> ResponseReturnValue:
    form, owner, limits = Form(request.form), restaurant().id, context.settings()
    chosen = Choice(
        transcript_days=_days(form, "transcript_days", _("What was said"), 1, limits.transcript_days),
        recording_days=_days(form, "recording_days", _("Recordings"), 1, limits.transcript_days),
        customer_days=_days(form, "customer_days", _("Customers"), LEAST_CUSTOMER_DAYS, limits.customer_days),
    )
    said = chosen.transcript_days or limits.transcript_days
    if chosen.recording_days is not None and chosen.recording_days > said:
        form.refuse("recording_days", _("Recordings: at most %(days)s days, as what was said.", days=said))
    if form.problems:
        return _page(form, 422)

    async def work(connection: Connection) -> None:
        before = await retention_choices.get(connection, owner)
        if before == chosen:
            return
        await retention_choices.choose(connection, owner, chosen)
        await audit(connection, "retention.changed", subject=owner, before=asdict(before), after=asdict(chosen))

    in_restaurant(work)
    flash(_("Saved. What is older goes in the coming night."), "good")
    return redirect(url_for(".index"), 303)


def _days(form: Form, name: str, label: str, least: int, most: int) -> int | None:
    """None where nothing was typed: as long as the platform."""
    return form.integer(name, label, min(least, most), most) if form.typed(name).strip() else None


def _page(form: Form | None = None, status: int = 200) -> ResponseReturnValue:
    owner, limits = restaurant().id, context.settings()
    if form is None:
        saved = in_restaurant(lambda connection: retention_choices.get(connection, owner))
        form = Form(saved={name: days for name, days in asdict(saved).items() if days is not None})
    page = render_template(
        "place/retention/retention.html",
        form=form,
        transcript_days=limits.transcript_days,
        customer_days=limits.customer_days,
        least_customer_days=min(LEAST_CUSTOMER_DAYS, limits.customer_days),
    )
    return page, status
