"""A Service's front door: every request waits here for a slot, and its answer is streamed through.

With ``target-burst-capacity: "-1"`` Knative's activator stays in the path, which is the only mode kept here.
It is a faithful proxy in its faults too: a timeout in mid-stream ends the body cleanly, after a line of its
own text, with status 200.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from local.knative.clock import Clock
from local.knative.listeners import BodyTooLargeError, read_body
from local.knative.plan import ServicePlan
from local.knative.slots import Endpoint, QueueFullError, Slots

TIMEOUT_TEXT = b"activator request timeout"

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "host"}
)


class PodEndpoint(Endpoint, Protocol):
    """A pod as the activator sees it."""

    name: str
    port: int


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
    """``on_request`` hears of each arrival (+1) and end (-1); ``on_timeout`` of each request that was cut."""

    def __init__(
        self,
        plan: ServicePlan,
        slots: Slots[PodEndpoint],
        session: aiohttp.ClientSession,
        clock: Clock,
        on_request: Callable[[int], None],
        on_timeout: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._slots = slots
        self._session = session
        self._clock = clock
        self._on_request = on_request
        self._on_timeout = on_timeout

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Cancelled when the client goes away, which frees the slot at once, whatever the pod still does."""
        if "upgrade" in request.headers.get("connection", "").lower():
            return web.Response(status=501, text="no upgrades here: a POST is held instead, see the contract\n")
        try:
            body = await read_body(request)
        except BodyTooLargeError as error:
            return web.Response(status=413, text=f"{error}\n")
        self._on_request(+1)
        try:
            return await self._forward(request, body)
        finally:
            self._on_request(-1)

    async def _forward(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        response: web.StreamResponse | None = None
        pod: PodEndpoint | None = None
        deadline = Deadline(self._plan, self._clock)
        try:
            async with deadline:
                pod = await self._slots.acquire()
                async with self._ask(request, body, pod) as answer:
                    response = _head(answer)
                    await response.prepare(request)
                    deadline.progress()
                    async for chunk in answer.content.iter_any():
                        await response.write(chunk)
                        deadline.progress()
                    await response.write_eof()
                    return response
        except TimeoutError:
            self._on_timeout("before the first byte" if response is None else "in mid-stream")
            return await self._cut(request, response)
        except QueueFullError:
            return web.Response(status=503, text="pending request queue full\n")
        except (aiohttp.ClientError, ConnectionError) as error:
            if response is None:
                return web.Response(status=502, text=f"{type(error).__name__}: no answer from the pod\n")
            return _abort(request, response)
        finally:
            if pod is not None:
                self._slots.release(pod)

    def _ask(self, request: web.BaseRequest, body: bytes, pod: PodEndpoint) -> aiohttp.client._RequestContextManager:
        headers = CIMultiDict(
            (name, value) for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP
        )
        headers["K-Proxy-Request"] = "activator"
        url = f"http://127.0.0.1:{pod.port}{request.raw_path}"
        return self._session.request(request.method, url, headers=headers, data=body or None, allow_redirects=False)

    async def _cut(self, request: web.BaseRequest, response: web.StreamResponse | None) -> web.StreamResponse:
        if response is None:
            return web.Response(status=504, body=TIMEOUT_TEXT, content_type="text/plain")
        if response.content_length is not None:
            return _abort(request, response)
        await response.write(TIMEOUT_TEXT)
        await response.write_eof()
        return response


def _head(answer: aiohttp.ClientResponse) -> web.StreamResponse:
    headers = CIMultiDict((name, value) for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP)
    return web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)


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
