from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from stores import setups
from stores.errors import NotFoundError
from stores.postgres import NO_RESTAURANT, Postgres
from stores.setups import NewRestaurant, TooManyRestaurantsError
from tests.conftest import run_apart
from tests.integration.web.admin import COOK, OWNER, STRANGER, Admin, csrf_token, fetch

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]
NEW = {
    "name": "Chez Nous",
    "country": "FR",
    "language": "fr",
    "street": "1 rue du Port",
    "postcode": "29200",
    "city": "Brest",
    "kind": "pizzeria",
}


def send(client: FlaskClient, fields: dict[str, str]) -> TestResponse:
    token = csrf_token(client.get("/setup").text)
    return client.post("/setup", data={"csrf_token": token, **fields})


def test_somebody_makes_a_restaurant_with_an_example_menu_and_owns_it(admin: Admin, log_in: LogIn) -> None:
    client = log_in(STRANGER)

    answer = send(client, NEW)
    page = client.get(answer.location).text

    (made,) = fetch(admin, "select * from restaurant where name = 'Chez Nous'")
    roles = fetch(
        admin,
        "select u.email, m.role from membership m join app_user u on u.id = m.user_id where m.restaurant_id = $1",
        made["id"],
    )
    items = fetch(admin, "select count(*) from menu_item where restaurant_id = $1", made["id"])[0]["count"]
    logged = fetch(admin, "select action from audit_log where restaurant_id = $1 order by id", made["id"])
    assert answer.status_code == 303
    assert (made["currency"], made["zone"], made["country"]) == ("EUR", "Europe/Paris", "FR")
    assert roles == [{"email": STRANGER, "role": "owner"}]
    assert int(str(items)) > 5
    assert [row["action"] for row in logged] == ["setup.restaurant_created", "setup.example_menu_taken"]
    assert "steps are missing" in page


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": " "}, "Name: please fill this in."),
        ({"country": "XX"}, "Country: choose one of the list."),
        ({"kind": "../etc"}, "Kind of restaurant: choose one of the list."),
        ({"city": "x" * 101}, "City: at most 100 characters"),
    ],
)
def test_a_restaurant_that_cannot_be_is_refused_at_its_field(
    changes: dict[str, str], says: str, admin: Admin, log_in: LogIn
) -> None:
    answer = send(log_in(STRANGER), {**NEW, **changes})

    assert answer.status_code == 422
    assert says in answer.text
    assert "1 rue du Port" in answer.text
    assert fetch(admin, "select from restaurant where name = 'Chez Nous'") == []


def test_nobody_sets_up_more_than_ten_and_nobody_for_a_user_who_is_none(admin: Admin) -> None:
    new = NewRestaurant("One more", "fr", "FR", "EUR", "Europe/Paris")
    (stranger,) = fetch(admin, "select id from app_user where email = $1", STRANGER)

    async def set_up(owner: object) -> None:
        postgres = Postgres(admin.database.app_url)
        await postgres.open()
        try:
            async with postgres.tenant(NO_RESTAURANT) as connection:
                await setups.set_up(connection, str(owner), new)
        finally:
            await postgres.close()

    for _turn in range(9):  # one is there already
        run_apart(lambda: set_up(stranger["id"]))

    with pytest.raises(TooManyRestaurantsError):
        run_apart(lambda: set_up(stranger["id"]))
    with pytest.raises(NotFoundError):
        run_apart(lambda: set_up(NO_RESTAURANT))


def test_the_list_says_what_is_missing_and_what_was_done(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    page = client.get(f"/place/{admin.pizza.id}/setup").text

    hours, menu = page.index("<strong>Hours</strong>"), page.index("<strong>Menu</strong>")
    number = page.index("<strong>Your number</strong>")
    assert "Done" in page[hours:menu]
    assert "Done" in page[menu : menu + 400]
    assert "Missing" in page[number : number + 400]


def test_only_the_set_up_page_may_use_the_microphone_and_only_where_a_bridge_is_named(
    admin: Admin, log_in: LogIn
) -> None:
    client = log_in(OWNER)
    page = f"/place/{admin.pizza.id}/setup"
    closed = client.get(page)
    token = csrf_token(closed.text)

    refused = client.post(f"{page}/ring", data={"csrf_token": token})

    assert "Ring now" not in closed.text
    assert "microphone=()" in closed.headers["Permissions-Policy"]
    assert refused.status_code == 404


def test_staff_neither_set_up_nor_ring(admin: Admin, log_in: LogIn) -> None:
    assert log_in(COOK).get(f"/place/{admin.pizza.id}/setup").status_code == 403
