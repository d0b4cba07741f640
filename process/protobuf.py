"""Protocol buffers' wire format, as far as it is written here: https://protobuf.dev/programming-guides/encoding/"""

VARINT, FIXED64, SIZED, FIXED32 = 0, 1, 2, 5


def tag(number: int, wire_type: int) -> bytes:
    """What goes before a field's value."""
    return varint(number << 3 | wire_type)


def varint(value: int) -> bytes:
    """``value`` is at least 0; an int64 below zero is given as its two's complement."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def sized(number: int, content: bytes) -> bytes:
    """A field of a string's, bytes' or a message's kind."""
    return tag(number, SIZED) + varint(len(content)) + content
