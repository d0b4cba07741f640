"""Knative Serving's measured behaviour, one test a line of docs/knative-contract.md."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from devstack.knative.clock import Constants
from ops.manifests import ManifestError
from tests.patience import PATIENCE_S
from tests.unit.knative.cluster_settings import cluster_setting

pytestmark = pytest.mark.integration

Start = Callable[..., Coroutine[Any, Any, Any]]
Service = Callable[..., dict[str, Any]]

QUICK = 80.0
"""Knative seconds a second: the 30 s drain passes in 0.4 s."""


async def one_warm_pod(cluster: Any) -> None:
    """For a limit that is shorter than a cold start may be on a busy machine."""
    cluster.runtime.prewarm("probe", 1)
    await cluster.until(lambda: [pod.state for pod in cluster.runtime.pods("probe")] == ["ready"], "a warm pod")


async def first_line(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(await answer.content.readline())
    return line


async def test_a_request_at_zero_pods_waits_for_a_new_pod_and_is_answered(start: Start, service: Service) -> None:
    """K10."""
    cluster = await start(service())
    assert cluster.runtime.pods("probe") == []
    answer = await cluster.post("/wait?ms=1")
    assert answer.status == 200
    assert (await answer.json())["worker"] == cluster.live()[0]


async def test_streamed_lines_arrive_while_the_handler_still_writes(start: Start, service: Service) -> None:
    """K13."""
    cluster = await start(service())
    answer = await cluster.post("/stream?lines=2&every_ms=400")
    await first_line(answer)
    assert [entry.get("stream") for entry in cluster.records()] == ["begun"]
    assert len((await answer.read()).splitlines()) == 1


async def test_one_pod_takes_one_call_and_the_next_call_gets_another_pod(start: Start, service: Service) -> None:
    """K14."""
    cluster = await start(service(), speed=QUICK)
    first, second = await asyncio.gather(cluster.post("/stream?lines=40"), cluster.post("/stream?lines=40"))
    assert (await first_line(first))["worker"] != (await first_line(second))["worker"]


async def test_utilization_70_keeps_a_spare_pod_beside_each_two_calls(start: Start, service: Service) -> None:
    """K22."""
    cluster = await start(service(scaling={"target-utilization-percentage": "70"}), speed=QUICK)
    answers = [await cluster.post("/stream?lines=90") for _ in range(2)]
    await cluster.until(lambda: len(cluster.live()) >= 3, "ceil(2 / 0.7) = 3 pods")
    for answer in answers:
        answer.close()


async def test_a_timeout_in_mid_stream_looks_like_success(start: Start, service: Service) -> None:
    """K4."""
    cluster = await start(service(timeoutSeconds=2), speed=4)
    await one_warm_pod(cluster)
    answer = await cluster.post("/stream?lines=100&every_ms=100")
    body = await answer.read()
    assert answer.status == 200
    assert body.endswith(b"activator request timeout")


async def test_a_timeout_before_the_first_byte_is_504(start: Start, service: Service) -> None:
    """K15."""
    cluster = await start(service(timeoutSeconds=2), speed=4)
    answer = await cluster.post("/wait?ms=20000")
    assert (answer.status, await answer.text()) == (504, "activator request timeout")


async def test_the_timeout_counts_from_arrival_so_waiting_for_a_pod_is_part_of_it(
    start: Start, service: Service
) -> None:
    """K15."""
    cluster = await start(service(timeoutSeconds=1, env={"START_MS": "900"}))
    assert (await cluster.post("/wait?ms=300")).status == 504
    await cluster.until(lambda: [pod.state for pod in cluster.runtime.pods("probe")] == ["ready"], "the pod is ready")
    assert (await cluster.post("/wait?ms=300")).status == 200  # the same request, with the pod there


async def test_the_response_start_timeout_is_504_and_harmless_after_the_first_byte(
    start: Start, service: Service
) -> None:
    """K18."""
    cluster = await start(service(timeoutSeconds=60, responseStartTimeoutSeconds=2), speed=4)
    await one_warm_pod(cluster)
    assert (await cluster.post("/wait?ms=20000")).status == 504
    streamed = await cluster.post("/stream?lines=7&every_ms=100")
    assert len((await streamed.read()).splitlines()) == 7


async def test_a_client_that_has_stopped_reading_is_cut_all_the_same(start: Start, service: Service) -> None:
    """K4, K15."""
    cluster = await start(service(timeoutSeconds=4), speed=4)
    await one_warm_pod(cluster)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", int(cluster.runtime.url("probe").rsplit(":", 1)[1])))
    client.send(b"POST /stream?lines=1000000&every_ms=0 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    await cluster.until(lambda: "pod_busy" in cluster.kinds("probe"), "the call")
    await cluster.until(lambda: cluster.runtime.describe()["services"][0]["concurrency"] == 0, "its end")
    assert "request_timeout" in cluster.kinds("probe")
    client.close()


async def test_the_idle_timeout_cuts_a_silent_stream(start: Start, service: Service) -> None:
    """K19."""
    cluster = await start(service(idleTimeoutSeconds=2), speed=4)
    await one_warm_pod(cluster)
    answer = await cluster.post("/stream?lines=2&every_ms=20000")
    body = await answer.read()
    assert body.count(b"worker") == 1
    assert body.endswith(b"activator request timeout")


async def test_the_idle_timeout_cuts_a_cold_start_before_its_first_byte(start: Start, service: Service) -> None:
    """K19."""
    cluster = await start(service(idleTimeoutSeconds=2, env={"START_MS": "20000"}), speed=4)
    assert (await cluster.post("/wait?ms=1")).status == 504


async def test_a_client_that_disconnects_frees_the_slot_while_the_handler_still_runs(
    start: Start, service: Service
) -> None:
    """K9."""
    cluster = await start(service(scaling={"max-scale": "1"}))
    held = await cluster.post("/stream?lines=1&every_ms=3000")
    worker = (await first_line(held))["worker"]
    held.close()
    next_call = await cluster.post("/wait?ms=1")
    assert (await next_call.json())["worker"] == worker
    assert "over" not in [entry.get("stream") for entry in cluster.records()]


async def test_a_client_that_gives_up_leaves_the_queue(start: Start, service: Service) -> None:
    """K3."""
    cluster = await start(service(scaling={"max-scale": "1"}))
    held = await cluster.post("/stream?lines=100")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(cluster.post("/wait?ms=1"), 0.2)
    await cluster.until(lambda: cluster.runtime.describe()["services"][0]["queued"] == 0, "an empty queue")
    held.close()


async def test_a_killed_handler_ends_the_stream_without_its_end(start: Start, service: Service) -> None:
    """K23."""
    cluster = await start(service())
    answer = await cluster.post("/stream?lines=100")
    worker = (await first_line(answer))["worker"]
    cluster.runtime.kill_pod(worker)
    with pytest.raises(aiohttp.ClientPayloadError):
        await answer.read()


async def test_a_killed_handler_without_a_byte_yet_is_502(start: Start, service: Service) -> None:
    """K24."""
    cluster = await start(service())
    await (await cluster.post("/wait?ms=1")).read()
    waiting = asyncio.create_task(cluster.post("/wait?ms=20000"))
    await cluster.until(lambda: any(pod.state == "busy" for pod in cluster.runtime.pods("probe")), "a busy pod")
    await cluster.until(lambda: len(cluster.records()) == 3, "the handler at work")
    cluster.runtime.kill_pod(cluster.live()[0])
    assert (await waiting).status == 502


async def test_a_dead_pod_answers_502_until_its_process_is_back(start: Start, service: Service) -> None:
    """K25."""
    cluster = await start(service(scaling={"min-scale": "1", "max-scale": "1"}))
    await (await cluster.post("/wait?ms=1")).read()
    cluster.runtime.kill_pod(cluster.live()[0])
    assert (await cluster.post("/wait?ms=1")).status == 502
    statuses = set()
    async with asyncio.timeout(PATIENCE_S):
        while 200 not in statuses:
            statuses.add((await cluster.post("/wait?ms=1")).status)
            await asyncio.sleep(0.05)
    assert statuses <= {200, 502}
    assert cluster.runtime.pods("probe")[0].restarts == 1


async def test_an_unused_service_scales_to_zero_after_its_window(start: Start, service: Service) -> None:
    """K26, K27."""
    cluster = await start(service(), speed=QUICK)
    await (await cluster.post("/wait?ms=1")).read()
    await cluster.until(lambda: cluster.live() == [], "no pod wanted")
    assert [pod.state for pod in cluster.runtime.pods("probe")] == ["terminating"]  # it lingers for the drain
    await cluster.until(lambda: cluster.runtime.pods("probe") == [], "no pod left")


async def test_the_last_pod_stays_for_the_retention_period(start: Start, service: Service) -> None:
    """K28."""
    cluster = await start(service(scaling={"scale-to-zero-pod-retention-period": "10m"}), speed=QUICK)
    await (await cluster.post("/wait?ms=1")).read()
    await asyncio.sleep(20 / QUICK)
    assert len(cluster.live()) == 1


async def calls_on_three_pods(cluster: Any) -> list[aiohttp.ClientResponse]:
    """Three held calls on three pods that a pre-warming made."""
    cluster.runtime.prewarm("probe", 3)
    await cluster.until(lambda: [pod.state for pod in cluster.runtime.pods("probe")] == ["ready"] * 3, "three pods")
    return [await cluster.post("/stream?lines=15&every_ms=50") for _ in range(3)]


async def test_scale_down_deletes_pods_with_live_calls(start: Start, service: Service) -> None:
    """K5."""
    cluster = await start(service(scaling={"max-scale": "3"}, timeoutSeconds=600), speed=QUICK)
    answers = await calls_on_three_pods(cluster)
    workers = [(await first_line(answer))["worker"] for answer in answers]
    kept = workers[2]  # the oldest pods go last; end the two first calls, and the pods are equal but for their age
    cluster.runtime.set_deletion_cost(workers[0], 5)
    cluster.runtime.set_deletion_cost(workers[1], 5)
    answers[0].close()
    answers[1].close()
    cluster.runtime.prewarm("probe", 0)
    await cluster.until(lambda: len(cluster.live()) == 1, "one pod")
    assert kept not in cluster.live()
    answers[2].close()


async def test_the_deletion_cost_keeps_busy_pods(start: Start, service: Service) -> None:
    """K8."""
    cluster = await start(service(scaling={"max-scale": "3"}, timeoutSeconds=600), speed=QUICK)
    answers = await calls_on_three_pods(cluster)
    busy = (await first_line(answers[2]))["worker"]
    async with cluster.http.post(
        f"{cluster.runtime.admin_url}/runtime/pods/{busy}/deletion-cost", json={"cost": 1000}
    ) as answer:
        assert answer.status == 204
    answers[0].close()
    answers[1].close()
    cluster.runtime.prewarm("probe", 0)
    await cluster.until(lambda: len(cluster.live()) == 1, "one pod")
    assert cluster.live() == [busy]
    assert len((await answers[2].read()).splitlines()) == 14


async def held_call_on_a_pod_about_to_go(cluster: Any, lines: int) -> aiohttp.ClientResponse:
    """A call on the younger of two pods, while the older one is free: it will be chosen."""
    cluster.runtime.prewarm("probe", 2)
    await cluster.until(lambda: [pod.state for pod in cluster.runtime.pods("probe")] == ["ready"] * 2, "two pods")
    answers: list[aiohttp.ClientResponse] = [
        await cluster.post(f"/stream?lines={lines}&every_ms=100") for _ in range(2)
    ]
    workers = [(await first_line(answer))["worker"] for answer in answers]
    cluster.runtime.set_deletion_cost(workers[0], 1)
    answers[0].close()
    cluster.runtime.prewarm("probe", 0)
    await cluster.until(lambda: workers[1] not in cluster.live(), "the busy pod's deletion")
    return answers[1]


async def test_a_deleted_pod_that_drains_finishes_its_call(start: Start, service: Service) -> None:
    """K6."""
    cluster = await start(service(scaling={"max-scale": "2"}, timeoutSeconds=600), speed=QUICK)
    answer = await held_call_on_a_pod_about_to_go(cluster, lines=12)
    assert len((await answer.read()).splitlines()) == 11  # past the SIGTERM at 30 s (0.4 s here), to its end


async def test_a_deleted_pod_that_exits_on_sigterm_cuts_its_call(start: Start, service: Service) -> None:
    """K7."""
    cluster = await start(
        service(scaling={"max-scale": "2"}, timeoutSeconds=600, env={"ON_SIGTERM": "exit"}), speed=QUICK
    )
    answer = await held_call_on_a_pod_about_to_go(cluster, lines=60)
    with pytest.raises(aiohttp.ClientPayloadError):
        await answer.read()


async def test_the_grace_of_a_deleted_pod_is_its_timeout(start: Start, service: Service) -> None:
    """K17, K27."""
    cluster = await start(service(timeoutSeconds=60, env={"ON_SIGTERM": "ignore"}), speed=QUICK)
    await (await cluster.post("/wait?ms=1")).read()
    await cluster.until(lambda: cluster.live() == [], "the pod's deletion")
    await cluster.until(lambda: any("signal" in entry for entry in cluster.records()), "SIGTERM")
    assert [pod.state for pod in cluster.runtime.pods("probe")] == ["terminating"]
    await cluster.until(lambda: cluster.runtime.pods("probe") == [], "SIGKILL at the end of the grace")


async def test_beyond_max_scale_there_is_silence_and_then_504(start: Start, service: Service) -> None:
    """K30."""
    cluster = await start(
        service(scaling={"max-scale": "1"}, timeoutSeconds=60, responseStartTimeoutSeconds=4), speed=4
    )
    await one_warm_pod(cluster)
    held = await cluster.post("/stream?lines=100")
    waiting = asyncio.create_task(cluster.post("/wait?ms=1"))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    assert (await waiting).status == 504
    assert len(cluster.runtime.pods("probe")) == 1
    held.close()


async def test_prewarming_a_revision_makes_pods_that_stay_until_it_is_taken_back(
    start: Start, service: Service
) -> None:
    """K31."""
    cluster = await start(service(), speed=QUICK)
    prewarm = f"{cluster.runtime.admin_url}/runtime/revisions/probe-00001/prewarm"
    async with cluster.http.post(prewarm, json={"pods": 2}) as answer:
        assert answer.status == 204
    await cluster.until(lambda: [pod.state for pod in cluster.runtime.pods("probe")] == ["ready"] * 2, "two pods")
    await asyncio.sleep(20 / QUICK)
    assert len(cluster.live()) == 2
    assert {pod.split("-deployment-")[0] for pod in cluster.live()} == {"probe-00001"}
    await cluster.http.post(prewarm, json={"pods": 0})
    await cluster.until(lambda: cluster.live() == [], "zero again")


async def test_a_pod_takes_no_request_before_its_readiness_probe_passes(
    start: Start, service: Service, tmp_path: Any
) -> None:
    """K12."""
    unready = tmp_path / "unready"
    unready.touch()
    cluster = await start(service(env={"UNREADY_FILE": str(unready)}))
    waiting = asyncio.create_task(cluster.post("/wait?ms=1"))
    await asyncio.sleep(0.8)
    assert [pod.state for pod in cluster.runtime.pods("probe")] == ["pending"]
    unready.unlink()
    assert (await waiting).status == 200


async def test_a_pod_whose_readiness_probe_fails_gets_no_new_requests(
    start: Start, service: Service, tmp_path: Any
) -> None:
    """K12."""
    unready = tmp_path / "unready"
    cluster = await start(service(env={"UNREADY_FILE": str(unready)}, scaling={"min-scale": "1"}), speed=QUICK)
    await (await cluster.post("/wait?ms=1")).read()
    unready.touch()
    await cluster.until(lambda: [pod.state for pod in cluster.runtime.pods("probe")] == ["pending"], "unready")
    unready.unlink()
    assert (await cluster.post("/wait?ms=1")).status == 200


async def test_the_environment_is_knatives_and_the_manifests(start: Start, service: Service) -> None:
    """K38."""
    manifest = service()
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    container["envFrom"] = [{"configMapRef": {"name": "config"}}]
    container["env"] += [
        {"name": "URL", "valueFrom": {"secretKeyRef": {"name": "database", "key": "URL"}}},
        {"name": "ABSENT", "valueFrom": {"secretKeyRef": {"name": "database", "key": "NO", "optional": True}}},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "GREETING", "value": "hello $(COLOUR)"},
    ]
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config"}, "data": {"COLOUR": "red"}}
    cluster = await start(
        manifest,
        config,
        secrets={"database": {"URL": "postgres://"}},
        config_overrides={"probe": {"EXTRA": "yes"}},
        cluster_settings=[cluster_setting("config-features", {"kubernetes.podspec-fieldref": "Enabled"})],
    )
    async with cluster.http.get(cluster.runtime.url("probe") + "/environment") as answer:
        environment = await answer.json()
    assert environment["K_SERVICE"] == environment["K_CONFIGURATION"] == "probe"
    assert environment["K_REVISION"] == "probe-00001"
    assert environment["HOSTNAME"] == environment["POD"] == cluster.live()[0]
    assert environment["LOCAL_RUNTIME_URL"] == cluster.runtime.admin_url
    assert environment["PORT"].isdigit()
    wanted = {"COLOUR": "red", "URL": "postgres://", "POD_IP": "127.0.0.1", "GREETING": "hello red", "EXTRA": "yes"}
    assert {key: environment[key] for key in wanted} == wanted
    assert "ABSENT" not in environment


async def test_a_timeout_over_the_clusters_maximum_is_refused_until_the_setting_is_raised(
    start: Start, service: Service
) -> None:
    """K16."""
    with pytest.raises(ManifestError, match="more than the cluster's max-revision-timeout-seconds, 600"):
        await start(service(timeoutSeconds=3600))
    raised = cluster_setting("config-defaults", {"max-revision-timeout-seconds": "3600"})
    cluster = await start(service(timeoutSeconds=3600), cluster_settings=[raised])
    assert cluster.runtime.plan.services["probe"].timeout_s == 3600


async def test_a_body_that_does_not_come_is_part_of_the_timeout(start: Start, service: Service) -> None:
    """K15."""
    cluster = await start(service(timeoutSeconds=2), speed=5)
    await one_warm_pod(cluster)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(cluster.runtime.url("probe").rsplit(":", 1)[1]))
    writer.write(b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
    async with asyncio.timeout(PATIENCE_S):
        status = await reader.readline()
    assert b"504" in status
    writer.close()


async def test_the_revision_tells_what_is_wanted_and_what_is_there(start: Start, service: Service) -> None:
    """K31."""
    cluster = await start(service(scaling={"min-scale": "1"}))
    await cluster.until(lambda: cluster.runtime.revisions()[0].actual == 1, "the pod")
    cluster.runtime.prewarm("probe", 2)
    async with cluster.http.get(f"{cluster.runtime.admin_url}/runtime/revisions") as answer:
        [revision] = await answer.json()
    wanted = {"name": "probe-00001", "service": "probe", "desired": 2, "actual": 1, "min_scale": 2}
    assert {key: revision[key] for key in wanted} == wanted


async def test_the_autoscalers_metrics_have_knatives_names_and_labels(start: Start, service: Service) -> None:
    """K37."""
    prometheus = cluster_setting("config-observability", {"metrics-protocol": "prometheus"})
    cluster = await start(service(), cluster_settings=[prometheus], speed=QUICK)
    held = await cluster.post("/stream?lines=100")
    await cluster.until(lambda: cluster.runtime.revisions()[0].stable > 0.9, "a decision")
    async with cluster.http.get(f"{cluster.runtime.admin_url}/metrics") as answer:
        families = {one.name: one.samples[0] for one in text_string_to_metric_families(await answer.text())}
    assert set(families) == {
        "kn_revision_pods_desired",
        "kn_revision_pods_requested",
        "kn_revision_pods_count",
        "kn_revision_pods_not_ready_count",
        "kn_revision_pods_pending_count",
        "kn_revision_pods_terminating_count",
        "kn_revision_capacity_excess",
        "kn_revision_concurrency_stable",
        "kn_revision_concurrency_panic",
        "kn_revision_concurrency_target",
        "kn_revision_panic_mode",
    }
    assert families["kn_revision_pods_count"].value == 1
    assert families["kn_revision_concurrency_target"].value == 1
    assert families["kn_revision_pods_count"].labels == {
        "k8s_namespace_name": "alloresto",
        "kn_service_name": "probe",
        "kn_configuration_name": "probe",
        "kn_revision_name": "probe-00001",
    }
    held.close()


async def test_without_the_setting_there_are_no_metrics(start: Start, service: Service) -> None:
    """K37."""
    cluster = await start(service())
    async with cluster.http.get(f"{cluster.runtime.admin_url}/metrics") as answer:
        assert answer.status == 404
        assert "metrics-protocol: prometheus in config-observability" in await answer.text()


async def test_a_container_whose_liveness_probe_fails_is_started_again(
    start: Start, service: Service, tmp_path: Any
) -> None:
    """K39."""
    broken = tmp_path / "broken"
    manifest = service(env={"UNREADY_FILE": str(broken)}, scaling={"min-scale": "1"}, timeoutSeconds=60)
    [container] = manifest["spec"]["template"]["spec"]["containers"]
    container["livenessProbe"] = {"httpGet": {"path": "/health/ready"}, "periodSeconds": 20, "failureThreshold": 2}
    container["readinessProbe"] = {"tcpSocket": {}}
    cluster = await start(manifest, speed=40)
    await cluster.until(lambda: "pod_ready" in cluster.kinds("probe"), "a pod")
    broken.touch()
    await cluster.until(lambda: "pod_restarted" in cluster.kinds("probe"), "a restart")
    broken.unlink()
    await cluster.until(lambda: cluster.kinds("probe").count("pod_ready") == 2, "the pod again")
    assert cluster.kinds("probe").index("pod_unhealthy") < cluster.kinds("probe").index("pod_restarted")


async def test_a_container_that_does_not_start_in_its_startup_probes_time_is_started_again(
    start: Start, service: Service, tmp_path: Any
) -> None:
    """K39."""
    unready = tmp_path / "unready"
    unready.touch()
    manifest = service(env={"UNREADY_FILE": str(unready)}, scaling={"min-scale": "1"}, timeoutSeconds=60)
    [container] = manifest["spec"]["template"]["spec"]["containers"]
    container["startupProbe"] = {"httpGet": {"path": "/health/ready"}, "periodSeconds": 10, "failureThreshold": 3}
    cluster = await start(manifest, speed=40)
    await cluster.until(lambda: "pod_restarted" in cluster.kinds("probe"), "a restart")
    assert "pod_ready" not in cluster.kinds("probe")
    unready.unlink()
    await cluster.until(lambda: "pod_ready" in cluster.kinds("probe"), "a pod")


async def test_a_pod_whose_process_cannot_be_made_is_tried_again(start: Start, service: Service) -> None:
    """K39."""
    too_long = "x" * 200_000  # the kernel takes 128 KiB a variable
    constants = Constants(restart_delays_s=(0.05,))
    cluster = await start(service(env={"BIG": too_long}, scaling={"min-scale": "1"}), constants=constants)
    await cluster.until(lambda: cluster.kinds("probe").count("pod_restarted") == 2, "two tries")
    [first, *_] = [event.detail for event in cluster.events if event.kind == "pod_restarted"]
    assert first.startswith("not started (")


FULL_DUPLEX = "features.knative.dev/http-full-duplex"


def early(service: Service, **annotations: str) -> dict[str, Any]:
    """A Service that answers before it has read its request."""
    built = service()
    template = built["spec"]["template"]
    template["metadata"]["annotations"] |= annotations
    template["spec"]["containers"][0]["command"] = [sys.executable, "-m", "tests.integration.knative.early_function"]
    return built


async def in_two_halves(rest: asyncio.Event) -> AsyncIterator[bytes]:
    yield b"half"
    await rest.wait()
    yield b"more"


async def test_an_answer_that_begins_before_the_request_has_ended_is_broken_off(start: Start, service: Service) -> None:
    """K57."""
    cluster = await start(early(service))

    answer = await cluster.http.post(cluster.runtime.url("probe") + "/early", data=in_two_halves(asyncio.Event()))

    assert answer.status == 200
    with pytest.raises(aiohttp.ClientPayloadError):
        await answer.read()
    assert "request_aborted" in cluster.kinds("probe")


async def test_full_duplex_lets_an_answer_begin_before_the_request_has_ended(start: Start, service: Service) -> None:
    """K57."""
    cluster = await start(early(service, **{FULL_DUPLEX: "Enabled"}))
    rest = asyncio.Event()

    answer = await cluster.http.post(cluster.runtime.url("probe") + "/early", data=in_two_halves(rest))
    begun = await answer.content.readline()
    rest.set()

    assert (begun, await answer.read()) == (b"begun\n", b"8\n")


async def test_a_function_that_reads_its_request_to_the_end_first_is_not_broken_off(
    start: Start, service: Service
) -> None:
    """K57: ours do, whichever way the body comes."""
    cluster = await start(service())
    rest = asyncio.Event()

    posting = asyncio.create_task(
        cluster.http.post(cluster.runtime.url("probe") + "/wait?ms=1", data=in_two_halves(rest))
    )
    await cluster.until(lambda: "pod_busy" in cluster.kinds("probe"), "the request's first half is with the pod")
    rest.set()

    assert (await posting).status == 200
