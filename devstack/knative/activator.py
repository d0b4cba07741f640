"""A Service's front door: every request waits here for a slot, and its answer is streamed through.

With ``target-burst-capacity: "-1"`` Knative's activator stays in the path, which is the only mode kept here.
It is a faithful proxy in its faults too: a timeout in mid-stream ends the body cleanly, after a line of its
own text, with status 200; and an answer that begins before the request's body has ended is broken off, unless
``features.knative.dev/http-full-duplex`` is Enabled.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Protocol

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from devstack.knative.clock import Clock
from devstack.knative.plan import ServicePlan
from devstack.knative.slots import Endpoint, QueueFullError, Slots
from devstack.knative.states import EventKind
from devstack.knative.tunnels import asks_for_websocket, tunnel

TIMEOUT_TEXT = b"activator request timeout"

_CUT_WITHIN_S = 1.0
_HOP_BY_HOP = frozenset(
    {"connection", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)


class PodEndpoint(Endpoint, Protocol):
    """A pod as the activator sees it."""

    name: str
    port: int
    tunnels_cut: asyncio.Event
    """Set when a deleted pod gives up its WebSockets."""


class Deadline:
    """The nearest of ``timeoutSeconds``, ``responseStartTimeoutSeconds`` and ``idleTimeoutSeconds``, from arrival."""

    def __init__(self, plan: ServicePlan, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._arrived = self._loop.time()
        self._started = False
        self._timeout = asyncio.timeout(None)

    async def __aenter__(self) -> "Deadline":
        await self._timeout.__aenter__()
        self.progress(started=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._timeout.__aexit__(kind, error, trace)

    def progress(self, *, started: bool = True) -> None:
        """Something came from the pod: only the idle limit starts anew."""
        self._started = self._started or started
        limits = [self._arrived + self._clock.real(self._plan.timeout_s)]
        if self._plan.response_start_s is not None and not self._started:
            limits.append(self._arrived + self._clock.real(self._plan.response_start_s))
        if self._plan.idle_s is not None:
            limits.append(self._loop.time() + self._clock.real(self._plan.idle_s))
        self._timeout.reschedule(min(limits))


class Activator:
    """``on_request`` is called at each arrival (+1) and end (-1), ``on_cut`` for each request that was cut."""

    def __init__(
        self,
        plan: ServicePlan,
        slots: Slots[PodEndpoint],
        session: aiohttp.ClientSession,
        clock: Clock,
        on_request: Callable[[int], None],
        on_cut: Callable[[EventKind, str], None],
    ) -> None:
        self._plan = plan
        self._slots = slots
        self._session = session
        self._clock = clock
        self._on_request = on_request
        self._on_cut = on_cut

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Cancelled when the client goes away, which frees the slot at once, whatever the pod still does."""
        self._on_request(+1)
        try:
            return await (self._tunnel(request) if asks_for_websocket(request) else self._forward(request))
        except QueueFullError:
            return web.Response(status=503, text="pending request queue full\n")
        except (aiohttp.ClientError, ConnectionError) as error:
            return web.Response(status=502, text=f"{type(error).__name__}: no answer from the pod\n")
        finally:
            self._on_request(-1)

    async def _forward(self, request: web.BaseRequest) -> web.StreamResponse:
        response: web.StreamResponse | None = None
        try:
            async with (
                Deadline(self._plan, self._clock) as deadline,
                self._slot() as pod,
                self._session.request(
                    request.method,
                    _url(request, pod),
                    headers=_passed_on(request.headers),
                    data=request.content.iter_any() if request.body_exists else None,
                    allow_redirects=False,
                ) as answer,
            ):
                response = web.StreamResponse(
                    status=answer.status, reason=answer.reason, headers=_end_to_end(answer.headers)
                )
                await response.prepare(request)
                deadline.progress()
                if not (self._plan.full_duplex or request.content.is_eof()):
                    # Go's HTTP server closes the request's body with the answer's first byte, and its reverse
                    # proxy takes that for a broken request ("read error during body copy").
                    self._on_cut("request_aborted", "the answer began before the request's body had ended")
                    return _abort(request, response)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                    deadline.progress()
                await response.write_eof()
                return response
        except aiohttp.ServerTimeoutError:  # a TimeoutError too, but the pod's: it takes no connection
            raise
        except TimeoutError:
            self._on_cut("request_timeout", "before the first byte" if response is None else "in mid-stream")
            return await _cut(request, response)
        except (aiohttp.ClientError, ConnectionError):
            if response is None:
                raise
            return _abort(request, response)

    async def _tunnel(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            async with Deadline(self._plan, self._clock), self._slot() as pod:
                return await tunnel(
                    request, self._session, _url(request, pod), _passed_on(request.headers), pod.tunnels_cut
                )
        except aiohttp.ServerTimeoutError:
            raise
        except TimeoutError:
            self._on_cut("request_timeout", "of a WebSocket")
            return await _cut(request, None)  # nobody reads it if the tunnel was open

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[PodEndpoint]:
        pod = await self._slots.acquire()
        try:
            yield pod
        finally:
            self._slots.release(pod)


def _url(request: web.BaseRequest, pod: PodEndpoint) -> str:
    return f"http://127.0.0.1:{pod.port}{request.raw_path}"


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP)


def _passed_on(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """A request's headers for the pod, with the mark that Knative's activator leaves."""
    passed_on = _end_to_end(headers)
    passed_on["K-Proxy-Request"] = "activator"
    return passed_on


async def _cut(request: web.BaseRequest, response: web.StreamResponse | None) -> web.StreamResponse:
    """What a timeout looks like from outside: 504, or its text in the middle of a 200."""
    if response is None:
        return web.Response(status=504, body=TIMEOUT_TEXT, content_type="text/plain")
    if response.content_length is not None:
        return _abort(request, response)
    try:
        async with asyncio.timeout(_CUT_WITHIN_S):
            await response.write(TIMEOUT_TEXT)
            await response.write_eof()
    except (TimeoutError, ConnectionError):  # the client has stopped reading
        return _abort(request, response)
    return response


def _abort(request: web.BaseRequest, response: web.StreamResponse) -> web.StreamResponse:
    """Close the connection without the end of the body: the client sees that it is incomplete."""
    if request.transport is not None:
        request.transport.close()
    return response


def client_session() -> aiohttp.ClientSession:
    """For pods: no keep-alive (a pod may be gone by the next request), no limits, nothing decoded or added."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("User-Agent", "Content-Type", "Accept", "Accept-Encoding"),
        read_bufsize=1 << 16,
    )
