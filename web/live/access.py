"""Whether those who watch live pages still may: asked for all of them together, every few seconds."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

from stores import devices
from stores.postgres import NO_RESTAURANT
from stores.users import MemberRole
from web import context
from web.identity import accounts


@dataclass(frozen=True, slots=True)
class Visit:
    """What a live page was opened on: a session, and the role that it had in the restaurant.

    For the platform's staff the role is ``platform`` and the restaurant none; for a restaurant's own device it is
    ``device``, and the token the device's.
    """

    token: str = field(repr=False)
    restaurant_id: str
    role: MemberRole | Literal["platform", "device"]


def lost(visits: Collection[Visit]) -> frozenset[Visit]:
    """Those whose session is over, or whose place in the restaurant is not what it was. Raises UnavailableError.

    Needs an application context.
    """
    members = accounts.load_all({visit.token for visit in visits if visit.role != "device"})
    tokens = {visit.token for visit in visits if visit.role == "device"}
    paired = (
        context.database().tenant(NO_RESTAURANT, lambda connection: devices.paired(connection, tokens))
        if tokens
        else frozenset()
    )

    def stays(visit: Visit) -> bool:
        if visit.role == "device":
            return visit.token in paired
        member = members.get(visit.token)
        if visit.role == "platform":
            return member is not None and member.is_platform
        place = member.membership(visit.restaurant_id) if member else None
        return place is not None and place.role == visit.role

    return frozenset(visit for visit in visits if not stays(visit))
