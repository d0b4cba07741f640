"""Whether those who watch live pages still may: asked for all of them together, every few seconds."""

from collections.abc import Collection
from dataclasses import dataclass, field

from stores.users import MemberRole
from web.identity import accounts


@dataclass(frozen=True, slots=True)
class Visit:
    """What a live page was opened on: a session, and the role that it had in the restaurant."""

    token: str = field(repr=False)
    restaurant_id: str
    role: MemberRole


def lost(visits: Collection[Visit]) -> frozenset[Visit]:
    """Those whose session is over, or whose place in the restaurant is not what it was. Raises UnavailableError.

    Needs an application context.
    """
    members = accounts.load_all({visit.token for visit in visits})

    def stays(visit: Visit) -> bool:
        member = members.get(visit.token)
        place = member.membership(visit.restaurant_id) if member else None
        return place is not None and place.role == visit.role

    return frozenset(visit for visit in visits if not stays(visit))
