"""Handlers warmed before a peak: learnt from real rows, set on a Kubernetes API and on the local runtime."""

import ssl
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from eventing.refusals import TryAgain
from functions import prewarmer
from functions.prewarmer import MAX_SCALE, MIN_SCALE, Knative, LocalRuntime, Prewarmer, Settings
from stores import live, rhythms
from stores.live import LiveCall
from stores.postgres import Connection
from stores.redis import Redis
from tests.conftest import Database, Pools
from tests.fakes.knative_objects import revision, service, service_account
from tests.fakes.kubernetes_api import KubernetesApi
from tests.integration.cluster.test_in_pod import certificate
from tests.integration.functions_small.conftest import StartFunction, answering_posts

pytestmark = pytest.mark.integration

MANIFEST = Path(__file__).parents[3] / "manifests/base/platform/prewarmer.yaml"
PEAK = datetime(2026, 3, 13, 18, 15, tzinfo=UTC)  # a Friday, 19:15 in Paris
BEFORE_IT = PEAK - timedelta(minutes=4)


class Kept:
    """What would be on the Revision."""

    def __init__(self) -> None:
        self.pods: list[int] = []

    async def keep(self, pods: int) -> str:
        self.pods.append(pods)
        return "call-handler-00001"


async def add_calls(connection: Connection, restaurant_id: str, start: datetime, count: int, lasts_s: int) -> None:
    for number in range(count):
        await connection.execute(
            "insert into call_log (id, restaurant_id, started_at, outcome, duration_ms) values ($1, $2, $3, $4, $5)",
            str(uuid.uuid4()),
            restaurant_id,
            start + timedelta(seconds=number),
            "answered",
            lasts_s * 1000,
        )


async def close_on(connection: Connection, restaurant_id: str, when: datetime) -> None:
    await connection.execute(
        "insert into opening_exception (restaurant_id, day) values ($1, $2)", restaurant_id, when.date()
    )


async def taught(postgres: Pools, restaurant_id: str, *, first: datetime = PEAK, weeks: int = 4) -> None:
    """Six calls that fill the quarter, on each Friday before."""
    async with postgres.platform.platform() as connection:
        for week in range(1, weeks + 1):
            await add_calls(connection, restaurant_id, first - timedelta(weeks=week), 6, 890)


def settings(**given: Any) -> Settings:
    return Settings(platform_database_url="", redis_url="", **given)


async def warmed(postgres: Pools, redis: Redis, now: datetime, **given: Any) -> int:
    kept = Kept()
    pods = await Prewarmer(postgres.platform, redis, kept, settings(**given)).warm(now)
    assert kept.pods == [pods]
    return pods


# --- What is learnt --------------------------------------------------------------------------------------------------


async def test_a_peak_of_the_same_weekday_is_warmed_before_it_and_let_go_after(
    postgres: Pools, redis: Redis, restaurant_id: str
) -> None:
    await taught(postgres, restaurant_id)

    assert await warmed(postgres, redis, BEFORE_IT) == 6 + 3
    assert await warmed(postgres, redis, PEAK + timedelta(minutes=5)) == 6 + 3
    assert await warmed(postgres, redis, PEAK - timedelta(minutes=31)) == 0
    assert await warmed(postgres, redis, PEAK + timedelta(minutes=31)) == 0
    assert await warmed(postgres, redis, BEFORE_IT + timedelta(days=1)) == 0


async def test_cap_buffer_weeks_and_the_time_ahead_are_settings(
    postgres: Pools, redis: Redis, restaurant_id: str
) -> None:
    await taught(postgres, restaurant_id, weeks=2)

    assert await warmed(postgres, redis, BEFORE_IT) == 3 + 3  # two weeks of four had calls
    assert await warmed(postgres, redis, BEFORE_IT, prewarm_weeks=2, prewarm_buffer=0) == 6
    assert await warmed(postgres, redis, BEFORE_IT, prewarm_weeks=2, prewarm_cap=2) == 2
    assert await warmed(postgres, redis, BEFORE_IT, prewarm_ahead_quarters=0) == 0


async def test_who_is_closed_that_day_is_not_expected_and_closed_days_teach_nothing(
    postgres: Pools, redis: Redis, restaurant_id: str
) -> None:
    await taught(postgres, restaurant_id, weeks=2)
    async with postgres.platform.platform() as connection:
        for week in (3, 4):
            await close_on(connection, restaurant_id, PEAK - timedelta(weeks=week))
    assert await warmed(postgres, redis, BEFORE_IT) == 6 + 3

    async with postgres.platform.platform() as connection:
        await close_on(connection, restaurant_id, PEAK)
    assert await warmed(postgres, redis, BEFORE_IT) == 0


async def test_a_clock_change_moves_the_peak_with_the_restaurants_clock(
    postgres: Pools, redis: Redis, restaurant_id: str
) -> None:
    """On 29 March Paris goes from UTC+1 to UTC+2: what came at 18:15 UTC comes at 17:15."""
    after = datetime(2026, 4, 3, 17, 15, tzinfo=UTC)
    await taught(postgres, restaurant_id, first=datetime(2026, 4, 3, 18, 15, tzinfo=UTC))

    assert await warmed(postgres, redis, after, prewarm_ahead_quarters=0) == 6 + 3
    assert await warmed(postgres, redis, after + timedelta(hours=1), prewarm_ahead_quarters=0) == 0


async def test_a_call_counts_in_each_quarter_that_it_lasts_in(postgres: Pools, restaurant_id: str) -> None:
    async with postgres.platform.platform() as connection:
        await add_calls(connection, restaurant_id, PEAK - timedelta(seconds=300), 1, 600)

        before = await rhythms.handled(connection, "Europe/Paris", PEAK - rhythms.QUARTER, PEAK)
        after = await rhythms.handled(connection, "Europe/Paris", PEAK, PEAK + rhythms.QUARTER)
        elsewhere = await rhythms.handled(connection, "Europe/Dublin", PEAK, PEAK + rhythms.QUARTER)

    assert (before, after, elsewhere) == ({restaurant_id: 300.0}, {restaurant_id: 300.0}, {})


async def test_more_calls_than_expected_keep_their_buffer(postgres: Pools, redis: Redis, restaurant_id: str) -> None:
    await taught(postgres, restaurant_id)
    for number in range(8):
        call = LiveCall(
            restaurant_id=restaurant_id,
            call_id=f"call-{number}",
            phone_line_id="",
            bridge_node_id="node",
            started_at=BEFORE_IT,
            caller_sealed=b"",
        )
        await live.call_started(redis, call, BEFORE_IT)

    assert await warmed(postgres, redis, BEFORE_IT) == 8 + 3


async def test_a_quarter_is_learnt_once(
    postgres: Pools, redis: Redis, restaurant_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await taught(postgres, restaurant_id)
    kept = Kept()
    one = Prewarmer(postgres.platform, redis, kept, settings())
    await one.warm(BEFORE_IT)

    async def never(*_: object) -> float:
        raise AssertionError("it is known")

    monkeypatch.setattr(rhythms, "expected", never)
    await one.warm(BEFORE_IT + timedelta(minutes=1))

    assert kept.pods == [9, 9]


# --- Where it is set -------------------------------------------------------------------------------------------------


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[KubernetesApi]:
    """With the rights of the manifest, and two Revisions of the handler."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*certificate(tmp_path / "server"))
    rights = [one for one in yaml.safe_load_all(MANIFEST.read_text()) if one["kind"] in ("Role", "RoleBinding")]
    for one in rights:
        one["metadata"]["namespace"] = "alloresto"
    rights[1]["subjects"][0]["namespace"] = "alloresto"
    objects = [
        service("call-handler", revision="call-handler-00002", annotations={MIN_SCALE: "0"}),
        service("order-logger"),
        service_account("prewarmer"),
        revision("call-handler-00001", "call-handler", annotations={MIN_SCALE: "0"}),
        revision("call-handler-00002", "call-handler", annotations={MIN_SCALE: "0"}),
    ]
    async with KubernetesApi([*objects, *rights], tls=tls) as server:
        yield server


@pytest.fixture
def knative(api: KubernetesApi, tmp_path: Path) -> Knative:
    account = tmp_path / "serviceaccount"
    account.mkdir()
    (account / "ca.crt").write_bytes((tmp_path / "server" / "ca.crt").read_bytes())
    (account / "namespace").write_text("alloresto\n")
    (account / "token").write_text(api.token("alloresto/prewarmer"))
    address = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(api.port)}
    return Knative(address, account)


def min_scale(api: KubernetesApi, revision_name: str) -> str | None:
    return api.annotations("Revision", revision_name, "alloresto").get(MIN_SCALE)


async def test_the_newest_ready_revision_is_annotated_and_given_back(api: KubernetesApi, knative: Knative) -> None:
    assert await knative.keep(7) == "call-handler-00002"
    assert (min_scale(api, "call-handler-00002"), min_scale(api, "call-handler-00001")) == ("7", "0")

    await knative.keep(0)
    assert min_scale(api, "call-handler-00002") == "0"


async def test_after_a_rollout_the_new_revision_is_annotated(api: KubernetesApi, knative: Knative) -> None:
    await knative.keep(7)
    api.put(revision("call-handler-00003", "call-handler"))
    api.put(service("call-handler", revision="call-handler-00003"))

    await knative.keep(7)

    assert min_scale(api, "call-handler-00003") == "7"


async def test_while_a_release_is_on_trial_the_revision_with_the_traffic_is_annotated_and_the_other_given_back(
    api: KubernetesApi, knative: Knative
) -> None:
    on_trial = service("call-handler", revision="call-handler-00002", annotations={MIN_SCALE: "0"})
    on_trial["status"]["traffic"] = [
        {"revisionName": "call-handler-00001", "percent": 100, "tag": "r00001"},
        {"revisionName": "call-handler-00002", "percent": 0, "tag": "r00002"},
    ]
    api.put(revision("call-handler-00002", "call-handler", annotations={MIN_SCALE: "9"}))
    api.put(on_trial)

    assert await knative.keep(7) == "call-handler-00001"

    assert (min_scale(api, "call-handler-00001"), min_scale(api, "call-handler-00002")) == ("7", "0")


async def test_the_templates_own_number_is_never_undercut(api: KubernetesApi, knative: Knative) -> None:
    api.put(service("call-handler", revision="call-handler-00002", annotations={MIN_SCALE: "5"}))

    await knative.keep(3)

    assert min_scale(api, "call-handler-00002") == "5"


@pytest.mark.parametrize(("most", "kept"), [("12", "12"), ("0", "50"), ("60", "50")])
async def test_no_more_is_asked_for_than_max_scale_allows(
    api: KubernetesApi, knative: Knative, most: str, kept: str
) -> None:
    own = {MIN_SCALE: "0", MAX_SCALE: most}
    api.put(service("call-handler", revision="call-handler-00002", annotations=own))

    await knative.keep(50)

    assert min_scale(api, "call-handler-00002") == kept


async def test_its_account_may_do_that_and_nothing_else(
    api: KubernetesApi, knative: Knative, monkeypatch: pytest.MonkeyPatch
) -> None:
    await knative.keep(1)
    assert {method for method, _ in api.requests} == {"GET", "PATCH"}

    monkeypatch.setattr(prewarmer, "HANDLER", "order-logger")

    with pytest.raises(TryAgain, match="read the Service: 403"):
        await knative.keep(1)


async def test_a_handler_that_is_not_ready_is_tried_again(api: KubernetesApi, knative: Knative) -> None:
    unready = service("call-handler")
    del unready["status"]["latestReadyRevisionName"]
    api.put(unready)

    with pytest.raises(TryAgain, match="no Revision"):
        await knative.keep(1)


async def test_a_cluster_that_is_away_is_tried_again(
    postgres: Pools, redis: Redis, api: KubernetesApi, knative: Knative
) -> None:
    await api.__aexit__(None, None, None)
    try:
        with pytest.raises(TryAgain, match="is not reached"):
            await Prewarmer(postgres.platform, redis, knative, settings()).warm(PEAK)
    finally:
        await api.__aenter__()


async def test_without_an_account_or_a_local_runtime_it_says_so(postgres: Pools, redis: Redis) -> None:
    assert prewarmer.revisions_of(settings(), {}) is None
    assert isinstance(prewarmer.revisions_of(settings(local_runtime_url="http://r"), {}), LocalRuntime)
    with pytest.raises(TryAgain, match="nothing can be warmed"):
        await Prewarmer(postgres.platform, redis, None, settings()).warm(PEAK)


async def test_a_tick_reaches_the_local_runtime(function: StartFunction, database: Database) -> None:
    asked: list[object] = []

    async def prewarm(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return web.Response(status=204)

    async with (
        answering_posts("/runtime/revisions/call-handler/prewarm", prewarm) as runtime,
        function(
            "prewarmer",
            PLATFORM_DATABASE_URL=database.platform_url,
            LOCAL_RUNTIME_URL=str(runtime.make_url("/")),
        ) as running,
    ):
        status, problem = await running.tick("prewarm-due")
        warm = await running.metric("prewarm_pods")

    assert (status, problem, asked, warm) == (204, {}, [{"pods": 0}], 0)
