"""The page on which an owner makes a chain, and what the pages of the called house show of a call that went on."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from domain.chains import WentTo
from domain.order import Cart
from eventing.catalogue import RestaurantChanged
from eventing.cloudevents import Event
from functions.cache_invalidator import invalidate
from ops.calls import report
from stores import calls, checkpoints, traces
from stores.cache import RestaurantCache
from stores.calls import UnconfirmedCart
from stores.checkpoints import Checkpoint
from stores.ciphers import PiiCipher
from stores.postgres import Postgres
from stores.redis import connect
from stores.traces import TracedCall
from tests.conftest import run_apart
from tests.integration.web.admin import (
    CALLER,
    COOK,
    OWNER,
    STRANGER,
    Admin,
    csrf_token,
    execute,
    fetch,
    make_order,
    ring,
)
from tests.integration.web.api import ApiClient, make_token
from tests.integration.web.people import sign_in

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]
WISHES = {"called": "Quay", "serves": "yes", "offers_closed": "yes", "offers_full": "yes"}


@pytest.fixture(autouse=True)
def alike(admin: Admin) -> None:
    """Both restaurants speak English and count in euros: else no call goes on from one to the other."""
    execute(admin, "set role alloresto_platform; update restaurant set language = 'en', currency = 'EUR'")


def send(client: FlaskClient, restaurant_id: str, path: str = "", **fields: str) -> TestResponse:
    token = csrf_token(client.get(f"/place/{restaurant_id}/questions").text)
    return client.post(f"/place/{restaurant_id}/chain{path}", data={"csrf_token": token, **fields})


def begin(client: FlaskClient, admin: Admin) -> None:
    send(client, admin.pizza.id, "/houses", joining_called="Quay")
    send(client, admin.pizza.id, "/houses", joining=admin.margot.id, joining_called="Mill")


def houses(admin: Admin) -> list[str]:
    return [str(row["called"]) for row in fetch(admin, "select called from chain_house order by position, called")]


def told(admin: Admin) -> set[str]:
    """The restaurants of whose change an event tells, and none that waits twice."""
    rows = fetch(admin, "delete from outbox where event->>'source' = '/web' returning restaurant_id, type")
    assert {row["type"] for row in rows} <= {"com.alloresto.restaurant.changed"}
    return {str(row["restaurant_id"]) for row in rows}


def logged(admin: Admin, restaurant_id: str) -> list[str]:
    query = "select action from audit_log where restaurant_id = $1 and action like 'chain.%' order by id"
    return [str(row["action"]) for row in fetch(admin, query, restaurant_id)]


def test_an_owner_begins_a_chain_brings_a_house_in_orders_them_and_sets_when_a_sister_is_offered(
    admin: Admin, log_in: LogIn
) -> None:
    client = log_in(OWNER)

    begin(client, admin)
    assert houses(admin) == ["Quay", "Mill"]
    assert told(admin) == {admin.pizza.id, admin.margot.id}
    send(client, admin.pizza.id, f"/houses/{admin.margot.id}/up")
    assert houses(admin) == ["Mill", "Quay"] and told(admin) == {admin.pizza.id}
    saved = send(client, admin.pizza.id, called="Old Quay", asks="yes", offers_closed="yes")
    send(client, admin.pizza.id, called="Old Quay", asks="yes", offers_closed="yes")

    assert saved.status_code == 303
    row = fetch(admin, "select * from chain_house where restaurant_id = $1", admin.pizza.id)[0]
    assert (row["called"], row["asks"], row["serves"]) == ("Old Quay", True, False)
    assert (row["offers_closed"], row["offers_full"], row["offers_outside"]) == (True, False, False)
    assert told(admin) == {admin.pizza.id}
    assert logged(admin, admin.pizza.id) == ["chain.joined", "chain.joined", "chain.ordered", "chain.changed"]
    assert logged(admin, admin.margot.id) == ["chain.joined"]
    page = client.get(f"/place/{admin.pizza.id}/chain").text
    assert 'value="Old Quay"' in page and "Take Mill out of the chain" in page
    assert "House of the chain changed" in client.get(f"/place/{admin.pizza.id}/history").text


def test_an_owner_gives_the_chain_another_name_that_every_house_has(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    begin(client, admin)
    told(admin)

    assert send(client, admin.pizza.id, "/name", name="Harbour Group").status_code == 303
    send(client, admin.pizza.id, "/name", name="Harbour Group")
    refused = send(client, admin.pizza.id, "/name", name=" ")

    assert refused.status_code == 422 and "Name of the chain: please fill this in." in refused.text
    for house in (admin.pizza.id, admin.margot.id):
        assert "Chain Harbour Group" in client.get(f"/place/{house}/chain").text
    assert told(admin) == {admin.pizza.id}
    assert logged(admin, admin.pizza.id)[-1] == "chain.renamed"


REFUSED: tuple[tuple[str, dict[str, str], str], ...] = (
    ("", {**WISHES, "called": " "}, "Name of the house: please fill this in."),
    ("", {**WISHES, "called": "x" * 61}, "Name of the house: at most 60 characters"),
    ("", {**WISHES, "called": "mill"}, "Name of the house: a sister is called so."),
    ("/houses", {"joining": "11111111-1111-1111-1111-111111111111", "joining_called": "X"}, "Restaurant: choose"),
    ("/houses", {"joining": "MARGOT", "joining_called": "Another"}, "Restaurant: it is in a chain already."),
)


def test_what_makes_no_sense_is_refused_at_its_field_and_changes_nothing(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    begin(client, admin)
    told(admin)

    for path, fields, says in REFUSED:
        sent = {name: admin.margot.id if value == "MARGOT" else value for name, value in fields.items()}
        answer = send(client, admin.pizza.id, path, **sent)
        assert (answer.status_code, says in answer.text) == (422, True), says
    assert houses(admin) == ["Quay", "Mill"] and told(admin) == set()


def test_nobody_brings_in_or_takes_out_what_is_not_theirs_and_only_owners_see_the_page(
    app: Flask, admin: Admin
) -> None:
    owner, stranger, cook = (sign_in(app, admin, one).client for one in (OWNER, STRANGER, COOK))
    begin(owner, admin)

    # The stranger owns Chez Margot alone.
    answer = send(stranger, admin.margot.id, f"/houses/{admin.pizza.id}/leave")
    foreign = send(stranger, admin.margot.id, "/houses", joining=admin.pizza.id, joining_called="Theirs")

    assert (answer.status_code, foreign.status_code, houses(admin)) == (404, 422, ["Quay", "Mill"])
    assert "Take Quay out" not in stranger.get(f"/place/{admin.margot.id}/chain").text
    assert cook.get(f"/place/{admin.pizza.id}/chain").status_code == 403
    assert "/chain" not in cook.get(f"/place/{admin.pizza.id}/").text
    assert owner.post(f"/place/{admin.pizza.id}/chain", data=WISHES).status_code == 400  # without its token


def test_a_house_that_left_or_was_taken_out_is_told_of_by_no_sister_any_more(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    ours = {admin.pizza.id, admin.margot.id}
    begin(client, admin)
    assert _known_in_calls(admin, told(admin)) == {admin.pizza.id: 2, admin.margot.id: 2}

    send(client, admin.pizza.id, f"/houses/{admin.margot.id}/leave")  # a sister, taken out
    assert houses(admin) == ["Quay"] and logged(admin, admin.margot.id)[-1] == "chain.left"
    assert _known_in_calls(admin, told(admin)) == {admin.pizza.id: 1, admin.margot.id: 0}

    send(client, admin.pizza.id, "/houses", joining=admin.margot.id, joining_called="Mill")
    assert _known_in_calls(admin, told(admin)) == {admin.pizza.id: 2, admin.margot.id: 2}
    send(client, admin.margot.id, f"/houses/{admin.margot.id}/leave")  # by itself
    changed = told(admin)
    assert changed == ours
    assert _known_in_calls(admin, changed) == {admin.pizza.id: 1, admin.margot.id: 0}


def _known_in_calls(admin: Admin, changed: set[str]) -> dict[str, int]:
    """How many houses a call to each restaurant knows of, once the cache invalidator has had the events."""

    async def work() -> dict[str, int]:
        postgres = Postgres(admin.database.app_url)
        await postgres.open()
        async with connect(admin.redis_url) as redis:
            for one in changed:
                payload = RestaurantChanged(restaurant_id=one, fields=("chain",))
                await invalidate(redis, postgres, Event.of(payload, source="/web", subject=one))
            cache, known = RestaurantCache(redis, postgres), {}
            for one in (admin.pizza.id, admin.margot.id):
                chain = (await cache.load(one)).chain
                known[one] = len(chain.houses) if chain is not None else 0
        await postgres.close()
        return known

    return run_apart(work)


def test_a_call_that_went_on_elsewhere_says_where_and_why_and_does_not_show_the_sisters_cart(
    admin: Admin, log_in: LogIn
) -> None:
    client, place = log_in(OWNER), f"/place/{admin.pizza.id}"
    begin(client, admin)
    order = make_order(admin)
    cart = Cart("EUR", order.id, lines=order.lines, customer_name="Sinead")
    record = calls.ConversationRecord(
        call_id="went-on",
        restaurant_id=admin.pizza.id,
        started_at=datetime.now(UTC),
        outcome="abandoned",
        caller=CALLER,
        unconfirmed=UnconfirmedCart(cart, 4200, "caller_hung_up"),
        went_to=WentTo(admin.margot.id, "Mill", "closed"),
    )
    ring(admin, "going-on")
    ring(admin, "staying")

    async def keep() -> TracedCall:
        postgres = Postgres(admin.database.app_url)
        await postgres.open()
        async with postgres.tenant(admin.pizza.id) as connection:
            await calls.record_conversation(connection, record, PiiCipher(admin.master_key))
            one = await traces.traced(connection, "went-on")
        await postgres.close()
        async with connect(admin.redis_url) as redis:
            for call_id, house, went_to in (
                ("going-on", admin.margot.id, WentTo(admin.margot.id, "Mill", "closed")),
                ("staying", admin.pizza.id, None),
            ):
                kept = Checkpoint(
                    call_id=call_id,
                    restaurant_id=house,
                    attempt=1,
                    started_at=datetime.now(UTC),
                    cart=cart,
                    went_to=went_to,
                )
                await checkpoints.save(redis, call_id, kept)
        return one

    one = run_apart(keep)

    overview = client.get(f"{place}/").text
    assert "Goes on at Mill" in overview and overview.count("Garlic bread") == 1  # of the call that stays
    assert "Went on at Mill" in client.get(f"{place}/calls").text
    for path in ("/calls/went-on", "/orders"):
        page = client.get(place + path).text
        assert "The call went on at Mill" in page
        assert "Garlic bread" not in page and "Sinead" not in page
    assert "Mill: this house was closed." in client.get(f"{place}/calls/went-on").text
    api = ApiClient(client, make_token(admin)).get(f"/restaurants/{admin.pizza.id}/calls/went-on").json
    assert api is not None
    assert api["wentTo"] == {"restaurantId": admin.margot.id, "name": "Mill", "because": "closed"}
    assert f"  went on      Mill, {admin.margot.id}: closed" in report.text(one, numbers=False)
    client.set_cookie("alloresto_language", "fr")
    assert "Mill : cette maison-ci était fermée." in client.get(f"{place}/calls/went-on").text
