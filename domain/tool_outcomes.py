"""What a tool begins with and what it gives: the call's state, the effects on the world, the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from domain.agreement import NOTHING_READ, Agreement
from domain.calls import Ending
from domain.chains import Because, Chain, House
from domain.errors import Refused
from domain.left_messages import LeftMessage
from domain.menu import Menu
from domain.order import Cart, ConfirmedOrder, Offer, Upsell, upsell_of
from domain.phrases import Wording, wording_for
from domain.placed import PlacedOrder
from domain.reservations import Book
from domain.restaurant import FaqEntry, Restaurant


class OpenWish(NamedTuple):
    """A dish, or an option of one, as the caller called it; ``turn`` is the caller's turn in which it was noted,
    ``line`` the number of the line whose option it is, 0 for a dish or where that is not known."""

    dish: str
    turn: int = 0
    line: int = 0


class OfferedHouse(NamedTuple):
    """A sister that the caller was asked whether to go on with; ``version`` is the cart's of that question."""

    id: str
    because: Because
    version: int


@dataclass(frozen=True, slots=True)
class OrderState:
    """One call's state. ``confirmed`` is set by the first confirm_order: from then on the cart is closed.

    The handler keeps ``agreement`` true, and ``restaurant``, ``menu`` and ``load_minutes`` as they are at present when
    confirm_order is applied. It sets ``confirmed`` again when it resumes a call, and to None when the database refuses
    the order for good. Before a table is asked for it sets ``book`` to what is known of the tables around that time
    (``table_time``), None when nobody can tell; ``reserved`` once the call has made its reservation. ``warned``: an
    abusive caller was told that the call will end. ``open_wishes`` are dishes and options that cannot be had and that
    the caller has not let go of (``domain.wishes``); ``turn`` counts the caller's turns, which the handler tells.
    Before an order of before is asked for it sets ``placed`` to those that it may be (``placed_tools.wanted``), None
    when nobody can tell; ``found`` is the one that the caller may hear of, ``order_misses`` how often none was found.
    ``changing`` is the order that the cart was taken from: what is confirmed replaces it. ``cancelling``: whether to
    cancel it was asked last.

    ``chain`` is that of the restaurant that was called, None for one that is in none; ``house_known`` says that the
    caller's house is, where they are asked for it. ``offered_house`` is the sister that the caller was asked last
    whether to go on with, and why; ``offers_made`` why one was offered so far. Before a table that there is none of is
    refused the handler sets ``sister_books`` to what is known of the sisters' tables, by their ids.

    ``caller_known``: the caller shows a number. ``asked_number`` is another one, to ring back, that they were asked
    last whether it is right; ``messages`` are those for the team that are kept.
    """

    restaurant: Restaurant
    menu: Menu
    faq: tuple[FaqEntry, ...]
    cart: Cart
    call_id: str
    load_minutes: int = 0
    confirmed: ConfirmedOrder | None = None
    agreement: Agreement = NOTHING_READ
    called_at: datetime | None = None
    book: Book | None = None
    reserved: bool = False
    offered: Offer | None = None
    warned: bool = False
    open_wishes: tuple[OpenWish, ...] = ()
    turn: int = 0
    placed: tuple[PlacedOrder, ...] | None = None
    found: PlacedOrder | None = None
    order_misses: int = 0
    changing: PlacedOrder | None = None
    cancelling: bool = False
    chain: Chain | None = None
    house_known: bool = False
    offered_house: OfferedHouse | None = None
    offers_made: tuple[Because, ...] = ()
    sister_books: Mapping[str, Book] = field(default_factory=dict)
    caller_known: bool = False
    asked_number: str = ""
    messages: tuple[LeftMessage, ...] = ()

    @property
    def asks_for_house(self) -> bool:
        """Whether nothing can be done before the caller said which house they want."""
        return self.chain is not None and self.chain.asks and not self.house_known

    @property
    def upsell(self) -> Upsell:
        return upsell_of(self.offered, self.cart)


@dataclass(frozen=True, slots=True)
class ConfirmOrder:
    """Write this order, once for its id; the same order comes again if the model repeats."""

    order: ConfirmedOrder


@dataclass(frozen=True, slots=True)
class ChangeOrder:
    """Write ``order`` in the place of ``before``, both or neither; not if somebody moved that one meanwhile."""

    order: ConfirmedOrder
    before: PlacedOrder


@dataclass(frozen=True, slots=True)
class CancelPlaced:
    """Cancel ``before`` for the caller, if nobody moved it meanwhile."""

    before: PlacedOrder


@dataclass(frozen=True, slots=True)
class ReadBack:
    """The caller is to hear ``cart`` read out: ``sentence``, or as much in other words (``agreement.misread``).

    ``others`` are the names of the menu's items that are not in it. With ``about`` it is no read-back but a question
    about something of that name: all that has to be said of it.
    """

    cart: Cart
    sentence: str
    others: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True, slots=True)
class BookTable:
    """Write the call's reservation, or change it to this. Somebody else may have the last table by now."""

    starts_at: datetime
    covers: int
    name: str
    note: str


@dataclass(frozen=True, slots=True)
class KeepMessage:
    """Write this message for the team, in the place of the call's one of the same kind."""

    message: LeftMessage


@dataclass(frozen=True, slots=True)
class SwitchHouse:
    """Go on in this house: read all of it anew, and take over what it has of the cart (``house_tools.moved``)."""

    house: House
    because: Because


@dataclass(frozen=True, slots=True)
class Transfer:
    """Forward the call to ``number`` (personal: never logged in clear)."""

    number: str
    reason: str


@dataclass(frozen=True, slots=True)
class EndCall:
    """Hang up once the goodbye was played; a ``firm`` end is not put off by what the caller still says."""

    because: Ending = "done"

    @property
    def firm(self) -> bool:
        return self.because in ("abuse", "prank", "time_limit")


Effect = (
    ConfirmOrder | ChangeOrder | CancelPlaced | ReadBack | BookTable | KeepMessage | SwitchHouse | Transfer | EndCall
)


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """``result`` is JSON for the model: ``ok``, ``say``, ``cart``, ``missing``, and ``error`` when not ok."""

    state: OrderState
    result: dict[str, Any]
    effect: Effect | None = None


class ToolAnswer(NamedTuple):
    """``not_possible`` is what was left out of a wish that was granted otherwise."""

    state: OrderState
    say: str
    effect: Effect | None = None
    extra: dict[str, Any] | None = None
    refused: Refused | None = None  # the state changed all the same: the cart is as the menu has it now
    not_possible: tuple[Refused, ...] = ()


def words_of(state: OrderState) -> Wording:
    return wording_for(state.restaurant.language)


def open_cart(state: OrderState) -> Cart:
    if state.confirmed:
        message = "The order is with the kitchen and can no longer be changed: offer transfer_to_human."
        raise Refused("already_confirmed", message, ("transfer_to_human",), "")
    return state.cart
