from collections.abc import AsyncIterator

import pytest

from ops import cluster_doctor
from tests.fakes.kubernetes_api import KubernetesApi
from tests.integration.doctor.good_cluster import good_objects
from tests.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def a_busy_machine_is_no_cluster_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor gives a request 3 s; fifty of them at once, to a server in this process, may need more."""
    monkeypatch.setattr(cluster_doctor, "REQUEST_TIMEOUT_S", PATIENCE_S)


@pytest.fixture
async def api() -> AsyncIterator[KubernetesApi]:
    """A cluster with the production overlay in which no call is lost, until a test plants something in it."""
    async with KubernetesApi(good_objects()) as server:
        yield server
