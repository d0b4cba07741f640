"""The synthetic caller's restaurant and its line, written once."""

from __future__ import annotations

from pathlib import Path

from eventing import lines as line_changes
from seeds.build import seed_id
from seeds.files import read
from seeds.loader import SOURCE, write_restaurant
from stores import lines, rehearsals
from stores.ciphers import SipPasswordCipher
from stores.errors import NotFoundError
from stores.postgres import Connection

FILE = Path(__file__).parent / "synthetic" / "rehearsals.yaml"


async def set_up(connection: Connection, number: str, cipher: SipPasswordCipher) -> str:
    """The restaurant's id; safe to run again. Its line has no trunk: it is rung by SIP_PEERS.

    ``number`` is what the caller dials, in E.164. Needs the platform role. Raises what ``eventing.lines.create`` raises
    for a number that another line has.
    """
    content = read(FILE)
    restaurant, new = await write_restaurant(connection, content, always_open=False)
    if new:
        await rehearsals.mark_restaurant(connection, restaurant.id)
    line_id = seed_id(content.restaurant.slug, "line", number)
    try:
        await lines.get(connection, line_id)
    except NotFoundError:
        await line_changes.create(
            connection,
            source=SOURCE,
            restaurant_id=restaurant.id,
            number=number,
            cipher=cipher,
            provider="sip",
            line_id=line_id,
        )
    return restaurant.id
