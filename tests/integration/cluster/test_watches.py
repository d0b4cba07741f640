"""A watch of Services and Revisions goes on through whatever ends its connection."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import pytest

from cluster import watching
from cluster.client import KnativeClient
from cluster.errors import ClusterError
from cluster.states import Change, RevisionState
from tests.fakes.knative_objects import revision
from tests.fakes.kubernetes_api import KubernetesApi
from tests.integration.cluster.conftest import Connect
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

Revisions = AsyncGenerator[Change[RevisionState], None]


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "FIRST_DELAY_S", 0.01)


async def told(changes: Revisions) -> tuple[str, int, bool]:
    """The next change: which Revision, how many pods are there, whether it is gone."""
    async with asyncio.timeout(PATIENCE_S):
        change = await anext(changes)
    return change.state.name, change.state.actual, change.gone


@contextlib.asynccontextmanager
async def watched(api: KubernetesApi, client: KnativeClient) -> AsyncGenerator[Revisions, None]:
    """Of order-logger, once its one Revision was told and the watch itself is open."""
    async with contextlib.aclosing(client.watch_revisions("order-logger")) as changes:
        assert await told(changes) == ("order-logger-00001", 0, False)
        scale(api, 1)
        assert await told(changes) == ("order-logger-00001", 1, False)
        yield changes


def scale(api: KubernetesApi, pods: int) -> None:
    api.put(revision("order-logger-00001", "order-logger", pods=pods))


async def test_it_starts_with_everything_as_it_is(client: KnativeClient) -> None:
    async with contextlib.aclosing(client.watch_revisions()) as changes:
        first = [await told(changes) for _ in range(3)]

    assert first == [
        ("call-handler-00001", 0, False),
        ("call-handler-00002", 2, False),
        ("order-logger-00001", 0, False),
    ]


async def test_it_tells_new_changed_and_deleted_objects(api: KubernetesApi, client: KnativeClient) -> None:
    async with watched(api, client) as changes:
        scale(api, 3)
        assert await told(changes) == ("order-logger-00001", 3, False)
        api.put(revision("order-logger-00002", "order-logger"))
        assert await told(changes) == ("order-logger-00002", 0, False)
        api.delete("Revision", "order-logger-00001", "alloresto")
        assert await told(changes) == ("order-logger-00001", 3, True)


async def test_it_tells_nothing_of_other_services_or_of_what_we_do_not_read(
    api: KubernetesApi, client: KnativeClient
) -> None:
    async with watched(api, client) as changes:
        api.put(revision("call-handler-00003", "call-handler"))
        api.put(revision("order-logger-00001", "order-logger", pods=1, annotations={"note": "not read"}))
        scale(api, 2)

        assert await told(changes) == ("order-logger-00001", 2, False)


async def test_services_are_watched_too(api: KubernetesApi, client: KnativeClient) -> None:
    async with contextlib.aclosing(client.watch_services()) as changes, asyncio.timeout(PATIENCE_S):
        assert [(await anext(changes)).state.name for _ in range(2)] == ["call-handler", "order-logger"]
        api.delete("Service", "order-logger", "alloresto")
        change = await anext(changes)

    assert (change.state.name, change.gone) == ("order-logger", True)


async def test_it_goes_on_after_a_disconnect_and_misses_nothing(api: KubernetesApi, client: KnativeClient) -> None:
    async with watched(api, client) as changes:
        api.cut_watches()
        api.put(revision("order-logger-00002", "order-logger"))
        api.delete("Revision", "order-logger-00001", "alloresto")

        assert {await told(changes), await told(changes)} == {
            ("order-logger-00001", 1, True),
            ("order-logger-00002", 0, False),
        }


async def test_it_goes_on_when_its_version_has_expired(api: KubernetesApi, client: KnativeClient) -> None:
    async with watched(api, client) as changes:
        api.forget_history()
        scale(api, 4)

        assert await told(changes) == ("order-logger-00001", 4, False)


async def test_it_goes_on_when_the_server_was_away(api: KubernetesApi, client: KnativeClient) -> None:
    async with watched(api, client) as changes:
        await api.__aexit__(None, None, None)
        next_change = asyncio.create_task(told(changes))
        await asyncio.sleep(0.03)  # at least one try fails
        scale(api, 5)
        async with api:
            assert await next_change == ("order-logger-00001", 5, False)


async def test_it_goes_on_after_errors_of_the_server(api: KubernetesApi, client: KnativeClient) -> None:
    async with watched(api, client) as changes:
        api.fail(500, times=2)
        api.fail(429, times=1)
        api.cut_watches()
        scale(api, 6)

        assert await told(changes) == ("order-logger-00001", 6, False)


async def test_it_finds_out_when_a_connection_has_died_without_a_word(
    api: KubernetesApi, client: KnativeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "SILENCE_S", 0.2)
    async with watched(api, client) as changes:
        api.silence_watches()
        scale(api, 7)

        assert await told(changes) == ("order-logger-00001", 7, False)


async def test_it_gives_up_when_the_server_stays_away(api: KubernetesApi, client: KnativeClient) -> None:
    async with watched(api, client) as changes:
        before = len(api.requests)
        api.fail(503, times=100)
        api.cut_watches()

        with pytest.raises(ClusterError, match=r"list revisions.serving.knative.dev in namespace alloresto: 503, "):
            await told(changes)

    assert len(api.requests) - before == watching.TRIES - 1  # the cut was the first failure


async def test_it_does_not_try_again_what_is_forbidden(api: KubernetesApi, connect: Connect) -> None:
    bridge = connect(account="alloresto/edge-bridge")

    async with contextlib.aclosing(bridge.watch_revisions()) as changes:
        with pytest.raises(ClusterError, match="403") as refused:
            await told(changes)

    assert refused.value.status == 403
    assert len(api.requests) == 1


async def test_failures_of_long_ago_do_not_count(
    api: KubernetesApi, client: KnativeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "SILENCE_S", 0.1)
    async with watched(api, client) as changes:
        for pods in (2, 3, 4):
            api.fail(503, times=watching.TRIES - 2)
            api.cut_watches()
            scale(api, pods)
            assert await told(changes) == ("order-logger-00001", pods, False)
            waiting = asyncio.create_task(told(changes))
            before = len(api.requests)
            async with asyncio.timeout(PATIENCE_S):
                while len(api.requests) < before + 4:  # silence, and all is well
                    await asyncio.sleep(0.01)
            scale(api, 9)
            await waiting
