"""Doors and keys in a browser: sign-up, invitation, reset, the second step, and a log-out that all tabs hear of.

The tests share one server, so each has an account of its own. Mails pass a real SMTP server.
"""

import re
import time
from base64 import b32decode
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default

import pytest
from playwright.sync_api import Browser, Page, expect

from devstack.mail import Mailbox
from devstack.servers.ports import free_port
from tests.browser import axe
from tests.browser.conftest import PATIENCE_MS, Visitor
from tests.integration.web.admin import COOK, OWNER, PASSWORD, STRANGER, Admin, Server, gunicorn
from web.identity import totp

pytestmark = pytest.mark.browser

expect.set_options(timeout=PATIENCE_MS)

PUBLIC_URL = "https://admin.example.com"
NEW_PASSWORD = "another long password"
ARRIVAL_S = 15


@pytest.fixture(scope="module")
def admin(module_admin: Admin) -> Admin:
    return module_admin


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailbox]:
    mailbox = Mailbox(tmp_path_factory.mktemp("mail"), free_port())
    mailbox.start()
    yield mailbox
    mailbox.stop()


@pytest.fixture(scope="module")
def server(admin: Admin, mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    mail = {"SMTP_URL": mailbox.url, "MAIL_FROM": "AlloResto <no-reply@example.com>", "WEB_PUBLIC_URL": PUBLIC_URL}
    with gunicorn(admin, tmp_path_factory.mktemp("identity") / "gunicorn.log", **mail) as running:
        yield running


def link_to(mailbox: Mailbox, email: str) -> str:
    """The path that the mail to this address leads to, waited for."""
    deadline = time.monotonic() + ARRIVAL_S
    while time.monotonic() < deadline:
        for kept in reversed(mailbox.mails()):
            message = message_from_bytes(kept.read_bytes(), policy=default)
            found = re.search(rf"{re.escape(PUBLIC_URL)}(/\S+)", message.get_content())
            if message["To"] == email and found:
                return found[1]
        time.sleep(0.02)
    raise AssertionError(f"no mail to {email}")


def secret_of(text: str) -> bytes:
    """What an app makes of the key that is typed into it."""
    letters = "".join(text.split())
    return b32decode(letters + "=" * (-len(letters) % 8))


def log_in(page: Page, url: str, email: str, password: str) -> None:
    page.goto(f"{url}/login")
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def test_somebody_signs_up_by_mail_and_makes_a_restaurant(visitor: Visitor, mailbox: Mailbox) -> None:
    page = visitor.page
    visitor.open("/login")
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("Your name").fill("Nadia")
    page.get_by_label("Email address").fill("nadia@example.com")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()

    visitor.open(link_to(mailbox, "nadia@example.com"))
    page.get_by_label("New password").fill("short")
    page.locator("form:not(.languages)").evaluate("(form) => { form.noValidate = true; }")
    page.get_by_role("button", name="Save and log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("New password").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Save and log in").click()
    page.get_by_label("Name").fill("Chez Nadia")
    page.get_by_role("button", name="Create the restaurant").click()

    expect(page.locator("h1")).to_have_text("Set-up")
    expect(page.locator(".switcher")).to_have_text("Chez Nadia")
    assert visitor.complaints == []


def test_an_invited_cook_joins_and_sees_no_more_than_a_cook(
    visitor: Visitor, browser: Browser, server: Server, admin: Admin, mailbox: Mailbox
) -> None:
    visitor.log_in(OWNER)
    visitor.open(f"/place/{admin.pizza.id}/team")
    visitor.page.get_by_label("Email address").fill("lena@example.com")
    visitor.page.get_by_role("button", name="Send the invitation").click()
    expect(visitor.page.get_by_text("lena@example.com", exact=True)).to_be_visible()

    context = browser.new_context(locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(server.url + link_to(mailbox, "lena@example.com"))
    page.get_by_label("Your name").fill("Lena")
    page.get_by_label("Password").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Join the team").click()

    expect(page.locator("h1")).to_have_text("Harbour Pizza")
    expect(page.get_by_role("link", name="Orders", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Team")).to_have_count(0)
    context.close()


def test_a_second_step_is_turned_on_and_asked_for_and_a_recovery_code_opens_once(
    visitor: Visitor, server: Server
) -> None:
    page = visitor.page
    log_in(page, server.url, COOK, PASSWORD)
    page.get_by_role("link", name="Account").click()
    page.get_by_role("link", name="Turn on the second step").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("Without a camera").click()
    secret = secret_of(page.locator(".secret").inner_text())
    page.get_by_label("Enter the six digits").fill(totp.code_at(secret, int(time.time()) // totp.STEP_S))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_text("The second step is on.")).to_be_visible()
    recovery = page.locator(".codes code").first.inner_text()
    axe.inject(page)
    assert axe.faults(page) == []
    page.get_by_role("button", name="I have kept them").click()
    page.get_by_role("button", name="Log out", exact=True).click()

    log_in(page, server.url, COOK, PASSWORD)
    page.get_by_label("Code from your app").fill("000000")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Code from your app").fill(recovery)
    page.get_by_role("button", name="Log in").click()

    expect(page.locator("h1")).to_have_text("Harbour Pizza")


def test_a_forgotten_password_is_replaced_and_the_old_one_opens_nothing(
    visitor: Visitor, server: Server, mailbox: Mailbox
) -> None:
    page = visitor.page
    visitor.open("/login")
    page.get_by_role("link", name="Forgotten password").click()
    page.get_by_label("Email address").fill(STRANGER)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()

    visitor.open(link_to(mailbox, STRANGER))
    page.get_by_label("New password").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Save and log in").click()
    expect(page.locator("h1")).to_have_text("Chez Margot")
    page.get_by_role("button", name="Log out", exact=True).click()
    log_in(page, server.url, STRANGER, PASSWORD)
    expect(page.get_by_role("alert")).to_contain_text("is not right")
    log_in(page, server.url, STRANGER, NEW_PASSWORD)

    expect(page.locator("h1")).to_have_text("Chez Margot")


def test_a_log_out_ends_the_other_tab(visitor: Visitor, admin: Admin) -> None:
    visitor.log_in(OWNER)
    visitor.open(f"/place/{admin.pizza.id}/orders")
    expect(visitor.page.locator("[data-live=on]")).to_have_text("Live")
    other = visitor.page.context.new_page()
    other.goto(visitor.page.url)

    other.get_by_role("button", name="Log out", exact=True).click()

    expect(visitor.page.get_by_text("Your session is over").first).to_be_visible()
    expect(visitor.page.get_by_role("link", name="Log in again")).to_be_focused()
