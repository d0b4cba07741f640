"""Knative Eventing's kinds, as far as they are executed here (EventPolicy is only checked)."""

from typing import Any, Literal

from msgspec import field

from ops.manifests.fields import LabelSelector, Metadata, Natural, Strict


class Ref(Strict):
    kind: str
    name: str
    api_version: str
    namespace: str = ""


class Sink(Strict):
    """``ref`` or ``uri``; with both, ``uri`` is a path below the reference."""

    ref: Ref | None = None
    uri: str = ""


class DeliverySpec(Strict):
    retry: Natural | None = None
    backoff_policy: Literal["exponential", "linear"] | None = None
    backoff_delay: str | None = None
    timeout: str | None = None
    dead_letter_sink: Sink | None = None


class BrokerSpec(Strict):
    config: Ref | None = None
    delivery: DeliverySpec | None = None


class Broker(Strict):
    metadata: Metadata
    spec: BrokerSpec = field(default_factory=BrokerSpec)


class TriggerFilter(Strict):
    attributes: dict[str, str] = field(default_factory=dict)


class TriggerSpec(Strict):
    broker: str
    subscriber: Sink
    filter: TriggerFilter = field(default_factory=TriggerFilter)
    delivery: DeliverySpec | None = None


class Trigger(Strict):
    metadata: Metadata
    spec: TriggerSpec


class CeOverrides(Strict):
    extensions: dict[str, str] = field(default_factory=dict)


class Subject(Strict):
    kind: str
    api_version: str
    name: str = ""
    namespace: str = ""
    selector: LabelSelector | None = None


class SinkBindingSpec(Strict):
    subject: Subject
    sink: Sink
    ce_overrides: CeOverrides | None = None


class SinkBinding(Strict):
    metadata: Metadata
    spec: SinkBindingSpec


class PingSourceSpec(Strict):
    schedule: str
    sink: Sink
    timezone: str = "UTC"
    content_type: str = ""
    data: str = ""
    data_base64: str = ""
    ce_overrides: CeOverrides | None = None


class PingSource(Strict):
    metadata: Metadata
    spec: PingSourceSpec


class PolicySource(Strict):
    """Who may send: an object that has an identity, or an identity's name (``*`` only at its end)."""

    ref: Ref | None = None
    sub: str = ""


class PolicySelector(Strict):
    kind: str
    api_version: str
    match_labels: dict[str, str] = field(default_factory=dict)
    match_expressions: Any = None


class PolicyTarget(Strict):
    ref: Ref | None = None
    selector: PolicySelector | None = None


class EventPolicySpec(Strict):
    """``from`` is Python's word, so it is renamed; no ``filters``: none of ours has any."""

    to: list[PolicyTarget] = field(default_factory=list)
    sources: list[PolicySource] = field(default_factory=list, name="from")


class EventPolicy(Strict):
    """Checked, not executed: who sends is proved by OIDC tokens, which nobody issues here."""

    metadata: Metadata
    spec: EventPolicySpec
