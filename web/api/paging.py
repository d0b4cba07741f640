"""Lists a page at a time, by cursor: where the page before ended, in letters that mean nothing to others."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from stores.paging import Position
from web.api.problems import FieldError, Problem

T = TypeVar("T")

LONGEST_CURSOR = 400
MOST = 100

Limit = Annotated[int, msgspec.Meta(ge=1, le=MOST, description="How many entries a page has at most.")]
Cursor = Annotated[
    str,
    msgspec.Meta(max_length=LONGEST_CURSOR, description="The `nextCursor` of the page before; without it the first."),
]


class PageQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    limit: Limit = 50
    cursor: Cursor = ""

    def position(self, ids: Callable[[str], object] = str) -> Position | None:
        """Where the page begins. ``ids`` raises ValueError for what can't be an id of this list. Raises Problem."""
        if not self.cursor:
            return None
        try:
            at, row_id = _read(self.cursor, tuple[datetime, str])
            if at.tzinfo is None or "\0" in row_id:
                raise ValueError
            ids(row_id)
            return Position(at.astimezone(UTC), row_id)
        except (ValueError, OverflowError):
            raise bad_cursor() from None

    def number(self) -> int | None:
        """Where a list that goes by a number goes on. Raises Problem."""
        if not self.cursor:
            return None
        try:
            number = _read(self.cursor, int)
            if not 0 <= number < 2**63:
                raise ValueError
            return number
        except ValueError:
            raise bad_cursor() from None


def bad_cursor() -> Problem:
    error = FieldError(parameter="cursor", detail="Not a cursor of this list: take nextCursor of its last answer.")
    return Problem("invalid", "", error)


def is_uuid(text: str) -> object:
    return uuid.UUID(text)


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True, rename="camel"):
    """``nextCursor`` is null on the last page."""

    data: tuple[T, ...]
    next_cursor: str | None


def page(rows: Sequence[Any], limit: int, shown: Callable[[Any], T], at: Callable[[Any], object]) -> Page[T]:
    """The page of ``limit`` rows, of which one more was asked for; ``at`` is what the next page begins after."""
    more = len(rows) > limit
    kept = rows[:limit]
    return Page(data=tuple(shown(row) for row in kept), next_cursor=_write(at(kept[-1])) if more else None)


def _write(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode().rstrip("=")


def _read(cursor: str, kind: type[T]) -> T:
    """Raises ValueError."""
    padded = cursor.encode() + b"=" * (-len(cursor) % 4)
    return msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=kind)
