"""A container as it will run here: its command, its environment, its ports and its probes."""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from devstack.knative.environment import EnvironmentReader, Secrets, command_line, inherited
from devstack.knative.plan import ContainerPlan
from ops.manifests import fields
from ops.manifests.manifests import Problem
from ops.manifests.parsing import Objects


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the manifests name but do not hold."""

    images: Mapping[str, Sequence[str]]
    secrets: Secrets
    overrides: Mapping[str, Mapping[str, str]]
    namespace: str


class ContainerReader:
    """Reads containers against images, ConfigMaps and Secrets; problems are added to the list given."""

    def __init__(self, objects: Objects, surroundings: Surroundings, problems: list[Problem]) -> None:
        self._surroundings = surroundings
        self._problems = problems
        self._environment = EnvironmentReader(objects, surroundings.secrets, surroundings.namespace, problems)

    def read(self, containers: Sequence[fields.Container], name: str, where: str) -> ContainerPlan:
        """The one container of workload or Service ``name``."""
        [container], path = containers, "spec.template.spec.containers[0]"
        command = command_line(container, self._image(container, where, path))
        if command and shutil.which(command[0], path=inherited()["PATH"]) is None:
            self._problem(where, f"{path}.command", f"{command[0]} is not installed here", "install it or correct it")
        ports = {port.name or str(port.container_port): port.container_port for port in container.ports}
        self._check_probes(container, ports, where, path)
        hook = None if container.lifecycle is None else container.lifecycle.pre_stop
        if hook is not None and hook.http_get is not None:
            self._check_port(hook.http_get.port, ports, where, f"{path}.lifecycle.preStop")
        overrides = self._surroundings.overrides.get(name, {})
        return ContainerPlan(
            command,
            self._environment.read(container, where, path, overrides),
            ports,
            container.readiness_probe,
            container.liveness_probe,
            container.startup_probe,
        )

    def check_overrides(self, names: set[str]) -> None:
        """Overrides are for workloads and Services that exist."""
        for name in sorted(set(self._surroundings.overrides) - names):
            fix = f"name one of {', '.join(sorted(names))}"
            self._problem("config_overrides", name, "there is no such workload or Service", fix)

    def _image(self, container: fields.Container, where: str, path: str) -> Sequence[str]:
        image = re.sub(r"@sha256:.*$|:[^/:]*$", "", container.image)
        known = self._surroundings.images
        prefix = known.get(image) or known.get(image.rsplit("/", 1)[-1])
        if prefix is None:
            fix = f"give the runtime a command for it, or use {', '.join(sorted(known)) or '(no image is known)'}"
            self._problem(where, f"{path}.image", f"no command is known for image {image}", fix)
        return prefix or ()

    def _check_probes(
        self, container: fields.Container, ports: Mapping[str, int], where: str, container_path: str
    ) -> None:
        probed: set[int | str | None] = set()
        for name, probe in (
            ("readinessProbe", container.readiness_probe),
            ("livenessProbe", container.liveness_probe),
            ("startupProbe", container.startup_probe),
        ):
            if probe is None:
                continue
            path = f"{container_path}.{name}"
            if probe.exec is not None:
                what = "is not executed here, and was 0.66 s slower to ready than HTTP on a cluster"
                self._problem(where, f"{path}.exec", what, "set httpGet or tcpSocket")
                continue
            action = probe.http_get or probe.tcp_socket
            if action is None:
                self._problem(where, path, "no action", "set httpGet or tcpSocket")
                continue
            self._check_port(action.port, ports, where, path)
            probed.add(ports.get(action.port, action.port) if isinstance(action.port, str) else action.port)
        if len(probed) > 1:
            what = f"the probes ask {len(probed)} ports"
            self._problem(where, container_path, what, "one port answers all of them here: use the same")

    def _check_port(self, port: int | str | None, ports: Mapping[str, int], where: str, path: str) -> None:
        if isinstance(port, str) and port not in ports:
            fix = f"name one of {', '.join(ports) or '(the container has no named port)'}"
            self._problem(where, path, f"the container has no port named {port}", fix)

    def _problem(self, where: str, field: str, what: str, fix: str) -> None:
        self._problems.append(Problem(where, field, what, fix))
