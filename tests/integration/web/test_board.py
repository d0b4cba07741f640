"""The board is given again while it is true, and never a moment longer: by whichever process, to whom it belongs."""

import gzip
import http.client
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from flask import Flask, request

from tests.integration.web.admin import (
    COOK,
    OWNER,
    PASSWORD,
    Admin,
    csrf_token,
    execute,
    leave_cart,
    make_order,
    take_order,
)
from tests.integration.web.serving import Serving, serving
from web import create_app, drawings
from web.drawings import Drawings
from web.place import board

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("within_one_day")]


_CLOCK = re.compile(r'<p class="ticket-clock">.*?</p>', re.DOTALL)


@dataclass
class Answer:
    status: int
    text: str

    @property
    def drawing(self) -> str:
        """What all who watch share, without its clocks."""
        return _CLOCK.sub("", self.text.partition('<div id="board"')[2].partition("</main>")[0])


@dataclass
class Process:
    """A worker of its own: it shares nothing with another but Postgres and Valkey. ``viewed``: what its views got."""

    app: Flask
    running: Serving
    path: str
    viewed: list[str] = field(default_factory=list)

    def get(self, cookies: str, language: str = "en") -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.running.port, timeout=10)
        headers = {"Accept-Encoding": "gzip", "Cookie": f"{cookies}; alloresto_language={language}"}
        connection.request("GET", self.path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        packed = answer.getheader("Content-Encoding") == "gzip"
        return Answer(answer.status, (gzip.decompress(body) if packed else body).decode())

    def gives_again(self, cookies: str) -> Answer:
        """The answer to the second of two requests, which no view has seen."""
        self.get(cookies)
        self.viewed.clear()
        answer = self.get(cookies)
        assert (answer.status, self.viewed) == (200, []), "the board was not given again"
        return answer

    def draws(self, cookies: str) -> Answer:
        """The board by a process that has just begun."""
        self.app.extensions["alloresto.drawings"] = Drawings()
        headers = {"Cookie": f"{cookies}; alloresto_language=en"}
        answer = self.app.test_client(use_cookies=False).get(self.path, headers=headers)
        return Answer(answer.status_code, answer.text)


def _log_in(process: Process, email: str) -> str:
    """The session's cookie, which every process knows."""
    client = process.app.test_client()
    token = csrf_token(client.get("/login").text)
    answer = client.post("/login", data={"email": email, "password": PASSWORD, "csrf_token": token})
    assert answer.status_code == 303, answer.text
    client.get(process.path)  # its forms put their token into the session
    return "; ".join(f"{cookie.key}={cookie.value}" for cookie in client._cookies.values())  # type: ignore[union-attr]


@pytest.fixture
def processes(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Process, Process]]:
    monkeypatch.setattr(drawings, "KEPT_S", 60.0)  # so that only what Postgres says ends a drawing's time
    apps, path = [create_app(admin.settings()) for _ in range(2)], f"/place/{admin.pizza.id}/orders"
    with serving(apps[0], app=apps[0]) as first, serving(apps[1], app=apps[1]) as second:
        made = Process(apps[0], first, path), Process(apps[1], second, path)
        for process in made:
            process.app.before_request(lambda viewed=process.viewed: viewed.append(request.path))
        yield made


@pytest.fixture
def process(processes: tuple[Process, Process]) -> Process:
    return processes[0]


# Each as it comes from whoever makes it; ``$1`` is the order's or the call's id.
ORDER_CHANGES = (
    "update \"order\" set status = 'ready' where id = $1",
    "update \"order\" set status = 'done' where id = $1",
    "update \"order\" set status = 'preparing' where id = $1",
    "update \"order\" set promised_at = promised_at + interval '1 h' where id = $1",
    'update "order" set allergies_encrypted = customer_name_encrypted where id = $1',
    "with lines as (delete from order_item where order_id = $1)"
    " update \"order\" set confirmed_at = confirmed_at - interval '25 h' where id = $1",
    'delete from "order" where id = $1',
)
CALL_CHANGES = (
    "update call_log set followed_up = 'called_back', followed_up_by = 'Nuala', followed_up_at = now() where id = $1",
    "update call_log set unconfirmed_encrypted = '\\x00' where id = $1",
    "update call_log set followed_up = 'settled' where id = $1",
)
RESTAURANT_CHANGES = (
    "update restaurant set zone = 'America/New_York' where id = $1",
    "update restaurant set name = 'Nuala’s' where id = $1",
)


def test_two_processes_give_a_board_again_until_it_changes_and_then_both_the_new_one(
    admin: Admin, processes: tuple[Process, Process]
) -> None:
    cookies = _log_in(processes[0], OWNER)
    stored, call_id = take_order(admin, make_order(admin), tell=False), leave_cart(admin)
    steps: list[Callable[[], object]] = [
        lambda: take_order(admin, make_order(admin, name="Nuala"), tell=False),
        lambda: leave_cart(admin, name="Nuala"),
    ]
    for changes, subject in (
        (ORDER_CHANGES, stored.id),
        (CALL_CHANGES, call_id),
        (RESTAURANT_CHANGES, admin.pizza.id),
    ):
        steps += [partial(execute, admin, change, subject) for change in changes]

    for number, change in enumerate(steps):
        before = [process.gives_again(cookies) for process in processes]
        change()
        after = [process.get(cookies) for process in processes]

        assert before[0].drawing == before[1].drawing, number
        assert all(now.text != then.text for now, then in zip(after, before, strict=True)), number
        assert after[0].drawing == after[1].drawing == processes[0].draws(cookies).drawing, number


def test_who_may_no_longer_look_is_not_given_the_board_again(admin: Admin, process: Process) -> None:
    cookies = _log_in(process, COOK)
    user = "(select id from app_user where email = $1)"
    for refused, allowed, status in (
        (f"update membership set restaurant_id = '{admin.margot.id}' where user_id = {user}",
         f"update membership set restaurant_id = '{admin.pizza.id}' where user_id = {user}", 404),
        ("update restaurant set disabled_at = now() where $1 <> ''",
         "update restaurant set disabled_at = null where $1 <> ''", 404),
        (f"update user_session set last_seen_at = now() - interval '13 h' where user_id = {user}",
         f"update user_session set last_seen_at = now() where user_id = {user}", 302),
        (f"update user_session set expires_at = now() where user_id = {user}",
         f"update user_session set expires_at = now() + interval '1 day' where user_id = {user}", 302),
        ("update app_user set disabled_at = now() where email = $1", "", 302),
    ):  # fmt: skip
        process.gives_again(cookies)

        execute(admin, refused, COOK)

        assert process.get(cookies).status == status, refused
        if allowed:
            execute(admin, allowed, COOK)


def test_a_role_that_changed_changes_the_page_at_once(admin: Admin, process: Process) -> None:
    take_order(admin, make_order(admin, minutes_ago=30 * 60), tell=False)
    cookies = _log_in(process, COOK)
    cook = process.gives_again(cookies).text

    execute(
        admin, "update membership set role = 'owner' where user_id = (select id from app_user where email = $1)", COOK
    )
    owner = process.get(cookies).text

    for link in ("left-open/close", "/team"):
        assert link not in cook and link in owner


def test_a_board_that_is_given_again_is_its_own_sessions_and_shares_nothing_of_it(
    admin: Admin, process: Process
) -> None:
    execute(
        admin, "update membership set role = 'owner' where user_id = (select id from app_user where email = $1)", COOK
    )
    take_order(admin, make_order(admin), tell=False)
    cookies = {email: _log_in(process, email) for email in (OWNER, COOK)}

    again = {email: process.gives_again(cookies[email]) for email in cookies}

    assert again[OWNER].drawing == again[COOK].drawing
    for email, other in ((OWNER, COOK), (COOK, OWNER)):
        token = csrf_token(again[email].text)
        assert other not in again[email].text and token not in again[other].text
        answer = process.app.test_client(use_cookies=False).post(
            "/logout", data={"csrf_token": token}, headers={"Cookie": cookies[email]}
        )
        assert answer.status_code == 303, "the token is not this member's"
        assert process.get(cookies[email]).status == 302, "signing out counts at once"


def test_what_changes_while_a_board_is_drawn_is_on_the_next_one(
    admin: Admin, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, late = board._read, iter([make_order(admin, name="Nuala")])
    cookies = _log_in(process, OWNER)
    execute(admin, "update restaurant set phone = '1' where id = $1", admin.pizza.id)

    async def meanwhile(*given: Any) -> Any:
        found = await read(*given)
        for order in late:
            take_order(admin, order, tell=False)
        return found

    monkeypatch.setattr(board, "_read", meanwhile)
    process.app.extensions["alloresto.drawings"] = Drawings()

    drawn, next_one = process.get(cookies), process.get(cookies)

    assert "Nuala" not in drawn.text
    assert "Nuala" in next_one.text


def test_a_boards_clocks_go_on_and_each_language_has_its_own(
    admin: Admin, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_order(admin, make_order(admin), tell=False)
    cookies = _log_in(process, OWNER)

    english, french = process.gives_again(cookies), process.get(cookies, "fr")
    monkeypatch.setattr(drawings, "KEPT_S", 0.0)
    process.viewed.clear()
    process.get(cookies)

    assert process.viewed == [process.path], "a drawing's time is not over"
    assert "Rien pour l’instant" in french.drawing and "Nothing yet today" in english.drawing
