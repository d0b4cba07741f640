"""What the server does with HTTP itself, in front of a small application of the test's."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from tests.integration.web.serving import Serving, serving
from web.serving.admission import Limits, State
from web.serving.handover import KEY, Sink

pytestmark = pytest.mark.integration

TIMEOUT_S = 10
LONG = 4 * 1024 * 1024


class _Ticking:
    """A stream that says hello and stays."""

    def __init__(self) -> None:
        self.is_closed = threading.Event()

    def opened(self, sink: Sink) -> None:
        sink.write(b"data: hello\n\n")

    def closed(self) -> None:
        self.is_closed.set()


class _Small:
    """Echoes what it was asked; ``/slow`` waits to be released, ``/long`` is LONG bytes, ``/stream`` stays open."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.streams: list[_Ticking] = []
        self.closed_answers = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/stream":
            self.streams.append(_Ticking())
            environ[KEY].stream = self.streams[-1]
            start_response("200 OK", [("Content-Type", "text/event-stream")])
            return [b""]
        if path == "/slow":
            self.release.wait(TIMEOUT_S)
        if path == "/long":
            start_response("200 OK", [])
            return self._long()
        if path == "/split":
            start_response("200 OK", [("X-Bad", "a\r\nSet-Cookie: b=c")])
            return [b""]
        if path == "/broken":
            raise RuntimeError("broken")
        told = {name: value for name, value in environ.items() if isinstance(value, str)}
        body = json.dumps(told | {"body": environ["wsgi.input"].read().decode()}).encode()
        start_response("200 OK", [("Content-Type", "application/json")])
        return [body]

    def _long(self) -> Iterator[bytes]:
        try:
            for _ in range(LONG // 4096):
                yield b"x" * 4096
        finally:
            self.closed_answers += 1


@pytest.fixture
def application() -> _Small:
    return _Small()


@pytest.fixture
def server(application: _Small) -> Iterator[Serving]:
    limits = Limits(connections=40, body=200_000, bodies=400_000, head_s=0.5, body_s=0.5, idle_s=30)
    with serving(application, limits=limits, threads=2) as running:
        yield running
        application.release.set()


def _exchange(server: Serving, sent: bytes) -> bytes:
    """All that comes back until the server closes, or has been quiet for a moment."""
    with server.connect() as client:
        client.sendall(sent)
        return _read(client)


def _read(client: socket.socket, quiet_s: float = 0.4) -> bytes:
    client.settimeout(quiet_s)
    received = b""
    try:
        while data := client.recv(65536):
            received += data
    except TimeoutError:
        pass
    return received


def _statuses(answer: bytes) -> list[int]:
    return [int(part.split(b" ", 1)[0]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def _wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.02)


def test_several_requests_are_answered_on_one_connection(server: Serving) -> None:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_S)
    for path in ("/one?a=%20b", "/tw%C3%A9"):
        client.request("POST", path, body="héllo".encode(), headers={"Content-Type": "text/plain"})
        told = json.loads(client.getresponse().read())

        assert (told["body"], told["CONTENT_TYPE"], told["CONTENT_LENGTH"]) == ("héllo", "text/plain", "6")
    assert told["PATH_INFO"].encode("latin-1").decode() == "/twé"


def test_a_chunked_body_arrives_whole_and_its_trailers_are_no_headers(server: Serving) -> None:
    answer = _exchange(
        server,
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n",
    )

    told = json.loads(answer.split(b"\r\n\r\n", 1)[1])
    assert (told["body"], told["CONTENT_LENGTH"]) == ("abcde", "5")
    assert "HTTP_TRANSFER_ENCODING" not in told and "HTTP_X_FORWARDED_FOR" not in told


def test_requests_sent_ahead_are_answered_in_order(server: Serving, application: _Small) -> None:
    with server.connect() as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\n\r\n")
        client.sendall(b"GET /three HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        application.release.set()
        answer = _read(client)

    paths = [part.split(b'"', 1)[0] for part in answer.split(b'"PATH_INFO": "')[1:]]
    assert paths == [b"/slow", b"/two", b"/three"]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400),
        (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"CONNECT b:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 101 + b"\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200001\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"1\r\na\r\n" * 20_000), 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nContent-Length: 1\r\n\r\n", 417),
    ],
)
def test_what_could_be_read_in_two_ways_or_is_too_much_is_refused_and_ends_the_connection(
    server: Serving, request_bytes: bytes, status: int
) -> None:
    answer = _exchange(server, request_bytes + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")

    assert _statuses(answer) == [status]
    assert b"Connection: close" in answer and b"smuggled" not in answer


def test_a_header_with_an_underscore_is_not_taken_for_the_one_with_a_hyphen(server: Serving) -> None:
    answer = _exchange(server, b"GET / HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 1.2.3.4\r\nConnection: close\r\n\r\n")

    assert _statuses(answer) == [200]
    assert b"1.2.3.4" not in answer


def test_what_follows_an_upgrade_is_no_request(server: Serving) -> None:
    answer = _exchange(
        server,
        b"GET /one HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
        b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    )

    assert _statuses(answer) == [200]
    assert b"/one" in answer and b"smuggled" not in answer


def test_a_client_that_asks_first_is_told_to_continue(server: Serving) -> None:
    with server.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        first = client.recv(1000)
        client.sendall(b"abc")
        second = client.recv(65536)

    assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert b'"body": "abc"' in second


def test_head_has_the_head_and_no_body(server: Serving) -> None:
    answer = _exchange(server, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /long HTTP/1.1\r\nHost: a\r\n\r\n")

    assert _statuses(answer) == [200, 200]
    assert answer.endswith(b"\r\n\r\n") and b"{" not in answer and b"xxx" not in answer


def test_an_old_client_gets_an_answer_without_chunks(server: Serving) -> None:
    answer = _exchange(server, b"GET /long HTTP/1.0\r\n\r\n")

    head, body = answer.split(b"\r\n\r\n", 1)
    assert body == b"x" * LONG
    assert b"Transfer-Encoding" not in head and b"Connection: close" in head


def test_an_answer_of_the_application_cannot_add_headers(server: Serving) -> None:
    answer = _exchange(server, b"GET /split HTTP/1.1\r\nHost: a\r\n\r\nGET /broken HTTP/1.1\r\nHost: a\r\n\r\n")

    assert _statuses(answer) == [500, 500]
    assert b"Set-Cookie" not in answer


def test_slow_readers_of_long_answers_hold_no_thread(server: Serving, application: _Small) -> None:
    readers = [server.connect() for _ in range(6)]  # of two threads
    for reader in readers:
        reader.sendall(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n")

    assert _statuses(_exchange(server, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")) == [200]
    for reader in readers[1:]:
        reader.close()
    assert _read(readers[0]).endswith(b"0\r\n\r\n")
    _wait(lambda: application.closed_answers == 6)


def test_slow_heads_and_bodies_are_dropped_in_time_and_hold_nobody_up(server: Serving) -> None:
    slow = [server.connect() for _ in range(30)]
    for number, client in enumerate(slow):
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n" + (b"\r\na" if number % 2 else b"X: "))

    began = time.monotonic()
    assert _statuses(_exchange(server, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) == [200]
    assert time.monotonic() - began < 0.5
    _wait(lambda: len(server.server.admission) == 0)


def test_when_every_place_is_taken_the_oldest_slow_client_gives_way(server: Serving) -> None:
    slow = [server.connect() for _ in range(40)]
    for client in slow:
        client.sendall(b"GET / HTTP/1.1\r\n")
    _wait(lambda: len(list(server.server.admission.clients(State.HEAD))) == 40)

    assert _statuses(_exchange(server, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) == [200]
    assert _closed(slow) == 1


def test_large_bodies_that_come_together_are_bounded_together(server: Serving) -> None:
    slow = [server.connect() for _ in range(5)]
    for client in slow:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 150000\r\n\r\n" + b"a" * 100_000)

    _wait(lambda: _closed(slow) >= 1)
    assert server.server.admission.body_bytes <= 400_000


def _closed(clients: list[socket.socket]) -> int:
    """How many of them the server has closed."""
    count = 0
    for client in clients:
        client.setblocking(False)
        try:
            count += client.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            continue
        except ConnectionResetError:
            count += 1
    return count


def test_streams_hold_no_thread_and_hear_that_their_client_left(server: Serving, application: _Small) -> None:
    clients = [server.connect() for _ in range(10)]  # of two threads
    for client in clients:
        client.sendall(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"hello" in _until(client, b"hello")

    assert _statuses(_exchange(server, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")) == [200]
    for client in clients:
        client.close()
    _wait(lambda: all(stream.is_closed.is_set() for stream in application.streams))


def _until(client: socket.socket, text: bytes) -> bytes:
    received = b""
    while text not in received:
        data = client.recv(65536)
        assert data, f"{text!r} did not come: {received!r}"
        received += data
    return received


def test_a_stop_ends_streams_at_once_and_lets_requests_finish(server: Serving, application: _Small) -> None:
    streaming, asking, idle = server.connect(), server.connect(), server.connect()
    streaming.sendall(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
    _until(streaming, b"hello")
    asking.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
    _wait(lambda: len(server.server.admission) == 3)

    stopping = threading.Thread(target=server.stop)
    began = time.monotonic()
    stopping.start()
    ended = _until(streaming, b"0\r\n\r\n")
    took = time.monotonic() - began
    application.release.set()
    answer = _read(asking)
    stopping.join(TIMEOUT_S)

    assert took < 0.5 and ended.endswith(b"0\r\n\r\n")
    assert _statuses(answer) == [200] and b"Connection: close" in answer
    assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        server.connect()
