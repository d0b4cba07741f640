"""The kitchen's day: every open order on the board, moved once by whoever taps first, found again, cancelled."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.integration.web.admin import (
    CALLER,
    COOK,
    OWNER,
    Admin,
    csrf_token,
    execute,
    fetch,
    leave_cart,
    make_order,
    take_order,
)
from web.formats import day_span
from web.place import orders
from web.place.board import CLOSED

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]

MANY = (
    'insert into "order" (id, restaurant_id, number, call_id, fulfilment, currency, total_cents, confirmed_at,'
    " promised_at, status) select gen_random_uuid(), restaurant_id, n, call_id || n, 'pickup', 'EUR', 100,"
    ' confirmed_at, promised_at, $1 from "order", generate_series(2, $2::integer) n'
)


def test_every_open_order_of_a_busy_day_is_on_the_board_in_its_lane(admin: Admin, log_in: LogIn) -> None:
    take_order(admin, make_order(admin), tell=False)
    execute(admin, MANY, "preparing", 180)

    board = log_in(COOK).get(f"/place/{admin.pizza.id}/orders").text

    lanes = _lanes(board)
    assert [len(lane) for lane in lanes.values()] == [1, 179, 0]
    assert sorted(lanes["confirmed"] + lanes["preparing"]) == list(range(1, 181))


@pytest.mark.usefixtures("within_one_day")
def test_closed_orders_are_folded_away_and_every_one_is_on_a_page(admin: Admin, log_in: LogIn) -> None:
    take_order(admin, make_order(admin), tell=False)
    many = 3 * orders.PAGE
    execute(admin, MANY, "done", many)
    client, base = log_in(OWNER), f"/place/{admin.pizza.id}/orders"

    board = client.get(base).text
    numbers = _walk(client, f"{base}/earlier")

    folded = board[board.index('<details class="closed"') :]
    assert len(re.findall(r'id="order-', folded)) == CLOSED
    assert f"{base}/earlier?day=" in folded
    assert sorted(numbers) == list(range(1, many + 1))


@pytest.mark.parametrize(
    ("minutes", "promised_in", "words"),
    [(3, 35, ""), (16, 35, "Over 15 min"), (21, 35, "Over 20 min"), (40, 35, "Promise passed"), (30, 300, "")],
)
def test_a_card_says_in_words_how_long_its_order_waits(
    admin: Admin, log_in: LogIn, minutes: int, promised_in: int, words: str
) -> None:
    stored = take_order(admin, make_order(admin, minutes_ago=minutes), tell=False)
    execute(admin, 'update "order" set promised_at = confirmed_at + $1', timedelta(minutes=promised_in))

    page = log_in(COOK).get(f"/place/{admin.pizza.id}/orders").text

    card = page[page.index(f'id="order-{stored.id}"') :]
    found = re.search(r"data-wait>(.*?)</span>", card)
    assert found is not None
    assert found[1] == words


def test_a_tap_moves_an_order_with_one_event_and_one_audit_entry(admin: Admin, log_in: LogIn) -> None:
    stored = take_order(admin, make_order(admin), tell=False)
    client = log_in(COOK)

    answer = _move(client, admin, stored.id, "confirmed:preparing")
    back = _move(client, admin, stored.id, "preparing:confirmed")

    assert (answer.status_code, back.status_code) == (303, 303)
    assert answer.headers["Location"].endswith(f"/orders#order-{stored.id}")
    events = fetch(admin, "select event from outbox where type = 'com.alloresto.order.moved' order by id")
    data: list[Any] = [one["event"]["data"] for one in events]  # type: ignore[index]
    assert [(one["before"], one["status"], one["number"]) for one in data] == [
        ("confirmed", "preparing", stored.number),
        ("preparing", "confirmed", stored.number),
    ]
    entries = fetch(
        admin, "select actor, action, before, after from audit_log where subject = $1 order by id", stored.id
    )
    assert entries[0] == {
        "actor": COOK,
        "action": "order.moved",
        "before": {"status": "confirmed"},
        "after": {"number": stored.number, "status": "preparing"},
    }
    assert len(entries) == 2


def test_of_two_screens_that_move_one_order_the_slower_one_is_told_who_was_first(admin: Admin, log_in: LogIn) -> None:
    stored = take_order(admin, make_order(admin), tell=False)
    client = log_in(COOK)

    first = _move(client, admin, stored.id, "confirmed:preparing")
    second = _move(client, admin, stored.id, "confirmed:preparing")
    by_htmx = _move(client, admin, stored.id, "confirmed:preparing", {"HX-Request": "true"})

    assert first.status_code == 303
    for answer in (second, by_htmx):
        assert answer.status_code == 409
        assert f"Order {stored.number} was not changed: it is already “In preparation”, moved by {COOK}" in answer.text
        assert _lanes(answer.text)["preparing"] == [stored.number]
    assert "<html" not in by_htmx.text
    assert len(fetch(admin, "select from outbox where type = 'com.alloresto.order.moved'")) == 1
    assert len(fetch(admin, "select from audit_log where subject = $1", stored.id)) == 1


@pytest.mark.parametrize("move", ["", "confirmed", "confirmed:done", "confirmed:cancelled", "eaten:done", "ready:new"])
def test_a_move_that_the_board_does_not_offer_is_refused(admin: Admin, log_in: LogIn, move: str) -> None:
    stored = take_order(admin, make_order(admin), tell=False)

    answer = _move(log_in(COOK), admin, stored.id, move)

    assert answer.status_code == 400
    assert fetch(admin, 'select status from "order"') == [{"status": "confirmed"}]


def test_an_order_of_another_restaurant_can_not_be_moved(admin: Admin, log_in: LogIn) -> None:
    stored = take_order(admin, make_order(admin), tell=False)
    client, base = log_in(OWNER), f"/place/{admin.margot.id}/orders"
    token = _token(client, admin)

    for path, form in (
        (f"{base}/{stored.id}/status", {"move": "confirmed:preparing"}),
        (f"{base}/{stored.id}/cancel", {"seen": "confirmed", "reason": "customer"}),
        (f"{base}/{stored.id}/allergies", {"allergies": "nuts"}),
    ):
        assert client.post(path, data={**form, "csrf_token": token}).status_code == 404, path
    assert client.get(f"{base}/{stored.id}/spoken").status_code == 404


def test_a_cancellation_has_a_reason_leaves_the_figures_and_can_be_taken_back(admin: Admin, log_in: LogIn) -> None:
    stored = take_order(admin, make_order(admin), tell=False)
    client, page = log_in(COOK), f"/place/{admin.pizza.id}/orders/{stored.id}"
    form = {"csrf_token": _token(client, admin), "seen": "confirmed", "note": "rang again at noon"}

    refused = client.post(f"{page}/cancel", data=form)
    unexplained = client.post(f"{page}/cancel", data=form | {"reason": "other", "note": " "})
    done = client.post(f"{page}/cancel", data=form | {"reason": "customer"})
    shown, counted = client.get(page).text, fetch(admin, "select orders, total_cents from daily_figure")
    _move(client, admin, stored.id, "cancelled:confirmed")

    assert (refused.status_code, unexplained.status_code, done.status_code) == (422, 422, 303)
    assert "Reason: nothing was chosen." in refused.text
    assert 'value="rang again at noon"' in refused.text
    assert "In words: it is empty." in unexplained.text
    assert "The guest cancelled: rang again at noon" in shown
    assert counted == [{"orders": 0, "total_cents": 0}]
    assert fetch(admin, "select orders, total_cents from daily_figure") == [{"orders": 1, "total_cents": 3100}]
    (event,) = fetch(admin, "select event from outbox where type = 'com.alloresto.order.cancelled'")
    assert event["event"]["data"]["reason"] == "customer"  # type: ignore[index]
    assert "rang again" not in str(event)


def test_a_cancellation_of_what_somebody_else_has_moved_meanwhile_is_not_carried_out(
    admin: Admin, log_in: LogIn
) -> None:
    stored = take_order(admin, make_order(admin), tell=False)
    client = log_in(COOK)
    _move(client, admin, stored.id, "confirmed:preparing")

    answer = client.post(
        f"/place/{admin.pizza.id}/orders/{stored.id}/cancel",
        data={"csrf_token": _token(client, admin), "seen": "confirmed", "reason": "customer", "note": "too late"},
    )

    assert answer.status_code == 409
    assert "it is already “In preparation”" in answer.text
    assert 'value="too late"' in answer.text
    assert fetch(admin, 'select status from "order"') == [{"status": "preparing"}]


def test_an_order_that_its_guest_changed_leads_from_one_ticket_to_the_other(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    before, after = (take_order(admin, make_order(admin)) for _ in range(2))
    execute(admin, f"update \"order\" set replaced_by_number = {after.number} where id = '{before.id}'")
    execute(admin, f"update \"order\" set replaces_number = {before.number} where id = '{after.id}'")

    old, new = (client.get(f"/place/{admin.pizza.id}/orders/{one.id}").text for one in (before, after))

    assert f"<dt>Changed by the guest</dt><dd>now number {after.number}</dd>" in old
    assert f"<dt>Instead of</dt><dd>number {before.number}</dd>" in new


def test_an_allergy_stands_out_on_the_card_and_the_ticket_and_is_nowhere_in_the_clear(
    admin: Admin, log_in: LogIn
) -> None:
    stored = take_order(admin, make_order(admin), tell=False)
    client, base = log_in(COOK), f"/place/{admin.pizza.id}/orders"
    form = {"csrf_token": _token(client, admin), "allergies": "  walnuts,   celery "}

    noted = client.post(f"{base}/{stored.id}/allergies", data=form)
    refused = client.post(f"{base}/{stored.id}/allergies", data=form | {"allergies": "x" * 201})

    assert (noted.status_code, refused.status_code) == (303, 422)
    assert 'class="allergies"><strong>Allergy</strong> walnuts, celery<' in client.get(base).text
    ticket = client.get(f"{base}/{stored.id}/ticket").text
    assert 'class="allergies">Allergy: walnuts, celery<' in ticket
    assert "x" * 201 in refused.text
    assert "walnuts" not in str(fetch(admin, 'select * from "order"')) + str(fetch(admin, "select * from audit_log"))


def test_what_a_board_says_aloud_is_in_the_restaurants_language_and_names_nobody(admin: Admin, log_in: LogIn) -> None:
    stored = take_order(admin, make_order(admin, name="Fionnuala"), tell=False)
    client = log_in(COOK)
    client.set_cookie("alloresto_language", "fr")

    said = client.get(f"/place/{admin.pizza.id}/orders/{stored.id}/spoken").json

    assert said is not None
    assert said["language"] == "en"
    assert said["text"].startswith(f"Order {stored.number}. Delivery. 1 Margherita Large. 2 Garlic bread.")
    assert "Fionnuala" not in said["text"]


def test_orders_are_found_by_number_name_and_phone(admin: Admin, log_in: LogIn) -> None:
    stored = take_order(admin, make_order(admin, name="Fionnuala"), tell=False)
    other = take_order(admin, make_order(admin, name="Cormac"), tell=False)
    execute(admin, 'update "order" set customer_id = null where id = $1', other.id)
    client, path = log_in(COOK), f"/place/{admin.pizza.id}/orders/earlier"

    def found(words: str, **more: str) -> set[str]:
        page = client.get(path, query_string={"q": words, **more}).text
        return {one for one in (stored.id, other.id) if f'id="order-{one}"' in page}

    assert found(str(other.number)) == {other.id}
    assert found("fionn") == {stored.id}
    assert found(CALLER) == {stored.id}
    assert found("0" + CALLER.removeprefix("+353")) == {stored.id}
    assert found("") == {stored.id, other.id}
    assert found("", status="done") == set()
    assert found("", status="open") == {stored.id, other.id}
    assert found("nobody") == set()
    assert client.get(path, query_string={"q": "<b>%_\\", "day": "2026-10-25"}).status_code == 200


def test_a_day_of_orders_is_the_restaurants_and_what_is_no_date_is_said(admin: Admin, log_in: LogIn) -> None:
    start, end = day_span(date(2026, 10, 25), admin.pizza.zone)
    client, path = log_in(COOK), f"/place/{admin.pizza.id}/orders/earlier"
    moments = (start - timedelta(seconds=1), start, end - timedelta(seconds=1), end)
    _before, first, last, _after = (_take_at(admin, at) for at in moments)

    day = client.get(path, query_string={"day": "2026-10-25"}).text
    wrong = client.get(path, query_string={"day": "25/10/26", "q": "Ann"})

    assert end - start == timedelta(hours=25)
    assert set(re.findall(r'id="order-([^"]+)"', day)) == {first, last}
    assert wrong.status_code == 422
    assert "Day: this is no date." in wrong.text
    assert 'value="Ann"' in wrong.text


def test_orders_that_nobody_closed_are_counted_and_closed_together(admin: Admin, log_in: LogIn) -> None:
    for days in (3, 62):  # the second one is too long ago to be looked for
        take_order(admin, make_order(admin, minutes_ago=days * 24 * 60), tell=False)
    client, base = log_in(OWNER), f"/place/{admin.pizza.id}/orders"

    before = client.get(base).text
    answer = client.post(f"{base}/left-open/close", data={"csrf_token": _token(client, admin)}, follow_redirects=True)

    assert "1 earlier order was never handed over." in before
    assert "1 earlier order is closed." in answer.text
    assert "never handed over" not in answer.text
    assert fetch(admin, 'select status, status_by from "order" order by confirmed_at desc') == [
        {"status": "done", "status_by": OWNER},
        {"status": "confirmed", "status_by": ""},
    ]
    assert len(fetch(admin, "select from outbox where type = 'com.alloresto.order.moved'")) == 1


def test_a_cart_is_marked_as_called_back_and_leaves_the_board_once_settled(admin: Admin, log_in: LogIn) -> None:
    call_id = leave_cart(admin)
    client, base = log_in(COOK), f"/place/{admin.pizza.id}"
    form = {"csrf_token": _token(client, admin), "from": "board"}

    called = client.post(f"{base}/calls/{call_id}/follow-up", data=form | {"follow_up": "called_back"})
    marked = client.get(f"{base}/orders").text
    client.post(f"{base}/calls/{call_id}/follow-up", data=form | {"follow_up": "settled"})
    board, call = client.get(f"{base}/orders").text, client.get(f"{base}/calls/{call_id}").text

    assert called.headers["Location"] == f"{base}/orders"
    assert f'id="cart-{call_id}"' in marked
    assert f"by {COOK}" in marked
    assert f'id="cart-{call_id}"' not in board
    assert "Settled" in call
    for bad in ({"follow_up": "eaten"}, {}):
        assert client.post(f"{base}/calls/{call_id}/follow-up", data=form | bad).status_code == 400


def _take_at(admin: Admin, at: datetime) -> str:
    order = replace(make_order(admin), confirmed_at=at, promised_at=at + timedelta(minutes=35))
    return take_order(admin, order, tell=False).id


def _move(client: FlaskClient, admin: Admin, order_id: str, move: str, headers: dict[str, str] | None = None) -> Any:
    return client.post(
        f"/place/{admin.pizza.id}/orders/{order_id}/status",
        data={"csrf_token": _token(client, admin), "move": move},
        headers=headers,
    )


def _token(client: FlaskClient, admin: Admin) -> str:
    return csrf_token(client.get(f"/place/{admin.pizza.id}/orders/earlier").text)


def _lanes(page: str) -> dict[str, list[int]]:
    """The numbers of the tickets in each lane of the board."""
    lanes = re.findall(r'data-lane="(\w+)"(.*?)</section>', page, re.DOTALL)
    return {name: [int(number) for number in re.findall(r'data-number="(\d+)"', lane)] for name, lane in lanes}


def _walk(client: FlaskClient, path: str) -> list[int]:
    """The numbers of the orders on a page and on all that its links to older ones lead to."""
    found: list[int] = []
    seen: set[str] = set()
    while path:
        assert path not in seen, "a page leads back to itself"
        seen.add(path)
        page = client.get(path).text
        found += map(int, re.findall(r"<strong>Order (\d+)<", page))
        older = re.search(r'<p class="older"><a href="([^"]+)"', page)
        path = older[1].replace("&amp;", "&") if older else ""
    return found
