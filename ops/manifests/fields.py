"""What every kind's structure is made of: strict fields, metadata, pods.

Of a pod's fields, what a process can act on is read; what it cannot (scheduling, security, resources) is accepted.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field

Positive = Annotated[int, Meta(gt=0)]
Natural = Annotated[int, Meta(ge=0)]


class Strict(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Base of every structure: an unknown field is an error."""


def camel(field: str) -> str:
    """A structure's field as manifests spell it."""
    head, *rest = field.split("_")
    return head + "".join(part.capitalize() for part in rest)


class Metadata(Strict):
    name: str
    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


class TemplateMetadata(Strict):
    name: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


class LabelSelector(Strict):
    match_labels: dict[str, str] = field(default_factory=dict)


class KeyRef(Strict):
    name: str
    key: str
    optional: bool = False


class FieldRef(Strict):
    field_path: Literal["metadata.name", "metadata.namespace", "status.podIP", "status.hostIP", "spec.nodeName"]
    api_version: str = "v1"


class ValueFrom(Strict):
    config_map_key_ref: KeyRef | None = None
    secret_key_ref: KeyRef | None = None
    field_ref: FieldRef | None = None


class EnvVar(Strict):
    name: str
    value: str | None = None
    value_from: ValueFrom | None = None


class SourceRef(Strict):
    name: str
    optional: bool = False


class EnvFrom(Strict):
    prefix: str = ""
    config_map_ref: SourceRef | None = None
    secret_ref: SourceRef | None = None


class ContainerPort(Strict):
    container_port: Annotated[int, Meta(ge=1, le=65535)]
    name: str = ""
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    host_port: int | None = None


class HttpHeader(Strict):
    name: str
    value: str


class HttpGet(Strict):
    path: str = "/"
    port: int | str | None = None
    scheme: Literal["HTTP"] = "HTTP"
    http_headers: list[HttpHeader] = field(default_factory=list)


class TcpSocket(Strict):
    port: int | str | None = None


class Exec(Strict):
    command: Annotated[list[str], Meta(min_length=1)]


class Probe(Strict):
    """``exec`` is read, but not executed here: there is nothing to run it in."""

    exec: Exec | None = None
    http_get: HttpGet | None = None
    tcp_socket: TcpSocket | None = None
    initial_delay_seconds: Natural = 0
    period_seconds: Natural = 10
    timeout_seconds: Natural = 1
    success_threshold: Positive = 1
    failure_threshold: Positive = 3


class Sleep(Strict):
    seconds: Natural


class Hook(Strict):
    """Before SIGTERM. Not executed here: the runtime ends its pods all at once, when it stops."""

    exec: Exec | None = None
    http_get: HttpGet | None = None
    sleep: Sleep | None = None


class Lifecycle(Strict):
    pre_stop: Hook | None = None


class Container(Strict):
    image: str
    name: str = "user-container"
    command: list[str] = field(default_factory=list)
    args: list[str] = field(default_factory=list)
    env: list[EnvVar] = field(default_factory=list)
    env_from: list[EnvFrom] = field(default_factory=list)
    ports: list[ContainerPort] = field(default_factory=list)
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None
    startup_probe: Probe | None = None
    resources: Any = None
    security_context: Any = None
    volume_mounts: Any = None
    lifecycle: Lifecycle | None = None
    image_pull_policy: str = ""
    termination_message_policy: str = ""


class PodFields(Strict):
    """What a pod and a Revision share. One container each: AlloResto has no sidecars, and a process has no shared
    network to give them.
    """

    containers: Annotated[list[Container], Meta(min_length=1, max_length=1)]
    service_account_name: str = ""
    automount_service_account_token: bool | None = None
    enable_service_links: bool | None = None
    volumes: Any = None
    affinity: Any = None
    tolerations: Any = None
    node_selector: dict[str, str] = field(default_factory=dict)
    topology_spread_constraints: Any = None
    security_context: Any = None
    image_pull_secrets: Any = None
    priority_class_name: str = ""


class PodSpec(PodFields):
    termination_grace_period_seconds: Natural = 30
    restart_policy: Literal["Always", "OnFailure", "Never"] = "Always"
    host_network: bool = False
    dns_policy: str = ""
