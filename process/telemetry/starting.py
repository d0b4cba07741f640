"""The settings of telemetry, and what is made of them: the only place that knows all its parts."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import unquote

import msgspec

from process import logs
from process.settings import SettingsError, load
from process.telemetry import analytics, otlp, spans
from process.telemetry.sending import Sender
from process.telemetry.spans import Span, Value

log = logs.get(__name__)

Milliseconds = Annotated[int, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(gt=0)]

OTLP_ADDRESS = "OTEL_EXPORTER_OTLP_ENDPOINT"
SAMPLERS = {
    "always_on": (False, 1.0),
    "always_off": (False, 0.0),
    "traceidratio": (False, None),
    "parentbased_always_on": (True, 1.0),
    "parentbased_always_off": (True, 0.0),
    "parentbased_traceidratio": (True, None),
}


class TraceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """OpenTelemetry's own variables, as many as are honoured. Times are milliseconds, as there.

    ``conversation_traces_endpoint`` is a second place that takes OTLP and is given the conversations alone (LangSmith,
    Langfuse); the words of callers and of the assistant go there, and only there, with
    ``conversation_traces_include_what_callers_say``.
    """

    otel_sdk_disabled: bool = False
    otel_exporter_otlp_endpoint: str = ""
    otel_exporter_otlp_traces_endpoint: str = ""
    otel_exporter_otlp_headers: str = ""
    otel_exporter_otlp_traces_headers: str = ""
    otel_exporter_otlp_protocol: str = "http/protobuf"
    otel_exporter_otlp_timeout: Milliseconds = 10_000
    otel_service_name: str = ""
    otel_resource_attributes: str = ""
    otel_traces_sampler: str = "parentbased_always_on"
    otel_traces_sampler_arg: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    otel_bsp_schedule_delay: Milliseconds = 5_000
    otel_bsp_max_queue_size: Count = 2_048
    otel_bsp_max_export_batch_size: Count = 512
    conversation_traces_endpoint: str = ""
    conversation_traces_headers: str = ""
    conversation_traces_include_what_callers_say: bool = False

    def __post_init__(self) -> None:
        problems = []
        if self.otel_traces_sampler not in SAMPLERS:
            problems.append(f"OTEL_TRACES_SAMPLER: one of {', '.join(SAMPLERS)}")
        if self.otel_exporter_otlp_protocol != "http/protobuf":
            problems.append("OTEL_EXPORTER_OTLP_PROTOCOL: http/protobuf is what there is (a collector's port 4318)")
        if problems:
            raise SettingsError(problems)

    def address(self) -> str:
        """Of the collector, "" for none. A signal's own address is used as it is, the general one is a base."""
        if self.otel_exporter_otlp_traces_endpoint or not self.otel_exporter_otlp_endpoint:
            return self.otel_exporter_otlp_traces_endpoint
        return f"{self.otel_exporter_otlp_endpoint.rstrip('/')}/v1/traces"


class Exports:
    """A ``spans.Tracer`` that hands each span to its destinations."""

    def __init__(self, settings: TraceSettings, service: str, environ: Mapping[str, str]) -> None:
        """Raises ValueError for an address that is none."""
        self._asks_parent, ratio = SAMPLERS[settings.otel_traces_sampler]
        # As the specification has it: the same traces everywhere, by the lower half of their ids.
        self._below = round((settings.otel_traces_sampler_arg if ratio is None else ratio) * (1 << 64))
        self._resource = _resource(settings, service, environ)
        self._all: Sender[Span] | None = None
        self._conversations: Sender[Span] | None = None
        self.has_words = settings.conversation_traces_include_what_callers_say and bool(
            settings.conversation_traces_endpoint
        )
        if settings.address():
            headers = settings.otel_exporter_otlp_traces_headers or settings.otel_exporter_otlp_headers
            self._all = _sender(settings, "traces", settings.address(), headers, self._encoded, OTLP_ADDRESS)
        if settings.conversation_traces_endpoint:
            address, headers = settings.conversation_traces_endpoint, settings.conversation_traces_headers
            encode, setting = self._encoded_conversations, "CONVERSATION_TRACES_ENDPOINT"
            self._conversations = _sender(settings, "conversations", address, headers, encode, setting)

    def samples(self, trace_id: str, parent_sampled: bool | None) -> bool:
        if self._asks_parent and parent_sampled is not None:
            return parent_sampled
        return int(trace_id[16:], 16) < self._below

    def export(self, span: Span) -> None:
        if self._all is not None:
            self._all.put(span)
        if self._conversations is not None and span.conversation:
            self._conversations.put(span)

    def _encoded(self, some: list[Span]) -> bytes:
        return otlp.encode(some, self._resource)

    def _encoded_conversations(self, some: list[Span]) -> bytes:
        return otlp.encode(some, self._resource, with_words=self.has_words, alone=True)


def _sender(
    settings: TraceSettings, name: str, url: str, headers: str, encode: otlp.Encode, setting: str
) -> Sender[Span]:
    return Sender(
        name,
        url,
        {"content-type": otlp.CONTENT_TYPE} | listed(headers),
        encode,
        most_waiting=settings.otel_bsp_max_queue_size,
        most_together=settings.otel_bsp_max_export_batch_size,
        every_s=settings.otel_bsp_schedule_delay / 1000,
        timeout_s=settings.otel_exporter_otlp_timeout / 1000,
        setting=setting,
    )


def _resource(settings: TraceSettings, service: str, environ: Mapping[str, str]) -> dict[str, Value]:
    own = {"service.instance.id": own_name(environ)}
    given = listed(settings.otel_resource_attributes)
    name = settings.otel_service_name or given.get("service.name") or service
    return {**own, **given, "service.name": name, "telemetry.sdk.name": otlp.SCOPE, "telemetry.sdk.language": "python"}


def own_name(environ: Mapping[str, str]) -> str:
    """The pod's."""
    return environ.get("HOSTNAME") or socket.gethostname()


def listed(text: str) -> dict[str, str]:
    """``a=b,c=d`` with percent-encoded values, as W3C Baggage and OTEL_* have it."""
    pairs = (one.partition("=") for one in text.split(",") if "=" in one)
    return {name.strip(): unquote(value.strip()) for name, _, value in pairs}


class ErrorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Sentry's own variables. ``sentry_events_per_minute`` is a process's."""

    sentry_dsn: str = ""
    sentry_environment: str = ""
    sentry_release: str = ""
    sentry_events_per_minute: Count = 20


class AnalyticsSettings(msgspec.Struct, frozen=True, kw_only=True):
    posthog_api_key: str = ""
    posthog_host: str = "https://eu.i.posthog.com"


def start(service: str) -> None:
    """Each part by itself: a wrong setting of one leaves the others on."""
    for what, begin in (("errors", _start_errors), ("traces", _start_traces), ("analytics", _start_analytics)):
        try:
            begin(service)
        except (SettingsError, ValueError) as error:
            log.error("a setting is wrong, and its part of telemetry stays off", part=what, problem=str(error))


def _start_traces(service: str) -> None:
    settings = load(TraceSettings)
    if settings.address() or settings.conversation_traces_endpoint:
        spans.use(None if settings.otel_sdk_disabled else Exports(settings, service, os.environ))


def _start_errors(service: str) -> None:
    settings = load(ErrorSettings)
    if not settings.sentry_dsn:
        return
    from process.telemetry.errors import Dsn, ErrorReports, install

    named = {"server_name": own_name(os.environ), "tags": {"process": service}}
    told = {"environment": settings.sentry_environment, "release": settings.sentry_release}
    common = named | {name: value for name, value in told.items() if value}
    install(ErrorReports(Dsn(settings.sentry_dsn), common, settings.sentry_events_per_minute))


def _start_analytics(_service: str) -> None:
    settings = load(AnalyticsSettings)
    if settings.posthog_api_key:
        analytics.use(analytics.Analytics(settings.posthog_host, settings.posthog_api_key))
