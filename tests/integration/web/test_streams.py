import asyncio
import http.client
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from flask import Flask, render_template_string
from redis.asyncio.client import PubSub

from stores.live import CallChanged, CartLeft, Spoke
from tests.integration.web.admin import (
    COOK,
    OWNER,
    PASSWORD,
    Admin,
    csrf_token,
    execute,
    leave_cart,
    make_order,
    publish,
    ring,
    take_order,
)
from tests.integration.web.serving import Serving, serving
from web import create_app, language
from web.drawings import Drawing
from web.live.streams import Streams
from web.place import board, overview

pytestmark = pytest.mark.integration

PATIENCE_S = 10


class Stream:
    """An open event stream, read event by event."""

    def __init__(self, port: int, path: str, cookies: str, language: str = "en") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        headers = {"Accept": "text/event-stream", "Cookie": f"{cookies}; alloresto_language={language}"}
        self.connection.request("GET", path, headers=headers)
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, (self.answer.status, self.answer.getheaders())
        self.events: list[str] = []

    def next_event(self) -> str:
        """The next one, without its empty line; "" at the end."""
        lines: list[str] = []
        while line := self.answer.readline().decode():
            if line == "\n":
                self.events.append("".join(lines))
                return self.events[-1]
            lines.append(line)
        return ""

    def next_drawing(self) -> str:
        return self.until("data: <")

    def until(self, text: str) -> str:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            event = self.next_event()
            if text in event:
                return event
            assert event, f"{text!r} did not come before the end"
        raise AssertionError(f"{text!r} did not come within {PATIENCE_S} s")

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


@dataclass
class Watching:
    """The admin behind its own server."""

    app: Flask
    running: Serving
    opened: list[Stream] = field(default_factory=list)
    cookies: dict[str, str] = field(default_factory=dict)

    def open(self, path: str, email: str = OWNER, language: str = "en") -> Stream:
        if email not in self.cookies:
            self.cookies[email] = log_in(self.app, email)
        self.opened.append(Stream(self.running.port, path, self.cookies[email], language))
        return self.opened[-1]


def log_in(app: Flask, email: str) -> str:
    """The session's cookie."""
    client = app.test_client()
    token = csrf_token(client.get("/login").text)
    answer = client.post("/login", data={"email": email, "password": PASSWORD, "csrf_token": token})
    assert answer.status_code == 303, answer.text
    client.get("/", follow_redirects=True)  # any page: its forms put their token into the session
    return "; ".join(f"{cookie.key}={cookie.value}" for cookie in client._cookies.values())  # type: ignore[union-attr]


@pytest.fixture
def watching(admin: Admin) -> Iterator[Watching]:
    app = create_app(admin.settings(web_heartbeat_s=0.3, web_max_streams=3))
    with serving(app, app=app) as running:
        watching = Watching(app, running)
        yield watching
        for stream in watching.opened:
            stream.close()


@pytest.mark.usefixtures("within_one_day")
def test_an_order_appears_on_the_page_when_it_is_confirmed(admin: Admin, watching: Watching) -> None:
    stream = watching.open(f"/place/{admin.pizza.id}/orders/stream")

    first = stream.next_drawing()
    take_order(admin, make_order(admin, name="Fionnuala"))
    later = stream.until("Fionnuala")

    assert "No orders yet today" in first
    assert all(line.startswith("data: ") for line in later.splitlines())


def test_a_restaurant_is_not_told_of_anothers_orders(admin: Admin, watching: Watching) -> None:
    stream = watching.open(f"/place/{admin.margot.id}/orders/stream")

    stream.next_drawing()
    take_order(admin, make_order(admin, name="Fionnuala"))

    for _ in range(3):
        assert stream.next_event() == "event: alive\ndata: 300\n"


def test_the_overview_follows_a_call(admin: Admin, watching: Watching) -> None:
    stream = watching.open(f"/place/{admin.pizza.id}/overview/stream")
    now = datetime.now(UTC)

    stream.next_drawing()
    ring(admin, "call-1")
    stream.until("Ringing")
    publish(admin, CallChanged(call_id="call-1", state="joined", at=now))
    stream.until("In conversation")
    publish(admin, Spoke(call_id="call-1", who="caller", text="One calzone, please", at=now))
    stream.until("One calzone, please")
    publish(admin, CallChanged(call_id="call-1", state="ended", at=now))

    stream.until("Nobody is on the phone.")


def test_a_page_is_told_that_it_is_live_once_it_misses_nothing_any_more(
    admin: Admin, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe = Streams._subscribe

    async def late(streams: Streams, pubsub: PubSub, known: dict[str, str]) -> dict[str, str]:
        await asyncio.sleep(0.3)
        return await subscribe(streams, pubsub, known)

    monkeypatch.setattr(Streams, "_subscribe", late)
    ring(admin, "call-1")
    stream = watching.open(f"/place/{admin.pizza.id}/overview/stream")

    stream.until("event: alive")
    publish(admin, Spoke(call_id="call-1", who="caller", text="One calzone, please", at=datetime.now(UTC)))

    assert "One calzone, please" in stream.until("One calzone, please")


@pytest.mark.usefixtures("within_one_day")
def test_a_cart_that_nobody_agreed_to_appears_on_the_board(admin: Admin, watching: Watching) -> None:
    stream = watching.open(f"/place/{admin.pizza.id}/orders/stream")

    first = stream.next_drawing()
    leave_cart(admin, name="Fionnuala", tell=True)
    later = stream.until("Fionnuala")

    assert "call back" not in first
    assert "Not confirmed — call back" in later


def test_a_quiet_stream_says_that_it_is_still_true_and_when_it_says_so_again(admin: Admin, watching: Watching) -> None:
    stream = watching.open(f"/place/{admin.pizza.id}/calls/stream")

    stream.next_drawing()

    assert [stream.next_event() for _ in range(2)] == ["event: alive\ndata: 300\n"] * 2


def test_without_postgres_a_page_is_not_told_that_it_is_true(admin: Admin, watching: Watching) -> None:
    stream = watching.open(f"/place/{admin.pizza.id}/orders/stream")
    stream.next_drawing()
    execute(admin, "alter role alloresto_app connection limit 0")
    try:
        execute(admin, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'alloresto_app'")
        publish(admin, CartLeft(call_id="any"))
        stream.connection.sock.settimeout(1.5)
        with pytest.raises(TimeoutError):
            stream.until("never")
    finally:
        execute(admin, "alter role alloresto_app connection limit -1")


def test_over_the_limit_a_page_is_drawn_once_and_asked_to_come_back(admin: Admin, watching: Watching) -> None:
    path = f"/place/{admin.pizza.id}/orders/stream"
    for _ in range(3):
        watching.open(path).next_drawing()

    extra = watching.open(path)
    drawing = extra.next_drawing()

    assert extra.events[0] == "event: alive\ndata: 10000\n"
    assert drawing.startswith("retry: 10000\n")
    assert "No orders yet today" in drawing
    assert extra.next_event() == ""


def test_a_closed_stream_gives_its_place_back(admin: Admin, watching: Watching) -> None:
    path = f"/place/{admin.pizza.id}/orders/stream"
    streams = watching.app.extensions["alloresto.streams"]
    for _ in range(5):
        stream = watching.open(path)
        assert not stream.next_drawing().startswith("retry:")
        stream.close()
        _wait(lambda: not streams._clients and not streams._feeds)


def test_streams_end_in_order_when_the_worker_is_told_to_stop(admin: Admin, watching: Watching) -> None:
    stream = watching.open(f"/place/{admin.pizza.id}/orders/stream")
    stream.next_drawing()

    began = time.monotonic()
    watching.running.stop()

    while stream.next_event():
        pass
    assert time.monotonic() - began < 0.5
    assert stream.answer.isclosed()


def test_pages_that_show_the_same_share_one_drawing_and_others_do_not(
    admin: Admin, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    draw = board.drawing

    def counted() -> Drawing:
        drawn.append(language.current())
        return draw()

    monkeypatch.setattr(board, "drawing", counted)
    path = f"/place/{admin.pizza.id}/orders/stream"

    first = watching.open(path)
    first.next_drawing()
    second = watching.open(path)
    second.next_drawing()
    french = watching.open(path, language="fr")
    assert "Pas encore de commande" in french.next_drawing()
    for stream in (first, second, french):
        stream.until("alive")
    drawn.clear()
    publish(admin, CartLeft(call_id="any"))
    _wait(lambda: len(drawn) >= 2)

    first.until("alive")
    assert sorted(drawn) == ["en", "fr"]


def test_a_shared_drawing_holds_each_members_own_form_token_and_nothing_of_the_other(
    admin: Admin, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = "<p>{{ csrf_token() }}</p><p>{{ member_email }}{{ session }}{{ request.cookies }}</p>"
    monkeypatch.setattr(overview, "render_template", lambda *_given, **_values: render_template_string(template))
    execute(
        admin, "update membership set role = 'owner' where user_id = (select id from app_user where email = $1)", COOK
    )
    path = f"/place/{admin.pizza.id}/overview/stream"

    told = [watching.open(path, email).next_drawing() for email in (OWNER, COOK)]

    tokens = [csrf.removeprefix("data: <p>").split("</p>")[0] for csrf in told]
    assert tokens[0] != tokens[1] and all(len(token) > 60 for token in tokens)
    for email, token in zip((OWNER, COOK), tokens, strict=True):
        answer = watching.app.test_client(use_cookies=False).post(
            "/logout", data={"csrf_token": token}, headers={"Cookie": watching.cookies[email]}
        )
        assert answer.status_code == 303, "the token is not this member's"
    for other in (*watching.cookies.values(), OWNER, COOK):
        assert other not in told[0] and other not in told[1]


@pytest.mark.parametrize(
    "statement",
    [
        "delete from membership where user_id = (select id from app_user where email = $1)",
        "update membership set role = 'manager' where user_id = (select id from app_user where email = $1)",
        "update app_user set disabled_at = now() where email = $1",
        "delete from user_session where user_id = (select id from app_user where email = $1)",
        "update user_session set expires_at = now() where user_id = (select id from app_user where email = $1)",
    ],
)
def test_the_live_page_of_somebody_who_may_no_longer_look_is_closed_within_five_seconds(
    admin: Admin, watching: Watching, statement: str
) -> None:
    path = f"/place/{admin.pizza.id}/orders/stream"
    staying, going = watching.open(path), watching.open(path, COOK)
    for stream in (staying, going):
        stream.next_drawing()

    execute(admin, statement, COOK)
    began = time.monotonic()
    going.until("event: gone")

    assert going.next_event() == "" and time.monotonic() - began < 5
    assert "alive" in staying.next_event()


def _wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.02)
