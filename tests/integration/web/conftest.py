from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from local.embedded import EmbeddedPostgres
from tests.integration.web.admin import PASSWORD, Admin, csrf_token, fresh, populated
from web import create_app


@pytest.fixture(scope="session")
def original_admin(migrated_template: EmbeddedPostgres, master_key: str) -> Iterator[Admin]:
    with populated(migrated_template, master_key) as original:
        yield original


@pytest.fixture
def admin(migrated_template: EmbeddedPostgres, original_admin: Admin, redis_url: str) -> Iterator[Admin]:
    with fresh(migrated_template, original_admin, redis_url) as admin:
        yield admin


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
