import asyncio

import pytest

from eventing.serving import hold_open
from process.asgi import App
from process.health import Health
from stores.postgres import Postgres
from tests.conftest import Database
from tests.integration.eventing.conftest import Serving
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration


async def test_postgres_is_there_while_the_app_serves_and_gone_after(serving: Serving, database: Database) -> None:
    postgres = Postgres(database.app_url)
    app = App(Health("tester"))
    hold_open(app, postgres)
    async with serving(app):
        await postgres.check()

    with pytest.raises(ConnectionError, match="not opened yet"):
        await postgres.check()


async def test_an_app_that_stops_before_postgres_is_there_stops_at_once(serving: Serving, unused_tcp_port: int) -> None:
    app = App(Health("tester"))
    hold_open(app, Postgres(f"postgresql://x@127.0.0.1:{unused_tcp_port}/alloresto"))
    async with asyncio.timeout(PATIENCE_S), serving(app, wait=False):
        await asyncio.sleep(0.1)
        missing = await app.health.missing()
        assert set(missing) == {"postgres"}
        assert "takes no connection" in missing["postgres"], "why, and not just that"

    assert "draining" in await app.health.missing()


@pytest.mark.parametrize("url", ["alloresto", "postgresql://app:s3cr3t/word@db:5432/alloresto"])
async def test_a_url_that_is_none_is_named_without_its_password(serving: Serving, url: str) -> None:
    app = App(Health("tester"))
    hold_open(app, Postgres(url))
    async with serving(app, wait=False):
        await asyncio.sleep(0.05)
        missing = await app.health.missing()

    assert "malformed" in missing["postgres"]
    assert "s3cr3t" not in missing["postgres"]
