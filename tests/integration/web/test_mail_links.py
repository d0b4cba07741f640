"""Doors that open by e-mail: a new password, a new account, an invitation. The mails pass a real SMTP server."""

import re
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from flask import Flask

from devstack.mail import Mailbox
from devstack.servers.ports import free_port
from tests.integration.web.admin import COOK, OWNER, PASSWORD, STRANGER, Admin, csrf_token, execute, fetch
from tests.integration.web.people import Browser, add_person, sign_in
from web import create_app

pytestmark = pytest.mark.integration

NEW_PASSWORD = "another long password"
ARRIVAL_S = 10
PUBLIC_URL = "https://admin.example.com"


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    mailbox = Mailbox(tmp_path / "mail", free_port())
    mailbox.start()
    yield mailbox
    mailbox.stop()


@pytest.fixture
def app(admin: Admin, mailbox: Mailbox) -> Iterator[Flask]:
    app = create_app(
        admin.settings(smtp_url=mailbox.url, mail_from="AlloResto <no-reply@example.com>", web_public_url=PUBLIC_URL)
    )
    yield app
    app.extensions["alloresto.database"].close()


def mail(mailbox: Mailbox, number: int = 1) -> EmailMessage:
    """The ``number``th that arrived, waited for."""
    deadline = time.monotonic() + ARRIVAL_S
    while len(mailbox.mails()) < number:
        assert time.monotonic() < deadline, "no mail came"
        time.sleep(0.02)
    return message_from_bytes(mailbox.mails()[number - 1].read_bytes(), policy=default)


def link_in(message: EmailMessage) -> str:
    """The path of the link, which begins with the public address."""
    found = re.search(rf"{re.escape(PUBLIC_URL)}(/\S+)", message.get_content())
    assert found, message.get_content()
    return found[1]


def log_in(app: Flask, email: str, password: str) -> int:
    return Browser(app).post("/login", email=email, password=password)[0]


def ask_for_reset(app: Flask, email: str) -> tuple[int, str]:
    return Browser(app).post("/forgotten", email=email)


def test_a_forgotten_password_is_replaced_by_a_link_that_opens_once(app: Flask, admin: Admin, mailbox: Mailbox) -> None:
    thief = sign_in(app, admin, COOK)
    ask_for_reset(app, COOK.upper())
    message = mail(mailbox)
    link, browser = link_in(message), Browser(app)
    looked = browser.get(link)
    browser.token = csrf_token(looked[1])

    short = browser.post(link, new_password="short")
    changed = browser.post(link, new_password=NEW_PASSWORD)
    again = Browser(app).get(link)

    assert (message["To"], message["From"]) == (COOK, "AlloResto <no-reply@example.com>")
    assert looked[0] == 200
    assert short[0] == 422
    assert changed == (303, "/")
    assert browser.get("/account")[0] == 200
    assert again[0] == 404
    assert thief.get("/account")[0] == 302
    assert [log_in(app, COOK, word) for word in (PASSWORD, NEW_PASSWORD)] == [401, 303]
    assert "was changed" in str(mail(mailbox, 2)["Subject"])


def test_nobody_learns_whether_an_address_has_an_account(app: Flask, mailbox: Mailbox) -> None:
    answers = [ask_for_reset(app, email) for email in ("nobody@alloresto.example", COOK)]
    sign_ups = [Browser(app).post("/signup", name="Eve", email=email) for email in ("nobody@alloresto.example", COOK)]
    mail(mailbox, 3)

    assert answers[0] == answers[1] == (303, "/forgotten/sent")
    assert sign_ups[0] == sign_ups[1] == (303, "/signup/sent")
    to = sorted(str(mail(mailbox, number)["To"]) for number in (1, 2, 3))
    assert to == sorted([COOK, COOK, "nobody@alloresto.example"])


def test_a_link_ends_after_an_hour_and_with_the_one_that_was_used(app: Flask, admin: Admin, mailbox: Mailbox) -> None:
    for _ in range(2):
        ask_for_reset(app, COOK)
    first, second = link_in(mail(mailbox, 1)), link_in(mail(mailbox, 2))
    browser = Browser(app)
    browser.post(first, new_password=NEW_PASSWORD)
    used = browser.get(second)[0]
    ask_for_reset(app, COOK)
    late = next(link_in(mail(mailbox, n)) for n in (4, 3) if "/reset/" in mail(mailbox, n).get_content())
    execute(admin, "update account_link set expires_at = expires_at - interval '1 hour'")

    assert used == 404
    assert Browser(app).get(late)[0] == 404


def test_a_mailbox_is_not_flooded(app: Flask, mailbox: Mailbox) -> None:
    statuses = [ask_for_reset(app, COOK)[0] for _ in range(6)]

    assert statuses == [303] * 4 + [429] * 2


def test_a_disabled_account_gets_no_link_and_no_password(app: Flask, admin: Admin, mailbox: Mailbox) -> None:
    ask_for_reset(app, COOK)
    link = link_in(mail(mailbox))
    execute(admin, "update app_user set disabled_at = now() where email = $1", COOK)

    used = Browser(app).post(link, new_password=NEW_PASSWORD)[0]
    asked = ask_for_reset(app, COOK)

    assert used == 404
    assert asked == (303, "/forgotten/sent")
    assert len(mailbox.mails()) == 1


def test_no_link_can_be_read_in_the_tables(app: Flask, admin: Admin, mailbox: Mailbox) -> None:
    ask_for_reset(app, COOK)
    token = link_in(mail(mailbox)).rpartition("/")[2]
    execute(admin, "grant select on account_link to alloresto_platform; create policy p on account_link using (true)")

    kept = str(fetch(admin, "select l::text as l from account_link l"))

    assert COOK in kept
    assert token not in kept


def test_a_host_that_a_request_made_up_is_in_no_mail(app: Flask, mailbox: Mailbox) -> None:
    browser = Browser(app)
    browser.client.post(
        "/forgotten",
        data={"email": COOK, "csrf_token": browser.token},
        headers={"X-Forwarded-Host": "evil.example"},
        base_url="http://evil.example",
    )
    ask_for_reset(app, OWNER)

    assert "evil" not in mail(mailbox).as_string()


def test_a_new_owner_signs_up(app: Flask, mailbox: Mailbox) -> None:
    Browser(app).post("/signup", name="Anna", email="Anna@New.Example")
    link, browser = link_in(mail(mailbox)), Browser(app)
    page = browser.get(link)[1]

    confirmed = browser.post(link, new_password=NEW_PASSWORD)
    again = Browser(app).post(link, new_password="a third long password")[0]

    assert "Welcome, Anna." in page
    assert confirmed[0] == 303
    assert "anna@new.example" in browser.get("/account")[1]
    assert again == 404
    assert log_in(app, "anna@new.example", NEW_PASSWORD) == 303


@pytest.mark.parametrize(
    ("name", "email"), [("", "a@b.example"), ("Anna", "no address"), ("Anna", "a@b"), ("x" * 81, "a@b.example")]
)
def test_a_wrong_field_is_named_and_what_was_typed_stays(app: Flask, name: str, email: str) -> None:
    status, page = Browser(app).post("/signup", name=name, email=email)

    assert status == 422
    assert page.count('aria-invalid="true"') == 1
    assert f'value="{email}"' in page
    assert not name or f'value="{name}"' in page


def invite(owner: Browser, admin: Admin, email: str, role: str = "manager") -> tuple[int, str]:
    return owner.post(f"/place/{admin.pizza.id}/team/invitations", email=email, role=role)


def test_an_invited_person_makes_an_account_and_is_in(app: Flask, admin: Admin, mailbox: Mailbox) -> None:
    invite(sign_in(app, admin, OWNER), admin, "New@Cook.example")
    message = mail(mailbox)
    link, guest = link_in(message), Browser(app)
    page = guest.get(link)[1]

    joined = guest.post(link, name="Noor", new_password=NEW_PASSWORD)

    assert "Harbour Pizza" in str(message["Subject"])
    assert "Your role: Manager." in page
    assert joined[0] == 303
    assert guest.get(f"/place/{admin.pizza.id}/team")[0] == 200
    assert Browser(app).get(link)[0] == 404
    entry = fetch(admin, "select actor, after from audit_log where action = 'team.member_joined'")
    assert entry == [{"actor": "new@cook.example", "after": {"email": "new@cook.example", "role": "manager"}}]


def test_who_has_an_account_joins_with_it_and_nobody_else_does(app: Flask, admin: Admin, mailbox: Mailbox) -> None:
    invite(sign_in(app, admin, OWNER), admin, STRANGER, "staff")
    link = link_in(mail(mailbox))

    nobody = Browser(app).post(link, name="Eve", new_password=NEW_PASSWORD)
    other = sign_in(app, admin, COOK).post(link)
    theirs = sign_in(app, admin, STRANGER)
    joined = theirs.post(link)

    assert (nobody[0], other[0]) == (200, 200)
    assert "Log in to join" in nobody[1]
    assert f"logged in as {COOK}" in other[1]
    assert joined == (303, f"/place/{admin.pizza.id}/")
    assert log_in(app, STRANGER, PASSWORD) == 303
    assert theirs.get(f"/place/{admin.pizza.id}/team")[0] == 403


def test_an_invitation_sent_again_or_withdrawn_ends_the_earlier_link(
    app: Flask, admin: Admin, mailbox: Mailbox
) -> None:
    owner = sign_in(app, admin, OWNER)
    for _ in range(2):
        invite(owner, admin, "new@cook.example")
    first, second = link_in(mail(mailbox, 1)), link_in(mail(mailbox, 2))
    before = [Browser(app).get(link)[0] for link in (first, second)]
    owner.post(f"/place/{admin.pizza.id}/team/invitations/withdraw", email="new@cook.example")

    assert before == [404, 200]
    assert Browser(app).get(second)[0] == 404


def test_who_is_a_member_is_not_invited_and_keeps_the_role(app: Flask, admin: Admin, mailbox: Mailbox) -> None:
    owner = sign_in(app, admin, OWNER)
    refused = invite(owner, admin, COOK)
    invite(owner, admin, "second@owner.example", "staff")
    add_person(admin, "second@owner.example", role="owner")
    second = sign_in(app, admin, "second@owner.example")
    second.post(link_in(mail(mailbox)))

    assert refused[0] == 422
    assert "in the team already" in refused[1]
    assert second.get(f"/place/{admin.pizza.id}/team")[0] == 200


def test_an_invitation_whose_mail_was_not_taken_can_be_sent_again(app: Flask, admin: Admin, mailbox: Mailbox) -> None:
    owner = sign_in(app, admin, OWNER)
    mailbox.stop()
    invite(owner, admin, "new@cook.example")
    page = owner.get(f"/place/{admin.pizza.id}/team")[1]

    assert "could not be sent" in page
    assert "Send again" in page


def test_without_a_mail_server_the_pages_say_so(admin: Admin) -> None:
    app = create_app(admin.settings())
    pages = [Browser(app).get(path)[1] for path in ("/forgotten", "/signup")]
    refused = invite(sign_in(app, admin, OWNER), admin, "new@cook.example")
    app.extensions["alloresto.database"].close()

    assert all("sends no mail yet" in page for page in (*pages, refused[1]))


def test_a_member_whose_second_step_is_taken_off_is_told_by_whom(app: Flask, admin: Admin, mailbox: Mailbox) -> None:
    (cook,) = fetch(admin, "select id from app_user where email = $1", COOK)
    execute(admin, "alter table second_factor no force row level security")
    execute(
        admin, "insert into second_factor (user_id, secret_encrypted, confirmed_at) values ($1, 'x', now())", cook["id"]
    )

    sign_in(app, admin, OWNER).post(f"/place/{admin.pizza.id}/team/{cook['id']}/second-step/reset")

    told = mail(mailbox)
    assert told["To"] == COOK
    assert "second step" in told["Subject"] and "Harbour Pizza" in told.get_content()
