"""``alloresto staff``: let somebody into the pages of the platform's own staff, in the database of
PLATFORM_DATABASE_URL."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from cli.database import with_postgres

if TYPE_CHECKING:
    from stores.postgres import Connection

ACTOR = "the command line"


def make(email: str) -> str:
    """What there is to say. An account that is there keeps its password; a new one gets one, told here alone."""
    password = secrets.token_urlsafe(12)
    is_new = with_postgres(lambda connection: _make(connection, email, password))
    return f"{email} is staff" + (f"; first password: {password}" if is_new else "")


async def _make(connection: Connection, email: str, password: str) -> bool:
    from stores import audit, people, users

    user_id = await people.by_address(connection, email)
    if user_id is None:
        made = await users.create(connection, email=email, password=password, is_platform=True)
    else:
        made = user_id
        await people.set_platform(connection, user_id, True)
    after = {"email": email.lower()}
    await audit.record(connection, None, audit.Actor(ACTOR), "user.made_staff", subject=made, after=after)
    return user_id is None
