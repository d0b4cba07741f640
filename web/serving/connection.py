"""One client's HTTP/1.1 connection on the loop. llhttp (httptools) reads, strictly; this file decides what is let in.

Requests of a connection are answered one after the other. While one is being answered, what the client sends ahead is
left unread, so that it costs the kernel's buffers and not ours. After anything that could be read in two ways the
answer is the last one of its connection: nothing that follows is taken for a request.
"""

import asyncio
import time
from collections import deque
from email.utils import formatdate
from typing import Protocol, cast

import httptools

from web.serving import wsgi
from web.serving.admission import Admission, State
from web.serving.handover import Stream
from web.serving.wsgi import Answer, Request, Rest

# A refused client may read why for so long; closing at once would take the answer away from it (RST).
LINGER_S = 2.0
# Beyond this much unsent, the rest of an answer waits and a live page counts as lagging.
HIGH_WATER = 256 * 1024
MOST_AHEAD = 32  # requests in one piece of data, before their answers

_NO_BODY = ("1", "204", "304")
_JOINED_BY = {"HTTP_COOKIE": "; "}
_ONCE = frozenset({"HTTP_HOST", "CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_AUTHORIZATION"})
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Application(Protocol):
    """Who answers: runs the request in a thread and calls ``answered`` on the loop. False when there is no room."""

    def answer(self, request: Request, connection: "Connection") -> bool: ...

    def read_on(self, rest: Rest, connection: "Connection") -> None:
        """Take the next part in a thread and call ``part`` on the loop."""

    def close(self, rest: Rest) -> None: ...


class _RefusedError(Exception):
    """Raised inside a callback of the parser: the request is answered with this status, and the connection ends."""

    def __init__(self, status: str) -> None:
        self.status = status
        super().__init__(status)


class Connection(asyncio.Protocol):
    """``operations`` is set for the port of probes and metrics."""

    def __init__(self, application: Application, admission: Admission, *, operations: bool = False) -> None:
        self.operations = operations
        self.client = self.server = ("", 0)
        self._application = application
        self._admission = admission
        self._limits = admission.limits
        self._transport = cast(asyncio.Transport, None)
        self._parser = httptools.HttpRequestParser(self)
        self._state = State.IDLE
        self._since = 0.0
        self._waiting: deque[Request | _RefusedError] = deque()
        self._current: Request | None = None
        self._unread: list[bytes] = []
        self._deaf = False  # nothing more is taken for a request
        self._gone = False
        self._stopping = False
        self._writable = True
        self._unsent = (0, 0.0)
        self._rest: Rest | None = None
        self._reading_on = False
        self._stream: Stream | None = None
        self._chunked = False
        self._held = 0
        self._begin()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        self.client = (transport.get_extra_info("peername") or ("", 0))[:2]
        self.server = (transport.get_extra_info("sockname") or ("", 0))[:2]
        self._since = time.monotonic()
        if not self._admission.admit(self):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._current is not None or self._waiting or self._unread:
            self._unread.append(data)
            self._transport.pause_reading()
            return
        self._feed(data)
        self._proceed()

    def eof_received(self) -> bool:
        """A client that has said all may still be waiting for its answers, but not for a stream."""
        self._deaf = True
        return self._state is State.ANSWERING

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._send_on()

    def connection_lost(self, _error: Exception | None) -> None:
        self._gone = True
        self._admission.remove(self, self._state)
        self._waiting.clear()
        self._release_body()
        if self._rest is not None and not self._reading_on:
            self._application.close(self._rest)
            self._rest = None
        self._end_stream()

    # What the admission calls.

    @property
    def unsent(self) -> bool:
        return self._state is State.ANSWERING or self._transport.get_write_buffer_size() > 0

    def overdue(self, now: float) -> bool:
        """Whether it has been in its state, or with unsent bytes, for longer than the limits say."""
        limits, waited = self._limits, now - self._since
        if self._state is State.IDLE:
            return waited > limits.idle_s
        if self._state is State.HEAD:
            return waited > limits.head_s
        if self._state is State.BODY:
            return waited > limits.body_s + self._held / limits.body_rate
        if self._state is State.LINGERING:
            return waited > LINGER_S
        return self._reads_nothing(now)

    def drop(self) -> None:
        self._release_body()
        self._transport.abort()

    def _reads_nothing(self, now: float) -> bool:
        unsent = self._transport.get_write_buffer_size()
        before, since = self._unsent
        if unsent == 0 or unsent < before or before == 0:
            self._unsent = (unsent, now)
            return False
        return now - since > self._limits.unread_s

    # What the parser calls.

    def on_message_begin(self) -> None:
        if len(self._waiting) >= MOST_AHEAD:
            raise _RefusedError("400 Bad Request")
        self._begin()

    def on_url(self, url: bytes) -> None:
        self._url += url
        if len(self._url) > self._limits.request_line:
            raise _RefusedError("414 URI Too Long")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        self._head_size += len(name) + len(value) + 4
        limits = self._limits
        if self._fields > limits.header_fields or len(name) + len(value) > limits.header_field:
            raise _RefusedError("431 Request Header Fields Too Large")
        if self._head_size > limits.head:
            raise _RefusedError("431 Request Header Fields Too Large")
        # What comes after a chunked body was not there when the request was let in. And ``_`` would be taken for ``-``.
        if self._head_complete or b"_" in name:
            return
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_LENGTH", "CONTENT_TYPE"):
            key = f"HTTP_{key}"
        text = value.decode("latin-1").strip(" \t")
        if key in self._headers:
            if key in _ONCE:
                raise _RefusedError("400 Bad Request")
            text = self._headers[key] + _JOINED_BY.get(key, ",") + text
        self._headers[key] = text

    def on_headers_complete(self) -> None:
        self._head_complete = True
        version, headers = self._parser.get_http_version(), self._headers
        if version not in ("1.0", "1.1"):
            raise _RefusedError("505 HTTP Version Not Supported")
        if version == "1.1" and "HTTP_HOST" not in headers:
            raise _RefusedError("400 Bad Request")
        if "HTTP_TRANSFER_ENCODING" in headers and (
            version == "1.0" or headers["HTTP_TRANSFER_ENCODING"].lower() != "chunked"
        ):
            raise _RefusedError("400 Bad Request")
        if int(headers.get("CONTENT_LENGTH") or 0) > self._limits.body:
            raise _RefusedError("413 Content Too Large")
        self._target = _path(self._url, self._parser.get_method())
        self._expects_continue = version == "1.1" and "HTTP_EXPECT" in headers
        if self._expects_continue and headers["HTTP_EXPECT"].lower() != "100-continue":
            raise _RefusedError("417 Expectation Failed")

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > self._limits.body:
            raise _RefusedError("413 Content Too Large")
        self._hold(len(body))

    def on_chunk_header(self) -> None:
        # A client that sends a byte a chunk would cost more than its body is worth.
        self._head_size += 8
        if self._head_size > self._limits.head + len(self._body):
            raise _RefusedError("400 Bad Request")

    def on_message_complete(self) -> None:
        self._waiting.append(
            Request(
                method=self._parser.get_method().decode("ascii"),
                target=self._target,
                http_version=self._parser.get_http_version(),
                headers=self._headers,
                body=bytes(self._body),
                keep_alive=self._parser.should_keep_alive() and not self._parser.should_upgrade(),
            )
        )
        self._begin()

    # Reading.

    def _begin(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._fields = self._head_size = self._incomplete = 0
        self._head_complete = False
        self._expects_continue = False
        self._target = ""
        self._body = bytearray()

    def _feed(self, data: bytes) -> None:
        refused: _RefusedError | None = None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._deaf = True  # nothing is upgraded here: the request is answered, what follows is not HTTP
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, _RefusedError):
                raise
            refused = error.__context__
        except httptools.HttpParserError:
            refused = _RefusedError("400 Bad Request")
        if refused is None and not self._head_complete:
            self._incomplete += len(data)
            if self._incomplete > self._limits.head + HIGH_WATER:
                refused = _RefusedError("431 Request Header Fields Too Large")
        if refused is not None:
            self._deaf = True
            self._waiting.append(refused)

    def _proceed(self) -> None:
        """Answer the next request that is complete; with none, say for what we wait."""
        while self._current is None and not self._gone:
            if self._waiting:
                self._start(self._waiting.popleft())
            elif self._unread:
                data, self._unread = b"".join(self._unread), []
                self._transport.resume_reading()
                self._feed(data)
            else:
                self._await_more()
                return

    def _await_more(self) -> None:
        if self._deaf or self._stopping:
            self._transport.close()
        elif self._head_complete:
            if self._expects_continue:
                self._expects_continue = False
                self._transport.write(_CONTINUE)
            self._enter(State.BODY)
        elif self._url or self._fields or self._incomplete:
            self._enter(State.HEAD)
        else:
            self._enter(State.IDLE)

    def _enter(self, state: State) -> None:
        """A state's time begins when it is entered: a byte more does not begin it anew."""
        if state is self._state and state is not State.ANSWERING:
            return
        self._admission.move(self, self._state, state)
        self._state, self._since = state, time.monotonic()

    def _start(self, next_one: Request | _RefusedError) -> None:
        if isinstance(next_one, _RefusedError):
            self._refuse(next_one.status)
            return
        self._current = next_one
        self._enter(State.ANSWERING)
        if not self._application.answer(next_one, self):
            self.answered(wsgi.plain("503 Service Unavailable", ("Retry-After", "2")))

    # Answering.

    def answered(self, answer: Answer) -> None:
        """The application's answer to the current request."""
        request = self._current
        self._release_body()
        if self._gone or request is None:
            if answer.rest is not None:
                self._application.close(answer.rest)
            if answer.stream is not None:
                answer.stream.closed()
            return
        bodiless = request.method == "HEAD" or answer.status.startswith(_NO_BODY)
        head = self._head(request, answer, bodiless)
        if answer.stream is not None and not bodiless:
            self._transport.write(head)
            self._stream = answer.stream
            self._enter(State.STREAMING)
            answer.stream.opened(self)
            return
        if answer.stream is not None:
            answer.stream.closed()
        self._rest = answer.rest
        if bodiless:
            self._transport.write(head)
        else:
            self._transport.write(head + self._framed(answer.body))
        if self._rest is not None and bodiless:
            self._application.close(self._rest)
            self._rest = None
        if self._rest is not None:
            self._send_on()
        else:
            self._finish(bodiless)

    def _head(self, request: Request, answer: Answer, bodiless: bool) -> bytes:
        streamed = answer.stream is not None
        sized = not streamed and any(name.lower() == "content-length" for name, _ in answer.headers)
        whole = answer.rest is None and not streamed
        lines = [f"HTTP/1.1 {answer.status}", f"Date: {_date()}"]
        # Ours to say: these are about this connection and not about the answer.
        ours = _OURS | {"content-length"} if streamed else _OURS
        lines += [f"{name}: {value}" for name, value in answer.headers if name.lower() not in ours]
        self._chunked = False
        if not sized and not answer.status.startswith(_NO_BODY):
            if whole:
                if request.method != "HEAD":
                    lines.append(f"Content-Length: {len(answer.body)}")
            elif request.http_version == "1.1":
                self._chunked = not bodiless
                lines.append("Transfer-Encoding: chunked")
            else:
                request.keep_alive = False
        if self._stopping or (self._deaf and not self._waiting and not self._unread):
            request.keep_alive = False
        if not request.keep_alive:
            lines.append("Connection: close")
        elif request.http_version == "1.0":
            lines.append("Connection: keep-alive")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _framed(self, data: bytes) -> bytes:
        if not self._chunked or not data:
            return data
        return b"%x\r\n%b\r\n" % (len(data), data)

    def _send_on(self) -> None:
        """Have the next part of a long answer made, unless the client still has to take what there is."""
        if self._rest is not None and not self._reading_on and self._writable:
            self._reading_on = True
            self._application.read_on(self._rest, self)

    def part(self, data: bytes | None) -> None:
        """The next part of a long answer: b"" at its end, None when it could not be read."""
        self._reading_on = False
        rest = self._rest
        if rest is None:
            return
        if data and not self._gone:
            self._transport.write(self._framed(data))
            self._send_on()
            return
        self._rest = None
        self._application.close(rest)
        if data is None:
            self._transport.abort()  # the client must not take half an answer for a whole one
        elif not self._gone:
            self._finish(False)

    def _finish(self, bodiless: bool) -> None:
        request, self._current = self._current, None
        if self._chunked and not bodiless:
            self._transport.write(b"0\r\n\r\n")
        if request is not None and not request.keep_alive:
            self._close_in_order()
            return
        if self._waiting or self._unread:
            # Not from within the callback of the answer before: a thousand answers would be a thousand frames deep.
            asyncio.get_running_loop().call_soon(self._proceed)
        else:
            self._await_more()

    def _refuse(self, status: str) -> None:
        """Say why, then close: what the client is still sending is thrown away for a moment, so that it can read it."""
        request = Request("GET", "", "1.1", {}, b"", keep_alive=False)
        answer = wsgi.plain(status)
        self._transport.write(self._head(request, answer, False) + answer.body)
        self._release_body()
        self._close_in_order()

    def _close_in_order(self) -> None:
        """Our side ends; the client's is thrown away until it ends as well, or LINGER_S are over."""
        self._deaf = True
        self._waiting.clear()
        self._unread.clear()
        self._enter(State.LINGERING)
        self._transport.resume_reading()
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _hold(self, size: int) -> None:
        self._held += size
        self._admission.received(size)

    def _release_body(self) -> None:
        held, self._held = self._held, 0
        self._admission.received(-held)

    # An open stream's sink.

    @property
    def lagging(self) -> bool:
        return not self._writable

    def write(self, data: bytes) -> None:
        if self._stream is not None and not self._gone:
            self._transport.write(self._framed(data))

    def end(self) -> None:
        if self._stream is not None and not self._gone:
            self._end_stream()
            self._current = cast(Request, self._current)
            self._current.keep_alive = False
            self._finish(False)

    def _end_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.closed()

    def stop(self) -> None:
        self._stopping = True
        if self._state is State.STREAMING:
            self.end()
        elif self._state is not State.ANSWERING:
            self._transport.close()


_OURS = frozenset({"connection", "date", "keep-alive", "transfer-encoding"})


def _path(url: bytes, method: bytes) -> str:
    """The path and query of a request target. Raises _RefusedError for what no origin server is asked for."""
    text = url.decode("latin-1")
    if text.startswith("/"):
        return text.partition("#")[0]
    if text.lower().startswith(("http://", "https://")) and method != b"CONNECT":
        _, slash, path = text.partition("://")[2].partition("/")
        return slash + path if slash else "/"
    raise _RefusedError("400 Bad Request")


_date_now = (0, "")


def _date() -> str:
    global _date_now
    now = int(time.time())
    if _date_now[0] != now:
        _date_now = (now, formatdate(now, usegmt=True))
    return _date_now[1]
