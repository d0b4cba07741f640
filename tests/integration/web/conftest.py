from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.integration.web.admin import PASSWORD, Admin, csrf_token
from tests.integration.web.fixtures import admin as admin
from tests.integration.web.fixtures import original_admin as original_admin
from web import create_app


@pytest.fixture
def app(admin: Admin) -> Iterator[Flask]:
    app = create_app(admin.settings(web_heartbeat_s=0.6, web_max_streams=2))
    yield app
    app.extensions["alloresto.database"].close()


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
