"""The tool that chooses a house of the chain, the offer of a sister, and what of a cart goes along to another house.

A caller who is asked which house they want is taken to the one they name. Nobody else is moved without a yes to just
that question. No house but those of the call's own chain can be named: there is no id to give.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid5

from domain import carts, choices, hours, reservations, spoken_time
from domain.agreement import NOTHING_READ, Agreement, require_agreement
from domain.chains import Because, Chain, House, delivering_to, for_place, open_now
from domain.errors import Refused
from domain.lines import item_line
from domain.menu import Menu
from domain.modifiers import choices_of
from domain.names import fold
from domain.order import Cart, CartLine, Fulfilment
from domain.phrases import Wording
from domain.phrases.houses import house_wording
from domain.promises import promised_at
from domain.restaurant import FaqEntry, Restaurant
from domain.tool_outcomes import (
    OfferedHouse,
    OpenWish,
    OrderState,
    ReadBack,
    SwitchHouse,
    ToolAnswer,
    open_cart,
    words_of,
)
from domain.tool_parameters import ADD_HALVES, CHOOSE_HOUSE, Arguments

# Without a house these have no answer, or would have one of a house that the caller may not mean.
WITHOUT_HOUSE = frozenset((CHOOSE_HOUSE, "transfer_to_human", "end_call"))
_TAKING = frozenset(("add_item", ADD_HALVES, "change_item", "set_fulfilment", "set_time", "read_cart", "confirm_order"))
_CANNOT: dict[str, Because] = {"closed": "closed", "after_last_order": "closed", "kitchen_full": "full"}
# In the answer to whether to go on with a sister these are no "but".
_THERE = re.compile(
    r"\b(?:(?:please )?(?:take|do|order|book) (?:it |that )?(?:over )?there|(?:over )?there"
    r"|with (?:that|them|the other)(?: one| house)?"
    r"|(?:prenez|faites|commandez|reservez)(?: la| le)? la bas|la bas|celle la|avec (?:celle|elle|eux)(?: la)?)\b"
)


def choose_house(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    chain = state.chain
    if chain is None or not chain.serving:
        raise Refused("unknown_house", "There is no other house.", (), "house")
    open_cart(state)
    if state.reserved or state.changing is not None:
        message = "This call has a table or an order of before here: offer transfer_to_human for anything elsewhere."
        raise Refused("already_confirmed", message, ("transfer_to_human",), "house")
    name, place = arguments.text("house"), arguments.text("place")
    house = _named(chain, name, words_of(state)) if name else _placed(state, chain, place)
    if state.asks_for_house:
        return _switch(state, house, "asked" if name else "place")
    if house.id == state.restaurant.id:
        say = house_wording(state.restaurant.language).here.format(house=house.name)
        return ToolAnswer(replace(state, offered_house=None), say, None, {"house": house.name})
    offer = state.offered_house
    if offer is None or offer.id != house.id:
        return _asked(state, house, "asked", now)
    if state.agreement.version != offer.version:
        return _asked(state, house, offer.because, now)
    require_agreement(_answer_about(state.agreement, house), replace(state.cart, version=offer.version))
    return _switch(state, house, offer.because)


def require_house(state: OrderState, tool: object) -> None:
    """Raises Refused ``which_house`` for what has to wait until the caller said which house they want."""
    if state.asks_for_house and state.chain is not None and tool not in WITHOUT_HOUSE:
        raise _which(state.chain.serving, words_of(state))


def with_offer(state: OrderState, tool: object, answer: ToolAnswer, now: datetime) -> ToolAnswer:
    """``answer`` with the offer of a sister, where this house can't and one of them can; once for each reason."""
    if not _may_be_offered(answer.state, answer):
        return answer
    found = _sister(answer, tool, now)
    if found is None:
        return answer
    house, because = found
    made = (*answer.state.offers_made, because)
    asked = _asked(replace(answer.state, offers_made=made), house, because, now)
    return asked._replace(
        say=f"{answer.say} {asked.say}".strip(),
        refused=answer.refused,
        not_possible=answer.not_possible,
        extra=(answer.extra or {}) | (asked.extra or {}),
    )


def moved(state: OrderState, restaurant: Restaurant, menu: Menu, faq: tuple[FaqEntry, ...]) -> tuple[OrderState, str]:
    """The call in another house, and what is said of the cart there.

    A line goes along when that house has an item, size and options of exactly these names, at its own price; what it
    has not is an open wish: the caller is asked. How the food is had goes along where it is offered there.
    """
    before = state.cart
    lines, missing = _lines_of(menu, before.lines)
    cart = Cart(
        currency=menu.currency,
        order_id=str(uuid5(UUID(before.order_id), restaurant.id)),
        version=before.version + 1,
        next_number=before.next_number,
        lines=lines,
        customer_name=before.customer_name,
        wanted_at=before.wanted_at,
        allergies=before.allergies,
    )
    known = {fold(wish.dish) for wish in state.open_wishes}
    wishes = tuple(OpenWish(name, state.turn) for name in dict.fromkeys(missing) if fold(name) not in known)
    there = replace(
        state,
        restaurant=restaurant,
        menu=menu,
        faq=faq,
        cart=_with_fulfilment(cart, restaurant, before.fulfilment),
        load_minutes=0,
        agreement=NOTHING_READ,
        book=None,
        placed=None,
        found=None,
        cancelling=False,
        house_known=True,
        offered_house=None,
        sister_books={},
        open_wishes=(*(wish._replace(line=0) for wish in state.open_wishes), *wishes),
    )
    return there, _told(there, [wish.dish for wish in wishes])


# --- Which house ----------------------------------------------------------------------------------------------


def _named(chain: Chain, name: str, words: Wording) -> House:
    house = chain.called(name)
    if house is None:
        names = [one.name for one in chain.serving]
        message = "There is no house of this name: ask which of those allowed is meant."
        raise Refused("unknown_house", message, tuple(names), "house", subject=words.listing(names, words.last_or))
    return house


def _placed(state: OrderState, chain: Chain, place: str) -> House:
    words = words_of(state)
    if not place:
        raise _which(chain.serving, words)
    found = for_place(chain.serving, place)
    if len(found) == 1:
        return found[0]
    if found:
        raise _which(found, words)
    names = [one.name for one in chain.serving if one.about.pickup] or [one.name for one in chain.serving]
    message = "No house delivers there or stands there. Say so, and offer to pick up at one of those allowed."
    raise Refused("no_house_there", message, tuple(names), "place", subject=words.listing(names, words.last_or))


def _which(houses: Iterable[House], words: Wording) -> Refused:
    names = [one.name for one in houses]
    message = "Ask which house the caller wants, or their postcode; then call choose_house."
    return Refused("which_house", message, tuple(names), "house", subject=words.listing(names, words.last_or))


def _switch(state: OrderState, house: House, because: Because) -> ToolAnswer:
    say = house_wording(state.restaurant.language).here.format(house=house.name)
    return ToolAnswer(state, say, SwitchHouse(house, because), {"house": house.name})


# --- The question ---------------------------------------------------------------------------------------------


def _asked(state: OrderState, house: House, because: Because, now: datetime) -> ToolAnswer:
    """Whether to go on there: a version of the cart of its own, so that a yes to it agrees to nothing else."""
    cart = replace(state.cart, version=state.cart.version + 1)
    words = house_wording(state.restaurant.language)
    name = words.place.format(name=house.name, where=house.about.city) if house.about.city else house.name
    say = words.offers[because].format(house=name, standing=_standing(house, now, state.restaurant.language))
    offer = OfferedHouse(house.id, because, cart.version)
    asked = replace(state, cart=cart, offered_house=offer, agreement=Agreement(version=cart.version))
    extra = {"house": house.name, "agreed": False}
    return ToolAnswer(asked, say, ReadBack(cart, say, about=house.name), extra)


def _standing(house: House, now: datetime, language: str) -> str:
    words, about = house_wording(language), house.about
    if hours.is_open(about, now):
        until = hours.spoken_closing(about, now)
        return words.until.format(time=until) if until else words.open_always
    opening = hours.next_opening(about, now)
    if opening is None:
        return words.closed_for_long
    local, today = hours.local_time(about, opening), hours.local_time(about, now).date()
    return words.closed.format(time=spoken_time.moment(local, today, language))


def _answer_about(agreement: Agreement, house: House) -> Agreement:
    """Its name, said alone, is a yes; beside a yes it is no "but"."""
    if not agreement.answer:
        return agreement
    said = fold(agreement.answer)
    rest = _THERE.sub(" ", re.sub(rf"\b{re.escape(fold(house.name))}\b", " ", said))
    rest = " ".join(rest.split())
    return replace(agreement, answer=rest or "yes")


# --- The offer ------------------------------------------------------------------------------------------------


def _may_be_offered(state: OrderState, answer: ToolAnswer) -> bool:
    chain = state.chain
    settled = state.confirmed or state.reserved or state.changing or state.offered_house
    return bool(chain and chain.offers and state.restaurant.id == chain.own) and not (
        settled or answer.effect or state.asks_for_house
    )


def _sister(answer: ToolAnswer, tool: object, now: datetime) -> tuple[House, Because] | None:
    """The first that can, of those that the house offers then."""
    state = answer.state
    assert state.chain is not None
    sisters = [one for one in state.chain.serving if one.id != state.restaurant.id]
    because = _why_not(answer, tool, now)
    if because is None or because not in state.chain.offers or because in state.offers_made:
        return None
    able: tuple[House, ...]
    if tool in ("check_table", "book_table"):
        able = tuple(one for one in sisters if one.id in state.sister_books)
    elif because == "outside" and answer.refused is not None:
        able = open_now(delivering_to(sisters, answer.refused.subject), now)
    else:
        able = open_now(sisters, now)
    return (able[0], because) if able else None


def _why_not(answer: ToolAnswer, tool: object, now: datetime) -> Because | None:
    state, refused = answer.state, answer.refused
    if refused is not None and refused.code == "outside_zone":
        return "outside"
    if refused is not None and refused.code == "no_table_free":
        return "full"
    if tool not in _TAKING or (refused is not None and refused.code not in _CANNOT):
        return None
    try:
        promised_at(state.restaurant, now, state.load_minutes, Fulfilment("pickup"), None, state.called_at)
    except Refused as reason:
        return _CANNOT.get(reason.code)
    return None


def has_table(house: House, book: reservations.Book, now: datetime, at: datetime, covers: int) -> bool:
    """Whether a sister has a table for so many at this time, by its own rules."""
    try:
        found = reservations.answer(house.about, book, now, at, covers)
    except Refused:
        return False
    return bool(found.seating)


# --- The cart -------------------------------------------------------------------------------------------------


def _lines_of(menu: Menu, lines: Iterable[CartLine]) -> tuple[tuple[CartLine, ...], list[str]]:
    """What ``menu`` has of them under the same names, and the names of what it has not."""
    found, missing = [], []
    for line in lines:
        there = _same(menu, line)
        if there is None:
            missing.append(line.item_name)
        else:
            found.append(there)
    return tuple(found), missing


def _same(menu: Menu, line: CartLine) -> CartLine | None:
    """Halves and combos are asked about: their parts belong to one house's menu."""
    item = next((one for one in menu.items if fold(one.name) == fold(line.item_name)), None)
    if item is None or line.parts or item.combo or not choices.sellable(menu, item):
        return None
    try:
        there = item_line(menu, line.number, item, line.size_name, choices_of(line.modifiers), line.quantity, line.note)
    except Refused:
        return None
    return there if _names(there) == _names(line) else None


def _names(line: CartLine) -> tuple[str, list[tuple[str, str]]]:
    return fold(line.size_name), sorted((fold(one.plain_name), one.amount) for one in line.modifiers)


def _with_fulfilment(cart: Cart, restaurant: Restaurant, before: Fulfilment | None) -> Cart:
    if before is None:
        return cart
    try:
        return carts.set_fulfilment(cart, restaurant, before.kind, before.address)
    except Refused:
        return cart


def _told(state: OrderState, missing: list[str]) -> str:
    words, said, cart = words_of(state), house_wording(state.restaurant.language), state.cart
    house = state.chain.by_id(state.restaurant.id) if state.chain is not None else None
    name = house.name if house is not None else state.restaurant.name
    told = [said.here.format(house=name)]
    if cart.lines:
        lines = words.listing([words.describe(line) for line in cart.lines], words.last_and)
        told.append(said.taken.format(house=name, lines=lines, total=words.money(cart.total_cents, cart.currency)))
    if missing:
        told.append(said.not_there.format(house=name, names=words.listing(missing, words.last_and)))
    return " ".join(told)
