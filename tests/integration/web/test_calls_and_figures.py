"""Every call found again and explained, missed callers called back, and the sums of a day, a week, a year."""

import csv
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from domain.order import Cart, Upsell
from domain.traces import InForce, Ladder, Moment, Rung
from stores import checkpoints, traces
from stores.calls import CallRecord, ConversationRecord, record_conversation
from stores.checkpoints import Checkpoint, ToolUse
from stores.ciphers import PiiCipher
from stores.live import CallChanged
from stores.postgres import Connection, Postgres
from stores.redis import connect
from stores.traces import CallTrace
from tests.conftest import run_apart
from tests.integration.web.admin import (
    CALLER,
    COOK,
    OWNER,
    PASSWORD,
    Admin,
    csrf_token,
    execute,
    fetch,
    log_call,
    log_ended,
    make_order,
    publish,
    ring,
    take_order,
)
from tests.integration.web.people import as_platform
from web import create_app
from web.formats import day_span

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]
THE_DAY = date(2026, 10, 25)  # the clocks go back


def test_the_calls_of_a_day_are_those_of_its_25_hours(admin: Admin, log_in: LogIn) -> None:
    start, end = day_span(THE_DAY, admin.pizza.zone)
    moments = {"before": start - timedelta(seconds=1), "first": start, "last": end - timedelta(seconds=1), "after": end}
    log_ended(admin, *(_record(admin, name, at) for name, at in moments.items()))

    page = log_in(COOK).get(f"/place/{admin.pizza.id}/calls", query_string={"day": THE_DAY.isoformat()}).text

    assert end - start == timedelta(hours=25)
    assert _ids(page) == {"first", "last"}


def test_calls_are_narrowed_by_outcome_miss_and_number_and_paged_within_that(admin: Admin, log_in: LogIn) -> None:
    now = datetime.now(UTC)
    log_ended(
        admin,
        _record(admin, "order", now, outcome="order_confirmed", caller=CALLER),
        _record(admin, "busy", now, outcome="busy", caller="+353861111111"),
        _record(admin, "closed", now, outcome="answered", missed_reason="closed"),
        *(_record(admin, f"lost-{number}", now, outcome="lost") for number in range(130)),
    )
    client, path = log_in(COOK), f"/place/{admin.pizza.id}/calls"

    def found(**query: str) -> set[str]:
        ids: set[str] = set()
        page = client.get(path, query_string=query).text
        while True:
            ids |= _ids(page)
            older = re.search(r'<p class="older"><a href="([^"]+)"', page)
            if older is None:
                return ids
            page = client.get(older[1].replace("&amp;", "&")).text

    lost = {f"lost-{number}" for number in range(130)}
    assert found(outcome="busy") == {"busy"}
    assert found(missed="yes") == {"busy", "closed"} | lost
    assert found(number=CALLER) == {"order"}
    assert found(number="0" + CALLER.removeprefix("+353")) == {"order"}
    assert found(outcome="eaten") == {"order", "busy", "closed"} | lost
    assert found(outcome="reservation_made") == set()


def test_a_filter_that_makes_no_sense_says_which_field_and_keeps_what_was_typed(admin: Admin, log_in: LogIn) -> None:
    answer = log_in(COOK).get(
        f"/place/{admin.pizza.id}/calls", query_string={"day": "yesterday", "number": "+3", "missed": "yes"}
    )

    assert answer.status_code == 422
    assert "Day: this is no date." in answer.text
    assert "Number: this is no phone number." in answer.text
    assert 'value="yesterday"' in answer.text
    assert 'value="+3"' in answer.text


@pytest.mark.parametrize(
    "path", ["calls/%00", "calls/x%00.wav/recording", "orders/earlier?before=9999-12-31T23:59:59-14:00"]
)
def test_a_hostile_address_is_refused_and_never_an_error(admin: Admin, log_in: LogIn, path: str) -> None:
    client = log_in(OWNER)

    assert client.get(f"/place/{admin.pizza.id}/{path}").status_code in (400, 404)
    token = csrf_token(client.get(f"/place/{admin.pizza.id}/calls").text)
    marked = client.post(
        f"/place/{admin.pizza.id}/calls/%00/follow-up", data={"csrf_token": token, "follow_up": "settled"}
    )
    assert marked.status_code == 404


def test_a_missed_caller_is_on_the_overview_until_somebody_has_called_back(admin: Admin, log_in: LogIn) -> None:
    now = datetime.now(UTC)
    log_ended(admin, _record(admin, "missed", now - timedelta(hours=30), outcome="busy", caller=CALLER))
    client, base = log_in(COOK), f"/place/{admin.pizza.id}"

    before, listed = client.get(f"{base}/").text, client.get(f"{base}/calls?missed=yes").text
    answer = client.post(
        f"{base}/calls/missed/follow-up",
        data={"csrf_token": csrf_token(listed), "follow_up": "called_back", "from": "calls"},
        follow_redirects=True,
    )
    after = client.get(f"{base}/").text

    assert "missed call not called back" in before
    assert 'value="called_back"' in listed
    assert f"by {COOK}" in answer.text
    assert "missed call not called back" not in after
    assert fetch(admin, "select action, subject from audit_log where action like 'call.%'") == [
        {"action": "call.followed_up", "subject": "missed"}
    ]


def test_a_message_is_played_in_the_list_and_a_recording_downloaded(admin: Admin, tmp_path: Path) -> None:
    log_ended(admin, _record(admin, "message", datetime.now(UTC), outcome="message_taken", caller=CALLER))
    (tmp_path / admin.pizza.id).mkdir()
    (tmp_path / admin.pizza.id / "message.wav").write_bytes(b"RIFF0123456789")
    app = create_app(admin.settings(recordings_dir=str(tmp_path)))
    client, base = app.test_client(), f"/place/{admin.pizza.id}/calls"
    token = csrf_token(client.get("/login").text)
    client.post("/login", data={"email": OWNER, "password": PASSWORD, "csrf_token": token})

    listed = client.get(base).text
    download = client.get(f"{base}/message/recording?download=yes")
    app.extensions["alloresto.database"].close()

    assert f'src="{base}/message/recording"' in listed
    assert f'href="tel:{CALLER}"' in listed
    assert download.headers["Content-Disposition"] == "attachment; filename=message.wav"


def test_each_line_says_where_it_begins_and_how_long_the_caller_waited_for_it(admin: Admin, log_in: LogIn) -> None:
    log_call(admin, "talk")

    page = log_in(OWNER).get(f"/place/{admin.pizza.id}/calls/talk").text

    begins = [float(found) for found in re.findall(r'data-begins="([\d.]+)"', page)]
    assert begins == sorted(begins)
    assert begins[0] == 0.0
    assert begins[2] == 18.0
    assert page.count("after 9 s") == 1
    assert "<dt>Reply, usually</dt><dd>9 s</dd>" in page
    assert "<dt>Cost of the voice</dt><dd>$0.03</dd>" in page


@pytest.mark.parametrize(("email", "shown"), [(OWNER, True), (COOK, False)])
def test_the_ladder_is_there_for_those_who_ask_support_and_not_for_the_kitchen(
    admin: Admin, log_in: LogIn, email: str, shown: bool
) -> None:
    log_call(admin, "traced")
    started = fetch(admin, "select started_at from call_log")[0]["started_at"]
    assert isinstance(started, datetime)
    ladder = Ladder(rungs=[Rung(at_ms=0, direction="in", method="INVITE", sequence=1)])
    trace = CallTrace(
        call_id="traced",
        restaurant_id=admin.pizza.id,
        started_at=started,
        sip_call_id="dialog-1",
        moments=(Moment(at_ms=12, what="answered"),),
        in_force=InForce(provider="sip", codec="PCMA"),
    )

    async def write() -> None:
        postgres = Postgres(admin.database.platform_url)
        await postgres.open()
        async with postgres.platform() as connection:
            await traces.ended(connection, trace)
            assert await traces.keep_ladder(connection, "dialog-1", started, ladder)
        await postgres.close()

    run_apart(write)
    path = f"/place/{admin.pizza.id}/calls/traced"

    page = log_in(email).get(path).text

    assert ("INVITE ─" in page) is shown
    assert ("PCMA" in page) is shown


@pytest.mark.usefixtures("within_one_day")
def test_the_overview_says_what_needs_somebody_and_what_a_caller_has_chosen_so_far(admin: Admin, log_in: LogIn) -> None:
    order = make_order(admin, minutes_ago=50)
    take_order(admin, order, tell=False)
    ring(admin, "call-1")
    publish(admin, CallChanged(call_id="call-1", state="joined", at=datetime.now(UTC)))
    kept = Checkpoint(
        call_id="call-1",
        restaurant_id=admin.pizza.id,
        attempt=1,
        started_at=datetime.now(UTC),
        cart=Cart("EUR", order.id, lines=order.lines[:1]),
    )

    async def save() -> None:
        async with connect(admin.redis_url) as redis:
            await checkpoints.save(redis, "call-1", kept)

    run_apart(save)
    execute(admin, "update menu_item set available = false where name = 'Tiramisu'")
    execute(admin, "update sip_registration set status = 'error'")

    page = log_in(OWNER).get(f"/place/{admin.pizza.id}/").text

    assert "order past its promised time" in page
    assert "Tiramisu" in page
    assert "1 × Margherita Large" in page
    assert "€16.50" in page


def test_figures_add_up_the_days_that_are_asked_for(admin: Admin, log_in: LogIn) -> None:
    start, end = day_span(THE_DAY, admin.pizza.zone)
    inside, last = start + timedelta(hours=13), end - timedelta(minutes=1)
    log_ended(
        admin,
        _record(admin, "a", inside, outcome="order_confirmed", duration_ms=60_000, order_id=make_order(admin).id),
        _record(admin, "b", inside, outcome="busy", duration_ms=0),
        _record(admin, "c", last, outcome="answered", duration_ms=30_000),
        _record(admin, "d", end, outcome="answered"),
    )
    client, path = log_in(OWNER), f"/place/{admin.pizza.id}/figures"

    page = client.get(path, query_string={"from": "2026-10-25", "to": "2026-10-25"}).text
    rows = list(csv.DictReader(client.get(f"{path}.csv?from=2026-10-24&to=2026-10-26").text.splitlines()))

    assert "<dt>Calls</dt><dd>3</dd>" in page
    assert "<dt>Not served</dt><dd>1</dd>" in page
    assert "<dt>Average call</dt><dd>0:30</dd>" in page
    assert page.count("<rect") == 3, "12:00 answered and missed, 23:00 answered"
    assert [(row["day"], row["hour"], row["calls"], row["missed"], row["calls_with_order"]) for row in rows] == [
        ("2026-10-25", "12", "2", "1", "1"),
        ("2026-10-25", "23", "1", "0", "0"),
        ("2026-10-26", "0", "1", "0", "0"),
    ]


def test_more_than_a_quarter_is_told_by_weeks_and_the_ends_are_exact(admin: Admin, log_in: LogIn) -> None:
    zone = admin.pizza.zone
    moments = {
        "sunday before": day_span(date(2026, 5, 31), zone)[0],
        "the first week, a monday": day_span(date(2026, 6, 1), zone)[0],
        "the same, its sunday": day_span(date(2026, 6, 7), zone)[1] - timedelta(seconds=1),
        "last week": day_span(date(2026, 10, 26), zone)[0],
        "after": day_span(date(2026, 10, 28), zone)[0],
    }
    log_ended(admin, *(_record(admin, name, at, duration_ms=60_000) for name, at in moments.items()))
    client, path = log_in(OWNER), f"/place/{admin.pizza.id}/figures"
    tuesday_to_tuesday = {"from": "2026-05-26", "to": "2026-10-27"}

    page = client.get(path, query_string=tuesday_to_tuesday).text
    monday_on = client.get(path, query_string={"from": "2026-06-01", "to": "2026-10-27"}).text
    execute(admin, "delete from call_figure")  # as what is older than the hours are kept
    later = client.get(path, query_string=tuesday_to_tuesday).text
    spreadsheet = client.get(f"{path}.csv", query_string={"from": "2025-06-02", "to": "2026-10-25"}).text

    assert "<dt>Calls</dt><dd>4</dd>" in page and "Revenue by week" in page
    assert "<dt>Calls</dt><dd>3</dd>" in monday_on
    assert "<dt>Calls</dt><dd>2</dd>" in later, "the whole weeks stay"
    assert [(row["day"], row["hour"], row["calls"]) for row in csv.DictReader(spreadsheet.splitlines())] == [
        ("2026-05-25", "", "1"),
        ("2026-06-01", "", "2"),
    ]


def test_a_cancelled_order_leaves_its_week_too(admin: Admin, log_in: LogIn) -> None:
    for _ in range(2):
        stored = take_order(admin, make_order(admin), tell=False)
    client, base = log_in(OWNER), f"/place/{admin.pizza.id}"
    token = csrf_token(client.get(f"{base}/orders").text)
    client.post(
        f"{base}/orders/{stored.id}/cancel", data={"csrf_token": token, "seen": "confirmed", "reason": "mistake"}
    )
    today = datetime.now(UTC).date()
    query = {"from": (today - timedelta(days=300)).isoformat(), "to": (today + timedelta(days=8)).isoformat()}

    page = client.get(f"{base}/figures", query_string=query).text

    assert "<dt>Orders</dt><dd>1</dd>" in page and "<dt>Cancelled</dt><dd>1</dd>" in page
    assert "<dt>Revenue</dt><dd>€31.00</dd>" in page


def test_what_the_assistant_did_and_sold_more_is_on_the_calls_page_and_in_the_figures(
    admin: Admin, log_in: LogIn
) -> None:
    begins = day_span(THE_DAY, admin.pizza.zone)[0] + timedelta(hours=13)
    upsells: dict[str, Upsell] = {"plain": "", "declined": "offered", "taken": "accepted"}
    log_ended(admin, *(_record(admin, name, begins, outcome="answered") for name in upsells))

    async def converse(connection: Connection) -> None:
        for name, upsell in upsells.items():
            record = ConversationRecord(
                call_id=name,
                restaurant_id=admin.pizza.id,
                started_at=begins,
                outcome="answered",
                tools={"add_item": ToolUse(3, 1), "offer_extra": ToolUse(1)} if upsell else {},
                upsell=upsell,
            )
            await record_conversation(connection, record, PiiCipher(admin.master_key))

    as_platform(admin, converse)
    client, base = log_in(OWNER), f"/place/{admin.pizza.id}"

    figures = client.get(f"{base}/figures", query_string={"from": "2026-10-25", "to": "2026-10-25"}).text
    (row,) = csv.DictReader(client.get(f"{base}/figures.csv?from=2026-10-25&to=2026-10-25").text.splitlines())
    pages = {name: client.get(f"{base}/calls/{name}").text for name in upsells}

    assert "One thing more: offered in 2, taken in 1 (50 %)." in figures
    assert (row["calls"], row["offered"], row["taken"]) == ("3", "2", "1")
    assert "offered and taken" in pages["taken"] and "offered, not taken" in pages["declined"]
    assert "<dt>Added a dish</dt><dd>3 ×" in pages["taken"] and "1 time refused" in pages["taken"]
    assert "What the assistant did" not in pages["plain"] and "One thing more" not in pages["plain"]


@pytest.mark.usefixtures("within_one_day")
def test_figures_show_todays_revenue_without_what_was_cancelled(admin: Admin, log_in: LogIn) -> None:
    for _ in range(3):
        stored = take_order(admin, make_order(admin), tell=False)
    client, base = log_in(OWNER), f"/place/{admin.pizza.id}"
    token = csrf_token(client.get(f"{base}/orders").text)
    form = {"csrf_token": token, "seen": "confirmed", "reason": "mistake"}
    client.post(f"{base}/orders/{stored.id}/cancel", data=form)

    page = client.get(f"{base}/figures?days=1").text

    assert "<dt>Orders</dt><dd>2</dd>" in page
    assert "<dt>Revenue</dt><dd>€62.00</dd>" in page
    assert "<dt>Cancelled</dt><dd>1</dd>" in page


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"from": "yesterday"}, "one of them is no date"),
        ({"from": "2026-10-25", "to": "2026-10-24"}, "the last one is before the first"),
        ({"from": "2020-01-01", "to": "2026-01-01"}, "at most 1827 at once"),
    ],
)
def test_days_that_make_no_stretch_are_said_and_stay_typed(
    admin: Admin, log_in: LogIn, query: dict[str, str], words: str
) -> None:
    answer = log_in(OWNER).get(f"/place/{admin.pizza.id}/figures", query_string=query)

    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{query["from"]}"' in answer.text


def test_figures_of_nothing_are_a_page_that_says_so(admin: Admin, log_in: LogIn) -> None:
    page = log_in(OWNER).get(f"/place/{admin.margot.id}/figures")

    assert page.status_code == 200
    assert "Nothing in these days." in page.text


def _record(admin: Admin, call_id: str, started_at: datetime, **fields: object) -> CallRecord:
    given = {"outcome": "answered", "ended_at": started_at} | fields
    return CallRecord(id=call_id, restaurant_id=admin.pizza.id, started_at=started_at, **given)  # type: ignore[arg-type]


def _ids(page: str) -> set[str]:
    return set(re.findall(r'id="call-([^"]+)"', page)) - {"back"}
