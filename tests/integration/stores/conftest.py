"""Two restaurants, each with one row of everything."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devstack.servers.embedded import EmbeddedPostgres
from stores.ciphers import PiiCipher, SipPasswordCipher
from tests.integration.stores.samples import Tenant, seed_both


@pytest.fixture
def sip(master_key: str) -> SipPasswordCipher:
    return SipPasswordCipher(master_key)


@pytest.fixture
async def tenants(postgres: Any, pii: PiiCipher, sip: SipPasswordCipher) -> tuple[Tenant, Tenant]:
    return await seed_both(postgres.platform, pii, sip)


@pytest.fixture
def own_server() -> Iterator[EmbeddedPostgres]:
    """A server of this test's own, to stop, to kill, to make roles on."""
    with tempfile.TemporaryDirectory(prefix="alloresto-postgres-", ignore_cleanup_errors=True) as folder:
        server = EmbeddedPostgres(Path(folder), durable=False)
        server.start()
        yield server
        server.stop()
