"""Headless Chromium in front of a real gunicorn."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from devstack.servers.embedded import EmbeddedPostgres
from tests.browser.pages import Site, site
from tests.integration.web.admin import OWNER, PASSWORD, Admin, Server, fresh, gunicorn
from tests.integration.web.fixtures import admin as admin
from tests.integration.web.fixtures import original_admin as original_admin
from web import create_app

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
PATIENCE_MS = 15_000
# Mail can be sent as far as the pages know; nothing listens there.
MAIL = {"smtp_url": "smtp://127.0.0.1:9", "mail_from": "a@example.com", "web_public_url": "https://admin.example.com"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("no Chromium on this machine; `make test` installs it, or: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"], timeout=60_000
        )
        yield browser
        browser.close()


@pytest.fixture
def server(admin: Admin, tmp_path: Path) -> Iterator[Server]:
    with gunicorn(admin, tmp_path / "gunicorn.log") as running:
        yield running


@dataclass
class Visitor:
    """One browser window; ``complaints`` collects what the console says, CSP violations above all."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        # A refused form is answered 422 on purpose, and Chromium notes every such answer.
        if message.type in ("error", "warning") and "422" not in message.text:
            self.complaints.append(message.text)

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)

    def log_in(self, email: str = OWNER) -> None:
        self.open("/login")
        self.page.fill("[name=email]", email)
        self.page.fill("[name=password]", PASSWORD)
        self.page.click(".login form:not(.languages) button")
        self.page.wait_for_url("**/place/**")


@pytest.fixture
def visitor(browser: Browser, server: Server) -> Iterator[Visitor]:
    """An English-speaking visitor with a laptop."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1200, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    yield Visitor(context.new_page(), server.url)
    context.close()


@pytest.fixture(scope="module")
def module_admin(migrated_template: EmbeddedPostgres, original_admin: Admin, module_redis_url: str) -> Iterator[Admin]:
    """Like ``admin``, shared by a module's tests."""
    with fresh(migrated_template, original_admin, module_redis_url) as admin:
        yield admin


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


@pytest.fixture(scope="module")
def whole_site(module_admin: Admin, recordings: Path) -> Iterator[Site]:
    """Every page of the admin, with something on it, and without."""
    app: Flask = create_app(module_admin.settings(recordings_dir=str(recordings), **MAIL))
    yield site(app, module_admin, recordings)
    app.extensions["alloresto.database"].close()


@pytest.fixture(scope="module")
def whole_server(module_admin: Admin, recordings: Path) -> Iterator[Server]:
    """What serves ``whole_site``."""
    environment = {name.upper(): value for name, value in MAIL.items()} | {"RECORDINGS_DIR": str(recordings)}
    with gunicorn(module_admin, recordings / "gunicorn.log", **environment) as running:
        yield running
