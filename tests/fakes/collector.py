"""What a process sends to those who look after it, taken and decoded: OTLP traces, errors, product events.

    async with FakeCollector() as collector:
        environment = collector.environment()        # of the process that is to send here
        spans = await collector.until(lambda spans: len(spans) == 3)

Spans are decoded with the published protobuf schema, so that what is read here, a real collector reads.
"""

import asyncio
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.patience import PATIENCE_S

Taken = TypeVar("Taken")

KINDS = ("", "internal", "server", "client", "producer", "consumer")


class TakenSpan(msgspec.Struct, frozen=True):
    """Ids are hex; ``parent_id`` is "" for a trace's first span. ``service`` is who sent it."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    started_ns: int
    ended_ns: int
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]
    failed: bool


class FakeCollector:
    """``status`` is what it answers. ``spans`` went to the collector, ``conversations`` to the second place."""

    def __init__(self) -> None:
        self.status = 200
        self.spans: list[TakenSpan] = []
        self.conversations: list[TakenSpan] = []
        self.errors: list[dict[str, Any]] = []
        self.product_events: list[dict[str, Any]] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.url = ""
        self._news = asyncio.Condition()
        app = web.Application()
        app.router.add_post("/v1/traces", self._traces)
        app.router.add_post("/conversations/v1/traces", self._traces)
        app.router.add_post("/api/{project}/envelope/", self._envelope)
        app.router.add_post("/batch/", self._batch)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)

    async def __aenter__(self) -> "FakeCollector":
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    def environment(self) -> dict[str, str]:
        """Of a process that sends its spans here, often."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "20"}

    async def until(self, enough: Callable[[list[TakenSpan]], bool]) -> list[TakenSpan]:
        return await self._until(self.spans, enough)

    async def until_error(self, enough: Callable[[list[dict[str, Any]]], bool] = bool) -> list[dict[str, Any]]:
        return await self._until(self.errors, enough)

    async def until_event(self, enough: Callable[[list[dict[str, Any]]], bool] = bool) -> list[dict[str, Any]]:
        return await self._until(self.product_events, enough)

    async def _until(self, taken: list[Taken], enough: Callable[[list[Taken]], bool]) -> list[Taken]:
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: enough(taken))
        return taken

    async def _traces(self, request: web.Request) -> web.Response:
        decoded = decoded_spans(await request.read())
        return await self._took(request, self.conversations if "conversations" in request.path else self.spans, decoded)

    async def _envelope(self, request: web.Request) -> web.Response:
        header, item, payload = (await request.read()).split(b"\n", 2)
        assert json.loads(item)["type"] == "event"
        event = json.loads(payload[: json.loads(item)["length"]])
        assert json.loads(header)["event_id"] == event["event_id"]
        return await self._took(request, self.errors, [event])

    async def _batch(self, request: web.Request) -> web.Response:
        body = await request.json()
        return await self._took(request, self.product_events, [one | {"key": body["api_key"]} for one in body["batch"]])

    async def _took(self, request: web.Request, to: list[Any], what: list[Any]) -> web.Response:
        async with self._news:
            self.requests.append((request.path, {name.lower(): value for name, value in request.headers.items()}))
            if self.status == 200:
                to.extend(what)
            self._news.notify_all()
        return web.Response(status=self.status)


def decoded_spans(body: bytes) -> list[TakenSpan]:
    return [
        _taken(_attributes(resource.resource.attributes)["service.name"], one)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for one in scope.spans
    ]


def _taken(service: str, span: Any) -> TakenSpan:
    return TakenSpan(
        service=service,
        name=span.name,
        kind=KINDS[span.kind],
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        started_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        events=[(event.name, _attributes(event.attributes)) for event in span.events],
        failed=span.status.code == 2,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind)
