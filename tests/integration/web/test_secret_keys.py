"""WEB_SECRET_KEY rotated: what the key of before has signed still counts, until it is taken out."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.integration.web.admin import COOK, PASSWORD, SECRET_KEY, Admin, csrf_token
from web import create_app

pytestmark = pytest.mark.integration

NEW = "another secret of the tests, long enough"


@pytest.fixture
def app_with(admin: Admin) -> Iterator[Callable[[str], Flask]]:
    """An admin whose WEB_SECRET_KEY is this."""
    made: list[Flask] = []

    def make(keys: str) -> Flask:
        made.append(create_app(admin.settings(web_secret_key=keys)))
        return made[-1]

    yield make
    for app in made:
        app.extensions["alloresto.database"].close()


def moved(client: FlaskClient, app: Flask) -> FlaskClient:
    """The same browser, in front of another process."""
    other = app.test_client()
    other.set_cookie("alloresto_language", "en")
    for name in ("alloresto", "alloresto_device"):
        cookie = client.get_cookie(name)
        if cookie is not None:
            other.set_cookie(name, cookie.value)
    return other


def test_who_is_logged_in_stays_so_and_pages_that_are_open_can_be_sent(
    app_with: Callable[[str], Flask], admin: Admin
) -> None:
    browser = app_with(SECRET_KEY).test_client()
    browser.set_cookie("alloresto_language", "en")
    token = csrf_token(browser.get("/login").text)
    browser.post("/login", data={"email": COOK, "password": PASSWORD, "csrf_token": token})
    asked = browser.post("/api/v1/auth/token", json={"email": COOK, "password": PASSWORD}).get_json()
    bearer = {"Authorization": f"Bearer {asked['accessToken']}"}
    form = csrf_token(browser.get("/account").text)

    after = moved(browser, app_with(f"{NEW}, {SECRET_KEY}\n"))  # as it is typed
    alone = moved(browser, app_with(NEW))
    orders = f"/api/v1/restaurants/{admin.pizza.id}/orders"

    assert after.get("/account").status_code == 200
    assert after.get(orders, headers=bearer).status_code == 200
    sent = after.post("/logout", data={"csrf_token": form})
    assert (sent.status_code, after.get("/account").status_code) == (303, 302)
    assert alone.get(orders, headers=bearer).status_code == 401
    assert alone.get("/account").status_code == 302


def test_who_logs_in_during_the_rotation_stays_so_after_it(app_with: Callable[[str], Flask]) -> None:
    browser = app_with(f"{NEW},{SECRET_KEY}").test_client()
    browser.set_cookie("alloresto_language", "en")
    token = csrf_token(browser.get("/login").text)
    browser.post("/login", data={"email": COOK, "password": PASSWORD, "csrf_token": token})

    assert moved(browser, app_with(NEW)).get("/account").status_code == 200
