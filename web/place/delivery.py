"""How orders leave the house: what is offered, how fast, how large, and the zones that are delivered to."""

import re

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain.delivery import normal_postcode
from domain.restaurant import DeliveryZone
from stores import restaurants
from stores.postgres import Connection
from web import formats, language, words
from web.access import managers, staff
from web.forms import Form
from web.place import changes
from web.place.tenancy import audit, in_restaurant, restaurant, restaurant_blueprint
from web.words import _

blueprint = restaurant_blueprint("delivery", __name__)

MAX_ZONES = 30
MAX_POSTCODES = 100
LONGEST_POSTCODE = 20
MAX_MINUTES = 600
_OFFERS = ("pickup", "delivery", "dine_in", "prep_minutes", "max_order_items", "max_load_minutes", "changes_until")
_ZONE_FIELDS = ("name", "postcodes", "minimum", "fee", "minutes")


@blueprint.get("/delivery")
@staff
def index() -> ResponseReturnValue:
    return _page()


@blueprint.post("/delivery/offers")
@managers
def save_offers() -> ResponseReturnValue:
    form = Form(request.form)
    values: dict[str, object] = {name: form.is_on(name) for name in ("pickup", "delivery", "dine_in")}
    values["prep_minutes"] = form.integer("prep_minutes", _("Preparation"), 0, MAX_MINUTES)
    values["max_order_cents"] = form.cents("max_order", _("Largest order"))
    values["max_order_items"] = form.integer("max_order_items", _("Most portions"), 1, 2000)
    values["max_load_minutes"] = form.integer("max_load_minutes", _("Kitchen’s load"), 0, 240)
    values["changes_until"] = form.choice("changes_until", _("Changes by guests"), words.changes_until())
    if values["max_order_cents"] == 0:
        form.refuse("max_order", _("Largest order: more than zero, such as 500."))
    if not (values["pickup"] or values["delivery"] or values["dine_in"]):
        form.refuse("pickup", _("What you offer: tick at least one, or callers can order nothing."))
    if form.problems:
        return _page(offers=form, status=422)
    changes.save("delivery.offers_changed", values)
    flash(_("Saved. It holds from the next call on."), "good")
    return redirect(url_for(".index"), 303)


@blueprint.post("/delivery/zones")
@managers
def save_zones() -> ResponseReturnValue:
    """All zones at once, in their order. One whose name and postcodes are emptied is gone."""
    form, place = Form(request.form), restaurant()
    numbers = [number for number in range(MAX_ZONES + 1) if _is_filled(form, number)]
    zones = [_zone(form, number) for number in numbers]
    if len(zones) > MAX_ZONES:
        form.refuse(f"zone-{numbers[-1]}-name", _("Zones: at most %(most)s.", most=MAX_ZONES))
    if form.problems:
        return _page(zones=form, rows=numbers, status=422)

    async def work(connection: Connection) -> None:
        before = (await restaurants.get(connection, place.id)).delivery_zones
        if tuple(zones) == before:
            return
        await restaurants.set_delivery_zones(connection, place.id, zones)
        await audit(connection, "delivery.zones_changed", subject=place.id, before=before, after=zones)
        await changes.tell(connection, place.id, "delivery_zones")

    in_restaurant(work)
    flash(_("The zones are saved. It holds from the next call on."), "good")
    return redirect(url_for(".index", _anchor="zones"), 303)


def _is_filled(form: Form, number: int) -> bool:
    return bool(form.typed(f"zone-{number}-name").strip() or form.typed(f"zone-{number}-postcodes").strip())


def _zone(form: Form, number: int) -> DeliveryZone:
    field = f"zone-{number}-"
    return DeliveryZone(
        name=form.text(f"{field}name", _("Name"), most=80, required=True),
        postcodes=_postcodes(form, f"{field}postcodes"),
        minimum_cents=form.cents(f"{field}minimum", _("Minimum")),
        fee_cents=form.cents(f"{field}fee", _("Fee")),
        minutes=form.integer(f"{field}minutes", _("On the way"), 0, MAX_MINUTES),
    )


def _postcodes(form: Form, name: str) -> tuple[str, ...]:
    """As typed, one for each spelling that means the same."""
    place = restaurant()
    typed = [code.strip() for code in re.split(r"[,;\n]", form.typed(name)) if code.strip()]
    by_meaning = {normal_postcode(code, place.country, place.language): code for code in typed}
    if not typed or "" in by_meaning:
        form.refuse(name, _("Postcodes: at least one, with commas between, such as 75011, 75012."))
    elif len(typed) > MAX_POSTCODES or any(len(code) > LONGEST_POSTCODE for code in typed):
        form.refuse(name, _("Postcodes: at most %(most)s, with commas between.", most=MAX_POSTCODES))
    return tuple(by_meaning.values())


def _page(
    *, offers: Form | None = None, zones: Form | None = None, rows: list[int] | None = None, status: int = 200
) -> ResponseReturnValue:
    place, reader = restaurant(), language.current()
    saved: dict[str, object] = {name: getattr(place, name) for name in _OFFERS}
    saved["max_order"] = formats.price_input(place.max_order_cents, reader)
    if zones is None:
        zones = Form(saved=_saved_zones(place.delivery_zones, reader))
        rows = list(range(len(place.delivery_zones)))
    rows = rows or []
    free = next(number for number in range(MAX_ZONES + 2) if number not in rows)
    page = render_template(
        "place/delivery/delivery.html",
        offers=offers or Form(saved=saved),
        changes_until=words.changes_until(),
        zones=zones,
        rows=rows if len(rows) >= MAX_ZONES else [*rows, free],
        free=free,
    )
    return page, status


def _saved_zones(zones: tuple[DeliveryZone, ...], reader: str) -> dict[str, object]:
    saved: dict[str, object] = {}
    for number, zone in enumerate(zones):
        shown = (
            zone.name,
            ", ".join(zone.postcodes),
            formats.price_input(zone.minimum_cents, reader),
            formats.price_input(zone.fee_cents, reader),
            zone.minutes,
        )
        saved.update({f"zone-{number}-{field}": value for field, value in zip(_ZONE_FIELDS, shown, strict=True)})
    return saved
