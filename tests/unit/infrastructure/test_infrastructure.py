"""The configurations against the providers' documentation, against themselves, and against the manifests."""

import base64
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.infrastructure import configuration
from tests.unit.infrastructure.configuration import INFRASTRUCTURE, Module, nested, read, settings
from tests.unit.manifests.rendered import objects, workloads

pytestmark = pytest.mark.unit

ROOT = INFRASTRUCTURE.parent
SITE = ROOT / "setup" / "site"
CLOUDS = ("ovh", "hetzner")
PROVIDERS: Mapping[str, Mapping[str, Any]] = yaml.safe_load(Path(__file__).with_name("providers.yaml").read_text())
SCHEMAS = {kind: schema for resources in PROVIDERS.values() for kind, schema in resources.items()}
FIRST_BOOT = INFRASTRUCTURE / "hetzner" / "first-boot.sh"


@pytest.fixture(params=CLOUDS)
def module(request: pytest.FixtureRequest) -> Module:
    return read(request.param)


def faults(where: str, body: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """What the provider would refuse by name."""
    arguments, blocks = nested(body)
    known = {name.rstrip("!") for name in schema["arguments"]}
    required = {name[:-1] for name in schema["arguments"] if name.endswith("!")}
    found = [f"{where}.{name}: no such argument" for name in arguments if name not in known]
    found += [f"{where}.{name}: required" for name in required - arguments.keys()]
    for name, made in blocks.items():
        if name not in schema.get("blocks", {}):
            found.append(f"{where}.{name}: no such block")
            continue
        for one in made:
            found += faults(f"{where}.{name}", one, schema["blocks"][name])
    return found


def test_every_resource_has_the_arguments_and_blocks_that_its_provider_documents(module: Module) -> None:
    assert module.resources
    for (kind, name), body in module.resources.items():
        assert faults(f"{kind}.{name}", body, SCHEMAS[kind]) == []


def test_every_reference_leads_to_something_that_is_there(module: Module) -> None:
    for first, second, third in module.references():
        if first == "var":
            assert second in module.variables, f"var.{second}"
        elif first == "local":
            assert second in module.local_names, f"local.{second}"
        elif first.startswith(("ovh_", "hcloud_")):
            assert (first, second) in module.resources, f"{first}.{second}"
            schema = SCHEMAS[first]
            readable = {name.rstrip("!") for name in schema["arguments"]} | set(schema.get("read", ())) | {"id"}
            assert third in readable, f"{first}.{second}.{third}"


def test_every_variable_is_used_and_every_resource_is_documented(module: Module) -> None:
    used = {second for first, second, _ in module.references() if first == "var"}

    assert module.variables.keys() == used
    assert all(body["description"] for body in [*module.variables.values(), *module.outputs.values()])


def test_providers_are_pinned_to_the_versions_whose_documentation_was_read(module: Module) -> None:
    [terraform] = module.blocks["terraform"]
    [required] = terraform["required_providers"]
    pinned = [f"{one['source']} {one['version']}" for name, one in required.items() if not name.startswith("__")]

    assert pinned and set(pinned) <= PROVIDERS.keys()
    assert [one for one in pinned for kind, _ in module.resources if kind not in PROVIDERS[one]] == []


def test_a_refused_variable_is_named_with_what_to_do(module: Module) -> None:
    for name, variable in module.variables.items():
        checks = variable.get("validation", [])
        assert checks, f"{name}: anything is taken"
        for check in checks:
            assert f"var.{name}" in check["condition"]
            assert check["error_message"].startswith(f"{name}: ")
            assert len(check["error_message"]) > len(name) + 20


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_example_gives_every_variable_that_has_no_default_and_passes_its_pattern(cloud: str) -> None:
    variables = read(cloud).variables
    example = settings(INFRASTRUCTURE / cloud / "example.tfvars")

    assert {name for name, one in variables.items() if "default" not in one} == example.keys()
    for name, variable in variables.items():
        given = example.get(name, variable.get("default"))
        for check in variable["validation"]:
            pattern = re.search(r'^\$\{can\(regex\("((?:[^"\\]|\\.)*)", var\.', check["condition"])
            if pattern and isinstance(given, str):
                expression = pattern[1].replace("\\\\", "\\")
                assert re.search(expression, given), f"{name}: {given}"
                assert not re.search(expression, f"{given};"), f"{name}: takes a semicolon"


def test_no_credential_stands_in_a_file_and_the_state_is_not_kept_here(module: Module) -> None:
    [terraform] = module.blocks["terraform"]
    [provider] = [body for one in module.blocks["provider"] for body in one.values()]
    ignored = (ROOT / ".gitignore").read_text().splitlines()

    assert [key for key in provider if not key.startswith("__")] == []
    assert "s3" in terraform["backend"][0]
    assert {"*.tfstate*", "*.auto.tfvars", "backend.hcl", "kubeconfig"} <= set(ignored)
    secret = re.compile(r"(password|secret|token|private_key)\s*=", re.IGNORECASE)
    for path in INFRASTRUCTURE.rglob("*"):
        if path.is_file():
            assert not secret.search(path.read_text()), path


def test_what_is_secret_is_not_printed(module: Module) -> None:
    for name, output in module.outputs.items():
        assert ("kubeconfig" in str(output["value"])) == bool(output.get("sensitive")), name


class TestOvh:
    module = read("ovh")

    def test_its_pools_are_those_that_production_selects(self) -> None:
        pools = self.module.variables["pools"]["default"]
        selected = {
            value
            for workload in workloads("production")
            for value in re.findall(r"'?alloresto\.com/pool'?: '?(\w+)'?", str(workload["spec"]))
        }
        text = str(objects("production"))

        assert selected <= pools.keys() and {"web", "sip"} <= selected
        assert all(f"'{pool}'" in text for pool in pools)
        assert {name: (pool["min"], pool["max"]) for name, pool in pools.items()} == {
            "web": (2, 4),
            "sip": (1, 5),
            "workers": (0, 20),
        }

    def test_labels_and_taints_are_those_that_the_manifests_tolerate(self) -> None:
        [template] = self.module.resources["ovh_cloud_project_kube_nodepool", "pool"]["template"]
        tolerations = [
            one
            for workload in workloads("production")
            for one in workload["spec"]["template"]["spec"].get("tolerations", [])
        ]

        assert template["metadata"][0]["labels"] == {"alloresto.com/pool": "${each.key}"}
        taints = template["spec"][0]["taints"]
        assert 'each.key == "web" ? []' in taints and 'key = "alloresto.com/pool"' in taints
        assert 'effect = "NoSchedule"' in taints
        assert {(one["key"], one["effect"]) for one in tolerations} == {("alloresto.com/pool", "NoSchedule")}

    def test_databases_are_private_and_cannot_be_deleted_by_mistake(self) -> None:
        for (kind, name), body in self.module.resources.items():
            if kind == "ovh_cloud_project_database":
                arguments, blocks = nested(body)
                assert arguments["deletion_protection"] is True, name
                assert [one["ip"] for one in blocks["ip_restrictions"]] == ["${var.private_network}"]
                assert "network_id" in blocks["nodes"][0]


class TestHetzner:
    module = read("hetzner")

    def rules(self) -> set[tuple[str, str, str]]:
        rules = self.module.resources["hcloud_firewall", "server"]["rule"]
        return {(one["protocol"], one.get("port", ""), str(one["source_ips"])) for one in rules}

    def test_the_clouds_firewall_opens_what_the_servers_own_does(self) -> None:
        own = (SITE / "etc/firewall.nft").read_text()
        everybody = "['0.0.0.0/0', '::/0']"

        assert self.rules() == {
            ("tcp", "22", "${var.admin_networks}"),
            ("tcp", "80", everybody),
            ("tcp", "443", everybody),
            ("udp", "5060", "${var.trunk_signalling}"),
            ("udp", "10000-10199", "${var.trunk_media}"),
            ("icmp", "", everybody),
        }
        for line in ("tcp dport { 80, 443 }", "udp dport 5060 ip saddr @signalling", "udp dport 10000-10199"):
            assert line in own

    def test_what_must_outlive_the_server_is_on_the_volume(self) -> None:
        script = FIRST_BOOT.read_text()
        [folders] = re.findall(r'^FOLDERS="(.*)"$', script, re.MULTILINE)
        states = {
            f"/var/lib/{value.partition('/')[0]}"
            for unit in SITE.glob("systemd/*.service")
            for value in re.findall(r"^StateDirectory=(\S+)$", unit.read_text(), re.MULTILINE)
        }

        assert states | {"/etc/alloresto", "/var/lib/postgresql", "/etc/postgresql"} == set(folders.split())

    def test_the_first_boot_is_cloud_config_within_its_limit_and_holds_no_secret(self) -> None:
        text = (INFRASTRUCTURE / "hetzner/cloud-init.yaml").read_text()
        given = {"settings": base64.b64encode(b"X=1\n" * 40), "first_boot": base64.b64encode(FIRST_BOOT.read_bytes())}
        made = re.sub(r"\$\{(\w+)\}", lambda found: given[found[1]].decode(), text)
        user_data = self.module.resources["hcloud_server", "site"]["user_data"]
        parsed = yaml.safe_load(made)

        assert made.startswith("#cloud-config\n") and len(made) < 32 * 1024
        assert {name for name in given if f"{name} " in user_data or f"{name} =" in user_data} == given.keys()
        written = {one["path"]: one for one in parsed["write_files"]}
        assert base64.b64decode(written["/root/first-boot.sh"]["content"]) == FIRST_BOOT.read_bytes()
        assert parsed["runcmd"] == [["/root/first-boot.sh"]]
        assert {one["permissions"] for one in written.values()} == {"0600", "0700"}

    def test_the_scripts_variables_are_those_that_it_is_given(self) -> None:
        given = set(re.findall(r'"?\b([A-Z_]+)=\$\{', self.module.resources["hcloud_server", "site"]["user_data"]))
        read_by_it = set(re.findall(r"\$([A-Z][A-Z_]+)\b", FIRST_BOOT.read_text())) - {"DATA", "FOLDERS"}

        assert given == read_by_it

    def test_the_settings_that_it_writes_are_the_trunks_and_a_second_run_changes_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "site.env").write_text(
            "DEVICE=/dev/sdb\nREPOSITORY=https://git.example.com/x\nCOMMIT=0\nSITE_HOST=orders.example.org\n"
            "SIGNALLING=203.0.113.0/28,203.0.113.64/28\nMEDIA=198.51.100.0/24\n"
        )
        etc = tmp_path / "root/etc/alloresto"

        def step(name: str) -> None:
            subprocess.run(["sh", str(FIRST_BOOT), tmp_path / "site.env", tmp_path / "root", name], check=True)

        step("before")
        for name in ("edge.env", "web.env", "functions.env", "firewall.nft"):  # what install.sh writes
            (etc / name).write_text((SITE / "etc" / name).read_text())
        step("after")
        written = {path.name: path.read_text() for path in etc.iterdir()}
        step("before")
        step("after")

        assert {path.name: path.read_text() for path in etc.iterdir()} == written
        assert written["tls.env"] == "SITE_HOST=orders.example.org\n"
        assert "\nSIP_PEERS=203.0.113.0/28,203.0.113.64/28\n" in written["edge.env"]
        assert "\nWEB_PUBLIC_URL=https://orders.example.org\n" in written["web.env"]
        assert "\nFUNCTIONS_WEB_PUBLIC_URL=https://orders.example.org\n" in written["functions.env"]
        assert (
            "signalling { type ipv4_addr; flags interval; elements = { 203.0.113.0/28, 203.0.113.64/28 } }"
            in (written["firewall.nft"])
        )
        assert "media { type ipv4_addr; flags interval; elements = { 198.51.100.0/24 } }" in written["firewall.nft"]
        assert "asterisks { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 } }" in written["firewall.nft"]

    def test_the_server_is_not_replaced_for_what_only_its_first_boot_reads(self) -> None:
        [lifecycle] = self.module.resources["hcloud_server", "site"]["lifecycle"]
        assert {str(one).strip("${}") for one in lifecycle["ignore_changes"]} == {"user_data", "ssh_keys", "image"}


def from_nothing() -> list[str]:
    """The commands of docs/operators/from-nothing.md, each with the folder that it is given in."""
    text = (ROOT / "docs/operators/from-nothing.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [re.sub(r"\s+# .*", "", line) for block in blocks for line in block.splitlines()]


def test_the_documents_files_and_outputs_are_there() -> None:
    folder = ROOT
    outputs: set[str] = set()
    for command in from_nothing():
        words = command.split()
        if words[0] == "cd":
            folder = ROOT / words[1]
            assert (folder / "main.tf").is_file(), command
            outputs = set(read(folder.name).outputs)
        elif words[0] == "cp":
            assert (folder / words[1]).is_file(), command
            ignored = subprocess.run(["git", "check-ignore", "-q", folder / words[2]], cwd=ROOT, check=False)
            assert ignored.returncode in (0, 128), f"{command}: git would take it"  # 128: not a clone
        elif words[:3] == ["tofu", "output", "-raw"]:
            assert words[3].partition(">")[0] in outputs, command
    text = (ROOT / "docs/operators/from-nothing.md").read_text()
    for name in re.findall(r"`tofu output (\w+)`", text):
        assert name in read("ovh").outputs, name


def test_the_document_names_the_forges_variables_as_the_workflow_reads_them() -> None:
    workflow = (ROOT / ".github/workflows/release.yaml").read_text()
    document = (ROOT / "docs/operators/from-nothing.md").read_text()
    read_there = set(re.findall(r"(?:vars|secrets)\.(\w+)", workflow))

    assert read_there == set(re.findall(r"`([A-Z_]+)`", document.partition("## Images")[2]))


def test_no_reference_is_left_that_this_test_does_not_understand(module: Module) -> None:
    for first, second, _ in module.references():
        assert configuration.is_known(first) or first in ("pool", "endpoint"), f"{first}.{second}"
