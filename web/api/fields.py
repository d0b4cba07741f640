"""The kinds of field that several resources have, with what a schema can check of each."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec


class Shape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is answered."""


class Given(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What is sent: a field that nobody knows is a mistake, and is refused."""


Id = Annotated[
    str,
    msgspec.Meta(
        pattern="^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
        extra_json_schema={"format": "uuid"},
    ),
]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Cents = Annotated[int, msgspec.Meta(ge=0, le=100_000_00, description="Integer cents, VAT included.")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Word = Annotated[str, msgspec.Meta(max_length=200)]
Text = Annotated[str, msgspec.Meta(max_length=2000)]
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", description="ISO 4217.")]
Country = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$", description="ISO 3166 alpha-2; ZZ for unknown.")]
PhoneNumber = Annotated[str, msgspec.Meta(min_length=2, max_length=64)]
