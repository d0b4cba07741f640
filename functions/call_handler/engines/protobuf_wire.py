"""Protocol buffers' wire format, as far as Google's speech services need it: messages as dicts, described by tables.

A field that is missing has its default, so empty ones are not written and ``decode`` leaves them out; fields on no
table are passed over. Field numbers are those of the public protos (googleapis/googleapis). The package ``protobuf``
would do the same for 6 MB of memory.
"""

import struct
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from process.protobuf import FIXED32, FIXED64, SIZED, VARINT, sized, tag, varint

Kind = Literal["int", "bool", "float", "text", "bytes"]


class Field(NamedTuple):
    """``kind`` is a scalar's or the table of the message in it; enums are ``int``."""

    number: int
    kind: "Kind | Table"
    is_list: bool = False


Table = Mapping[str, Field]

DURATION: Table = {"seconds": Field(1, "int"), "nanos": Field(2, "int")}


def seconds_of(duration: Mapping[str, int] | None) -> float:
    """A ``google.protobuf.Duration``; 0 for none."""
    return (duration or {}).get("seconds", 0) + (duration or {}).get("nanos", 0) / 1e9


def encode(table: Table, message: Mapping[str, Any]) -> bytes:
    """Raises KeyError for a field that is not in ``table``."""
    out = bytearray()
    for field, value in sorted(
        ((table[name], value) for name, value in message.items()), key=lambda one: one[0].number
    ):
        for one in value if field.is_list else (value,):
            out += _field(field, one)
    return bytes(out)


def _field(field: Field, value: Any) -> bytes:
    match field.kind:
        case "int" | "bool":
            return tag(field.number, VARINT) + varint(int(value)) if value else b""
        case "float":
            return tag(field.number, FIXED32) + struct.pack("<f", value) if value else b""
        case "text" | "bytes":
            raw = value.encode() if isinstance(value, str) else bytes(value)
        case table:
            raw = encode(table, value)
    return sized(field.number, raw)


def decode(table: Table, data: bytes) -> dict[str, Any]:
    """Raises ValueError for what is no message."""
    by_number = {field.number: (name, field) for name, field in table.items()}
    message: dict[str, Any] = {name: [] for name, field in table.items() if field.is_list}
    for number, raw in _fields(data):
        if number not in by_number:
            continue
        name, field = by_number[number]
        value = _value(field.kind, raw)
        if field.is_list:
            message[name].append(value)
        else:
            message[name] = value
    return message


def _value(kind: "Kind | Table", raw: int | bytes) -> Any:
    if isinstance(raw, int):
        if kind not in ("int", "bool"):
            raise ValueError("a number where none is expected")
        return bool(raw) if kind == "bool" else raw
    match kind:
        case "float":
            return struct.unpack("<f", raw)[0] if len(raw) == 4 else 0.0
        case "text":
            return raw.decode()
        case "bytes":
            return raw
        case "int" | "bool":
            raise ValueError("no number where one is expected")
        case table:
            return decode(table, raw)


def _fields(data: bytes) -> Iterable[tuple[int, int | bytes]]:
    """Number and value of each field: an int for a varint, else its bytes."""
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = _read_varint(data, at)
            yield number, value
            continue
        if wire == SIZED:
            size, at = _read_varint(data, at)
        elif wire in (FIXED32, FIXED64):
            size = 4 if wire == FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire}")
        if at + size > len(data):
            raise ValueError("a field is cut off")
        yield number, data[at : at + size]
        at += size


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("a number is cut off")
