import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from stores.live import CallChanged, Spoke
from tests.integration.web.admin import OWNER, Admin, leave_cart, make_order, publish, ring, take_order

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]
PATIENCE_S = 10


class Stream:
    """An open event stream of the test client."""

    def __init__(self, client: FlaskClient, path: str) -> None:
        self._answer = client.get(path, headers={"Accept": "text/event-stream"}, buffered=False)
        assert self._answer.content_type == "text/event-stream"
        self._chunks = iter(self._answer.response)

    def next_chunk(self) -> str:
        chunk = next(self._chunks)
        return chunk.decode() if isinstance(chunk, bytes) else str(chunk)

    def until(self, text: str) -> str:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            chunk = self.next_chunk()
            if text in chunk:
                return chunk
        raise AssertionError(f"{text!r} did not come within {PATIENCE_S} s")

    def close(self) -> None:
        self._answer.close()


@pytest.fixture
def open_stream(log_in: LogIn) -> Iterator[Callable[[str], Stream]]:
    client = log_in(OWNER)
    opened: list[Stream] = []

    def open_stream(path: str) -> Stream:
        opened.append(Stream(client, path))
        return opened[-1]

    yield open_stream
    for stream in opened:
        stream.close()


OpenStream = Callable[[str], Stream]


@pytest.mark.usefixtures("within_one_day")
def test_an_order_appears_on_the_page_when_it_is_confirmed(admin: Admin, open_stream: OpenStream) -> None:
    stream = open_stream(f"/place/{admin.pizza.id}/orders/stream")

    first = stream.next_chunk()
    take_order(admin, make_order(admin, name="Fionnuala"))
    later = stream.until("Fionnuala")

    assert "No orders yet today" in first
    assert all(line.startswith("data: ") for line in later.strip().splitlines())


def test_a_restaurant_is_not_told_of_anothers_orders(admin: Admin, open_stream: OpenStream) -> None:
    stream = open_stream(f"/place/{admin.margot.id}/orders/stream")

    stream.next_chunk()
    take_order(admin, make_order(admin, name="Fionnuala"))

    assert stream.next_chunk() == ": still here\n\n"


def test_the_overview_follows_a_call(admin: Admin, open_stream: OpenStream) -> None:
    stream = open_stream(f"/place/{admin.pizza.id}/overview/stream")
    now = datetime.now(UTC)

    stream.next_chunk()
    ring(admin, "call-1")
    stream.until("Ringing")
    publish(admin, CallChanged(call_id="call-1", state="joined", at=now))
    stream.until("In conversation")
    publish(admin, Spoke(call_id="call-1", who="caller", text="One calzone, please", at=now))
    stream.until("One calzone, please")
    publish(admin, CallChanged(call_id="call-1", state="ended", at=now))

    stream.until("Nobody is on the phone.")


@pytest.mark.usefixtures("within_one_day")
def test_a_cart_that_nobody_agreed_to_appears_on_the_board(admin: Admin, open_stream: OpenStream) -> None:
    stream = open_stream(f"/place/{admin.pizza.id}/orders/stream")

    first = stream.next_chunk()
    leave_cart(admin, name="Fionnuala", tell=True)
    later = stream.until("Fionnuala")

    assert "call back" not in first
    assert "Not confirmed — call back" in later


def test_a_quiet_stream_is_kept_alive(admin: Admin, open_stream: OpenStream) -> None:
    stream = open_stream(f"/place/{admin.pizza.id}/calls/stream")

    stream.next_chunk()

    assert stream.next_chunk() == ": still here\n\n"


def test_over_the_limit_a_page_is_drawn_once_and_asked_to_come_back(admin: Admin, open_stream: OpenStream) -> None:
    path = f"/place/{admin.pizza.id}/orders/stream"
    full = [open_stream(path), open_stream(path)]
    for stream in full:
        stream.next_chunk()

    extra = open_stream(path)
    chunk = extra.next_chunk()

    assert chunk.startswith("retry: 10000\n")
    assert "No orders yet today" in chunk
    with pytest.raises(StopIteration):
        extra.next_chunk()


def test_a_closed_stream_gives_its_place_back(admin: Admin, open_stream: OpenStream) -> None:
    path = f"/place/{admin.pizza.id}/orders/stream"
    for _ in range(4):
        stream = open_stream(path)
        assert not stream.next_chunk().startswith("retry:")
        stream.close()


def test_streams_end_when_the_worker_is_told_to_stop(app: Flask, admin: Admin, open_stream: OpenStream) -> None:
    stream = open_stream(f"/place/{admin.pizza.id}/orders/stream")
    stream.next_chunk()

    app.extensions["alloresto.streams"].stop_when(lambda: True)

    with pytest.raises(StopIteration):
        stream.next_chunk()
