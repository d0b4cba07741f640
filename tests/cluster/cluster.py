"""A cluster with a telephone: its call handlers, and an edge bridge of this machine in front of them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from cluster.client import DELETION_COST, KnativeClient
from cluster.states import SERVICE_LABEL
from devstack.edge.bridge_process import BridgeProcess
from edge_bridge.calls.pod_costs import BUSY_COST
from stores import greetings, orders
from stores.ciphers import PiiCipher
from stores.orders import Order
from stores.postgres import Postgres
from stores.redis import connect
from tests.cluster.target import Target
from tests.e2e.house import HANDLER, eventually
from tests.e2e.phone_call import PhoneCall, live_feed

HANDLER_WAIT_S = 30
SUBSCRIBED_AFTER_S = 0.2
COST_WITHIN_S = 15.0


class Guest(PhoneCall):
    """A caller of any engine: not every one ends its turn with a question, silence after an answer is enough."""

    async def says(self, sentence: str) -> None:
        ended = await self.speaks(sentence)
        await self.until_silent(await self.hears_voice(ended))


class Cluster:
    """``open_cluster`` makes one."""

    def __init__(self, target: Target, bridge: BridgeProcess, client: KnativeClient, postgres: Postgres) -> None:
        self.line = target.line
        self._target = target
        self._bridge = bridge
        self._client = client
        self._postgres = postgres

    @contextlib.asynccontextmanager
    async def call(self, sentences: Mapping[str, bytes]) -> AsyncIterator[Guest]:
        """A caller who has not rung yet, and can say ``sentences`` (µ-law)."""
        async with live_feed(self._target.redis_url) as feed:
            await asyncio.sleep(SUBSCRIBED_AFTER_S)
            guest = Guest(self._bridge.sip_port, self.line, feed, sentences)
            async with guest:
                yield guest

    # --- The handler's pods ------------------------------------------------------------------------------

    async def pods(self) -> list[str]:
        """Names of the call handler's pods, but for those that are ending."""
        return [pod["metadata"]["name"] for pod in await self._pods()]

    async def busy_pod(self) -> str:
        """The one handler pod that the bridge protects from a scale-down."""
        [pod] = await eventually(self._protected, lambda pods: len(pods) == 1, COST_WITHIN_S)
        return pod

    async def delete_at_once(self, pod: str) -> None:
        """Without grace, as ``kubectl delete pod --grace-period=0 --force``: its process gets SIGKILL."""
        from lightkube import AsyncClient, KubeConfig
        from lightkube.resources.core_v1 import Pod

        api = AsyncClient(config=KubeConfig.from_file(self._target.kubeconfig), namespace=self._target.namespace)
        try:
            await api.delete(Pod, pod, grace_period=0)
        finally:
            await api.close()

    async def _protected(self) -> list[str]:
        costs = {
            pod["metadata"]["name"]: int((pod["metadata"].get("annotations") or {}).get(DELETION_COST, "0"))
            for pod in await self._pods()
        }
        return [name for name, cost in costs.items() if cost == BUSY_COST]

    async def _pods(self) -> list[dict[str, Any]]:
        pods = await self._client.list("v1", "Pod", labels={SERVICE_LABEL: HANDLER})
        return [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]

    # --- What is kept ------------------------------------------------------------------------------------

    async def orders(self, call_id: str) -> tuple[Order, ...]:
        async with self._postgres.platform() as connection:
            return await orders.of_call(connection, call_id, pii=PiiCipher(self._target.master_key))

    async def greeting(self) -> bytes:
        """The restaurant's own rendered one, µ-law."""
        async with connect(self._target.redis_url) as redis:
            found = await greetings.load(redis, self.line.restaurant_id)
        assert found is not None, "Redis has no rendered greeting: see greeting-renderer's log and the dead letters"
        return found.audio


@contextlib.asynccontextmanager
async def open_cluster(target: Target, folder: Path) -> AsyncIterator[Cluster]:
    """The bridge runs on this machine; what it took of the cluster's lines is given back at the end."""
    node = f"edge-test-{socket.gethostname()}-{time.time_ns()}"
    bridge = _bridge(target, folder, node)
    postgres = Postgres(target.database_url)
    async with KnativeClient(target.namespace, kubeconfig=target.kubeconfig) as client:
        await postgres.open()
        try:
            await asyncio.to_thread(bridge.start)
            yield Cluster(target, bridge, client, postgres)
        finally:
            await asyncio.to_thread(bridge.stop)
            await _forget(postgres, node)
            await postgres.close()


def _bridge(target: Target, folder: Path, node: str) -> BridgeProcess:
    return BridgeProcess(
        folder,
        target.database_url,
        target.redis_url,
        target.master_key,
        sink_port=0,
        K_SINK=target.call_sink,
        BRIDGE_NODE_ID=node,
        MEDIA_BIND_ADDRESS=target.bridge_host,
        MEDIA_PUBLIC_HOST=target.bridge_host,
        HANDLER_WAIT_S=str(HANDLER_WAIT_S),
        HANDLER_NAMESPACE=target.namespace,
        KUBECONFIG=str(target.kubeconfig),
    )


async def _forget(postgres: Postgres, node: str) -> None:
    """Its lines must not stay with a bridge that is gone."""
    async with postgres.platform() as connection:
        await connection.execute("delete from sip_bridge_node where id = $1", node)
