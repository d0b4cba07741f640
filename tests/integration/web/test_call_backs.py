"""What the restaurant must not miss: who is on the phone now, whom to call back, and every order and call of before."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from domain.calls import LeftBecause
from stores.calls import CallRecord
from stores.live import LEASE_S, CallChanged
from tests.integration.web.admin import (
    CALLER,
    COOK,
    OWNER,
    Admin,
    execute,
    leave_cart,
    log_call,
    log_ended,
    make_order,
    publish,
    ring,
    take_order,
)

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]
DAMAGED = b"\x01" + bytes(60)


# --- On the phone now ----------------------------------------------------------------------------------------------


def test_an_overview_opened_in_mid_call_shows_the_call_with_its_number_and_state(admin: Admin, log_in: LogIn) -> None:
    ring(admin, "call-1", seconds_ago=5)
    publish(admin, CallChanged(call_id="call-1", state="joined", at=datetime.now(UTC)))
    client = log_in(COOK)

    page = client.get(f"/place/{admin.pizza.id}/").text

    assert 'id="active-call-1"' in page
    assert "In conversation" in page
    assert CALLER in page
    assert "Nobody is on the phone." not in page


def test_a_call_is_not_shown_to_another_restaurant(admin: Admin, log_in: LogIn) -> None:
    ring(admin, "call-1")

    page = log_in(OWNER).get(f"/place/{admin.margot.id}/").text

    assert "Nobody is on the phone." in page


def test_a_call_whose_lease_ran_out_is_not_on_the_phone(admin: Admin, log_in: LogIn) -> None:
    ring(admin, "call-1", seconds_ago=LEASE_S + 1)

    assert "Nobody is on the phone." in log_in(OWNER).get(f"/place/{admin.pizza.id}/").text


def test_a_live_call_with_a_damaged_number_is_shown_without_it(admin: Admin, log_in: LogIn) -> None:
    ring(admin, "withheld", caller="")
    client = log_in(OWNER)
    withheld = client.get(f"/place/{admin.pizza.id}/").text
    client.application.extensions["alloresto.pii"] = type(client.application.extensions["alloresto.pii"])(
        "A" * 43 + "="
    )
    ring(admin, "call-1")

    page = client.get(f"/place/{admin.pizza.id}/").text

    assert "Number withheld" in withheld
    assert 'id="active-call-1"' in page
    assert "unreadable" in page


def test_without_redis_the_overview_is_there_and_says_that_live_calls_are_unknown(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    database = client.application.extensions["alloresto.database"]
    database.close()
    database._settings = admin.settings(redis_url="redis://127.0.0.1:1")

    page = client.get(f"/place/{admin.pizza.id}/")

    assert page.status_code == 200
    assert "Live calls are unknown at the moment." in page.text
    assert "Nobody is on the phone." not in page.text


# --- Whom to call back ---------------------------------------------------------------------------------------------


def test_an_unconfirmed_cart_says_what_whom_and_why_apart_from_the_tickets(admin: Admin, log_in: LogIn) -> None:
    call_id = leave_cart(admin, name="Sinéad & Co")
    client = log_in(COOK)

    board = client.get(f"/place/{admin.pizza.id}/orders").text
    call = client.get(f"/place/{admin.pizza.id}/calls/{call_id}").text
    client.set_cookie("alloresto_language", "fr")
    french = client.get(f"/place/{admin.pizza.id}/orders").text

    for page in (board, call):
        section = _section(page)
        for text in ("Margherita", "Large", "Extra olives, Extra cheese", "2 ×", "well done", "€31.00", "4 items"):
            assert text in section, text
        assert "Sinéad &amp; Co" in section
        assert f'href="tel:{CALLER}"' in section
        assert "The caller hung up" in section
    assert 'class="ticket"' not in board
    assert "Non confirmées — à\N{NO-BREAK SPACE}rappeler" in french
    assert "L’appelant a raccroché" in french


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("transferred", "The caller was transferred"),
        ("engine_failed", "The assistant failed"),
        ("handler_lost", "The call was lost"),
        ("not_saved", "The order could not be saved"),
    ],
)
def test_the_reason_is_given_in_words(admin: Admin, log_in: LogIn, reason: LeftBecause, words: str) -> None:
    leave_cart(admin, reason=reason, caller="")

    section = _section(log_in(OWNER).get(f"/place/{admin.pizza.id}/orders").text)

    assert words in section
    assert "Number withheld" in section
    assert "tel:" not in section


def test_the_board_shows_the_carts_of_a_day_the_newest_first(admin: Admin, log_in: LogIn) -> None:
    old = leave_cart(admin, name="Older", minutes_ago=24 * 60 + 5)
    leave_cart(admin, name="Earlier", minutes_ago=23 * 60)
    leave_cart(admin, name="Later", minutes_ago=2)
    client = log_in(OWNER)

    section = _section(client.get(f"/place/{admin.pizza.id}/orders").text)

    assert section.index("Later") < section.index("Earlier")
    assert "Older" not in section
    assert "Older" in _section(client.get(f"/place/{admin.pizza.id}/calls/{old}").text)


def test_a_restaurant_sees_no_carts_of_others(admin: Admin, log_in: LogIn) -> None:
    leave_cart(admin)

    assert "call back" not in log_in(OWNER).get(f"/place/{admin.margot.id}/orders").text


@pytest.mark.usefixtures("within_one_day")
def test_a_damaged_ciphertext_is_called_unreadable_and_every_page_stays_whole(admin: Admin, log_in: LogIn) -> None:
    stored = take_order(admin, make_order(admin), tell=False)
    cart_call = leave_cart(admin)
    log_call(admin, "damaged-number")
    execute(admin, 'update "order" set customer_name_encrypted = $1, address_encrypted = $1', DAMAGED)
    execute(admin, "update call_log set caller_encrypted = $1", DAMAGED)
    execute(admin, "update call_log set unconfirmed_encrypted = $1 where id = $2", DAMAGED, cart_call)
    client, base = log_in(OWNER), f"/place/{admin.pizza.id}"

    pages = {
        path: client.get(f"{base}{path}")
        for path in ("/", "/orders", f"/orders/{stored.id}", "/calls", f"/calls/{cart_call}", "/calls/damaged-number")
    }

    assert {path: page.status_code for path, page in pages.items()} == dict.fromkeys(pages, 200)
    assert all("nreadable" in page.text for page in pages.values())
    assert "The cart is unreadable." in pages["/orders"].text
    assert "Extra olives" in pages["/orders"].text, "the ticket beside it is whole"
    assert "A large Margherita with extra olives" in pages["/calls/damaged-number"].text
    assert "Number withheld" not in pages["/calls"].text


def test_calls_that_go_on_or_were_lost_are_named_and_a_missed_caller_can_be_called_back(
    admin: Admin, log_in: LogIn
) -> None:
    now = datetime.now(UTC)
    log_ended(
        admin,
        _record(admin, "going-on", now, outcome="in_progress", caller="+353860000001"),
        _record(admin, "lost", now, outcome="lost", missed_reason="bridge_lost", ended_at=now, caller="+353860000002"),
        _record(admin, "busy", now, outcome="busy", ended_at=now, caller="+353860000003"),
    )
    client = log_in(OWNER)

    listed = client.get(f"/place/{admin.pizza.id}/calls").text
    lost = client.get(f"/place/{admin.pizza.id}/calls/lost").text
    client.set_cookie("alloresto_language", "fr")
    french = client.get(f"/place/{admin.pizza.id}/calls").text

    assert ">In progress<" in listed
    assert ">Lost<" in listed
    assert set(re.findall(r'href="tel:(\S+?)"', listed)) == {"+353860000002", "+353860000003"}
    assert "Call back +353860000002" in lost
    assert ">En cours<" in french
    assert ">Perdu<" in french


# --- Every order and call ------------------------------------------------------------------------------------------


def test_every_call_is_on_a_page_even_of_one_moment(admin: Admin, log_in: LogIn) -> None:
    begun = datetime.now(UTC) - timedelta(hours=1)
    log_ended(admin, *(_record(admin, f"c{number}", begun, outcome="answered") for number in range(150)))
    client = log_in(OWNER)

    numbers = _walk(client, f"/place/{admin.pizza.id}/calls", r'id="call-c(\d+)"')

    assert sorted(numbers) == list(range(150))


def test_a_crafted_page_of_calls_is_refused(admin: Admin, log_in: LogIn) -> None:
    client, path = log_in(OWNER), f"/place/{admin.pizza.id}/calls"

    for query in ({"before": "yesterday"}, {"before": "2026-11-21T18:30:00+00:00", "id": "a\0b"}):
        assert client.get(path, query_string=query).status_code == 400


def _record(admin: Admin, call_id: str, started_at: datetime, **fields: object) -> CallRecord:
    return CallRecord(id=call_id, restaurant_id=admin.pizza.id, started_at=started_at, **fields)  # type: ignore[arg-type]


def _section(page: str) -> str:
    """The part of the page for carts that nobody agreed to."""
    found = re.search(r'<section class="[^"]*call-back.*?</section>', page, re.DOTALL)
    assert found, "the page has no such section"
    return found[0]


def _walk(client: FlaskClient, path: str, pattern: str) -> list[int]:
    """The numbers that ``pattern`` finds on a page and on all that its links to older ones lead to."""
    found: list[int] = []
    seen: set[str] = set()
    while path:
        assert path not in seen, "a page leads back to itself"
        seen.add(path)
        page = client.get(path).text
        found += map(int, re.findall(pattern, page))
        older = re.search(r'<p class="older"><a href="([^"]+)"', page)
        path = older[1].replace("&amp;", "&") if older else ""
    return found
