"""The orders board: what it shows, and its drawing, which all who see the same share.

A ticket is drawn once for as long as its order stands as it does; only its clock is drawn each time. A whole board is
used again for a moment while Postgres says that nothing of it has changed (``web.drawings``). And a reader who asks for
the page again gets it from the loop when, besides, their session and the restaurant are as they were: one statement
(``stores.board_states``) answers all of that, at every request. A drawing holds nothing of who looks.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache

from flask import Response, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from domain.kitchen import BACK, NEXT, OPEN
from stores import board_states, calls, kitchen, restaurants
from stores.board_states import BoardState, Shown
from stores.calls import LoggedCall
from stores.ciphers import PiiCipher
from stores.kitchen import Board
from stores.orders import Order
from stores.postgres import Connection
from stores.sessions import Session
from web import assets, context, formats, language, metrics, paging, words
from web.assets import Packed
from web.database import Database, UnavailableError
from web.drawings import Drawing, Drawings
from web.identity import accounts
from web.place.clocks import clock
from web.place.tenancy import in_restaurant, may_edit, restaurant
from web.serving import handover
from web.serving.handover import Handover
from web.words import _, plural

# Open orders stay on the board for so long; those that nobody has closed by then are counted, and closed together.
OPEN_FOR = timedelta(hours=24)
CLOSED = 20
CLOSE_AT_ONCE = 200
# A cart that nobody agreed to stays on the board for so long; after that it is on its call's page only.
CALL_BACK_WITHIN = timedelta(hours=24)
UNCONFIRMED = 60
# Of a few KB each.
MOST_TICKETS = 8192

_HERE = f"<!-- {secrets.token_hex(16)} -->"  # where the drawing stands in the page

# What Flask gives every template of the request and the session: a drawing that asks for it fails instead.
_NOBODYS: dict[str, object] = dict.fromkeys(("g", "request", "session", "csrf_token", "get_flashed_messages"))

Key = tuple[str, str, str, bool]


@dataclass(frozen=True, slots=True)
class Ticket:
    """A card around its clock: the order's number and promise; its lines and its buttons."""

    head: Markup
    rest: Markup


# --- What it shows -------------------------------------------------------------------------------------------------


def _shown(now: datetime, zone: str) -> Shown:
    return Shown(
        since=now - OPEN_FOR,
        closed_since=formats.day_start(now, zone),
        closed_limit=CLOSED + 1,
        left_open_limit=CLOSE_AT_ONCE + 1,
        carts_since=now - CALL_BACK_WITHIN,
        carts_limit=UNCONFIRMED + 1,
    )


async def _read(connection: Connection, shown: Shown, pii: PiiCipher) -> tuple[Board, tuple[LoggedCall, ...]]:
    found = await kitchen.board(
        connection,
        shown.since,
        shown.closed_since,
        closed_limit=shown.closed_limit,
        left_open_limit=shown.left_open_limit,
        pii=pii,
    )
    return found, await calls.unconfirmed(connection, shown.carts_since, shown.carts_limit, pii=pii)


# --- Its drawing ---------------------------------------------------------------------------------------------------


def drawing() -> Drawing:
    """The board as all of this role see it."""
    return _look("")[0]


def with_conflict(present: Order) -> str:
    """The board, and that an order was not moved because it is already where ``present`` says."""
    now, pii = datetime.now(UTC), context.pii()
    shown = _shown(now, restaurant().zone)
    return _draw(*in_restaurant(lambda connection: _read(connection, shown, pii)), now, conflict=present)


def _look(token: str) -> tuple[Drawing, BoardState, bool]:
    """The drawing; how all stood just before it was looked at, the session of ``token`` included; and whether the
    restaurant is still what this request took it for."""
    now, place, drawings = datetime.now(UTC), restaurant(), context.drawings()
    shown, idle, pii, key = _shown(now, place.zone), accounts.idle_limit(), context.pii(), _key()
    with drawings.one_at_a_time(key):
        kept = drawings.get(key)

        async def work(
            connection: Connection,
        ) -> tuple[BoardState, bool, tuple[Board, tuple[LoggedCall, ...]] | None]:
            # The state first: what is read later is that new at least, and never taken for newer than it is.
            state = await board_states.read(connection, place.id, shown, token=token, idle=idle)
            same = bool(token) and await restaurants.get(connection, place.id) == place
            if kept is not None and kept.serves(state.shown):
                return state, same, None
            return state, same, await _read(connection, shown, pii)

        state, same, read = in_restaurant(work)
        if read is None:
            assert kept is not None
            return kept, state, same
        drawn = Drawing(_draw(*read, now), state.shown)
        drawings.put(key, drawn)
    return drawn, state, same


def _key() -> Key:
    """All that a drawing depends on beside what Postgres gives the versions of."""
    return restaurant().id, restaurant().zone, language.current(), may_edit()


def _draw(board: Board, carts: tuple[LoggedCall, ...], now: datetime, **more: object) -> str:
    # Not Flask's render_template, which gives a template who is logged in.
    return current_app.jinja_env.get_template("place/orders/_board.html").render(
        _surroundings(),
        columns={status: [order for order in board.open if order.status == status] for status in OPEN},
        closed=board.closed[:CLOSED],
        more_closed=len(board.closed) > CLOSED,
        left_open=board.left_open,
        close_at_once=CLOSE_AT_ONCE,
        carts=carts[:UNCONFIRMED],
        more_carts=len(carts) > UNCONFIRMED,
        now=now,
        today=formats.local_day(now, restaurant().zone),
        can_edit=may_edit(),
        ticket_of=ticket_of,
        row_of=row_of,
        **more,
    )


def ticket_of(order: Order) -> Ticket:
    return _ticket(order, restaurant().zone, language.current())


def row_of(order: Order) -> Markup:
    """A closed order's line."""
    return _row(order, restaurant().zone, language.current())


@lru_cache(MOST_TICKETS)
def _ticket(order: Order, _zone: str, _language: str) -> Ticket:
    head, rest = (_part(name, order) for name in ("_ticket_head", "_ticket_rest"))
    return Ticket(head, rest)


@lru_cache(MOST_TICKETS)
def _row(order: Order, _zone: str, _language: str) -> Markup:
    return _part("_row", order, back=True)


def _part(name: str, order: Order, **more: object) -> Markup:
    template = current_app.jinja_env.get_template(f"place/orders/{name}.html")
    return Markup(template.render(_surroundings(), order=order, **more))


def _surroundings() -> dict[str, object]:
    around = {"restaurant": restaurant(), "language": language.current(), "_": _, "ngettext": plural}
    return _NOBODYS | around | labels()


def labels() -> dict[str, object]:
    """The words of the pages about orders."""
    return dict(_labels(language.current()))


@cache
def _labels(_language: str) -> Mapping[str, object]:
    return {
        "fulfilments": words.fulfilments(),
        "statuses": words.order_statuses(),
        "reasons": words.unconfirmed_reasons(),
        "cancel_reasons": words.cancel_reasons(),
        "moves": words.order_moves(),
        "waits": words.waits(),
        "follow_ups": words.follow_ups(),
        "next_status": NEXT,
        "status_before": BACK,
        "clock": clock,
        "open_statuses": OPEN,
        "link_after": paging.link_after,
    }


# --- Its page ------------------------------------------------------------------------------------------------------


def page() -> ResponseReturnValue:
    """The page, and how the loop gives it again."""
    drawing, state, same = _look(g.member.token)
    before, after = render_template("place/orders/board.html", board=Markup(_HERE)).split(_HERE)
    left: Handover | None = request.environ.get(handover.KEY)
    if left is None or not assets.accepts_gzip():
        return before + drawing.html + after
    around = assets.packed(before.encode()), assets.packed(after.encode())
    if same and state.session is not None and accounts.member_of(g.member.token, state.session) == g.member:
        left.again = _Again(
            database=context.database(),
            drawings=context.drawings(),
            key=_key(),
            token=g.member.token,
            session=state.session,
            idle=accounts.idle_limit(),
            restaurant=state.restaurant,
            around=around,
        )
    response = Response(assets.gzipped(around[0], drawing.part, around[1]), mimetype="text/html")
    response.headers["Content-Encoding"] = "gzip"
    return response


@dataclass(frozen=True, slots=True, kw_only=True)
class _Again:
    """The page of one session, for as long as all that its view looked at is as it was (``handover.Again``).

    ``around`` is the page without its board, drawn for ``session`` when ``restaurant`` was its row's version.
    """

    database: Database
    drawings: Drawings
    key: Key
    token: str = field(repr=False)
    session: Session
    idle: timedelta
    restaurant: str
    around: tuple[Packed, Packed] = field(repr=False)

    async def body(self) -> bytes | None:
        began = time.monotonic()
        drawing = self.drawings.get(self.key)
        if drawing is None or drawing.old:
            return None
        try:
            state = await self._state()
        except UnavailableError:
            return None  # the view says it in words
        if (state.session, state.restaurant, state.shown) != (self.session, self.restaurant, drawing.versions):
            return None
        body = assets.gzipped(self.around[0], drawing.part, self.around[1])
        metrics.answered("orders.index", 200, time.monotonic() - began)
        return body

    async def _state(self) -> BoardState:
        owner, zone = self.key[:2]
        shown = _shown(datetime.now(UTC), zone)
        return await self.database.statement(
            lambda connection: board_states.read(connection, owner, shown, token=self.token, idle=self.idle)
        )
