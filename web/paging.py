"""Links to the next page of a list: the moment and the id of the last row of this one."""

from collections.abc import Callable
from datetime import UTC, datetime

from flask import abort, request

from stores.paging import Position


def asked_for(ids: Callable[[str], object] = str) -> Position | None:
    """Where the page that this request's link asks for begins; None for the first.

    ``ids`` raises ValueError for what can't be an id of this list. A crafted link ends the request with 400.
    """
    before, row_id = request.args.get("before"), request.args.get("id")
    if before is None:
        return None
    try:
        moment = datetime.fromisoformat(before)
        if moment.tzinfo is None or (row_id is not None and "\0" in row_id):
            raise ValueError
        if row_id is not None:
            ids(row_id)
        return Position(moment.astimezone(UTC), row_id)
    except (ValueError, OverflowError):  # year 9999 of a zone in the west is no time in UTC
        abort(400)


def link_after(at: datetime, row_id: str) -> dict[str, str]:
    """What a link to the page below this row carries."""
    return {"before": at.isoformat(), "id": row_id}
