"""The admin's pages over HTTP, with the forms that a browser would post: log in, change a price."""

from __future__ import annotations

import re
from types import TracebackType

import aiohttp

from devstack.demo.forms import fields_of
from domain.money import decimal_text

TIMEOUT_S = 20.0
_CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class AdminError(RuntimeError):
    """A page did not answer as expected; the message names it."""


class AdminClient:
    """One session. Use as an async context manager."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._session = aiohttp.ClientSession(
            base_url, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), cookie_jar=aiohttp.CookieJar(unsafe=True)
        )

    async def __aenter__(self) -> AdminClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def log_in(self, email: str, password: str) -> None:
        """Raises AdminError when the login is refused."""
        form = {"email": email, "password": password, "csrf_token": await self._token("/login")}
        async with self._session.post("/login", data=form) as answer:
            if answer.status != 200 or answer.url.path == "/login":
                raise AdminError(f"the admin refused the login of {email}: {answer.status}")

    async def set_price(self, restaurant_id: str, item_id: str, size_id: str, price_cents: int) -> None:
        """Open the item's form, type the price and save. Raises AdminError."""
        page = f"/place/{restaurant_id}/menu/items/{item_id}"
        async with self._session.get(page) as answer:
            if answer.status != 200:
                raise AdminError(f"{page}: {answer.status}")
            fields = fields_of(await answer.text(), "editor")
        sizes = [value for name, value in fields if name == "size-id"]
        prices = [at for at, (name, _) in enumerate(fields) if name == "size-price"]
        fields[prices[sizes.index(size_id)]] = ("size-price", decimal_text(price_cents))
        async with self._session.post(page, data=fields) as answer:
            if answer.status >= 400:
                raise AdminError(f"{answer.url.path}: {answer.status}")

    async def _token(self, page: str) -> str:
        async with self._session.get(page) as answer:
            found = _CSRF.search(await answer.text())
            if found is None:
                raise AdminError(f"{page}: {answer.status}, no form on it")
            return found.group(1)
