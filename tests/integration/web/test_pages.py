from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from flask.testing import FlaskClient

from tests.integration.web.admin import COOK, OWNER, PASSWORD, Admin, csrf_token, log_call, make_order, take_order
from web import create_app

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]


@pytest.mark.usefixtures("within_one_day")
def test_a_ticket_says_what_to_cook_for_whom_and_until_when(admin: Admin, log_in: LogIn) -> None:
    order = make_order(admin, name="O'Brien & Co")
    stored = take_order(admin, order, tell=False)

    page = log_in(COOK).get(f"/place/{admin.pizza.id}/orders").text

    promised = order.promised_at.astimezone(ZoneInfo(admin.pizza.zone)).strftime("%H:%M")
    assert f'aria-label="Order {stored.number}"' in page
    assert f"<strong>{promised}</strong>" in page
    assert "Extra olives, Extra cheese" in page
    assert "well done" in page
    assert "O&#39;Brien &amp; Co" in page
    assert "3 Abbey Street, D13 Howth" in page
    assert "€31.00" in page
    assert "4 items" in page


def test_an_order_page_shows_the_vat_that_the_total_contains(admin: Admin, log_in: LogIn) -> None:
    order = make_order(admin)
    stored = take_order(admin, order, tell=False)
    client = log_in(OWNER)
    client.set_cookie("alloresto_language", "fr")

    page = client.get(f"/place/{admin.pizza.id}/orders/{stored.id}").text

    assert "dont TVA 9 %" in page
    assert "31,00\u00a0€" in page
    assert "Frais de livraison" in page


def test_a_call_page_shows_what_was_said_and_leads_to_the_order(admin: Admin, log_in: LogIn) -> None:
    order = make_order(admin)
    stored = take_order(admin, order, tell=False)
    log_call(admin, order.call_id, order_id=stored.id)
    client = log_in(OWNER)

    listed = client.get(f"/place/{admin.pizza.id}/calls").text
    page = client.get(f"/place/{admin.pizza.id}/calls/{order.call_id}").text

    assert f"/place/{admin.pizza.id}/calls/{order.call_id}" in listed
    assert "1:14" in listed
    assert "&lt;b&gt;No&lt;/b&gt; onions." in page, "what a caller says is text, never markup"
    assert f"/place/{admin.pizza.id}/orders/{stored.id}" in page
    assert "<audio" not in page


def test_a_recording_is_played_where_there_is_one(admin: Admin, tmp_path: Path) -> None:
    order = make_order(admin)
    log_call(admin, order.call_id)
    (tmp_path / admin.pizza.id).mkdir()
    (tmp_path / admin.pizza.id / f"{order.call_id}.wav").write_bytes(b"RIFF0123456789")
    app = create_app(admin.settings(recordings_dir=str(tmp_path)))
    client = app.test_client()
    token = csrf_token(client.get("/login").text)
    client.post("/login", data={"email": OWNER, "password": PASSWORD, "csrf_token": token})
    base = f"/place/{admin.pizza.id}/calls"

    page = client.get(f"{base}/{order.call_id}").text
    part = client.get(f"{base}/{order.call_id}/recording", headers={"Range": "bytes=0-3"})
    outside = client.get(f"{base}/..%2f..%2fsecret/recording")
    app.extensions["alloresto.database"].close()

    assert "<audio" in page
    assert (part.status_code, part.data) == (206, b"RIFF")
    assert outside.status_code == 404


@pytest.mark.usefixtures("within_one_day")
def test_the_overview_counts_the_day(admin: Admin, log_in: LogIn) -> None:
    for _ in range(2):
        order = make_order(admin)
        stored = take_order(admin, order, tell=False)
        log_call(admin, order.call_id, order_id=stored.id, minutes_ago=0)

    page = log_in(OWNER).get(f"/place/{admin.pizza.id}/").text

    assert "<dt>Orders today</dt><dd>2</dd>" in page
    assert "<dt>Revenue today</dt><dd>€62.00</dd>" in page
    assert "<dt>Average order</dt><dd>€31.00</dd>" in page
    assert "<dt>Calls today</dt><dd>2</dd>" in page


def test_empty_pages_say_what_will_come(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)

    assert "No orders yet today" in client.get(f"/place/{admin.margot.id}/orders").text
    assert "No calls yet" in client.get(f"/place/{admin.margot.id}/calls").text
    assert "Nobody is on the phone." in client.get(f"/place/{admin.margot.id}/").text
    assert "Nothing earlier" in client.get(f"/place/{admin.margot.id}/orders/earlier").text


def test_earlier_orders_come_a_page_at_a_time_and_a_crafted_page_is_refused(admin: Admin, log_in: LogIn) -> None:
    take_order(admin, make_order(admin, minutes_ago=3 * 24 * 60), tell=False)
    client = log_in(OWNER)
    path = f"/place/{admin.pizza.id}/orders/earlier"

    first = client.get(path).text
    beyond = client.get(path, query_string={"before": "2020-01-01T00:00:00+00:00"}).text
    crafted = (
        {"before": "' or 1=1 --"},
        {"before": "2026-11-21T18:30:00"},
        {"before": "9999-12-31T23:59:59-14:00"},
        {"before": "2026-11-21T18:30:00+00:00", "id": "no-uuid"},
    )
    answers = [client.get(path, query_string=query).status_code for query in crafted]

    assert "€31.00" in first
    assert "Nothing earlier" in beyond
    assert answers == [400, 400, 400, 400]


def test_readiness_names_what_is_away(admin: Admin) -> None:
    ready = create_app(admin.settings())
    cut_off = create_app(
        admin.settings(
            database_url="postgresql://alloresto_app@127.0.0.1:1/alloresto",
            redis_url="redis://127.0.0.1:1",
            web_database_timeout_s=1.0,
        )
    )

    inside = {"alloresto.operations": True}
    well = ready.test_client().get("/health/ready", environ_overrides=inside)
    ill = cut_off.test_client().get("/health/ready", environ_overrides=inside)
    public = cut_off.test_client().get("/health/ready")
    live = cut_off.test_client().get("/health")
    page = cut_off.test_client().post("/login", data={})
    for app in (ready, cut_off):
        app.extensions["alloresto.database"].close()

    assert (well.status_code, msgspec.json.decode(well.data)["missing"]) == (200, {})
    missing = msgspec.json.decode(ill.data)["missing"]
    assert ill.status_code == 503
    assert set(missing) == {"postgres", "redis"}
    assert "DATABASE_URL" in missing["postgres"]
    assert (public.status_code, public.get_json()) == (503, {"status": "waiting", "service": "web"})
    assert live.status_code == 200
    assert page.status_code == 400


def test_a_page_without_its_database_says_try_again(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    database = client.application.extensions["alloresto.database"]
    database.close()
    database._settings = admin.settings(database_url="postgresql://alloresto_app@127.0.0.1:1/alloresto")
    database._timeout_s = 0.5

    page = client.get(f"/place/{admin.pizza.id}/orders")

    assert page.status_code == 503
    assert page.headers["Retry-After"]
    assert "try again" in page.text
