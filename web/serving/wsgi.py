"""Calling the application: a parsed request becomes a WSGI environment, what comes back an ``Answer``. In a thread."""

import io
import re
import sys
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from process import logs
from web.serving.handover import KEY, Again, Handover, Stream

log = logs.get(__name__)

WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# So much of an answer is made before its first byte is sent; the rest as the client takes it.
FIRST_PART = 512 * 1024
PART = 128 * 1024
# Set for requests that came in at the operations port.
OPERATIONS = "alloresto.operations"

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(slots=True)
class Request:
    """One complete request. ``headers`` are as WSGI names them: HTTP_ACCEPT, CONTENT_TYPE."""

    method: str
    target: str
    http_version: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool


@dataclass(slots=True)
class Answer:
    """What the application said. ``rest`` gives what did not fit in ``body``, None when that was all.

    ``again`` answers the same request the next time.
    """

    status: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    rest: "Rest | None" = None
    stream: Stream | None = None
    again: Again | None = None


class Rest:
    """The remainder of a long answer. Both methods may read a file: not for the loop's thread."""

    def __init__(self, blocks: Iterator[bytes], iterable: Iterable[bytes]) -> None:
        self._blocks = blocks
        self._iterable = iterable

    def next(self) -> bytes:
        """About PART bytes; b"" at the end."""
        return _collect(self._blocks, PART)[0]

    def close(self) -> None:
        _close(self._iterable)


def environ(request: Request, client: tuple[str, int], server: tuple[str, int], *, operations: bool) -> dict[str, Any]:
    """The WSGI environment (PEP 3333)."""
    path, _, query = request.target.partition("?")
    made: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": urllib.parse.unquote(path, "latin-1") if "%" in path else path,
        "QUERY_STRING": query,
        "REQUEST_URI": request.target,
        "RAW_URI": request.target,
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{request.http_version}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        KEY: Handover(),
    }
    made.update(request.headers)
    if request.body or "HTTP_TRANSFER_ENCODING" in made:
        made["CONTENT_LENGTH"] = str(len(request.body))
        made.pop("HTTP_TRANSFER_ENCODING", None)
    if operations:
        made[OPERATIONS] = True
    return made


def call(application: WsgiApplication, made: dict[str, Any]) -> Answer:
    """Run the application. Its own failure is a plain 500: Flask has already logged those that it knows of."""
    try:
        return _called(application, made)
    except Exception:
        log.exception("the application failed")
        return plain("500 Internal Server Error")


def plain(status: str, *headers: tuple[str, str]) -> Answer:
    """An answer of the server's own: the status is all it says."""
    body = status.encode() + b"\n"
    return Answer(status, [("Content-Type", "text/plain; charset=utf-8"), *headers], body)


def _called(application: WsgiApplication, made: dict[str, Any]) -> Answer:
    said: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(
        status: str,
        headers: list[tuple[str, str]],
        _failure: tuple[type[BaseException], BaseException, TracebackType] | None = None,
    ) -> Callable[[bytes], None]:
        said[:] = [(status, headers)]
        return written.append

    iterable = application(made, start_response)
    blocks = iter(iterable)
    try:
        body, ended = _collect(blocks, FIRST_PART)
        status, headers = said[0]
        if _CONTROL.search(status + "".join([name + value for name, value in headers])):
            raise ValueError("a control character in the answer's head")
    except BaseException:
        _close(iterable)
        raise
    answer = Answer(status, headers, b"".join(written) + body, stream=made[KEY].stream, again=made[KEY].again)
    if ended or answer.stream is not None:
        _close(iterable)
    else:
        answer.rest = Rest(blocks, iterable)
    return answer


def _collect(blocks: Iterator[bytes], size: int) -> tuple[bytes, bool]:
    """``size`` bytes or a little more, and whether that was the end."""
    taken: list[bytes] = []
    length = 0
    for block in blocks:
        taken.append(block)
        length += len(block)
        if length >= size:
            return b"".join(taken), False
    return b"".join(taken), True


def _close(iterable: Iterable[bytes]) -> None:
    close = getattr(iterable, "close", None)
    if close is not None:
        close()
