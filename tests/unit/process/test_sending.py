"""Batches to a collector that is there, slow, wrong or away."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from devstack.servers.ports import free_port
from process.telemetry import sending
from process.telemetry.sending import Sender
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.unit


class Collector:
    """``statuses`` are answered in turn, the last one for good; ``bodies`` are what came with each."""

    def __init__(self, *statuses: int) -> None:
        self.bodies: list[bytes] = []
        self.came = threading.Condition()
        collector, answers = self, list(statuses)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                with collector.came:
                    collector.bodies.append(body)
                    collector.came.notify_all()
                self.send_response(answers.pop(0) if len(answers) > 1 else answers[0])
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def until(self, count: int) -> None:
        with self.came:
            assert self.came.wait_for(lambda: len(self.bodies) >= count, PATIENCE_S)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


Sending = Callable[..., Sender[str]]


@pytest.fixture
def sender() -> Iterator[Sending]:
    made: list[Sender[str]] = []

    def make(url: str, **options: Any) -> Sender[str]:
        given: dict[str, Any] = {"every_s": 0.01, "timeout_s": 5.0} | options
        made.append(Sender("test", url, {}, lambda items: " ".join(items).encode(), **given))
        return made[-1]

    yield make
    for one in made:
        sending.SENDERS.remove(one)


@pytest.fixture
def collector(request: pytest.FixtureRequest) -> Iterator[Collector]:
    made = Collector(*getattr(request, "param", (200,)))
    yield made
    made.close()


def until(condition: Callable[[], bool]) -> None:
    by = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < by
        time.sleep(0.002)


def test_what_comes_together_is_sent_together(sender: Sending, collector: Collector) -> None:
    sends = sender(collector.url, every_s=0.2)
    for item in ("a", "b", "c"):
        sends.put(item)

    collector.until(1)
    until(lambda: sends.sent == 3)
    assert collector.bodies == [b"a b c"]


def test_a_full_batch_does_not_wait(sender: Sending, collector: Collector) -> None:
    sends = sender(collector.url, every_s=600.0, most_together=2)
    sends.put("a")
    sends.put("b")

    collector.until(1)
    assert collector.bodies == [b"a b"]


def test_flush_sends_what_waits(sender: Sending, collector: Collector) -> None:
    sends = sender(collector.url, every_s=600.0)
    sends.put("a")

    sends.flush(time.monotonic() + PATIENCE_S)

    assert (collector.bodies, sends.sent) == ([b"a"], 1)


@pytest.mark.parametrize("collector", [(503, 429, 200)], indirect=True)
def test_what_may_be_taken_later_is_sent_again(sender: Sending, collector: Collector) -> None:
    sends = sender(collector.url)
    sends.put("a")

    until(lambda: sends.sent == 1)
    assert collector.bodies == [b"a", b"a", b"a"]
    assert sends.dropped == 0


@pytest.mark.parametrize("collector", [(400,)], indirect=True)
def test_what_is_refused_for_good_is_dropped_at_once(sender: Sending, collector: Collector) -> None:
    sends = sender(collector.url)
    sends.put("a")

    until(lambda: sends.dropped == 1)
    assert len(collector.bodies) == 1


def test_nobody_waits_for_a_collector_that_is_away_and_what_is_dropped_is_counted(sender: Sending) -> None:
    sends = sender(f"http://127.0.0.1:{free_port()}/", every_s=600.0, most_waiting=10)
    began = time.perf_counter()
    for number in range(1000):
        sends.put(str(number))
    took_s = time.perf_counter() - began

    assert sends.dropped == 990
    assert took_s < 1.0, "a millisecond each would be the network"
    until_failed(sends)
    began = time.perf_counter()
    sends.flush(time.monotonic() + PATIENCE_S)
    assert time.perf_counter() - began < PATIENCE_S / 2, "and the process ends without it"


def until_failed(sends: Sender[str]) -> None:
    sends._now.set()
    until(lambda: sends._failures > 0)


def test_a_silent_collector_holds_nobody_up_for_longer_than_its_timeout(sender: Sending) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sends = sender(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout_s=0.05)
        sends.put("a")

        until(lambda: sends.dropped == 1)


def test_a_connection_that_was_closed_between_two_batches_is_made_anew(sender: Sending, collector: Collector) -> None:
    sends = sender(collector.url, every_s=600.0)  # a second try after a failure would come that late
    sends.put("a")
    sends.flush(time.monotonic() + PATIENCE_S)
    assert sends._connection is not None and sends._connection.sock is not None
    sends._connection.sock.shutdown(socket.SHUT_RDWR)

    sends.put("b")
    sends.flush(time.monotonic() + PATIENCE_S)

    assert (collector.bodies, sends.sent) == ([b"a", b"b"], 2)


@pytest.mark.parametrize("collector", [(503,)], indirect=True)
def test_a_queue_that_fills_up_does_not_hurry_a_collector_that_fails(sender: Sending, collector: Collector) -> None:
    sends = sender(collector.url, every_s=600.0, most_together=1, most_waiting=2)
    with collector.came:  # it cannot answer before the second item is there
        sends.put("a")
        until(lambda: sends._connection is not None)
        sends.put("b")

    until(lambda: sends._failures > 0 and not sends._now.is_set())
    assert not sends._now.wait(0.05), "the pause before the next try is kept"
    assert (len(collector.bodies), sends.dropped) == (1, 0)


def test_a_process_ends_at_once_when_its_collector_is_found_to_be_away(sender: Sending) -> None:
    sends = sender(f"http://127.0.0.1:{free_port()}/", every_s=600.0)
    sends.put("a")

    sends.flush(time.monotonic() + 2 * PATIENCE_S)

    assert sends.dropped == 1


@pytest.mark.parametrize("wrong", ["collector:4318", "http://user:pa/ss@host/", "http://host:99999/", "http://[::1/"])
def test_a_wrong_address_is_told_by_its_setting_without_what_it_holds(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"^OTEL_EXPORTER_OTLP_ENDPOINT: it has to be http") as told:
        Sender("traces", wrong, {}, lambda items: b"", setting="OTEL_EXPORTER_OTLP_ENDPOINT")

    assert "pa" not in str(told.value).replace("has to be", "").replace("a port", "")
