"""Clients of the API for its tests: each with a token of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from stores import tokens
from stores.postgres import Postgres
from tests.conftest import run_apart
from tests.integration.web.admin import Admin
from web.api.scopes import OF_RESTAURANTS


def make_token(admin: Admin, *scopes: str, restaurant_id: str | None = "") -> str:
    """A token with these scopes, all by default; of Harbour Pizza unless said, None for the platform's."""

    async def work() -> str:
        postgres = Postgres(admin.database.platform_url)
        await postgres.open()
        try:
            async with postgres.platform() as connection:
                owner = admin.pizza.id if restaurant_id == "" else restaurant_id
                return await tokens.create(
                    connection,
                    owner,
                    name="till",
                    scopes=scopes or OF_RESTAURANTS,
                    created_by="owner@alloresto.example",
                )
        finally:
            await postgres.close()

    return run_apart(work)


@dataclass(frozen=True)
class ApiClient:
    """Sends with ``token``; paths come after /api/v1."""

    client: FlaskClient
    token: str

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> TestResponse:
        return self.client.open(
            f"/api/v1{path}",
            method=method,
            json=body,
            headers={"Authorization": f"Bearer {self.token}", **(headers or {})},
        )

    def get(self, path: str) -> TestResponse:
        return self.send("GET", path)

    def post(self, path: str, body: Any, key: str = "") -> TestResponse:
        return self.send("POST", path, body, {"Idempotency-Key": key} if key else None)

    def patch(self, path: str, body: Any, seen: str = "") -> TestResponse:
        return self.send("PATCH", path, body, {"If-Match": f'"{seen}"'} if seen else None)
