"""A restaurant that has a stand-in connected."""

from __future__ import annotations

from devstack.stand_ins.neighbourhood import TOKEN
from integrations.catalogue import PROVIDERS
from stores import connections
from stores.ciphers import PiiCipher
from stores.postgres import Connection


async def connect(
    conn: Connection, restaurant_id: str, provider: str, address: str, pii: PiiCipher, *, created_by: str
) -> connections.Connection:
    """The provider's stand-in at ``address``, as its owner would type it in the admin. Raises AlreadyConnectedError."""
    wanted = PROVIDERS[provider]
    fields = [one for one in wanted.fields if one.required or one.name == "url"]
    settings = dict.fromkeys((one.name for one in fields if not one.is_secret), TOKEN)
    settings["address" if provider == "escpos" else "url"] = address
    return await connections.connect(
        conn,
        restaurant_id,
        service=wanted.service,
        provider=provider,
        settings=settings,
        secrets=dict.fromkeys((one.name for one in fields if one.is_secret), TOKEN),
        pii=pii,
        created_by=created_by,
    )
