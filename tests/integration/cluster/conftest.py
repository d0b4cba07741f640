"""A cluster to talk to: a fake API server with AlloResto's objects, and clients of it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from cluster.client import KnativeClient
from tests.fakes.knative_objects import deletion_cost_role, pod, revision, service
from tests.fakes.kubernetes_api import KubernetesApi

Connect = Callable[..., KnativeClient]


@pytest.fixture
async def api() -> AsyncIterator[KubernetesApi]:
    objects = [
        service("call-handler", revision="call-handler-00002"),
        service("order-logger"),
        revision("call-handler-00001", "call-handler"),
        revision("call-handler-00002", "call-handler", pods=2),
        revision("order-logger-00001", "order-logger"),
        pod("call-handler-00002-a", "call-handler"),
        *deletion_cost_role(),
    ]
    async with KubernetesApi(objects) as server:
        yield server


@pytest.fixture
async def connect(api: KubernetesApi, tmp_path: Path) -> AsyncIterator[Connect]:
    """Makes clients of the fake; keyword arguments of ``KubernetesApi.kubeconfig``, and ``timeout_s``."""
    clients: list[KnativeClient] = []

    def make(*, timeout_s: float = 10.0, **options: str) -> KnativeClient:
        kubeconfig = api.kubeconfig(tmp_path / f"config-{len(clients)}", **options)
        clients.append(KnativeClient(kubeconfig=kubeconfig, timeout_s=timeout_s))
        return clients[-1]

    yield make
    for client in clients:
        await client.close()


@pytest.fixture
def client(connect: Connect) -> KnativeClient:
    """The cluster's administrator, in namespace ``alloresto``."""
    return connect()
