"""People with an account, and sessions of theirs without the log-in page: hashing passwords is slow on purpose."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from flask import Flask
from flask.testing import FlaskClient

from stores import sessions, users
from stores.postgres import NO_RESTAURANT, Connection, Postgres
from stores.users import MemberRole
from tests.conftest import run_apart
from tests.integration.web.admin import COOK, Admin, csrf_token

T = TypeVar("T")


def add_person(
    admin: Admin, email: str, *, role: MemberRole | None = None, name: str = "", is_platform: bool = False
) -> str:
    """Somebody with the cook's password, in Harbour Pizza when they have a ``role``: their id."""

    async def work(connection: Connection) -> str:
        user_id: str = await connection.fetchval(
            "insert into app_user (email, name, password_hash, is_platform)"
            " select $1, $2, password_hash, $3 from app_user where email = $4 returning id",
            email,
            name,
            is_platform,
            COOK,
        )
        if role is not None:
            await users.add_membership(connection, admin.pizza.id, user_id, role)
        return user_id

    return as_platform(admin, work)


def sign_in(app: Flask, admin: Admin, email: str) -> "Browser":
    """An English-speaking browser with a new session of ``email``'s."""

    async def work() -> str:
        postgres = Postgres(admin.database.app_url)
        await postgres.open()
        try:
            async with postgres.tenant(NO_RESTAURANT) as connection:
                user = await users.by_email(connection, email)
                assert user is not None
                return await sessions.start(connection, user.id, lifetime=timedelta(days=1))
        finally:
            await postgres.close()

    browser = Browser(app)
    token = run_apart(work)
    with browser.client.session_transaction() as kept:
        kept["session"] = token
    return browser


class Browser:
    """A client that sends the form token by itself."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()
        self.client.set_cookie("alloresto_language", "en")
        self.token = csrf_token(self.client.get("/login").text)

    def get(self, path: str) -> tuple[int, str]:
        """Status, and the page or where it leads."""
        answer = self.client.get(path)
        return answer.status_code, answer.location or answer.text

    def post(self, path: str, **form: str) -> tuple[int, str]:
        answer = self.client.post(path, data={"csrf_token": self.token, **form})
        return answer.status_code, answer.location or answer.text


def as_platform(admin: Admin, work: Callable[[Connection], Awaitable[T]]) -> T:
    async def run() -> T:
        postgres = Postgres(admin.database.platform_url)
        await postgres.open()
        try:
            async with postgres.platform() as connection:
                return await work(connection)
        finally:
            await postgres.close()

    return run_apart(run)
