"""New Revisions and who gets the traffic, one test a line of docs/knative-contract.md."""

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest

from devstack.knative.rollouts import Target

pytestmark = pytest.mark.integration

Start = Callable[..., Coroutine[Any, Any, Any]]
Service = Callable[..., dict[str, Any]]

FIRST, SECOND = "probe-00001", "probe-00002"


async def worker(cluster: Any, url: str = "") -> str:
    """The Revision that answers."""
    answer = await cluster.http.post((url or cluster.runtime.url("probe")) + "/wait?ms=1")
    return "-".join((await answer.json())["worker"].split("-")[:2])


def ready(cluster: Any) -> str:
    return str(cluster.runtime.service("probe")["status"]["latestReadyRevisionName"])


async def test_a_new_revision_gets_the_traffic_once_it_was_ready_and_cuts_no_call(
    start: Start, service: Service
) -> None:
    """K61, K63."""
    cluster = await start(service(), speed=20.0)
    held = await cluster.post("/stream?lines=20&every_ms=100")
    first = await held.content.readline()
    assert await cluster.runtime.roll_out("probe", {"STEP": "2"}) == SECOND
    assert ready(cluster) == FIRST
    await cluster.until(lambda: ready(cluster) == SECOND, "the second is proved")
    assert await worker(cluster) == SECOND
    rest = await held.read()
    assert FIRST.encode() in first
    assert len(rest.splitlines()) == 19


async def test_a_revision_that_never_gets_ready_gets_no_traffic(start: Start, service: Service) -> None:
    """K61."""
    cluster = await start(service())
    await cluster.runtime.roll_out("probe", {"START_MS": "never"})
    await cluster.until(lambda: any(pod.restarts for pod in cluster.runtime.pods("probe")), "it has been tried")
    assert ready(cluster) == FIRST
    assert await worker(cluster) == FIRST


async def test_a_tag_leads_to_its_revision_whatever_the_percentages_are(start: Start, service: Service) -> None:
    """K62."""
    cluster = await start(service())
    await cluster.runtime.roll_out("probe", {"STEP": "2"})
    await cluster.until(lambda: ready(cluster) == SECOND, "the second is proved")
    patch = {"spec": {"traffic": [{"revisionName": FIRST, "percent": 100}, {"revisionName": SECOND, "tag": "new"}]}}
    admin = f"{cluster.runtime.admin_url}/runtime/services/probe"

    answer = await cluster.http.patch(admin, data=msgspec.json.encode(patch))
    assert answer.status == 204
    told = await (await cluster.http.get(admin)).json()
    [tagged] = [one for one in told["status"]["traffic"] if one.get("tag") == "new"]

    assert {await worker(cluster) for _ in range(5)} == {FIRST}
    assert await worker(cluster, tagged["url"]) == SECOND
    cluster.runtime.route("probe", [Target(FIRST, percent=50), Target(SECOND, percent=50)])
    assert {await worker(cluster) for _ in range(40)} == {FIRST, SECOND}


@pytest.mark.parametrize(
    ("traffic", "why"),
    [
        ([{"revisionName": FIRST, "percent": 50}], "make 100"),
        ([{"percent": 100}], "one of revisionName"),
        ([{"latestRevision": True, "percent": 100, "tag": "A b"}], "DNS label"),
    ],
)
async def test_traffic_that_knative_would_refuse_is_refused(
    start: Start, service: Service, traffic: list[dict[str, Any]], why: str
) -> None:
    """K62."""
    cluster = await start(service())
    admin = f"{cluster.runtime.admin_url}/runtime/services/probe"

    answer = await cluster.http.patch(admin, data=msgspec.json.encode({"spec": {"traffic": traffic}}))

    assert answer.status == 400
    assert why in await answer.text()
    missing = await cluster.http.patch(
        admin, data=msgspec.json.encode({"spec": {"traffic": [{"revisionName": "probe-00009", "percent": 100}]}})
    )
    assert missing.status == 404
