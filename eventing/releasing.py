"""What a call has shown of a release, and the event that a candidate was taken back, in one transaction."""

from __future__ import annotations

from domain.trials import Failure
from eventing import outbox
from eventing.catalogue import ReleaseReturned
from stores import releases
from stores.postgres import Connection


async def count(
    connection: Connection,
    release_id: str,
    call_id: str,
    restaurant_id: str,
    *,
    is_candidate: bool,
    failure: Failure | None,
    source: str,
) -> releases.Release | None:
    """As ``releases.count``; gives the release when this call's failure has had its candidate taken back."""
    if not await releases.count(connection, release_id, call_id, is_candidate=is_candidate, failure=failure):
        return None
    release = await releases.latest(connection)
    assert release is not None  # it was changed a moment ago
    returned = ReleaseReturned(
        restaurant_id=restaurant_id,
        call_id=call_id,
        release_id=release.id,
        stable=release.stable,
        candidate=release.candidate,
        why=release.why,
        returned_at=release.changed_at,
    )
    await outbox.emit(connection, returned, source=source, subject=release.candidate)
    return release
