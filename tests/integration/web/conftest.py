from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.integration.web.admin import PASSWORD, Admin, csrf_token, lent
from tests.integration.web.fixtures import admin as admin
from tests.integration.web.fixtures import original_admin as original_admin
from web import create_app

SETTINGS: dict[str, object] = {"web_heartbeat_s": 0.6, "web_max_streams": 2}


@pytest.fixture(scope="session")
def standing_app(original_admin: Admin) -> Flask:
    """Its routes and templates are compiled once; that takes longer than what most tests do with them."""
    return create_app(original_admin.settings(**SETTINGS))


@pytest.fixture
def app(standing_app: Flask, admin: Admin) -> Iterator[Flask]:
    with lent(standing_app, admin.settings(**SETTINGS)):
        yield standing_app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """English, nobody logged in."""
    client = app.test_client()
    client.set_cookie("alloresto_language", "en")
    return client


@pytest.fixture
def log_in(client: FlaskClient) -> Callable[[str], FlaskClient]:
    """``log_in(email)`` logs the client in and returns it."""

    def log_in(email: str) -> FlaskClient:
        token = csrf_token(client.get("/login").text)
        answer = client.post("/login", data={"email": email, "password": PASSWORD, "csrf_token": token})
        assert answer.status_code == 303, answer.text
        return client

    return log_in
