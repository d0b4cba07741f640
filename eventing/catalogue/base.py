"""What all payloads share: the base struct and the field types that a JSON schema can check."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar

import msgspec

Uuid = Annotated[
    str,
    msgspec.Meta(
        pattern="^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
        description="A UUID in its text form.",
    ),
]
CallId = Annotated[
    str, msgspec.Meta(min_length=1, max_length=128, description="Names a call across all parts: one for each INVITE.")
]
Instant = Annotated[datetime, msgspec.Meta(tz=True, description="A moment in UTC, RFC 3339.")]
Cents = Annotated[int, msgspec.Meta(description="Integer cents, VAT included.")]
Count = Annotated[int, msgspec.Meta(ge=0)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, description="Milliseconds.")]
Attempt = Annotated[int, msgspec.Meta(ge=1, description="1 for the first handler asked, then one more for each.")]
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", description="ISO 4217.")]


class Payload(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An event's data. ``TYPE`` is its CloudEvents type; unknown fields are ignored, so that fields may be added."""

    TYPE: ClassVar[str]

    restaurant_id: Uuid
