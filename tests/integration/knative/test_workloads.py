"""Deployments, StatefulSets and Jobs as processes; what a SinkBinding gives them; starting and ending all."""

import asyncio
import json
import os
import signal
import sys
import textwrap
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from devstack.knative import Runtime, RuntimeEvent, StartError
from devstack.knative.clock import Constants
from devstack.servers.ports import free_port
from ops.manifests import Manifest
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

Start = Callable[..., Coroutine[Any, Any, Any]]
Build = Callable[..., dict[str, Any]]
ROOT = Path(__file__).parents[3]


def workload(kind: str, name: str, port: int, *, args: list[str] | None = None, **env: str) -> dict[str, Any]:
    container = {
        "name": name,
        "image": "probe",
        "args": args or [],
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": key, "value": value} for key, value in ({"PORT": str(port)} | env).items()],
        "readinessProbe": {"httpGet": {"path": "/health/ready", "port": "http"}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
        },
    }


def job(command: list[str], **spec: Any) -> dict[str, Any]:
    container = {"name": "job", "image": "probe", "command": command}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    body = {"template": template, "backoffLimit": 1} | spec
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": body}


def binding(kind: str, name: str, sink: dict[str, str], **spec: Any) -> dict[str, Any]:
    subject = {"apiVersion": "apps/v1", "kind": kind, "name": name}
    return {
        "apiVersion": "sources.knative.dev/v1",
        "kind": "SinkBinding",
        "metadata": {"name": name},
        "spec": {"subject": subject, "sink": {"ref": sink}} | spec,
    }


def core_service(name: str) -> dict[str, Any]:
    ports = [{"port": 80, "targetPort": "http"}]
    spec = {"selector": {"app": name}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


async def environment_of(cluster: Any, name: str) -> dict[str, str]:
    await cluster.until(lambda: [pod.state for pod in cluster.runtime.pods(name)] == ["ready"], f"{name} ready")
    async with cluster.http.get(cluster.runtime.url(name) + "/environment") as answer:
        environment: dict[str, str] = await answer.json()
    return environment


async def test_a_sink_binding_tells_where_events_go(start: Start, service: Build, broker: dict[str, Any]) -> None:
    """K53."""
    knative = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "probe"}
    to_broker = {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": "default"}
    cluster = await start(
        broker,
        service(),
        workload("StatefulSet", "edge", free_port()),
        core_service("edge"),
        binding("StatefulSet", "edge", knative),
        workload("Deployment", "relay", free_port()),
        core_service("relay"),
        binding("Deployment", "relay", to_broker, ceOverrides={"extensions": {"region": "eu"}}),
    )
    edge, relay = await environment_of(cluster, "edge"), await environment_of(cluster, "relay")
    assert (edge["K_SINK"], edge["K_CE_OVERRIDES"]) == (cluster.runtime.url("probe"), "")
    assert relay["K_SINK"] == cluster.runtime.broker_url()
    assert json.loads(relay["K_CE_OVERRIDES"]) == {"extensions": {"region": "eu"}}
    assert edge["HOSTNAME"] == "edge-0"
    assert edge["LOCAL_RUNTIME_URL"] == cluster.runtime.admin_url


async def test_overrides_move_a_port_and_its_service_follows(start: Start) -> None:
    port = free_port()
    cluster = await start(
        workload("Deployment", "web", 8080), core_service("web"), config_overrides={"web": {"PORT": str(port)}}
    )
    assert cluster.runtime.url("web") == f"http://127.0.0.1:{port}"
    assert (await environment_of(cluster, "web"))["PORT"] == str(port)


async def test_a_killed_workload_starts_again(start: Start) -> None:
    constants = Constants(restart_delays_s=(0.1,))
    cluster = await start(workload("Deployment", "web", free_port()), core_service("web"), constants=constants)
    await environment_of(cluster, "web")
    [before] = cluster.runtime.pods("web")
    cluster.runtime.kill_pod(before.name)
    await cluster.until(lambda: cluster.kinds("web").count("pod_ready") == 2, "ready again")
    await environment_of(cluster, "web")
    assert cluster.runtime.pods("web")[0].pid != before.pid


async def test_a_workload_that_keeps_ending_waits_longer_each_time(start: Start) -> None:
    """K39."""
    constants = Constants(restart_delays_s=(0.05, 0.1, 60.0))
    cluster = await start(workload("Deployment", "web", free_port(), args=["--crash"]), constants=constants)
    await cluster.until(lambda: cluster.runtime.pods("web")[0].restarts == 3, "three restarts")
    details = [event.detail for event in cluster.events if event.kind == "pod_restarted"]
    assert [detail.split(" in ")[1].split(",")[0] for detail in details] == ["0.05 s", "0.1 s", "60 s"]
    assert details[0].startswith("exit status 3")


async def test_jobs_are_done_before_anything_else_starts(start: Start, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    write = f"import pathlib; pathlib.Path({str(mark)!r}).touch()"
    check = workload("Deployment", "web", free_port())
    check["spec"]["template"]["spec"]["containers"][0]["command"] = [
        "python", "-c", f"import pathlib, sys, time; time.sleep(60 if pathlib.Path({str(mark)!r}).exists() else 0)",
    ]  # fmt: skip
    cluster = await start(check, job(["python", "-c", write]))
    assert mark.exists()
    assert "job_done" in cluster.kinds("job")
    await asyncio.sleep(0.5)
    assert cluster.runtime.pods("web")[0].restarts == 0


async def test_a_job_that_fails_stops_the_start_and_names_its_log(start: Start) -> None:
    with pytest.raises(StartError) as failure:
        await start(job(["python", "-c", "import sys; sys.exit('no database')"]), speed=1000)
    assert "Job/job" in str(failure.value)
    assert "exit status 1 after 2 attempts" in str(failure.value)
    assert "no database" in str(failure.value)


async def test_a_job_over_its_deadline_stops_the_start(start: Start) -> None:
    with pytest.raises(StartError, match="not done in 1 s"):
        await start(job(["python", "-c", "import time; time.sleep(60)"], activeDeadlineSeconds=1), speed=4)


async def test_stopping_while_the_jobs_run_ends_them_and_starts_nothing(tmp_path: Path) -> None:
    manifests = [job(["python", "-c", "import time; time.sleep(60)"]), workload("Deployment", "web", free_port())]
    events: list[RuntimeEvent] = []
    runtime = Runtime(
        [Manifest(manifest) for manifest in manifests],
        images={"probe": ["true"]},
        secrets={},
        state_dir=tmp_path,
        on_event=events.append,
    )
    starting = asyncio.create_task(runtime.start())
    async with asyncio.timeout(PATIENCE_S):
        while not events:
            await asyncio.sleep(0.01)
    await runtime.stop()
    with pytest.raises(StartError, match="stopped while its Jobs ran"):
        await starting
    assert not psutil.pid_exists(int(events[0].detail.split()[-1]))
    assert [event.kind for event in events] == ["pod_started"]


async def test_stopping_ends_every_process_also_those_that_ignore_sigterm(start: Start, service: Build) -> None:
    stubborn = service(scaling={"min-scale": "2"}, env={"ON_SIGTERM": "ignore"})
    cluster = await start(stubborn, workload("Deployment", "web", free_port()))
    await cluster.until(lambda: [pod.state for pod in cluster.runtime.pods()] == ["ready"] * 3, "three pods")
    pids = [pod.pid for pod in cluster.runtime.pods()]
    await cluster.runtime.stop()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert cluster.runtime.pods() == []


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
async def test_nothing_survives_a_killed_runtime(tmp_path: Path, service: Build) -> None:
    script = tmp_path / "run.py"
    function = [sys.executable, "-m", "bench.probe_function"]
    manifest = service(scaling={"min-scale": "1"})
    script.write_text(
        textwrap.dedent(f"""
        import asyncio, sys
        from pathlib import Path
        from ops.manifests import Manifest
        from devstack.knative import Runtime

        async def main():
            runtime = Runtime([Manifest({manifest!r})], images={{"probe": {function!r}}},
                              secrets={{}}, state_dir=Path({str(tmp_path)!r}),
                              on_event=lambda event: print(event.kind, event.detail, flush=True))
            await runtime.start()
            await asyncio.sleep(60)

        asyncio.run(main())
        """)
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}
    runtime = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert runtime.stdout is not None
    pid = 0
    async with asyncio.timeout(PATIENCE_S):
        async for line in runtime.stdout:
            if line.startswith(b"pod_started"):
                pid = int(line.split()[-1])
            if line.startswith(b"pod_ready"):
                break
    os.kill(runtime.pid, signal.SIGKILL)
    await runtime.wait()
    async with asyncio.timeout(PATIENCE_S):
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.05)


async def test_a_taken_admin_port_ends_the_start_with_nothing_left(start: Start, service: Build) -> None:
    first = await start(service())
    port = int(first.runtime.admin_url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="address already in use"):
        await start(service("other", scaling={"min-scale": "1"}), admin_port=port)
    assert first.runtime.pods() == []


async def test_the_admin_interface_shows_the_state_and_kills_a_pod(start: Start, service: Build) -> None:
    cluster = await start(service(scaling={"min-scale": "1"}))
    await cluster.until(lambda: [pod.state for pod in cluster.runtime.pods()] == ["ready"], "a pod")
    admin = cluster.runtime.admin_url
    async with cluster.http.get(f"{admin}/runtime") as answer:
        [described] = (await answer.json())["services"]
    assert (described["name"], described["desired"]) == ("probe", 1)
    name = described["pods"][0]["name"]
    async with cluster.http.post(f"{admin}/runtime/pods/{name}/kill") as answer:
        assert answer.status == 204
    await cluster.until(lambda: cluster.runtime.pods()[0].restarts == 1, "a restart")
    for path, body, status in (
        ("pods/nobody/kill", None, 404),
        ("pods/nobody/deletion-cost", {"cost": 1}, 404),
        (f"pods/{name}/deletion-cost", {"coast": 1}, 400),
        ("revisions/nobody/prewarm", {"pods": 1}, 404),
        ("revisions/probe-00001/prewarm", {"pods": -1}, 400),
    ):
        async with cluster.http.post(f"{admin}/runtime/{path}", json=body) as answer:
            assert answer.status == status, path


async def test_a_watcher_gets_what_happened_and_what_happens(start: Start, service: Build) -> None:
    cluster = await start(service(scaling={"min-scale": "1"}))
    await cluster.until(lambda: "pod_ready" in cluster.kinds("probe"), "a pod")
    kinds: list[str] = []
    async with cluster.http.get(f"{cluster.runtime.admin_url}/runtime/events") as feed, asyncio.timeout(PATIENCE_S):
        cluster.runtime.kill_pod(cluster.live()[0])
        while "pod_restarted" not in kinds:
            kinds.append(json.loads(await feed.content.readline())["kind"])
    assert kinds[:3] == ["scale", "pod_started", "pod_ready"]


async def test_a_pods_output_is_in_its_log(start: Start, service: Build) -> None:
    manifest = service(scaling={"min-scale": "1"})
    manifest["spec"]["template"]["spec"]["containers"][0]["command"] = ["python", "-c", "print('said')"]
    cluster = await start(manifest)
    await cluster.until(lambda: "pod_restarted" in cluster.kinds("probe"), "an end")
    assert Path(cluster.runtime.pods()[0].log_file).read_text() == "said\n"


async def test_a_function_that_never_gets_ready_leaves_its_caller_without_an_answer_until_the_timeout(
    start: Start, service: Build
) -> None:
    manifest = service(responseStartTimeoutSeconds=2)
    manifest["spec"]["template"]["spec"]["containers"][0]["args"] = ["--crash"]
    cluster = await start(manifest, speed=2)
    answer: aiohttp.ClientResponse = await cluster.post("/wait")
    assert answer.status == 504
