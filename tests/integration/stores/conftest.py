"""Two restaurants, each with one row of everything."""

from typing import Any

import pytest

from stores.ciphers import PiiCipher, SipPasswordCipher
from tests.integration.stores.samples import Tenant, seed_both


@pytest.fixture
def pii(master_key: str) -> PiiCipher:
    return PiiCipher(master_key)


@pytest.fixture
def sip(master_key: str) -> SipPasswordCipher:
    return SipPasswordCipher(master_key)


@pytest.fixture
async def tenants(postgres: Any, pii: PiiCipher, sip: SipPasswordCipher) -> tuple[Tenant, Tenant]:
    return await seed_both(postgres.platform, pii, sip)
