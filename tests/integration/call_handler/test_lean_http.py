"""The HTTP client of a cascade, against servers that answer byte by byte, late, too much, wrongly or not at all."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import uvloop

from functions.call_handler.engines import lean_http
from functions.call_handler.engines.lean_http import UNREAD_MAX_BYTES, HttpDownError, LeanHttp
from tests.integration.edge_bridge.transports import Authority

pytestmark = pytest.mark.integration

Script = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Server:
    """Calls ``script`` with each request's head and body; it says whether the connection stays open."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.connections = 0
        self.requests: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                [length] = [int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"content-length: ")]
                self.requests.append(head + await reader.readexactly(length))
                if not await self._script(self.requests[-1], reader, writer):
                    break
        writer.close()


@contextlib.asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Server, str]]:
    server = Server(script)
    listening = await asyncio.start_server(server, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield server, f"{'https' if tls else 'http'}://localhost:{port}/v1/speech?x=1"
    finally:
        listening.close()


def answering(*pieces: bytes, stays: bool = True) -> Script:
    async def script(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        return stays

    return script


@pytest.fixture
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    policy: asyncio.AbstractEventLoopPolicy = uvloop.EventLoopPolicy()  # whose transports are the handler's
    return policy


@pytest.fixture
def http() -> Iterator[LeanHttp]:
    with contextlib.closing(LeanHttp()) as client:
        yield client


async def body_of(http: LeanHttp, url: str) -> bytes:
    body = b""
    async with await http.post(url, {"authorization": "Bearer sk"}, b"{}") as answer:
        assert answer.status == 200
        while piece := await answer.read():
            body += piece
    return body


async def test_a_request_is_whole_and_its_connection_is_used_again(http: LeanHttp) -> None:
    async with serving(answering(WHOLE)) as (server, url):
        assert [await body_of(http, url) for _ in range(3)] == [b"hi"] * 3

    assert server.connections == 1
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"POST /v1/speech?x=1 HTTP/1.1"
    assert b"authorization: Bearer sk" in head.split(b"\r\n")
    assert f"host: {url.split('/')[2]}".encode() in head.split(b"\r\n")
    assert body == b"{}"


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n5\r\n you!\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "stays", "said"),
    [
        ([bytes([byte]) for byte in CHUNKED], True, b"hi you!"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", WHOLE], True, b"hi"),
        ([b"HTTP/1.1 200 OK\r\n\r\n", b"until ", b"the end"], False, b"until the end"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], True, b""),
    ],
)
async def test_a_body_comes_as_it_was_sent(http: LeanHttp, pieces: list[bytes], stays: bool, said: bytes) -> None:
    async with serving(answering(*pieces, stays=stays)) as (_, url):
        assert await body_of(http, url) == said


@pytest.mark.parametrize(
    ("pieces", "why"),
    [
        ([b"SSH-2.0-OpenSSH\r\n"], "no HTTP"),
        ([b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000], "head without end"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"], "closed"),
        ([CHUNKED[:-9]], "closed"),
        ([b"HTTP/1.1 200 OK\r\n"], "closed"),
        ([], "closed"),
    ],
)
async def test_what_breaks_off_or_is_no_http_is_told(http: LeanHttp, pieces: list[bytes], why: str) -> None:
    async with serving(answering(*pieces, stays=False)) as (server, url):
        with pytest.raises(HttpDownError, match=why):
            await body_of(http, url)

    assert server.connections == 1  # a new connection's silence is the server's answer


async def test_a_kept_connection_that_the_server_has_left_is_replaced_once(http: LeanHttp) -> None:
    async def hangs_up_at_the_second(request: bytes, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if len(server.requests) == 2:
            return False
        writer.write(WHOLE)
        return True

    async with serving(hangs_up_at_the_second) as (server, url):
        assert [await body_of(http, url) for _ in range(2)] == [b"hi"] * 2

    assert (server.connections, len(server.requests)) == (2, 3)


async def test_an_answer_that_was_begun_is_not_asked_for_twice(http: LeanHttp) -> None:
    async def breaks_off_the_second(request: bytes, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(WHOLE if len(server.requests) == 1 else WHOLE[:20])
        return len(server.requests) == 1

    async with serving(breaks_off_the_second) as (server, url):
        await body_of(http, url)
        with pytest.raises(HttpDownError):
            await body_of(http, url)

    assert len(server.requests) == 2


@pytest.mark.parametrize("more", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"?"])
async def test_what_nobody_asked_for_is_no_answer_to_what_comes_next(http: LeanHttp, more: bytes) -> None:
    async with serving(answering(WHOLE + more)) as (server, url):
        assert [await body_of(http, url) for _ in range(2)] == [b"hi"] * 2

    assert server.connections == 2


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
async def test_a_connection_that_is_not_read_to_its_end_or_was_to_close_is_not_kept(
    http: LeanHttp, connection: str
) -> None:
    head = f"HTTP/1.1 200 OK\r\nConnection: {connection}\r\nContent-Length: 4\r\n\r\n".encode()
    pieces = (head, b"four") if connection == "close" else (head, b"tw")
    async with serving(answering(*pieces)) as (server, url):
        for _ in range(2):
            async with await http.post(url, {}, b"{}") as answer:
                assert await answer.read()

    assert server.connections == 2


async def test_one_that_idled_too_long_is_not_trusted(http: LeanHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean_http, "KEPT_S", 0.0)
    async with serving(answering(WHOLE)) as (server, url):
        await body_of(http, url)
        await body_of(http, url)

    assert server.connections == 2


async def test_a_body_that_nobody_reads_waits_at_its_server(http: LeanHttp) -> None:
    sent = 0
    piece = b"\x00" * (64 << 10)
    total = 64 << 20

    async def floods(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        nonlocal sent
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {total}\r\n\r\n".encode())
        while sent < total:
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
        return False

    async with serving(floods) as (_, url), await http.post(url, {}, b"{}") as answer:
        waited_at = -1
        while waited_at != sent:
            waited_at = sent
            await asyncio.sleep(0.1)
        held = len(await answer.read())
        read = held
        while more := await answer.read():
            read += len(more)

    assert sent == read == total
    assert waited_at < total / 4
    assert held < 2 * UNREAD_MAX_BYTES


async def test_who_stops_waiting_leaves_no_connection_behind(http: LeanHttp) -> None:
    left = asyncio.Event()

    async def never(_: bytes, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> bool:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        left.set()
        return False

    async with serving(never) as (_, url):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await http.post(url, {}, b"{}")
        await asyncio.wait_for(left.wait(), 5)


async def test_a_header_cannot_smuggle_another_in(http: LeanHttp) -> None:
    async with serving(answering(WHOLE)) as (server, url):
        with pytest.raises(HttpDownError):
            await http.post(url, {"authorization": "Bearer sk\r\nx-evil: 1"}, b"{}")

    assert server.connections == 0


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_certificate_is_checked(
    http: LeanHttp, is_known: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.certificate())
    trusting = ssl.create_default_context(cafile=str(authority.path) if is_known else None)
    monkeypatch.setattr(lean_http, "tls_context", lambda: trusting)

    async with serving(answering(WHOLE), tls) as (_, url):
        if is_known:
            assert await body_of(http, url) == b"hi"
        else:
            with pytest.raises(ssl.SSLCertVerificationError):
                await body_of(http, url)
