"""Rooms, tables and reservations in the admin: set by managers, used by the staff, with one truth for all of them."""

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from stores.order_links import OrderLinks
from tests.integration.web.admin import COOK, OWNER, Admin, csrf_token, execute, fetch

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]


class Pages:
    """A logged-in browser at Harbour Pizza, which has no tables but those that a test adds."""

    def __init__(self, client: FlaskClient, admin: Admin) -> None:
        self.client = client
        self.root = f"/place/{admin.pizza.id}"
        self.zone = ZoneInfo(admin.pizza.zone)
        # Tomorrow is open from 0:00 to 24:00.
        self.day = (datetime.now(UTC).astimezone(self.zone) + timedelta(days=1)).date()

    def get(self, path: str) -> TestResponse:
        return self.client.get(self.root + path)

    def post(self, path: str, **fields: object) -> TestResponse:
        token = csrf_token(self.client.get(f"{self.root}/reservations").text)
        return self.client.post(self.root + path, data={**fields, "csrf_token": token})

    def reserve(self, time: str = "19:30", covers: int = 4, name: str = "Nora", **fields: object) -> TestResponse:
        form = {"day": self.day.isoformat(), "time": time, "covers": covers, "name": name, **fields}
        return self.post("/reservations/new", **form)

    def of_the_day(self) -> str:
        return self.get(f"/reservations?day={self.day}").text


def rid(answer: TestResponse) -> str:
    """The id of the reservation that a form made or changed."""
    assert answer.status_code == 303, answer.text
    return answer.location.rpartition("#r-")[2]


@pytest.fixture
def pages(log_in: LogIn, admin: Admin) -> Pages:
    """Two tables: T1 for four, T2 for two, not joined."""
    execute(admin, "alter table restaurant no force row level security; update restaurant set dine_in = true")
    execute(
        admin,
        "set role alloresto_platform; delete from dining_room;"
        f" insert into dining_room (restaurant_id, name) values ('{admin.pizza.id}', 'Hall');"
        " insert into dining_table (restaurant_id, room_id, name, seats)"
        " select restaurant_id, id, t.name, seats from dining_room, (values ('T1', 4), ('T2', 2)) as t (name, seats)",
    )
    return Pages(log_in(OWNER), admin)


def test_a_reservation_by_hand_gets_a_table_and_is_logged_and_told(pages: Pages, admin: Admin) -> None:
    made = pages.reserve(phone="+353 20 911 0009", note="window")

    page = pages.of_the_day()
    assert "Nora" in page
    assert "Table T1" in page
    assert ">window<" in page
    (event,) = fetch(admin, "select event from outbox where type = 'com.alloresto.reservation.made'")
    assert "Nora" not in str(event)
    (entry,) = fetch(admin, "select action, subject, after from audit_log where action like 'reservations.%'")
    assert (entry["action"], entry["subject"]) == ("reservations.created", rid(made))
    assert "Nora" not in str(entry)


def test_a_customers_reservations_are_on_their_page_and_in_their_export(pages: Pages, admin: Admin) -> None:
    key = rid(pages.reserve(phone="+353209110009", note="window"))
    (customer,) = fetch(admin, "select id from customer")

    page = pages.get(f"/customers/{customer['id']}")
    exported = pages.post(f"/customers/{customer['id']}/export").get_json()

    assert f"/reservations/{key}" in page.text
    (one,) = exported["reservations"]
    assert (one["covers"], one["name"], one["note"], one["status"]) == (4, "Nora", "window", "confirmed")


def test_what_a_customer_waits_for_is_in_their_export(pages: Pages, admin: Admin) -> None:
    form = {"day": pages.day.isoformat(), "time": "19:30", "covers": 4, "name": "Zoé", "phone": "+353209110009"}
    pages.post("/reservations/waiting", **form, note="by the window")
    (customer,) = fetch(admin, "select id from customer")

    exported = pages.post(f"/customers/{customer['id']}/export").get_json()

    (one,) = exported["waitingList"]
    assert (one["covers"], one["name"], one["note"]) == (4, "Zoé", "by the window")


def test_when_nothing_is_free_other_times_are_proposed_and_what_was_typed_stays(pages: Pages) -> None:
    pages.reserve()

    full = pages.reserve(name="Zoé", note="<b>quiet</b>")

    assert full.status_code == 409
    assert 'value="Zoé"' in full.text
    assert "&lt;b&gt;quiet&lt;/b&gt;" in full.text
    assert "no table is free for so many guests then" in full.text
    times = re.findall(r'name="use_time" value="([^"]+)">([^<]+)<', full.text)
    assert [shown for _, shown in times] == ["17:30", "17:45", "21:15"]
    chosen = pages.reserve(name="Zoé", use_time=times[2][0])
    assert rid(chosen)
    assert "21:15" in pages.of_the_day()


def test_a_field_that_is_wrong_is_named_and_nothing_is_lost(pages: Pages) -> None:
    wrong = {
        "time": ("7 pm", "25:00"),
        "day": ("soon", ""),
        "covers": ("many", "0", "101"),
        "name": (" ",),
        "phone": ("12", "0000000000"),
        "note": ("x" * 201,),
        "minutes": ("5",),
    }
    for field, values in wrong.items():
        for value in values:
            sent = {"time": "19:30", "covers": "4", "name": "Nora", "note": "window", field: value}
            answer = pages.reserve(**sent)  # type: ignore[arg-type]
            assert answer.status_code == 422
            assert f'id="{field}-problem"' in answer.text
            assert sent["note"] in answer.text
    assert 'id="time-problem"' in pages.reserve(day="2020-01-01").text


def test_two_clerks_ask_for_the_last_table_at_once_and_one_has_it(pages: Pages, app: Flask) -> None:
    token = csrf_token(pages.get("/reservations/new").text)
    form = {"day": pages.day.isoformat(), "time": "20:00", "covers": 4, "csrf_token": token}
    cookie = pages.client.get_cookie("alloresto")
    assert cookie is not None
    together, codes = threading.Barrier(6), []

    def clerk(number: int) -> None:
        client = app.test_client()
        client.set_cookie("alloresto", cookie.value)
        together.wait(20)
        answer = client.post(f"{pages.root}/reservations/new", data={**form, "name": f"Clerk {number}"})
        codes.append(answer.status_code)

    threads = [threading.Thread(target=clerk, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(codes) == [303, 409, 409, 409, 409, 409]


def test_a_reservation_is_changed_seated_and_closed_and_its_table_is_free_again(pages: Pages, admin: Admin) -> None:
    key = rid(pages.reserve())
    other = rid(pages.reserve("17:30", name="Ben"))

    changed = {"day": pages.day.isoformat(), "time": "20:15", "covers": 3, "name": "Nora", "minutes": "60"}
    full = pages.post(f"/reservations/{key}", **{**changed, "time": "18:00"})
    moved = pages.post(f"/reservations/{key}", **changed)
    here = pages.post(f"/reservations/{key}/status", move="confirmed:seated")
    late = pages.post(f"/reservations/{key}/status", move="confirmed:no_show")
    gone = pages.post(f"/reservations/{key}/status", move="seated:finished")

    assert (full.status_code, moved.status_code, here.status_code, gone.status_code) == (409, 303, 303, 303)
    assert late.status_code == 409
    assert "Somebody else was faster" in late.text
    (row,) = fetch(admin, "select status, covers, ends_at - starts_at as stay from reservation where id = $1", key)
    assert (row["status"], row["covers"], row["stay"]) == ("finished", 3, timedelta(minutes=60))
    assert pages.reserve("20:15", name="Zoé").status_code == 303
    assert fetch(admin, "select from reservation where id = $1 and status = 'confirmed'", other)


def test_a_reservation_is_cancelled_with_a_reason_and_frees_its_table(pages: Pages, admin: Admin) -> None:
    key = rid(pages.reserve())

    bare = pages.post(f"/reservations/{key}/cancel", seen="confirmed", reason="other")
    done = pages.post(f"/reservations/{key}/cancel", seen="confirmed", reason="guest", cancel_note="ill")
    again = pages.post(f"/reservations/{key}/cancel", seen="confirmed", reason="guest")

    assert (bare.status_code, done.status_code, again.status_code) == (422, 303, 409)
    assert 'id="cancel_note-problem"' in bare.text
    assert "The guest cancelled: ill" in again.text
    assert pages.reserve().status_code == 303
    (event,) = fetch(admin, "select event from outbox where type = 'com.alloresto.reservation.cancelled'")
    assert "ill" not in str(event)


def test_the_staff_choose_tables_of_their_own_and_are_told_when_one_is_taken(pages: Pages, admin: Admin) -> None:
    ids = {str(row["name"]): str(row["id"]) for row in fetch(admin, "select id, name from dining_table")}

    both = pages.reserve(covers=6, table=[ids["T1"], ids["T2"]])
    taken = pages.reserve("20:00", covers=2, table=[ids["T2"]])

    assert both.status_code == 303
    assert "Table T1 + T2" in pages.of_the_day()
    assert taken.status_code == 409
    assert 'id="tables-problem"' in taken.text
    assert f'value="{ids["T2"]}" checked' in taken.text


def test_who_waits_is_offered_the_table_that_gets_free_and_is_back_when_it_is_off(pages: Pages, admin: Admin) -> None:
    key = rid(pages.reserve())
    form = {"day": pages.day.isoformat(), "time": "19:30", "covers": 4, "name": "Zoé", "phone": "+353209110009"}
    pages.post("/reservations/waiting", **form)
    (party,) = fetch(admin, "select id from waiting_party")
    before = pages.of_the_day()
    too_early = pages.post(f"/reservations/waiting/{party['id']}/offer")

    pages.post(f"/reservations/{key}/cancel", seen="confirmed", reason="guest")
    while_free = pages.of_the_day()
    offered = pages.post(f"/reservations/waiting/{party['id']}/offer")
    twice = pages.post(f"/reservations/waiting/{party['id']}/offer")
    held = offered.location.rpartition("/")[2]
    while_held = pages.of_the_day()
    pages.post(f"/reservations/{held}/cancel", seen="held", reason="guest")

    assert "Nothing free yet" in before
    assert "Offer table T1" not in before
    assert too_early.location.endswith("#waiting")
    assert "Offer table T1" in while_free
    assert (offered.status_code, twice.status_code) == (303, 404)
    assert "Nobody waits for a table." in while_held
    assert "Table held" in while_held
    assert "Offer table T1" in pages.of_the_day()
    pages.post(f"/reservations/waiting/{party['id']}/leave")
    assert "Nobody waits for a table." in pages.of_the_day()


def test_who_waits_for_a_time_that_nobody_can_have_any_more_is_offered_nothing(pages: Pages, admin: Admin) -> None:
    """The day before yesterday, or closed since: a page that is old, or two clerks at once."""
    form = {"day": pages.day.isoformat(), "time": "19:30", "covers": 4, "name": "Zoé"}
    pages.post("/reservations/waiting", **form)
    execute(admin, "set role alloresto_platform; update waiting_party set wanted_at = now() - interval '3 days'")
    (party,) = fetch(admin, "select id from waiting_party")

    refused = pages.post(f"/reservations/waiting/{party['id']}/offer")

    assert refused.status_code == 303
    assert refused.location.endswith("#waiting")
    assert "Nothing is free for them any more." in pages.of_the_day()


def test_a_request_of_a_restaurant_without_tables_is_settled_by_the_staff(pages: Pages, admin: Admin) -> None:
    execute(admin, "set role alloresto_platform; delete from dining_room")
    at = datetime(pages.day.year, pages.day.month, pages.day.day, 19, tzinfo=pages.zone)
    execute(
        admin,
        "set role alloresto_platform; insert into reservation (restaurant_id, starts_at, ends_at, covers, status)"
        f" values ('{admin.pizza.id}', '{at.isoformat()}', '{(at + timedelta(hours=2)).isoformat()}', 5, 'requested')",
    )
    (row,) = fetch(admin, "select id from reservation")

    page = pages.of_the_day()
    confirmed = pages.post(f"/reservations/{row['id']}/status", move="requested:confirmed")

    assert ">Request<" in page
    assert confirmed.status_code == 303
    assert fetch(admin, "select from reservation where status = 'confirmed'")


def test_a_reservation_of_another_restaurant_and_a_wrong_move_are_refused(pages: Pages, admin: Admin) -> None:
    key = rid(pages.reserve())

    assert pages.client.get(f"/place/{admin.margot.id}/reservations/{key}").status_code == 404
    assert pages.post(f"/reservations/{key}/status", move="confirmed:finished").status_code == 400
    assert pages.post(f"/reservations/{key}/status", move="confirmed:cancelled").status_code == 400


def test_a_name_that_can_not_be_read_costs_no_page(pages: Pages, admin: Admin) -> None:
    key = rid(pages.reserve())
    execute(admin, "set role alloresto_platform; update reservation set name_encrypted = '\\x00'")

    assert "Unreadable" in pages.of_the_day()
    assert pages.get(f"/reservations/{key}").status_code == 200


# --- Rooms ---------------------------------------------------------------------------------------------------------


def room_fields(page: str) -> tuple[str, dict[str, str]]:
    """The first room's id and what its form would send."""
    found = re.search(r'id="room-([0-9a-f-]+)"', page)
    assert found
    key = found[1]
    values = dict(re.findall(rf'name="({key}-[a-z0-9-]+)"(?: type="text")? value="([^"]*)"', page))
    return key, {**values, f"{key}-open": "yes"}


def test_a_manager_sets_tables_that_are_joined_and_a_large_party_gets_both(pages: Pages, admin: Admin) -> None:
    key, fields = room_fields(pages.get("/rooms").text)
    saved = pages.post(f"/rooms/{key}", **{**fields, f"{key}-1-joins": "t1", f"{key}-0-least": "3"})

    large, small = pages.reserve(covers=6), pages.reserve("12:00", covers=1)

    assert saved.status_code == 303, saved.text
    assert (large.status_code, small.status_code) == (303, 303)
    assert "Table T1 + T2" in pages.of_the_day()
    _, again = room_fields(pages.get("/rooms").text)
    assert (again[f"{key}-0-joins"], again[f"{key}-1-joins"], again[f"{key}-0-least"]) == ("T2", "T1", "3")
    (entry,) = fetch(admin, "select action from audit_log where action like 'rooms.%'")
    assert entry["action"] == "rooms.changed"


def test_a_room_that_is_closed_takes_nothing_new_and_keeps_what_it_has(pages: Pages) -> None:
    pages.reserve()
    key, fields = room_fields(pages.get("/rooms").text)
    fields.pop(f"{key}-open")

    closed = pages.post(f"/rooms/{key}", **fields)

    assert closed.status_code == 303
    assert pages.reserve("13:00").status_code == 409
    assert "Nora" in pages.of_the_day()


def test_what_is_wrong_with_a_table_stands_at_it_and_what_was_typed_stays(pages: Pages) -> None:
    pages.reserve()
    key, fields = room_fields(pages.get("/rooms").text)

    wrong = pages.post(
        f"/rooms/{key}",
        **{**fields, f"{key}-0-seats": "lots", f"{key}-1-joins": "T9", f"{key}-2-name": "T1", f"{key}-2-seats": "2"},
    )
    reserved = pages.post(f"/rooms/{key}", **{**fields, f"{key}-0-name": ""})
    removed = pages.post(f"/rooms/{key}/remove")

    assert wrong.status_code == 422
    for field in (f"{key}-0-seats", f"{key}-1-joins", f"{key}-2-name"):
        assert f'id="{field}-problem"' in wrong.text
    assert 'value="lots"' in wrong.text
    assert reserved.status_code == 422
    assert "Still reserved: T1" in reserved.text
    assert removed.status_code == 303
    assert "Still reserved: T1" in pages.get("/rooms").text


def test_a_table_is_beside_six_others_at_most_whichever_rows_say_so(pages: Pages) -> None:
    key, fields = room_fields(pages.get("/rooms").text)
    for number in range(2, 9):
        fields |= {f"{key}-{number}-name": f"N{number}", f"{key}-{number}-seats": "2", f"{key}-{number}-joins": "T1"}

    seven = pages.post(f"/rooms/{key}", **fields)
    six = pages.post(f"/rooms/{key}", **{**fields, f"{key}-8-joins": ""})

    assert seven.status_code == 422
    assert f'id="{key}-0-joins-problem"' in seven.text
    assert six.status_code == 303


def test_rooms_are_added_once_and_removed(pages: Pages) -> None:
    added, twice = pages.post("/rooms", new_room="Terrace"), pages.post("/rooms", new_room="Terrace")
    page = pages.get("/rooms").text
    (terrace,) = re.findall(r'id="room-([0-9a-f-]+)"(?:(?!id="room-).)*?value="Terrace"', page, re.DOTALL)[-1:]

    removed = pages.post(f"/rooms/{terrace}/remove")

    assert (added.status_code, twice.status_code, removed.status_code) == (303, 422, 303)
    assert 'id="new_room-problem"' in twice.text
    assert "Terrace" not in re.sub(r'placeholder="[^"]*"', "", pages.get("/rooms").text)


def test_the_rules_hold_from_the_next_reservation_on(pages: Pages, admin: Admin) -> None:
    stays = {"stay_2": "60", "stay_4": "75", "stay_6": "90", "stay_more": "120"}
    rules = {"max_covers": "8", "notice_minutes": "0", "horizon_days": "30", "last_seating_minutes": "30", **stays}
    rules |= {"deposit": "15,00", "deposit_from_covers": "6", "deposit_minutes": "45"}

    wrong = pages.post("/rooms/rules", **{**rules, "stay_4": "5"})
    dear = pages.post("/rooms/rules", **{**rules, "deposit": "501"})
    saved = pages.post("/rooms/rules", **rules)
    pages.reserve()

    assert (wrong.status_code, saved.status_code) == (422, 303)
    assert 'id="stay_4-problem"' in wrong.text
    assert (dear.status_code, 'id="deposit-problem"' in dear.text) == (422, True)
    assert 'value="15.00"' in pages.get("/rooms").text
    (row,) = fetch(admin, "select ends_at - starts_at as stay from reservation")
    assert row["stay"] == timedelta(minutes=75)
    (kept,) = fetch(admin, "select taken, stay_minutes, deposit_cents, deposit_minutes from reservation_rules")
    assert tuple(kept.values()) == (False, [60, 75, 90, 120], 1500, 45)


def test_a_deposit_is_seen_by_the_staff_and_paid_on_the_guests_page_and_sent_back_by_hand(
    pages: Pages, admin: Admin
) -> None:
    key = rid(pages.reserve())
    deposit_is_awaited(admin, key)
    token = OrderLinks(admin.master_key, "").token(admin.pizza.id, key, datetime.now(UTC) + timedelta(days=1))

    shown, guest = pages.get(f"/reservations/{key}").text, pages.client.get(f"/b/{token}").text
    assert "Not paid yet" in shown and "60.00" in shown
    assert 'href="https://pay.example/cs_1"' in guest and "Nora" not in guest
    assert pages.client.get(f"/o/{token}").status_code == 404

    execute(
        admin,
        f"set role alloresto_platform; update deposit set state = 'paid' where reservation_id = '{key}';"
        f" update reservation set status = 'cancelled', cancel_reason = 'guest' where id = '{key}'",
    )
    assert "Paid. Thank you." in pages.client.get(f"/b/{token}").text
    for _ in range(2):
        assert pages.post(f"/reservations/{key}/refund").status_code == 303
    assert "Goes back" in pages.get(f"/reservations/{key}").text
    told = fetch(admin, "select event->'data'->>'state' as state from outbox where type like '%deposit%'")
    assert [row["state"] for row in told] == ["refund_due"]
    (errand,) = fetch(admin, "select kind from errand")
    assert errand["kind"] == "payment.refund"


def test_a_deposit_whose_service_is_gone_is_not_offered_and_nobody_is_told_that_it_goes_back(
    pages: Pages, admin: Admin
) -> None:
    key = rid(pages.reserve())
    deposit_is_awaited(admin, key)
    token = OrderLinks(admin.master_key, "").token(admin.pizza.id, key, datetime.now(UTC) + timedelta(days=1))
    execute(admin, "set role alloresto_platform; delete from service_connection")
    assert "https://pay.example" not in pages.client.get(f"/b/{token}").text

    execute(
        admin,
        f"set role alloresto_platform; update deposit set state = 'paid' where reservation_id = '{key}';"
        f" update reservation set status = 'cancelled', cancel_reason = 'guest' where id = '{key}'",
    )
    refused = pages.post(f"/reservations/{key}/refund")

    assert "no longer connected" in pages.get(refused.headers["Location"]).text
    assert fetch(admin, "select state from deposit")[0]["state"] == "paid"
    assert fetch(admin, "select 1 from outbox where type like '%deposit%'") == []


def deposit_is_awaited(admin: Admin, reservation_id: str) -> None:
    """Its table is held for it, and Stripe has a page on which it can be paid."""
    execute(
        admin,
        f"set role alloresto_platform; update reservation set status = 'held' where id = '{reservation_id}';"
        " with stripe as (insert into service_connection (restaurant_id, service, provider, settings, created_by)"
        f" values ('{admin.pizza.id}', 'payments', 'stripe', '{{}}', 'owner@x.example') returning id)"
        " insert into deposit (restaurant_id, reservation_id, connection_id, amount_cents, currency, minutes, state,"
        f" due_at, url, intent) select '{admin.pizza.id}', '{reservation_id}', id, 6000, 'EUR', 30, 'awaited',"
        " now() + interval '30 minutes', 'https://pay.example/cs_1', 'pi_1' from stripe",
    )


def test_the_staff_reserve_and_only_managers_change_the_rooms(log_in: LogIn, admin: Admin) -> None:
    pages = Pages(log_in(COOK), admin)

    assert pages.get("/reservations").status_code == 200
    assert pages.get("/rooms").status_code == 403
    assert pages.post("/rooms", new_room="Terrace").status_code == 403
    assert pages.reserve().status_code == 303


def test_an_empty_day_says_so_and_a_nonsense_day_is_today(pages: Pages) -> None:
    assert "Nothing is reserved on this day" in pages.of_the_day()
    today = datetime.now(UTC).astimezone(pages.zone).date()
    assert f'value="{today}"' in pages.get("/reservations?day=soon").text
