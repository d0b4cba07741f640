"""This machine in a cluster's place: the call handler's Service on the local runtime, and a fake API server that shows
its pods and the operator's Secrets.

What a test does to a pod through the API (its deletion cost, its deletion) happens to the process behind it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed

from cluster.client import DELETION_COST
from devstack.knative import Runtime
from devstack.stack.stack import KNATIVE_SETTINGS, MANIFESTS
from ops.manifests import render
from seeds import SeedResult, seed
from stores import greetings
from stores.ciphers import SipPasswordCipher
from stores.greetings import Greeting
from stores.redis import connect
from tests.cluster.target import RESTAURANT, Asked
from tests.conftest import Database, Pools
from tests.e2e.house import HANDLER
from tests.fakes.engine import Call, FakeEngine, FakeSession
from tests.fakes.knative_objects import NAMESPACE, pod
from tests.fakes.kubernetes_api import KubernetesApi
from tests.fakes.kubernetes_resources import Object

LOOK_EVERY_S = 0.05
QUIET = bytes(code for code in range(256) if code & 0x7F >= 0x60)  # µ-law without its sign bit: smaller is louder
SPOKEN_BYTES = 800  # 100 ms of voice are a sentence
SILENT_BYTES = 1600  # 200 ms of silence end it
GREETING = bytes([0x9A] * 16 + [0x1A] * 16) * 150  # 0.6 s of 250 Hz


class Mirror:
    """The runtime's handler pods as Pods of the API, both ways, until cancelled."""

    def __init__(self, runtime: Runtime, api: KubernetesApi) -> None:
        self._runtime = runtime
        self._api = api
        self._shown: set[str] = set()

    async def run(self) -> None:
        while True:
            self._look()
            await asyncio.sleep(LOOK_EVERY_S)

    def _look(self) -> None:
        there = {one.name for one in self._runtime.pods(HANDLER) if one.state != "terminating"}
        for name in there - self._shown:
            self._api.put(pod(name, HANDLER))
        for name in self._shown - there:
            self._api.delete("Pod", name, NAMESPACE)
        self._shown = there
        for name in there:
            shown = self._api.get("Pod", name, NAMESPACE)
            if shown is None:
                self._runtime.kill_pod(name)
                self._api.put(pod(name, HANDLER))  # the kubelet here starts it again under its name
            else:
                self._runtime.set_deletion_cost(name, _cost(shown))


def _cost(shown: Object) -> int:
    return int((shown["metadata"].get("annotations") or {}).get(DELETION_COST, "0"))


class Waiter:
    """In the model's place: does what the next of ``turns`` says at each sentence, and talks when it is its turn."""

    def __init__(self, engine: FakeEngine, turns: list[list[Call]]) -> None:
        self._engine = engine
        self._turns = turns

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as conversations:
            while True:
                session = await self._engine.session(timeout_s=3600)
                conversations.create_task(self._listens(session))
                conversations.create_task(self._talks(session))

    async def _listens(self, session: FakeSession) -> None:
        taken = 0
        with contextlib.suppress(ConnectionClosed):  # its handler was killed
            while not session.closed.is_set():
                await asyncio.sleep(LOOK_EVERY_S)
                if self._turns and _is_sentence(session.heard[taken:]):
                    taken = len(session.heard)
                    await session.caller_says("Yes, please.")  # an order needs a yes in words
                    await session.reply(calls=self._turns.pop(0))

    async def _talks(self, session: FakeSession) -> None:
        while not session.closed.is_set():
            with contextlib.suppress(TimeoutError, ConnectionClosed):
                await session.expect("response.create")
                await session.reply(_asked_to_say(session) or "Anything else?", audio_ms=400)


def _asked_to_say(session: FakeSession) -> str:
    """The sentence that came with the last tool's result, as the read-back of a cart does."""
    items = [event["item"] for event in session.of("conversation.item.create")]
    outputs = [json.loads(item["output"]) for item in items if item["type"] == "function_call_output"]
    return str(outputs[-1].get("say", "")) if outputs else ""


def _is_sentence(heard: bytearray) -> bool:
    """Voice, and then a silence that ends it."""
    return _voiced(heard) > SPOKEN_BYTES and not _voiced(heard[-SILENT_BYTES:])


def _voiced(heard: bytearray) -> int:
    return len(heard.translate(None, QUIET))


@contextlib.asynccontextmanager
async def stand_in(
    folder: Path, database: Database, postgres: Pools, redis_url: str, master_key: str, turns: list[list[Call]]
) -> AsyncIterator[Asked]:
    """What to give to ``pytest -m cluster`` to ring this machine; ``turns`` are what the engine understands."""
    await _seed(postgres, redis_url, master_key)
    async with FakeEngine() as engine:
        secrets = {
            "alloresto-database": {"DATABASE_URL": database.app_url, "PLATFORM_DATABASE_URL": database.platform_url},
            "alloresto-redis": {"REDIS_URL": redis_url},
            "alloresto-openai": {"OPENAI_API_KEY": "a-key", "OPENAI_BASE_URL": engine.base_url},
            "alloresto-keys": {"MASTER_KEY": master_key},
        }
        runtime = _call_handler(folder, secrets)
        objects = [secret(name, values) for name, values in secrets.items()]
        await runtime.start()
        try:
            async with KubernetesApi(objects=objects) as api, _running(Mirror(runtime, api), Waiter(engine, turns)):
                yield Asked(str(api.kubeconfig(folder / "kubeconfig")), runtime.url(HANDLER), "127.0.0.1", NAMESPACE)
        finally:
            await runtime.stop()


@contextlib.asynccontextmanager
async def _running(*parts: Mirror | Waiter) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(part.run()) for part in parts]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _call_handler(folder: Path, secrets: Mapping[str, Mapping[str, str]]) -> Runtime:
    """Only what a call needs of the dev overlay."""
    kept = (("Service", HANDLER), ("ConfigMap", "alloresto-config"))
    return Runtime(
        [one for one in render(MANIFESTS) if (one.kind, one.name) in kept],
        images={"alloresto-functions": [sys.executable, "-m", "functions"]},
        cluster_settings=render(KNATIVE_SETTINGS),
        secrets=secrets,
        state_dir=folder,
        stop_grace_s=1.0,
    )


async def _seed(postgres: Pools, redis_url: str, master_key: str) -> None:
    """The example restaurants, open, and the greeting that a function would have rendered."""
    found: SeedResult = await seed(postgres.platform, always_open=True, cipher=SipPasswordCipher(master_key))
    [restaurant] = [one for one in found.restaurants if one.name == RESTAURANT]
    async with connect(redis_url) as redis:
        await greetings.save(redis, restaurant.id, Greeting(restaurant.greeting, restaurant.voice, GREETING))


def secret(name: str, values: Mapping[str, str]) -> dict[str, Any]:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE}, "data": data}
