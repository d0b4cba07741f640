from collections.abc import AsyncIterator

import pytest

from tests.fakes.kubernetes_api import KubernetesApi
from tests.integration.doctor.good_cluster import good_objects


@pytest.fixture
async def api() -> AsyncIterator[KubernetesApi]:
    """A cluster with the production overlay in which no call is lost, until a test plants something in it."""
    async with KubernetesApi(good_objects()) as server:
        yield server
