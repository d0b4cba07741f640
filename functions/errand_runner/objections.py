"""Whether something that was planned must not be told any more: looked at when it is sent, and not only when it was
planned. Whoever says STOP while it waits for its service is not told when that is back."""

from __future__ import annotations

from domain.errands import AnyWork, SendMail, SendMessage
from functions.errand_runner.situation import Home
from stores import guest_emails, messages
from stores.errands import Claimed
from stores.postgres import Postgres


async def against(home: Home, tenants: Postgres, one: Claimed, work: AnyWork) -> str:
    """Why not, for people; "" for nothing against it."""
    if not isinstance(work, SendMessage | SendMail):
        return ""
    async with tenants.tenant(one.restaurant_id) as connection:
        if isinstance(work, SendMessage):
            unwanted = await messages.wants_none(connection, one.restaurant_id, work.to, home.pii)
            return "who has this number wants no more texts" if unwanted else ""
        there = await guest_emails.left_for(connection, one.restaurant_id, work.about, home.pii)
        return "" if there else "its guest wants no more mails about it"
