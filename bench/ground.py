"""What ``bench sagas`` stands on: a real Postgres with an example restaurant, and the stand-ins of its street."""

from __future__ import annotations

import base64
import contextlib
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack.servers.embedded import EmbeddedPostgres
from devstack.stand_ins import connecting
from devstack.stand_ins.neighbourhood import Neighbourhood
from domain.menu import Menu
from seeds import seed
from stores import menus
from stores.ciphers import PiiCipher, SipPasswordCipher
from stores.migrate import migrate
from stores.postgres import Postgres


@dataclass(frozen=True, slots=True)
class Ground:
    """A database with an example restaurant, and its street. ``settings`` are the runner's."""

    postgres: Postgres
    menu: Menu
    street: Neighbourhood
    pii: PiiCipher
    settings: Mapping[str, str]

    async def connect(self, names: Iterable[str]) -> None:
        """Each as its owner would in the admin."""
        async with self.postgres.platform() as connection:
            for name in names:
                address = self.street.addresses[name]
                await connecting.connect(
                    connection, self.menu.restaurant_id, name, address, self.pii, created_by="bench"
                )


@contextlib.asynccontextmanager
async def ground() -> AsyncIterator[Ground]:
    with contextlib.ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="alloresto-around-")))
        server, key = EmbeddedPostgres(folder / "postgres"), base64.b64encode(secrets.token_bytes(32)).decode()
        server.start()
        held.callback(server.stop)
        passwords = (server.password("alloresto_app"), server.password("alloresto_platform"))
        await migrate(server.url(), app_password=passwords[0], platform_password=passwords[1])
        async with contextlib.AsyncExitStack() as opened:
            postgres = Postgres(server.url("alloresto_platform"), max_size=10)
            await postgres.open()
            opened.push_async_callback(postgres.close)
            seeded = await seed(postgres, always_open=True, cipher=SipPasswordCipher(key))
            async with postgres.platform() as connection:
                menu = await menus.load(connection, seeded.restaurants[0].id)
            street = Neighbourhood()
            await street.start()
            opened.push_async_callback(street.stop)
            settings = {
                "DATABASE_URL": server.url("alloresto_app"),
                "PLATFORM_DATABASE_URL": server.url("alloresto_platform"),
                "MASTER_KEY": key,
                "INTEGRATION_PRIVATE_TARGETS": "true",
                "WEB_PUBLIC_URL": "https://admin.example.com",
            }
            yield Ground(postgres, menu, street, PiiCipher(key), settings)
