import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from eventing import integrators, letters, outbox
from eventing.catalogue import CallMissed
from eventing.cloudevents import to_binary
from functions import archiver
from stores import idempotency, traces, webhooks
from stores.ciphers import PiiCipher
from stores.postgres import Connection, Postgres
from tests.conftest import run_apart
from tests.integration.web.admin import (
    CALLER,
    COOK,
    OWNER,
    Admin,
    csrf_token,
    execute,
    fetch,
    log_call,
    make_order,
    take_order,
)
from tests.integration.web.people import as_platform

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]


def one_customer(admin: Admin) -> str:
    """Who ordered once, for delivery or not, and whose call was logged."""
    order = make_order(admin, name="Fionnuala")
    stored = take_order(admin, order, tell=False)
    log_call(admin, order.call_id, order_id=stored.id)
    (row,) = fetch(admin, "select id from customer where restaurant_id = $1", admin.pizza.id)
    return str(row["id"])


def test_a_customer_is_found_by_any_spelling_of_the_whole_number(admin: Admin, log_in: LogIn) -> None:
    one_customer(admin)
    client = log_in(OWNER)
    page = f"/place/{admin.pizza.id}/customers"

    listed = client.get(page).text
    spelled = client.get(page, query_string={"phone": "+353 20 911 0007"}).text
    part = client.get(page, query_string={"phone": "0007"}).text

    assert "Fionnuala" in listed
    assert "Fionnuala" in spelled
    assert "Nobody with this number" in part


def test_an_export_has_what_is_kept_and_its_log_has_nothing_of_it(admin: Admin, log_in: LogIn) -> None:
    customer = one_customer(admin)
    client = log_in(OWNER)
    page = f"/place/{admin.pizza.id}/customers/{customer}"
    sealed = PiiCipher(admin.master_key).encrypt(admin.pizza.id, "fi@x.example").hex()
    execute(
        admin,
        "insert into guest_email (restaurant_id, about, email_encrypted) select restaurant_id, id,"
        f" '\\x{sealed}' from \"order\"",
    )

    answer = client.post(f"{page}/export", data={"csrf_token": csrf_token(client.get(page).text)})

    exported = json.loads(answer.text)
    assert exported["orders"][0]["email"] == "fi@x.example"
    logged = str(fetch(admin, "select * from audit_log where action = 'customers.exported'"))
    assert (exported["name"], exported["phone"]) == ("Fionnuala", CALLER)
    assert len(exported["orders"][0]["lines"]) > 0
    assert customer in logged
    assert "Fionnuala" not in logged
    assert CALLER not in logged


def test_an_erased_customer_is_gone_everywhere_and_the_orders_keep_their_figures(admin: Admin, log_in: LogIn) -> None:
    customer = one_customer(admin)
    client = log_in(OWNER)
    page = f"/place/{admin.pizza.id}/customers/{customer}"
    total = fetch(admin, 'select total_cents from "order"')

    client.post(f"{page}/erase", data={"csrf_token": csrf_token(client.get(page).text), "sure": "yes"})

    orders = fetch(admin, 'select customer_id, customer_name_encrypted, address_encrypted, forgotten_at from "order"')
    calls = fetch(admin, "select caller_encrypted, caller_hash, transcript from call_log")
    assert client.get(page).status_code == 404
    assert fetch(admin, "select from customer where restaurant_id = $1", admin.pizza.id) == []
    assert fetch(admin, 'select total_cents from "order"') == total
    assert [orders[0][name] for name in ("customer_id", "customer_name_encrypted", "address_encrypted")] == [None] * 3
    assert orders[0]["forgotten_at"] is not None
    assert calls == [{"caller_encrypted": None, "caller_hash": None, "transcript": []}]
    assert "Fionnuala" not in str(fetch(admin, "select * from audit_log"))
    listed = client.get(f"/place/{admin.pizza.id}/customers").text
    assert "Erased on request" in listed and "1 recording is still to be erased." in listed and "Pending" in listed


def test_what_was_sent_and_kept_of_an_erased_customer_is_emptied_and_the_others_stays(
    admin: Admin, log_in: LogIn
) -> None:
    customer = one_customer(admin)
    call_id = str(fetch(admin, 'select call_id from "order"')[0]["call_id"])
    for told, number in ((call_id, CALLER), ("another call", "+353209110008")):
        leave_traces(admin, told, number)
    client = log_in(OWNER)
    page = f"/place/{admin.pizza.id}/customers/{customer}"
    before = everything_sent(admin)

    client.post(f"{page}/erase", data={"csrf_token": csrf_token(client.get(page).text), "sure": "yes"})

    after = everything_sent(admin)
    assert before.count(CALLER) == 3 and before.count("+353209110008") == 3
    assert CALLER not in after and after.count("+353209110008") == 3
    assert call_id in after  # that something happened stays
    sealed = fetch(
        admin,
        "select event -> 'data' ->> 'callId' as id, personal_encrypted is null as gone"
        " from integration_event order by id",
    )
    assert sealed == [{"id": one, "gone": one == call_id} for one in sorted((call_id, "another call"))]
    assert fetch(admin, "select call_id from call_trace") == [{"call_id": "another call"}]
    assert fetch(admin, "select call_id from unwanted_recording") == [{"call_id": call_id}]
    assert answers(admin) == ["{}", '{"phone": "+353209110008"}']


def test_what_comes_in_later_of_an_erased_customer_goes_too_and_then_it_is_done(admin: Admin, log_in: LogIn) -> None:
    customer = one_customer(admin)
    call_id = str(fetch(admin, 'select call_id from "order"')[0]["call_id"])
    client = log_in(OWNER)
    page = f"/place/{admin.pizza.id}/customers/{customer}"
    client.post(f"{page}/erase", data={"csrf_token": csrf_token(client.get(page).text), "sure": "yes"})
    late = make_order(admin, name="Fionnuala", call_id=call_id)
    take_order(admin, late, tell=False)
    leave_traces(admin, call_id, CALLER)

    settle(admin, timedelta(0))
    with_a_file = fetch(admin, "select done_at from erasure")
    execute(admin, "set role alloresto_platform; delete from unwanted_recording")
    settle(admin, timedelta(days=1))
    too_soon = fetch(admin, "select done_at from erasure")
    settle(admin, timedelta(0))

    assert too_soon == with_a_file == [{"done_at": None}]
    assert CALLER not in everything_sent(admin)
    assert fetch(admin, "select from customer where restaurant_id = $1", admin.pizza.id) == []
    assert fetch(admin, 'select from "order" where customer_name_encrypted is not null') == []
    (done,) = fetch(admin, "select done_at, phone_hash, call_ids from erasure")
    assert done["done_at"] is not None and (done["phone_hash"], done["call_ids"]) == (None, [])
    listed = client.get(f"/place/{admin.pizza.id}/customers").text
    assert "Done" in listed and "Pending" not in listed


def test_who_calls_again_after_the_erasure_has_begun_anew(admin: Admin, log_in: LogIn) -> None:
    customer = one_customer(admin)
    client = log_in(OWNER)
    page = f"/place/{admin.pizza.id}/customers/{customer}"
    client.post(f"{page}/erase", data={"csrf_token": csrf_token(client.get(page).text), "sure": "yes"})
    again = make_order(admin, name="Fionnuala", minutes_ago=-1)
    log_call(admin, again.call_id, order_id=take_order(admin, again, tell=False).id, minutes_ago=-1)

    settle(admin, timedelta(0))

    assert len(fetch(admin, "select from customer where restaurant_id = $1", admin.pizza.id)) == 1
    assert len(fetch(admin, "select from call_log where caller_hash is not null")) == 1


def test_the_database_knows_every_field_of_an_event_that_tells_of_a_caller(admin: Admin) -> None:
    (known,) = fetch(admin, "select personal_event_fields() as fields")

    assert set(known["fields"]) == {"recording"}.union(*integrators.PERSONAL.values())  # type: ignore[call-overload]


def test_an_export_has_the_calls_with_what_was_said_and_what_was_sent(admin: Admin, log_in: LogIn) -> None:
    customer = one_customer(admin)
    call_id = str(fetch(admin, 'select call_id from "order"')[0]["call_id"])
    leave_traces(admin, call_id, CALLER)
    client = log_in(OWNER)
    page = f"/place/{admin.pizza.id}/customers/{customer}"

    answer = client.post(f"{page}/export", data={"csrf_token": csrf_token(client.get(page).text)})

    exported = json.loads(answer.text)
    (call,) = exported["calls"]
    assert call["id"] == call_id and call["caller"] == CALLER
    assert any("Margherita" in said["text"] for said in call["transcript"])
    assert [one["personal"] for one in exported["events"]] == [{"caller": CALLER}]
    assert [CALLER in one["body"] for one in exported["undelivered"]] == [True]


def leave_traces(admin: Admin, call_id: str, number: str) -> None:
    """An event of the call in each place that keeps any: to be sent, sent to integrators, not taken, answered."""
    pii, owner, now = PiiCipher(admin.master_key), admin.pizza.id, datetime.now(UTC)
    missed = CallMissed(
        restaurant_id=owner,
        call_id=call_id,
        phone_line_id=str(uuid.uuid4()),
        bridge_node_id="edge-0",
        received_at=now,
        reason="ai_down",
        caller=number,
        ended_at=now,
    )

    async def work(connection: Connection) -> None:
        event = await outbox.emit(connection, missed, source="/edge/edge-0", subject=call_id)
        document, personal = integrators.split(event)
        await webhooks.keep_event(connection, owner, document, personal, pii=pii)
        headers, body = to_binary(event)
        letter = letters.read({**headers, "ce-knativeerrordata": f"no {number}"}, body)
        await letters.keep(connection, letter)
        await traces.begun(connection, traces.CallTrace(call_id=call_id, restaurant_id=owner, started_at=now))
        key = idempotency.Key(owner, owner, call_id, bytes(32))
        await idempotency.take(connection, key, pii)
        await idempotency.keep(connection, key, idempotency.Answer(201, f'{{"phone": "{number}"}}'), pii)

    as_platform(admin, work)


def everything_sent(admin: Admin) -> str:
    """What is readable of what was sent: outbox, feed, letters."""
    rows = fetch(admin, "select event::text from outbox union all select event::text from integration_event")
    letters = fetch(admin, "select body, reason from dead_letter")
    return str([row["event"] for row in rows]) + str([(row["body"].decode(), row["reason"]) for row in letters])  # type: ignore[attr-defined]


def answers(admin: Admin) -> list[str]:
    pii = PiiCipher(admin.master_key)
    rows = fetch(admin, "select answer_encrypted from idempotency_key")
    return sorted((pii.decrypt(admin.pizza.id, bytes(row["answer_encrypted"])) for row in rows), key=len)  # type: ignore[call-overload]


def settle(admin: Admin, settles: timedelta) -> None:
    """As the archiver does each night."""

    async def work() -> None:
        postgres = Postgres(admin.database.platform_url)
        await postgres.open()
        try:
            await archiver.settle_erasures(postgres, settles=settles)
        finally:
            await postgres.close()

    run_apart(work)


def test_nobody_is_erased_without_the_tick_and_nobody_of_another_restaurant(admin: Admin, log_in: LogIn) -> None:
    customer = one_customer(admin)
    client = log_in(OWNER)
    token = csrf_token(client.get(f"/place/{admin.pizza.id}/customers/{customer}").text)

    client.post(f"/place/{admin.pizza.id}/customers/{customer}/erase", data={"csrf_token": token})
    foreign = client.post(
        f"/place/{admin.margot.id}/customers/{customer}/erase", data={"csrf_token": token, "sure": "yes"}
    )

    assert foreign.status_code == 404
    assert len(fetch(admin, "select from customer where id = $1", customer)) == 1


def test_a_damaged_name_costs_that_field_and_not_the_page(admin: Admin, log_in: LogIn) -> None:
    customer = one_customer(admin)
    execute(admin, "update customer set name_encrypted = $1", b"\x01" + bytes(60))

    page = log_in(OWNER).get(f"/place/{admin.pizza.id}/customers")

    assert page.status_code == 200
    assert "Unreadable" in page.text
    assert customer in page.text


def test_staff_see_customers_and_neither_export_nor_erase(admin: Admin, log_in: LogIn) -> None:
    customer = one_customer(admin)
    client = log_in(COOK)
    page = f"/place/{admin.pizza.id}/customers/{customer}"
    token = csrf_token(client.get(page).text)

    assert client.post(f"{page}/export", data={"csrf_token": token}).status_code == 403
    assert client.post(f"{page}/erase", data={"csrf_token": token, "sure": "yes"}).status_code == 403
