"""Contexts, sampling and what is written of a span."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from process.settings import SettingsError
from process.telemetry import otlp, spans, starting
from process.telemetry.spans import Span
from process.telemetry.starting import Exports, TraceSettings
from tests.fakes.collector import decoded_spans

pytestmark = pytest.mark.unit

SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = SAMPLED[:-1] + "0"
TRACE_ID, SPAN_ID = SAMPLED.split("-")[1:3]


class Kept:
    """A tracer that samples what it is told to, and keeps what is over."""

    has_words = False

    def __init__(self, new: bool = True) -> None:
        self.over: list[Span] = []
        self._new = new

    def samples(self, trace_id: str, parent_sampled: bool | None) -> bool:
        return self._new if parent_sampled is None else parent_sampled

    def export(self, span: Span) -> None:
        self.over.append(span)


@pytest.fixture
def kept() -> Iterator[Kept]:
    tracer = Kept()
    spans.use(tracer)
    yield tracer
    spans.use(None)


def test_without_a_destination_a_context_is_passed_on_as_it_came() -> None:
    with spans.within(SAMPLED), spans.span("work") as span:
        assert spans.current() == SAMPLED

    assert not span.recorded
    assert spans.new_traceparent().endswith("-00"), "nobody records it"


def test_what_runs_within_a_span_belongs_to_it(kept: Kept) -> None:
    with spans.span("outer", "server", parent=SAMPLED) as outer, spans.span("inner") as inner:
        pass

    assert [span.name for span in kept.over] == ["inner", "outer"]
    assert (outer.trace_id, outer.parent_id) == (TRACE_ID, SPAN_ID)
    assert (inner.trace_id, inner.parent_id) == (TRACE_ID, outer.span_id)
    assert inner.started_ns <= inner.ended_ns <= outer.ended_ns


def test_an_exception_is_told_by_its_type_alone(kept: Kept) -> None:
    with pytest.raises(ValueError, match="Ada"), spans.span("work", parent=SAMPLED):
        raise ValueError("Ada's number is 0612345678")

    [taken] = decoded_spans(otlp.encode(kept.over, {"service.name": "test"}))
    assert taken.failed
    assert taken.attributes == {"error.type": "ValueError"}


def test_what_the_caller_of_a_trace_does_not_record_is_not_recorded_here(kept: Kept) -> None:
    with spans.span("work", parent=UNSAMPLED) as span:
        span.set({"a": 1})

    assert kept.over == []
    assert span.traceparent.startswith(f"00-{TRACE_ID}-") and span.traceparent.endswith("-00")


@pytest.mark.parametrize("nonsense", ["", "00-1-2-03", "ff" + SAMPLED[2:], SAMPLED + "1", SAMPLED.replace("b7", "B7")])
def test_what_is_no_traceparent_begins_a_trace_of_its_own(kept: Kept, nonsense: str) -> None:
    with spans.span("work", parent=nonsense) as span:
        pass

    assert span.parent_id == ""
    assert span.trace_id not in nonsense


def test_a_first_span_is_told_later_under_the_context_that_its_children_had(kept: Kept) -> None:
    began = spans.new_traceparent()
    with spans.span("child", parent=began):
        pass
    spans.first(began, "call", "server", 1_000, {"alloresto.call.attempts": 2}, [(1_500, "rings", {})], "lost")

    child, first = decoded_spans(otlp.encode(kept.over, {"service.name": "test"}))
    assert (child.parent_id, child.trace_id) == (first.span_id, first.trace_id)
    assert (first.parent_id, first.started_ns, first.failed) == ("", 1_000, True)
    assert first.events == [("rings", {})]


def test_a_span_is_written_as_the_published_schema_reads_it(kept: Kept) -> None:
    values: dict[str, spans.Value] = {
        "text": "é",
        "yes": True,
        "count": -3,
        "big": 1 << 40,
        "part": 0.5,
        "all": ("a", "b"),
    }
    with spans.span("work", "consumer", parent=SAMPLED, attributes=values) as span:
        span.event("then", {"n": 1})

    [taken] = decoded_spans(otlp.encode(kept.over, {"service.name": "relay"}))
    assert (taken.service, taken.name, taken.kind) == ("relay", "work", "consumer")
    assert (taken.trace_id, taken.parent_id, taken.span_id) == (TRACE_ID, SPAN_ID, span.span_id)
    assert (taken.started_ns, taken.ended_ns) == (span.started_ns, span.ended_ns)
    assert taken.attributes == values | {"all": ["a", "b"]}
    assert taken.events == [("then", {"n": 1})]
    assert not taken.failed


def test_words_are_written_only_for_whom_they_are_meant(kept: Kept) -> None:
    with spans.span("chat", "server", parent=SAMPLED) as span:
        span.words["gen_ai.input.messages"] = "two pizzas"

    [without] = decoded_spans(otlp.encode(kept.over, {"service.name": "test"}))
    [with_them] = decoded_spans(otlp.encode(kept.over, {"service.name": "test"}, with_words=True, alone=True))
    assert without.attributes == {}
    assert with_them.attributes == {"gen_ai.input.messages": "two pizzas"}
    assert (without.parent_id, with_them.parent_id) == (SPAN_ID, "")


def exports(**settings: str | float) -> Exports:
    return Exports(TraceSettings(**settings), "test", {})  # type: ignore[arg-type]


def test_a_ratio_samples_so_many_traces_and_the_same_ones_everywhere() -> None:
    quarter = exports(otel_traces_sampler="parentbased_traceidratio", otel_traces_sampler_arg=0.25)
    ids = [os.urandom(16).hex() for _ in range(4000)]

    taken = [one for one in ids if quarter.samples(one, None)]

    assert 800 < len(taken) < 1200
    assert taken == [one for one in ids if quarter.samples(one, None)]
    assert quarter.samples("f" * 32, True) and not quarter.samples("0" * 32, False), "the parent decides"


@pytest.mark.parametrize(
    ("sampler", "new", "under_unsampled"),
    [
        ("always_on", True, True),
        ("always_off", False, False),
        ("parentbased_always_on", True, False),
        ("parentbased_always_off", False, False),
    ],
)
def test_samplers_are_those_of_opentelemetry(sampler: str, new: bool, under_unsampled: bool) -> None:
    tracer = exports(otel_traces_sampler=sampler)

    assert tracer.samples("f" * 32, None) is new
    assert tracer.samples("f" * 32, False) is under_unsampled


def test_settings_that_make_no_sense_are_named() -> None:
    with pytest.raises(SettingsError) as wrong:
        TraceSettings(otel_traces_sampler="sometimes", otel_exporter_otlp_protocol="grpc")

    assert "OTEL_TRACES_SAMPLER" in str(wrong.value)
    assert "OTEL_EXPORTER_OTLP_PROTOCOL" in str(wrong.value)


def test_a_signals_address_is_taken_as_it_is_and_the_general_one_is_a_base() -> None:
    assert TraceSettings(otel_exporter_otlp_endpoint="http://c:4318/").address() == "http://c:4318/v1/traces"
    assert TraceSettings(otel_exporter_otlp_traces_endpoint="http://c/x").address() == "http://c/x"
    assert starting.listed("x-api-key=a%3Db, Langsmith-Project=two words") == {
        "x-api-key": "a=b",
        "Langsmith-Project": "two words",
    }


def test_nothing_of_it_is_loaded_where_no_setting_asks_for_it() -> None:
    script = (
        "from process import telemetry; telemetry.configure('x'); import process.telemetry.spans, sys;"
        "print(*[name for name in sys.modules if name.startswith(('process.telemetry', 'http', 'ssl'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert set(done.stdout.split()) == {"process.telemetry", "process.telemetry.spans"}


def test_what_is_sent_and_dropped_is_in_the_metrics() -> None:
    from process import metrics
    from process.telemetry import sending

    sender = sending.Sender[str]("traces", "http://127.0.0.1:9/", {}, lambda items: b"", most_waiting=0)
    try:
        sender.put("a")
        _, text = metrics.render()
    finally:
        sending.SENDERS.remove(sender)

    assert b'telemetry_dropped_total{destination="traces"} 1.0' in text
    assert b'telemetry_sent_total{destination="traces"} 0.0' in text
