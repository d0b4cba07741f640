"""The fixtures that the admin's tests share, behind HTTP and in a browser; a conftest takes them by name."""

from collections.abc import Iterator

import pytest

from devstack.servers.embedded import EmbeddedPostgres
from tests.integration.web.admin import Admin, fresh, populated


@pytest.fixture(scope="session")
def original_admin(migrated_template: EmbeddedPostgres, master_key: str) -> Iterator[Admin]:
    with populated(migrated_template, master_key) as original:
        yield original


@pytest.fixture
def admin(migrated_template: EmbeddedPostgres, original_admin: Admin, redis_url: str) -> Iterator[Admin]:
    with fresh(migrated_template, original_admin, redis_url) as admin:
        yield admin
