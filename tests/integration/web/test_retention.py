"""The page on which a restaurant chooses how long it keeps what tells of people."""

import json
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.integration.web.admin import COOK, OWNER, Admin, csrf_token, execute, fetch

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]


def sent(client: FlaskClient, admin: Admin, **days: str) -> tuple[int, str]:
    path = f"/place/{admin.pizza.id}/retention"
    answer = client.post(path, data={"csrf_token": csrf_token(client.get(path).text), **days})
    return answer.status_code, answer.text


def chosen(admin: Admin) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in fetch(admin, "select * from retention_choice")]


def test_a_manager_chooses_days_sees_them_again_and_the_history_says_so(log_in: LogIn, admin: Admin) -> None:
    owner = log_in(OWNER)
    execute(admin, "set role alloresto_platform; delete from retention_choice")

    status, _ = sent(owner, admin, transcript_days="30", recording_days="7", customer_days="")

    assert status == 303
    page = owner.get(f"/place/{admin.pizza.id}/retention").text
    assert 'value="30"' in page
    assert 'value="7"' in page
    (row,) = chosen(admin)
    assert row == (admin.pizza.id, 30, 7, None, None)
    (entry,) = fetch(admin, "select action, after::text as after from audit_log where action = 'retention.changed'")
    assert json.loads(str(entry["after"])) == {"transcript_days": 30, "recording_days": 7, "customer_days": None}
    assert "What was said" in owner.get(f"/place/{admin.pizza.id}/history").text


@pytest.mark.parametrize(
    ("days", "problem"),
    [
        ({"transcript_days": "91"}, "from 1 to 90"),
        ({"transcript_days": "0"}, "from 1 to 90"),
        ({"recording_days": "91"}, "from 1 to 90"),
        ({"transcript_days": "10", "recording_days": "11"}, "at most 10 days"),
        ({"customer_days": "29"}, "from 30 to 365"),
        ({"customer_days": "366"}, "from 30 to 365"),
        ({"customer_days": "a year"}, "from 30 to 365"),
    ],
)
def test_days_beyond_the_platforms_are_refused_and_nothing_is_saved(
    log_in: LogIn, admin: Admin, days: dict[str, str], problem: str
) -> None:
    before = chosen(admin)
    status, page = sent(log_in(OWNER), admin, **days)

    assert (status, chosen(admin)) == (422, before)
    assert problem in page


def test_a_cook_may_not(log_in: LogIn, admin: Admin) -> None:
    assert log_in(COOK).get(f"/place/{admin.pizza.id}/retention").status_code == 403
