from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from tests.integration.web.admin import COOK, OWNER, Admin, csrf_token, execute, fetch

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]


def send(client: FlaskClient, admin: Admin, path: str, *fields: tuple[str, str]) -> TestResponse:
    page = f"/place/{admin.pizza.id}/hours"
    token = csrf_token(client.get(page).text)
    return client.post(f"{page}/{path}", data=MultiDict([("csrf_token", token), *fields]))


def span(day: str, opens: str, closes: str) -> list[tuple[str, str]]:
    return [(f"{day}-opens", opens), (f"{day}-closes", closes)]


def week(admin: Admin) -> list[tuple[object, ...]]:
    query = "select weekday, opens, closes from opening_hours where restaurant_id = $1 order by weekday, opens"
    return [tuple(row.values()) for row in fetch(admin, query, admin.pizza.id)]


def dates(admin: Admin) -> dict[date, object]:
    query = "select day, spans from opening_exception where restaurant_id = $1"
    return {row["day"]: row["spans"] for row in fetch(admin, query, admin.pizza.id)}  # type: ignore[misc]


def told(admin: Admin) -> list[list[str]]:
    rows = fetch(admin, "select event from outbox where type = 'com.alloresto.restaurant.changed' order by id")
    return [row["event"]["data"]["fields"] for row in rows]  # type: ignore[index]


def logged(admin: Admin) -> list[dict[str, object]]:
    return fetch(admin, "select actor, action, before, after from audit_log where action like 'hours.%' order by id")


def ordinary_day(admin: Admin) -> date:
    """A day to come that follows the week."""
    soon = ((datetime.now(UTC) + timedelta(days=ahead)).date() for ahead in range(2, 100))
    return next(day for day in soon if day not in dates(admin))


def test_a_week_with_several_openings_a_day_and_one_past_midnight_is_saved_told_and_logged(
    admin: Admin, log_in: LogIn
) -> None:
    answer = send(
        log_in(OWNER),
        admin,
        "week",
        *span("day-0", "18:00", "22:30"),
        *span("day-0", "12:00", "14:30"),
        *span("day-4", "18:00", "02:00"),
        *span("day-5", "00:00", "00:00"),
        *span("day-6", "", ""),
    )

    assert answer.status_code == 303
    assert week(admin) == [(0, 720, 870), (0, 1080, 1350), (4, 1080, 1560), (5, 0, 1440)]
    assert told(admin) == [["openings"]]
    (entry,) = logged(admin)
    assert (entry["actor"], entry["action"]) == (OWNER, "hours.week_changed")
    assert entry["after"]["1"] == "12:00–14:30, 18:00–22:30"  # type: ignore[index]
    assert entry["after"]["5"] == "18:00–02:00"  # type: ignore[index]


@pytest.mark.parametrize(
    ("spans", "says"),
    [
        ([*span("day-1", "12:00", "15:00"), *span("day-1", "14:00", "18:00")], "Tuesday: two openings overlap"),
        (span("day-1", "12:00", ""), "Tuesday: an opening needs two times"),
        (span("day-1", "25:00", "26:00"), "Tuesday: an opening needs two times"),
        (span("day-1", "12:00", "12:00"), "Tuesday: both times are the same"),
        ([*span("day-1", "01:00", "02:00")] * 5, "Tuesday: at most 4"),
    ],
)
def test_hours_that_make_no_sense_are_refused_at_their_day_and_nothing_typed_is_lost(
    spans: list[tuple[str, str]], says: str, admin: Admin, log_in: LogIn
) -> None:
    before = week(admin)

    answer = send(log_in(OWNER), admin, "week", *span("day-3", "11:11", "13:13"), *spans)

    assert answer.status_code == 422
    assert says in answer.text
    assert 'value="11:11"' in answer.text
    assert spans[0][1] in answer.text
    assert week(admin) == before
    assert told(admin) == []


def test_mondays_hours_are_copied_into_the_form_and_saved_only_by_saving(admin: Admin, log_in: LogIn) -> None:
    before = week(admin)

    answer = send(log_in(OWNER), admin, "week", ("same_as", "0"), *span("day-0", "11:40", "23:10"))

    assert answer.text.count('value="11:40"') == 7
    assert "Not saved yet" in answer.text
    assert week(admin) == before


def test_a_week_that_is_sent_twice_is_told_once(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)

    for _turn in range(2):
        send(client, admin, "week", *span("day-0", "18:00", "22:30"))

    assert told(admin) == [["openings"]]
    assert len(logged(admin)) == 1


def test_a_date_is_closed_then_open_at_other_hours_then_as_the_week_has_it(admin: Admin, log_in: LogIn) -> None:
    client, day = log_in(OWNER), ordinary_day(admin)

    send(client, admin, "dates", ("day", day.isoformat()), ("is", "closed"))
    closed = dates(admin)
    send(client, admin, "dates", ("day", day.isoformat()), ("is", "open"), *span("date", "19:00", "01:00"))
    opened = dates(admin)
    send(client, admin, f"dates/{day.isoformat()}/remove")

    assert (closed[day], opened[day]) == ([], [[1140, 1500]])
    assert day not in dates(admin)
    assert told(admin) == [["exceptions"]] * 3
    assert [(one["before"], one["after"]) for one in logged(admin)] == [
        (None, ""),
        ("", "19:00–01:00"),
        ("19:00–01:00", None),
    ]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ([("day", ""), ("is", "closed")], "Date: which day?"),
        ([("day", "31/12/2026"), ("is", "closed")], "Date: which day?"),
        ([("day", "2001-01-01"), ("is", "closed")], "Date: a day from today on"),
        ([("day", "9999-12-31"), ("is", "closed")], "Date: a day from today on"),
        ([("is", "open")], "Hours: when is it open?"),
        ([("is", "perhaps")], "On this date: choose one"),
    ],
)
def test_a_date_that_makes_no_sense_is_refused_at_its_field(
    fields: list[tuple[str, str]], says: str, admin: Admin, log_in: LogIn
) -> None:
    answer = send(log_in(OWNER), admin, "dates", *fields)

    assert answer.status_code == 422
    assert says in answer.text
    assert told(admin) == []


def test_the_countrys_holidays_are_closed_one_by_one_or_all_at_once(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    execute(admin, "set role alloresto_platform; update restaurant set country = 'FR'")
    christmas = date(datetime.now(UTC).year, 12, 25)
    before = dates(admin)

    page = client.get(f"/place/{admin.pizza.id}/hours").text
    send(client, admin, "holidays", ("day", "all"))
    after = dates(admin)

    assert "Bastille" not in page
    assert "National day" in page
    assert len(after) >= len(before) + 8
    assert any(day.month == 7 and day.day == 14 and spans == [] for day, spans in after.items())
    assert send(client, admin, "holidays", ("day", christmas.isoformat())).status_code == 404, "it is decided already"


def test_what_happens_outside_of_the_hours_is_saved(admin: Admin, log_in: LogIn) -> None:
    answer = send(
        log_in(OWNER),
        admin,
        "outside",
        ("last_order_minutes", "30"),
        ("when_closed", "forward"),
        ("orders_ahead", "yes"),
        ("fallback_number", "021 234 5678"),
    )

    row = fetch(
        admin,
        "select last_order_minutes, when_closed, orders_ahead, fallback_number from restaurant where id = $1",
        admin.pizza.id,
    )[0]
    assert answer.status_code == 303
    assert row == {
        "last_order_minutes": 30,
        "when_closed": "forward",
        "orders_ahead": True,
        "fallback_number": "+353212345678",
    }
    assert "when_closed" in told(admin)[0]


@pytest.mark.parametrize(
    ("number", "says"),
    [("", "callers are forwarded to it"), ("ring me", "write a telephone number"), ("12", "write a telephone number")],
)
def test_forwarding_wants_a_number_that_can_be_dialled(number: str, says: str, admin: Admin, log_in: LogIn) -> None:
    answer = send(
        log_in(OWNER),
        admin,
        "outside",
        ("last_order_minutes", "500"),
        ("when_closed", "forward"),
        ("fallback_number", number),
    )

    assert answer.status_code == 422
    assert says in answer.text
    assert "Last order: a whole number from 0 to 240." in answer.text
    assert 'value="500"' in answer.text


def test_a_cook_sees_the_hours_and_changes_none(admin: Admin, log_in: LogIn) -> None:
    client = log_in(COOK)
    page = client.get(f"/place/{admin.pizza.id}/hours").text
    token = csrf_token(page)

    answer = client.post(f"/place/{admin.pizza.id}/hours/week", data={"csrf_token": token})

    assert "Monday" in page
    assert "Save the week" not in page
    assert answer.status_code == 403
