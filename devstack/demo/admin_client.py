"""The admin's pages over HTTP, with the forms that a browser would post: log in, change a price."""

from __future__ import annotations

import re
from types import TracebackType

import aiohttp

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

    async def set_price(self, restaurant_id: str, size_id: str, price_cents: int) -> None:
        """Save a price as the menu page's form does. Raises AdminError."""
        menu_page = f"/place/{restaurant_id}/menu"
        form = {"price": f"{price_cents / 100:.2f}", "csrf_token": await self._token(menu_page)}
        async with self._session.post(f"{menu_page}/sizes/{size_id}/price", data=form) as answer:
            if answer.status >= 400:
                raise AdminError(f"{answer.url.path}: {answer.status}")

    async def _token(self, page: str) -> str:
        async with self._session.get(page) as answer:
            found = _CSRF.search(await answer.text())
            if found is None:
                raise AdminError(f"{page}: {answer.status}, no form on it")
            return found.group(1)
