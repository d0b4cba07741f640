"""The small site's files against each other and against what the processes read: units, containers, settings."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import msgspec
import pytest
import yaml

from backups.settings import BackupSettings
from devstack.knative.__main__ import RuntimeSettings
from edge_bridge.settings import EdgeSettings
from eventing.relay.__main__ import RelaySettings
from functions.errand_runner.app import RunnerSettings
from ops.images import dockerfile
from ops.images.report import TARGETS
from ops.manifests import render
from web.settings import WebSettings

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
SITE = ROOT / "setup" / "site"
UNITS = SITE / "systemd"
# github.com/compose-spec/compose-spec, schema/compose-spec.json at 170098ba, Apache-2.0, without its white space.
SCHEMA = Path(__file__).with_name("compose-spec.json")
COMPOSE: dict[str, Any] = yaml.safe_load((SITE / "compose.yaml").read_text())
SETTINGS: Mapping[str, type[msgspec.Struct]] = {
    "edge": EdgeSettings,
    "web": WebSettings,
    "relay": RelaySettings,
    "functions": RuntimeSettings,
    "backup": BackupSettings,
}
GUNICORN = {"WEB_HOST", "PORT", "WEB_METRICS_PORT"}
OURS = (*SETTINGS, "migrate")
PASSED_ON = {f"FUNCTIONS_{field.name.upper()}" for field in msgspec.structs.fields(RunnerSettings)}


def directives(unit: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (UNITS / f"alloresto-{unit}.service").read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def environment(unit: str) -> dict[str, str]:
    words = [word for value in directives(unit).get("Environment", []) for word in shlex.split(value)]
    return dict(word.split("=", 1) for word in words)


def files_of_unit(unit: str) -> list[str]:
    return [value.removeprefix("/etc/alloresto/") for value in directives(unit).get("EnvironmentFile", [])]


def files_of_container(name: str) -> list[str]:
    return [re.sub(r"^\$\{.*?\}/", "", file) for file in COMPOSE["services"][name].get("env_file", [])]


def variables_of(file: str) -> set[str]:
    """Those that install.sh writes into a file of ``secrets``, or that the file beside it has."""
    if not file.startswith("secrets/"):
        text = (SITE / "etc" / file).read_text()
    else:
        script = (SITE / "install.sh").read_text()
        name = re.escape(file.removeprefix("secrets/"))
        [text] = re.findall(rf"^    secret {name} <<EOF\n(.*?)^EOF", script, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"^([A-Z0-9_]+)=", text, re.MULTILINE))


def test_the_compose_file_is_what_the_specification_allows() -> None:
    jsonschema.Draft7Validator(json.loads(SCHEMA.read_text())).validate(COMPOSE)


@pytest.mark.parametrize("name", OURS)
def test_a_container_has_what_its_unit_has(name: str) -> None:
    container = COMPOSE["services"][name]
    command = shlex.split(directives(name)["ExecStart"][0])

    assert container.get("environment", {}) == environment(name)
    assert files_of_container(name) == files_of_unit(name)
    stages = dockerfile.read(ROOT / "Dockerfile")
    target = container["build"]["target"]
    entrypoint, default = stages.entry(target)
    runs = container.get("entrypoint", [*entrypoint, *default])
    assert target in TARGETS
    assert container["image"].partition("}")[2].startswith(target)
    assert runs == ["python" if word.endswith("/python") else word.rpartition("/bin/")[2] for word in command]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_unit_gives_its_process_all_that_it_needs_and_nothing_that_it_does_not_read(name: str) -> None:
    fields = {field.name.upper(): field.required for field in msgspec.structs.fields(SETTINGS[name])}
    given = set(environment(name)).union(*map(variables_of, files_of_unit(name)))
    known = set(fields) | (GUNICORN if name == "web" else set())
    known |= {"OPENAI_BASE_URL"} | PASSED_ON if name == "functions" else set()

    assert {field for field, required in fields.items() if required} <= given
    assert given <= known, "not a setting of this process"


def test_messages_have_their_link_on_a_small_site() -> None:
    """The runtime hands it on to every function (tests/unit/knative), and the errands' runner reads it."""
    assert "FUNCTIONS_WEB_PUBLIC_URL" in variables_of("functions.env") & PASSED_ON
    assert "WEB_PUBLIC_URL" in variables_of("web.env")


def test_the_server_gets_every_package_that_what_it_gets_imports() -> None:
    lists = re.findall(r'^(?:PACKAGES|BESIDE)="(.*)"$', (SITE / "install.sh").read_text(), re.MULTILINE)
    installed = set(" ".join(lists).split())
    house = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    imported = {
        name
        for package in installed & house
        for path in (ROOT / package).rglob("*.py")
        for name in re.findall(r"^ *(?:from|import) (\w+)", path.read_text("utf-8"), re.MULTILINE)
    }

    assert imported & house <= installed


def test_no_process_gets_another_ones_secrets() -> None:
    with_all_restaurants = {name for name in OURS if "secrets/platform.env" in files_of_unit(name)}

    assert with_all_restaurants == {"edge", "web", "relay", "functions"}
    assert [name for name in OURS if "secrets/owner.env" in files_of_unit(name)] == ["migrate"]
    assert [name for name in OURS if "secrets/backup.env" in files_of_unit(name)] == ["backup"]
    assert [name for name in OURS if "secrets/speech.env" in files_of_unit(name)] == ["functions"]


def test_ports_are_of_one_process_each_and_lead_to_each_other() -> None:
    edge, runtime, web, relay = (environment(name) for name in ("edge", "functions", "web", "relay"))
    ports = [value for name in OURS for key, value in environment(name).items() if key.endswith("PORT")]
    redis = re.search(r"^port (\d+)$", (SITE / "etc/redis.conf").read_text(), re.MULTILINE)

    assert redis is not None
    assert len({*ports, redis[1]}) == len(ports) + 1
    assert edge["K_SINK"].endswith(f":{runtime['CALL_HANDLER_PORT']}")
    assert edge["LOCAL_RUNTIME_URL"] == web["LOCAL_RUNTIME_URL"] == f"http://127.0.0.1:{runtime['RUNTIME_PORT']}"
    assert relay["K_SINK"] == f"http://127.0.0.1:{runtime['BROKER_PORT']}/alloresto/default"
    assert f"127.0.0.1:{redis[1]}/0" in (SITE / "install.sh").read_text()
    assert f"reverse_proxy 127.0.0.1:{web['PORT']}" in (SITE / "etc/Caddyfile").read_text()


def test_thirty_calls_have_their_handlers_their_audio_and_a_way_in() -> None:
    edge = environment("edge")
    calls, first, last = (int(edge[name]) for name in ("MAX_CALLS", "RTP_PORT_MIN", "RTP_PORT_MAX"))
    [handler] = [one for one in render(ROOT / "manifests/overlays/site") if one.name == "call-handler" and _serves(one)]
    annotations = handler.body["spec"]["template"]["metadata"]["annotations"]
    firewall = (SITE / "etc/firewall.nft").read_text()

    assert int(annotations["autoscaling.knative.dev/max-scale"]) == ceil(calls / 0.7)
    assert last - first + 1 >= 4 * calls
    assert f"udp dport {first}-{last} ip saddr @media accept" in firewall
    assert "policy drop" in firewall
    assert f"RTP_PORT_MAX={last}" in (UNITS / "alloresto-edge.service").read_text()
    assert int(edge["DRAIN_S"]) < int(directives("edge")["TimeoutStopSec"][0])


def _serves(manifest: Any) -> bool:
    return bool(manifest.kind == "Service" and manifest.body["apiVersion"].startswith("serving.knative.dev"))


def test_what_knative_does_not_run_is_a_unit_and_no_function_is_left_out() -> None:
    names = {(one.kind, one.name) for one in render(ROOT / "manifests/overlays/site")}
    base = {(one.kind, one.name) for one in render(ROOT / "manifests/base/platform")}
    gone = {name for kind, name in base - names if kind in ("Deployment", "Job", "StatefulSet")}

    assert gone == {"web", "outbox-relay", "migrate"}
    assert not {kind for kind, _ in names} & {"Deployment", "Job", "StatefulSet"}


def test_every_unit_of_the_target_is_there_and_has_a_user_of_its_own() -> None:
    target = (UNITS / "alloresto.target").read_text()
    wanted = {unit for line in re.findall(r"^Wants=(.*)$", target, re.MULTILINE) for unit in line.split()}
    script = (SITE / "install.sh").read_text()

    assert wanted == {path.name for path in UNITS.glob("alloresto-*.*") if path.is_file()} - {
        "alloresto-backup.service"
    }
    for path in UNITS.glob("alloresto-*.service"):
        user = directives(path.stem.removeprefix("alloresto-")).get("User", ["root"])[0]
        assert user in script or path.stem == "alloresto-firewall", "root is for the firewall alone"
        assert "CapabilityBoundingSet" in directives(path.stem.removeprefix("alloresto-"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the units, those of systemd's own that they name, and something of the name of each program."""
    root = tmp_path_factory.mktemp("root")
    shutil.copytree(UNITS, root / "etc/systemd/system")
    for name in ("sysinit", "basic", "shutdown", "network", "network-online", "network-pre", "time-sync", "time-set"):
        (root / f"etc/systemd/system/{name}.target").write_text("[Unit]\nDescription=of systemd\n")
    (root / "etc/systemd/system/postgresql.service").write_text("[Service]\nExecStart=/bin/true\n")
    (root / "bin").mkdir()
    (root / "bin/true").touch(0o755)
    for program in re.findall(r"^Exec\w+=(\S+)", "\n".join(p.read_text() for p in UNITS.glob("*.service")), re.M):
        made = root / program.lstrip("/")
        made.parent.mkdir(parents=True, exist_ok=True)
        made.touch(0o755)
    return root


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
class TestSystemd:
    def analyze(self, root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["systemd-analyze", f"--root={root}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=dict(os.environ))

    def test_it_understands_every_unit(self, server: Path) -> None:
        units = [path.name for path in UNITS.glob("alloresto*.*") if path.is_file()]
        done = self.analyze(server, "verify", "--man=no", *units)

        said = [line for line in done.stderr.splitlines() if "alloresto" in line]
        assert (said, done.returncode) == ([], 0)

    def test_no_unit_is_more_exposed_than_its_work_needs(self, server: Path) -> None:
        for path in UNITS.glob("alloresto-*.service"):
            done = self.analyze(server, "security", "--offline=true", "--no-pager", "--threshold=25", path.name)
            assert done.returncode == 0, done.stdout[-400:] + done.stderr
