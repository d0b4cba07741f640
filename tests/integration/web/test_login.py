import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from stores import users
from stores.postgres import Postgres
from tests.conftest import run_apart
from tests.integration.web.admin import COOK, OWNER, PASSWORD, Admin, csrf_token, execute, fetch
from web import create_app

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]


def attempt(client: FlaskClient, email: str, password: str, **options: Any) -> tuple[int, str]:
    token = csrf_token(client.get("/login").text)
    form = {"email": email, "password": password, "csrf_token": token}
    answer = client.post("/login", data=form, **options)
    page = answer.text.replace(email, "")
    return answer.status_code, re.sub(r'name="csrf_token" value="[^"]+"', "", page)


def test_an_owner_logs_in_and_sees_both_restaurants(log_in: LogIn) -> None:
    page = log_in(OWNER).get("/", follow_redirects=True)

    assert page.status_code == 200
    assert "Chez Margot" in page.text
    assert "Harbour Pizza" in page.text


def test_a_visitor_is_sent_to_the_login_and_back(client: FlaskClient, admin: Admin) -> None:
    wanted = f"/place/{admin.pizza.id}/orders"
    sent = client.get(wanted)
    token = csrf_token(client.get(sent.location).text)
    back = client.post(sent.location, data={"email": OWNER, "password": PASSWORD, "csrf_token": token})

    assert sent.status_code == 302
    assert back.location == wanted


def test_a_crafted_link_does_not_lead_to_another_site(client: FlaskClient) -> None:
    token = csrf_token(client.get("/login").text)
    form = {"email": OWNER, "password": PASSWORD, "csrf_token": token}
    answer = client.post("/login?next=//evil.example/", data=form)

    assert answer.location == "/"


def test_a_wrong_password_and_an_unknown_account_look_the_same(client: FlaskClient) -> None:
    wrong = attempt(client, OWNER, "not the password")
    unknown = attempt(client, "nobody@alloresto.example", "not the password")

    assert wrong == unknown
    assert wrong[0] == 401
    assert "The email address or the password is not right." in wrong[1]


ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}


def test_after_too_many_attempts_even_the_right_password_waits(admin: Admin) -> None:
    app = create_app(admin.settings(web_attempts_per_account=3))
    client = app.test_client()
    for _ in range(3):
        attempt(client, COOK, "guess")

    known = attempt(client, COOK, PASSWORD)
    for _ in range(3):
        attempt(client, "nobody@alloresto.example", "guess")
    unknown = attempt(client, "nobody@alloresto.example", "guess")
    other = attempt(client, OWNER, PASSWORD)
    app.extensions["alloresto.database"].close()

    assert known[0] == 429
    assert known == unknown
    assert other[0] == 303


def test_guesses_from_elsewhere_lock_nobody_out(admin: Admin) -> None:
    app = create_app(admin.settings(web_attempts_per_account=3))
    guesser = app.test_client()
    for _ in range(5):
        guessed = attempt(guesser, OWNER, "guess", environ_base=ELSEWHERE)

    owner = attempt(app.test_client(), OWNER, PASSWORD)
    app.extensions["alloresto.database"].close()

    assert guessed[0] == 429
    assert owner[0] == 303


def test_a_known_browser_gets_in_while_the_account_and_its_address_are_being_guessed_at(admin: Admin) -> None:
    app = create_app(
        admin.settings(web_attempts_per_account=3, web_attempts_per_account_everywhere=4, web_attempts_per_address=4)
    )
    owners = app.test_client()
    attempt(owners, OWNER, PASSWORD)
    owners.post("/logout", data={"csrf_token": csrf_token(owners.get("/", follow_redirects=True).text)})
    guesser = app.test_client()
    for _ in range(6):
        guessed = attempt(guesser, OWNER, "guess")

    stranger = attempt(app.test_client(), OWNER, PASSWORD, environ_base=ELSEWHERE)
    for_another = attempt(owners, COOK, PASSWORD)  # the browser is known for the owner's account only
    known = attempt(owners, OWNER, PASSWORD)
    app.extensions["alloresto.database"].close()

    assert (guessed[0], stranger[0], for_another[0], known[0]) == (429, 429, 429, 303)


def test_a_known_browser_may_not_guess_without_end(admin: Admin) -> None:
    app = create_app(admin.settings(web_attempts_per_account=2))
    client = app.test_client()
    attempt(client, OWNER, PASSWORD)
    client.post("/logout", data={"csrf_token": csrf_token(client.get("/", follow_redirects=True).text)})

    statuses = [attempt(client, OWNER, "guess")[0] for _ in range(3)]
    app.extensions["alloresto.database"].close()

    assert statuses == [401, 401, 429]


def test_a_forged_cookie_makes_no_browser_known(admin: Admin) -> None:
    app = create_app(admin.settings(web_attempts_per_account=1))
    client = app.test_client()
    client.set_cookie("alloresto_device", "WyJhIiwiYiJd.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb")
    attempt(client, OWNER, "guess")

    assert attempt(client, OWNER, PASSWORD)[0] == 429
    app.extensions["alloresto.database"].close()


def test_without_redis_one_logs_in_and_is_still_counted(admin: Admin) -> None:
    app = create_app(admin.settings(redis_url="redis://127.0.0.1:1", web_attempts_per_account=2))
    client = app.test_client()

    statuses = [attempt(client, COOK, word)[0] for word in ("guess", "guess", PASSWORD)]
    owner = attempt(client, OWNER, PASSWORD)
    app.extensions["alloresto.database"].close()

    assert statuses == [401, 401, 429]
    assert owner[0] == 303


def test_one_address_cannot_try_many_accounts(admin: Admin) -> None:
    app = create_app(admin.settings(web_attempts_per_address=3))
    client = app.test_client()
    for number in range(3):
        attempt(client, f"guess-{number}@alloresto.example", "guess")

    here = attempt(client, OWNER, PASSWORD)
    elsewhere = attempt(app.test_client(), OWNER, PASSWORD, environ_base={"REMOTE_ADDR": "192.0.2.7"})
    app.extensions["alloresto.database"].close()

    assert (here[0], elsewhere[0]) == (429, 303)


def test_a_form_without_its_token_is_refused(client: FlaskClient) -> None:
    answer = client.post("/login", data={"email": OWNER, "password": PASSWORD})

    assert answer.status_code == 400
    assert "too old" in answer.text


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(client: FlaskClient) -> None:
    cookie = next(c for c in client.get("/login").headers.getlist("Set-Cookie") if c.startswith("alloresto="))

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_behind_https_cookies_are_secure_and_browsers_are_told_to_stay(admin: Admin) -> None:
    forwarded = {"X-Forwarded-Proto": "https"}
    trusting = create_app(admin.settings(web_trusted_proxies=1)).test_client().get("/login", headers=forwarded)
    wary = create_app(admin.settings()).test_client().get("/login", headers=forwarded)

    assert "Secure" in trusting.headers["Set-Cookie"]
    assert "max-age" in trusting.headers["Strict-Transport-Security"]
    assert "Secure" not in wary.headers["Set-Cookie"]


def test_a_changed_password_ends_the_sessions_that_it_opened(admin: Admin, log_in: LogIn) -> None:
    client = log_in(COOK)

    async def change() -> None:
        postgres = Postgres(admin.database.platform_url)
        await postgres.open()
        async with postgres.platform() as connection:
            user = await users.by_email(connection, COOK)
            assert user is not None
            await users.set_password(connection, user.id, "another long password")
        await postgres.close()

    before = client.get(f"/place/{admin.pizza.id}/orders").status_code
    run_apart(change)
    after = client.get(f"/place/{admin.pizza.id}/orders")

    assert before == 200
    assert "/login" in after.location


def test_logging_out_ends_the_session_and_its_copies(admin: Admin, app: Flask, log_in: LogIn) -> None:
    client = log_in(COOK)
    page = client.get(f"/place/{admin.pizza.id}/orders").text
    copied = client.get_cookie("alloresto")
    assert copied is not None
    thief = app.test_client()
    thief.set_cookie("alloresto", copied.value)
    before = thief.get(f"/place/{admin.pizza.id}/orders").status_code

    client.post("/logout", data={"csrf_token": csrf_token(page)})

    assert before == 200
    assert "/login" in client.get(f"/place/{admin.pizza.id}/orders").location
    assert "/login" in thief.get(f"/place/{admin.pizza.id}/orders").location


@pytest.mark.parametrize(
    "end",
    [
        "update app_user set disabled_at = now() where email = $1",
        "delete from app_user where email = $1",
        "update user_session set last_seen_at = now() - interval '13 hours' from app_user u"
        " where u.id = user_id and u.email = $1",
        "update user_session set expires_at = now() from app_user u where u.id = user_id and u.email = $1",
    ],
    ids=["disabled", "removed", "not used", "too old"],
)
def test_a_session_ends_at_once(admin: Admin, log_in: LogIn, end: str) -> None:
    client = log_in(COOK)
    before = client.get(f"/place/{admin.pizza.id}/orders").status_code

    execute(admin, end, COOK)

    assert before == 200
    assert "/login" in client.get(f"/place/{admin.pizza.id}/orders").location


def test_a_removed_member_sees_nothing_more_of_the_restaurant(admin: Admin, log_in: LogIn) -> None:
    client = log_in(COOK)
    before = client.get(f"/place/{admin.pizza.id}/orders").status_code

    execute(admin, "delete from membership m using app_user u where u.id = m.user_id and u.email = $1", COOK)

    assert before == 200
    assert client.get(f"/place/{admin.pizza.id}/orders").status_code == 404


def test_a_session_that_is_used_stays(admin: Admin, log_in: LogIn) -> None:
    client = log_in(COOK)
    age = "update user_session set last_seen_at = now() - interval '11 hours'"

    for _ in range(2):
        execute(admin, age)
        assert client.get(f"/place/{admin.pizza.id}/orders").status_code == 200


def test_no_token_can_be_read_in_the_table(admin: Admin, log_in: LogIn) -> None:
    client = log_in(COOK)
    with client.session_transaction() as kept:
        token = kept["session"]

    assert len(token) >= 40
    assert token not in str(fetch(admin, "select user_session::text as row from user_session"))


def test_every_answer_forbids_inline_scripts_and_framing(client: FlaskClient, admin: Admin) -> None:
    for path in ("/login", "/health", "/nowhere", f"/place/{admin.pizza.id}/orders", "/static/app.css"):
        headers = client.get(path).headers

        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"


def test_the_language_is_french_unless_somebody_wishes_otherwise(admin: Admin) -> None:
    app = create_app(admin.settings())

    silent = app.test_client().get("/login").text
    english = app.test_client().get("/login", headers={"Accept-Language": "en-GB"}).text
    chosen = app.test_client()
    token = csrf_token(chosen.get("/login").text)
    chosen.post("/language", data={"language": "en", "next": "/login", "csrf_token": token})

    assert "Mot de passe" in silent
    assert "Password" in english
    assert "Password" in chosen.get("/login").text
