"""Spans as OTLP's ``ExportTraceServiceRequest``, in protobuf's binary encoding.

Every collector takes that, and not every one takes JSON. The messages are few and do not change (opentelemetry-proto
1.x is stable), and the SDK that has them costs a call handler 165 ms and 12 MB: docs/decisions/0028. The tests decode
what this writes with the published schema.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

from process.protobuf import FIXED64, VARINT, sized, tag, varint
from process.telemetry.spans import Attributes, Span, Value

CONTENT_TYPE = "application/x-protobuf"
SCOPE = "alloresto"
Encode = Callable[[list[Span]], bytes]
_KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_ERROR = 2


def encode(spans: Iterable[Span], resource: Attributes, *, with_words: bool = False, alone: bool = False) -> bytes:
    """``alone``: a conversation's first span is given no parent: who takes this does not have that one."""
    written = b"".join(sized(2, _span(span, with_words, alone)) for span in spans)
    scope = sized(1, _text(1, SCOPE))
    return sized(1, sized(1, _attributes(1, resource)) + sized(2, scope + written))


def _span(span: Span, with_words: bool, alone: bool) -> bytes:
    parent = "" if alone and span.kind == "server" else span.parent_id
    attributes: dict[str, Value] = {**span.attributes, **(span.words if with_words else {})}
    if span.error:
        attributes["error.type"] = span.error
    return b"".join(
        (
            sized(1, bytes.fromhex(span.trace_id)),
            sized(2, bytes.fromhex(span.span_id)),
            sized(4, bytes.fromhex(parent)) if parent else b"",
            _text(5, span.name),
            _number(6, _KINDS[span.kind]),
            _fixed64(7, span.started_ns),
            _fixed64(8, span.ended_ns),
            _attributes(9, attributes),
            *(sized(11, _fixed64(1, at) + _text(2, name) + _attributes(3, more)) for at, name, more in span.events),
            sized(15, _number(3, _ERROR)) if span.error else b"",
        )
    )


def _attributes(field: int, attributes: Attributes) -> bytes:
    return b"".join(sized(field, _text(1, key) + sized(2, _value(value))) for key, value in attributes.items())


def _value(value: Value) -> bytes:
    """An AnyValue: a string, a bool, an int64, a double or an array."""
    if isinstance(value, str):
        return _text(1, value)
    if isinstance(value, bool):
        return _number(2, int(value))
    if isinstance(value, int):
        return _number(3, value)
    if isinstance(value, float):
        return tag(4, FIXED64) + struct.pack("<d", value)
    return sized(5, b"".join(sized(1, _value(one)) for one in value))


def _text(field: int, text: str) -> bytes:
    return sized(field, text.encode("utf-8", "replace"))


def _number(field: int, number: int) -> bytes:
    return tag(field, VARINT) + varint(number & 0xFFFF_FFFF_FFFF_FFFF)  # an int64 below zero: its two's complement


def _fixed64(field: int, number: int) -> bytes:
    return tag(field, FIXED64) + struct.pack("<Q", number)
