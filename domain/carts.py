"""The cart: each operation takes one and gives a new one, or raises ``Refused`` and changes nothing.

``version`` grows with every real change (setting what is already set is none): what the caller has heard and agreed
to is said of a version (``domain.agreement``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain import money
from domain.agreement import Agreement, require_agreement
from domain.choices import find_item, item_of_line
from domain.delivery import require_zone, zone_for
from domain.errors import Refused
from domain.limits import STANDARD_LIMITS, Limits, require_no_growth_beyond, require_within
from domain.lines import checked_quantity, halves_line, item_line, rebuilt
from domain.menu import Menu, MenuItem
from domain.modifiers import Choice, kept_choices
from domain.names import fold, person_name, plain_text
from domain.notes import MAX_NOTE
from domain.order import Address, Cart, CartLine, ConfirmedOrder, Fulfilment, VatShare
from domain.promises import promised_at
from domain.restaurant import Restaurant
from domain.vat import standard_rate_bp

MAX_LINES = 40
MAX_NAME = 80
MAX_STREET = 120
MAX_POSTCODE = 40  # as it is said: « soixante-quinze zéro onze »
MAX_CITY = 60


@dataclass(frozen=True, slots=True)
class Totals:
    """In cents, VAT included: ``items_cents + fee_cents == total_cents == sum of vat[].gross_cents``."""

    items_cents: int
    fee_cents: int
    total_cents: int
    vat: tuple[VatShare, ...]


def new_cart(menu: Menu, order_id: str) -> Cart:
    """An empty cart. ``order_id`` is a fresh UUID: the id of the order that it may become."""
    return Cart(currency=menu.currency, order_id=order_id)


def add(
    cart: Cart,
    menu: Menu,
    item_name: str,
    size_name: str = "",
    modifier_names: Sequence[str | Choice] = (),
    quantity: int = 1,
    note: str = "",
    *,
    limits: Limits = STANDARD_LIMITS,
) -> Cart:
    """A new last line. Raises Refused: see ``domain.choices``, and ``bad_quantity``, ``cart_full``, ``over_limit``.

    ``limits`` is the restaurant.
    """
    if len(cart.lines) >= MAX_LINES:
        raise Refused("cart_full", f"A cart holds at most {MAX_LINES} lines.", (), "item")
    item = find_item(menu, item_name)
    clean = plain_text(note, MAX_NOTE, "note")
    line = item_line(menu, cart.next_number, item, size_name, modifier_names, quantity, clean)
    return _with_line(cart, line, limits)


def add_halves(
    cart: Cart,
    menu: Menu,
    item_names: tuple[str, str],
    size_name: str = "",
    modifier_names: Sequence[str | Choice] = (),
    modifiers_on: tuple[Sequence[str | Choice], Sequence[str | Choice]] = ((), ()),
    quantity: int = 1,
    note: str = "",
    *,
    limits: Limits = STANDARD_LIMITS,
) -> Cart:
    """A new last line of two halves; ``modifiers_on`` is on one half only. Raises Refused as ``add`` does, and
    ``halves_not_offered``."""
    if len(cart.lines) >= MAX_LINES:
        raise Refused("cart_full", f"A cart holds at most {MAX_LINES} lines.", (), "item")
    items = (find_item(menu, item_names[0]), find_item(menu, item_names[1]))
    clean = plain_text(note, MAX_NOTE, "note")
    line = halves_line(menu, cart.next_number, items, size_name, modifier_names, modifiers_on, quantity, clean)
    return _with_line(cart, line, limits)


def _with_line(cart: Cart, line: CartLine, limits: Limits) -> Cart:
    larger = _changed(cart, lines=(*cart.lines, line), next_number=cart.next_number + 1)
    require_no_growth_beyond(cart, larger, limits)
    return larger


def change(
    cart: Cart,
    menu: Menu,
    number: int,
    *,
    quantity: int | None = None,
    size_name: str | None = None,
    add_modifiers: Sequence[str | Choice] = (),
    remove_modifiers: Sequence[str] = (),
    item_name: str | None = None,
    note: str | None = None,
    limits: Limits = STANDARD_LIMITS,
) -> Cart:
    """Line ``number`` with what is given changed; it keeps its number.

    A change of quantity or note alone keeps the price that the caller heard; any other goes through the menu again.
    A change of item keeps the size and those modifiers that the new item has too. ``limits`` is the restaurant.
    """
    old = line_by_number(cart, number)
    amount = old.quantity if quantity is None else quantity
    if item_name or size_name or add_modifiers or remove_modifiers:
        if old.parts:
            message = "Halves and combos are changed as a whole: remove the line, then add it anew."
            raise Refused("line_of_parts", message, ("remove_item", "add_item"), "line")
        item = find_item(menu, item_name) if item_name else item_of_line(menu, old)
        size = size_name or _kept_size(item, old)
        choose: list[str | Choice] = [*kept_choices(item, old, remove_modifiers), *add_modifiers]
        line = item_line(menu, number, item, size, choose, amount, old.note, "add_modifiers")
    elif quantity is not None or note is not None:
        line = replace(old, quantity=checked_quantity(amount))
    else:
        allowed = ("item", "size", "quantity", "add_modifiers", "remove_modifiers", "without", "note")
        raise Refused("nothing_to_change", "Say what to change on the line.", allowed, "line")
    if note is not None:
        line = replace(line, note=plain_text(note, MAX_NOTE, "note"))
    changed = _changed(cart, lines=tuple(line if one.number == number else one for one in cart.lines))
    require_no_growth_beyond(cart, changed, limits)
    return changed


def remove(cart: Cart, number: int) -> Cart:
    gone = line_by_number(cart, number)
    return _changed(cart, lines=tuple(line for line in cart.lines if line is not gone))


def line_by_number(cart: Cart, number: int) -> CartLine:
    """Raises Refused ``unknown_line`` with the numbers in the cart."""
    for line in cart.lines:
        if line.number == number:
            return line
    allowed = tuple(str(line.number) for line in cart.lines)
    raise Refused("unknown_line", "The cart has no line with this number.", allowed, "line")


def offered_kinds(restaurant: Restaurant) -> tuple[str, ...]:
    kinds = (("pickup", restaurant.pickup), ("delivery", restaurant.delivery), ("dine_in", restaurant.dine_in))
    return tuple(kind for kind, offered in kinds if offered)


def set_fulfilment(cart: Cart, restaurant: Restaurant, kind: str, address: Address | None = None) -> Cart:
    """How the caller gets the food; a delivery address may come in parts, the blank ones keep what was said.

    The zone, and so the fee, is known as soon as the postcode is. Raises Refused ``fulfilment_not_offered``
    or ``outside_zone``.
    """
    if kind not in offered_kinds(restaurant):
        message = "The restaurant does not offer this."
        raise Refused("fulfilment_not_offered", message, offered_kinds(restaurant), "kind")
    if kind != "delivery":
        return _changed(cart, fulfilment=Fulfilment("pickup" if kind == "pickup" else "dine_in"))
    known = cart.fulfilment.address if cart.fulfilment else None
    merged = _merged_address(known, address)
    if merged is None or not merged.postcode:
        return _changed(cart, fulfilment=Fulfilment("delivery", merged))
    fee = require_zone(restaurant, merged.postcode).fee_cents
    return _changed(cart, fulfilment=Fulfilment("delivery", merged, fee))


def set_customer(cart: Cart, name: str) -> Cart:
    return _changed(cart, customer_name=person_name(name, MAX_NAME))


def set_allergies(cart: Cart, allergies: tuple[str, ...]) -> Cart:
    """What somebody who will eat can't have, all of it (``domain.allergies``)."""
    return _changed(cart, allergies=allergies)


def set_wanted_time(cart: Cart, wanted_at: datetime | None) -> Cart:
    """When the caller wants the order, aware; None for as soon as possible. Whether that can be is for ``promise``."""
    return _changed(cart, wanted_at=wanted_at)


def refreshed(cart: Cart, menu: Menu, kept: Sequence[CartLine] = ()) -> tuple[Cart, tuple[str, ...], tuple[str, ...]]:
    """The cart at the present menu, the items that are gone from it, and those that are kept at another price.

    A line goes when its item, its size or an option was taken off the menu or sold out since, and the caller has to
    be told; one whose price or choice changed is kept as it now is. Lines of ``kept`` stay as they are.
    """
    lines: list[CartLine] = []
    gone: list[str] = []
    dearer: list[str] = []
    for line in cart.lines:
        if line in kept:
            lines.append(line)
            continue
        try:
            now = rebuilt(menu, line)
        except Refused:
            gone.append(line.item_name)
            continue
        lines.append(now)
        if now.unit_cents != line.unit_cents:
            dearer.append(line.item_name)
    return _changed(cart, lines=tuple(lines)), tuple(gone), tuple(dearer)


def totals(cart: Cart, country: str) -> Totals:
    """VAT by how the food is had (take-away while that is not said), the fee at the country's standard rate.

    It is computed on the sum of each rate, not by line, as on a till receipt.
    """
    kind = cart.fulfilment.kind if cart.fulfilment else "pickup"
    gross: dict[int, int] = {}
    for vat, cents in (share for line in cart.lines for share in line.shares):
        rate = vat.rate_bp(kind)
        gross[rate] = gross.get(rate, 0) + cents
    if cart.fee_cents:
        rate = standard_rate_bp(country)
        gross[rate] = gross.get(rate, 0) + cart.fee_cents
    shares = tuple(VatShare(rate, cents, money.vat_included(cents, rate)) for rate, cents in sorted(gross.items()))
    return Totals(cart.items_cents, cart.fee_cents, cart.total_cents, shares)


def minimum_cents(cart: Cart, restaurant: Restaurant) -> int:
    """What the items must come to, the delivery fee aside: the zone's minimum, 0 without a known zone."""
    address = cart.fulfilment.address if cart.fulfilment else None
    zone = zone_for(restaurant, address.postcode) if address else None
    return zone.minimum_cents if zone else 0


def below_minimum(cart: Cart, restaurant: Restaurant) -> bool:
    return cart.items_cents < minimum_cents(cart, restaurant)


def missing(cart: Cart, restaurant: Restaurant, agreement: Agreement) -> tuple[str, ...]:
    """What still stands between this cart and an order, in the order to ask for it.

    A subset of items, fulfilment, address, customer_name, read_back. ``items`` also when a delivery is below its
    zone's minimum; ``read_back`` until this version was read out.
    """
    address = cart.fulfilment.address if cart.fulfilment else None
    is_delivery = cart.fulfilment is not None and cart.fulfilment.kind == "delivery"
    checks = (
        ("items", not cart.lines or below_minimum(cart, restaurant)),
        ("fulfilment", cart.fulfilment is None),
        ("address", is_delivery and not (address and address.street and address.postcode)),
        ("customer_name", not cart.customer_name),
        ("read_back", agreement.version != cart.version),
    )
    return tuple(name for name, lacking in checks if lacking)


def confirm(
    cart: Cart,
    restaurant: Restaurant,
    agreement: Agreement,
    call_id: str,
    now: datetime,
    load_minutes: int,
    called_at: datetime | None = None,
    allergies: str = "",
) -> ConfirmedOrder:
    """The order as it is to be written; ``allergies`` is what the kitchen reads of them.

    Raises Refused for the first thing missing (``empty_cart``, ``below_minimum``, ``fulfilment_needed``,
    ``address_needed``, ``name_needed``), for a zone or kind no longer offered, ``over_limit``, for a time that
    can't be promised (``domain.promises``), and for what ``domain.agreement`` finds lacking.
    """
    lacking = missing(cart, restaurant, agreement)
    if lacking and lacking[0] != "read_back":
        raise incomplete(cart, restaurant, lacking[0])
    fulfilment = cart.fulfilment
    if fulfilment is None:
        raise incomplete(cart, restaurant, "fulfilment")
    if fulfilment.kind not in offered_kinds(restaurant):
        message = "The restaurant no longer offers this."
        raise Refused("fulfilment_not_offered", message, offered_kinds(restaurant), "kind")
    if fulfilment.address:
        require_zone(restaurant, fulfilment.address.postcode)
    require_within(cart, restaurant)
    promise = promised_at(restaurant, now, load_minutes, fulfilment, cart.wanted_at, called_at)
    require_agreement(agreement, cart)
    sums = totals(cart, restaurant.country)
    return ConfirmedOrder(
        id=cart.order_id,
        call_id=call_id,
        restaurant_id=restaurant.id,
        currency=cart.currency,
        lines=cart.lines,
        fulfilment=fulfilment,
        customer_name=cart.customer_name,
        total_cents=sums.total_cents,
        vat=sums.vat,
        confirmed_at=now,
        promised_at=promise,
        allergies=allergies,
    )


def incomplete(cart: Cart, restaurant: Restaurant, part: str) -> Refused:
    """What there is to say of a part that is ``missing``."""
    if part == "fulfilment":
        message = "Ask how the caller wants the order, then call set_fulfilment."
        return Refused("fulfilment_needed", message, offered_kinds(restaurant), "fulfilment")
    if part == "address":
        return Refused("address_needed", "Ask for the delivery address.", ("street", "postcode"), "address")
    if part == "customer_name":
        return Refused("name_needed", "Ask for the caller's name, then call set_customer.", (), "customer_name")
    if not cart.lines:
        return Refused("empty_cart", "The cart is empty: add an item first.", (), "items")
    least = minimum_cents(cart, restaurant)
    message = f"Items must come to {money.decimal_text(least)} {cart.currency} for this delivery: offer more or pickup."
    spoken = money.spoken(least, cart.currency, restaurant.language)
    others = tuple(kind for kind in offered_kinds(restaurant) if kind != "delivery")
    return Refused("below_minimum", message, others, "items", subject=spoken)


def _changed(cart: Cart, **fields: object) -> Cart:
    new = replace(cart, **fields)  # type: ignore[arg-type]
    return cart if new == cart else replace(new, version=cart.version + 1)


def _kept_size(item: MenuItem, line: CartLine) -> str:
    """The line's size where the item has it; else none, so that the size is asked for again if needed."""
    return next((size.name for size in item.sizes if fold(size.name) == fold(line.size_name)), "")


def _merged_address(known: Address | None, said: Address | None) -> Address | None:
    if said is None:
        return known
    old = known or Address("", "")
    merged = Address(
        street=plain_text(said.street, MAX_STREET, "street") or old.street,
        postcode=plain_text(said.postcode, MAX_POSTCODE, "postcode") or old.postcode,
        city=plain_text(said.city, MAX_CITY, "city") or old.city,
    )
    return merged if merged != Address("", "") else None
