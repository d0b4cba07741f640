"""The eventing half of a plan: who sends what to whom, and how hard it is tried."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec

from devstack.knative.pings import check_schedule
from devstack.knative.plan import Binding, Delivery, Destination, DestinationKind, PingPlan, TriggerPlan
from ops.manifests import fields, kinds
from ops.manifests.manifests import Problem
from ops.manifests.parsing import Objects, Parsed

_ISO_DURATION = re.compile(r"^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$")

_TARGETS: Mapping[tuple[str, str], tuple[DestinationKind, type[fields.Strict]]] = {
    ("serving.knative.dev/v1", "Service"): ("service", kinds.KnativeService),
    ("eventing.knative.dev/v1", "Broker"): ("broker", kinds.Broker),
    ("v1", "Service"): ("workload", kinds.CoreService),
}
_SUBJECTS = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "Job": "batch/v1"}
_BROKER_CLASS = "eventing.knative.dev/broker.class"
_IN_MEMORY = "MTChannelBasedBroker"
_NOWHERE = Destination("uri", "")
"""Stands in for a destination that does not exist: its problem is noted, and nothing will start."""


class Subscriptions:
    """Resolves SinkBindings, Triggers and PingSources; problems are added to the list given."""

    def __init__(self, objects: Objects, workloads: Sequence[Parsed], problems: list[Problem]) -> None:
        self._objects = objects
        self._workloads = workloads
        self._problems = problems
        self._brokers = {entry.name: self._broker(entry, value) for entry, value in objects.of(kinds.Broker)}

    def _problem(self, where: str, field: str, what: str, fix: str) -> None:
        self._problems.append(Problem(where, field, what, fix))

    def _destination(self, sink: kinds.Sink, where: str, path: str) -> Destination | None:
        if sink.ref is None:
            if not sink.uri.startswith(("http://", "https://")):
                self._problem(where, path, "neither a ref nor an absolute uri", "set ref or an http uri")
                return None
            return Destination("uri", sink.uri)
        ref = sink.ref
        found = _TARGETS.get((ref.api_version, ref.kind))
        if found is None:
            fix = "refer to a Knative Service, a Broker or a Kubernetes Service"
            self._problem(where, f"{path}.ref", f"{ref.api_version} {ref.kind} cannot take events here", fix)
            return None
        if "://" in sink.uri:
            fix = "write a path such as /due, or remove the ref"
            self._problem(where, f"{path}.uri", "an absolute uri beside a ref", fix)
            return None
        kind, structure = found
        if self._objects.named(structure, ref.name) is None:
            known = ", ".join(self._objects.names(structure)) or "(none exist)"
            what = f"there is no {ref.kind} {ref.name} ({ref.api_version})"
            self._problem(where, f"{path}.ref.name", what, f"create it or name one of {known}")
            return None
        return Destination(kind, ref.name, sink.uri)

    def bindings(self) -> dict[str, Binding]:
        """By workload name."""
        bindings: dict[str, Binding] = {}
        for entry, value in self._objects.of(kinds.SinkBinding):
            sink = self._destination(value.spec.sink, entry.where, "spec.sink")
            overrides = value.spec.ce_overrides
            text = "" if overrides is None else msgspec.json.encode({"extensions": overrides.extensions}).decode()
            for name in self._subjects(entry, value.spec.subject):
                if name in bindings:
                    self._problem(entry.where, "spec.subject", f"{name} is bound twice", "keep one SinkBinding for it")
                if sink is not None:
                    bindings[name] = Binding(sink, text)
        return bindings

    def _subjects(self, entry: Parsed, subject: kinds.Subject) -> list[str]:
        candidates = [workload for workload in self._workloads if workload.kind == subject.kind]
        names: list[str] = []
        if _SUBJECTS.get(subject.kind) != subject.api_version:
            what = f"{subject.api_version} has no {subject.kind} that runs here"
        elif subject.name:
            names = [workload.name for workload in candidates if workload.name == subject.name]
            what = f"there is no {subject.kind} {subject.name}"
        else:
            wanted = subject.selector.match_labels if subject.selector else {}
            for workload in candidates:
                assert isinstance(workload.value, kinds.Workload)
                if wanted and wanted.items() <= workload.value.metadata.labels.items():
                    names.append(workload.name)
            what = f"no {subject.kind} has the labels {wanted}"
        if not names:
            known = ", ".join(f"{workload.kind} {workload.name}" for workload in self._workloads)
            self._problem(entry.where, "spec.subject", what, f"name one of {known or '(none exist)'}")
        return names

    def check_policies(self) -> None:
        """What EventPolicies speak of must be there, although nothing executes them."""
        for entry, value in self._objects.of(kinds.EventPolicy):
            for index, target in enumerate(value.spec.to):
                path = f"spec.to[{index}]"
                if (target.ref is None) == (target.selector is None):
                    self._problem(entry.where, path, "needs either ref or selector", "set one of them")
                if target.ref is not None:
                    self._destination(kinds.Sink(ref=target.ref), entry.where, path)
            for index, source in enumerate(value.spec.sources):
                if (source.ref is None) == (not source.sub):
                    self._problem(entry.where, f"spec.from[{index}]", "needs either ref or sub", "set one of them")

    def triggers(self) -> Iterator[TriggerPlan]:
        for entry, value in self._objects.of(kinds.Trigger):
            yield self._trigger(entry, value)

    def pings(self) -> Iterator[PingPlan]:
        for entry, value in self._objects.of(kinds.PingSource):
            yield self._ping(entry, value)

    def _broker(self, entry: Parsed, value: kinds.Broker) -> Delivery:
        """What its Triggers inherit."""
        kind = value.metadata.annotations.get(_BROKER_CLASS, _IN_MEMORY)
        if kind != _IN_MEMORY:
            what = f"{kind} is not executed here, only {_IN_MEMORY} over an in-memory channel"
            self._problem(entry.where, f"metadata.annotations[{_BROKER_CLASS}]", what, "use that one in this overlay")
        return self._delivery(value.spec.delivery, entry.where)

    def _trigger(self, entry: Parsed, value: kinds.Trigger) -> TriggerPlan:
        of_broker = self._brokers.get(value.spec.broker)
        if of_broker is None:
            known = ", ".join(sorted(self._brokers)) or "(none exist)"
            what = f"there is no Broker {value.spec.broker}"
            self._problem(entry.where, "spec.broker", what, f"create it or name one of {known}")
        subscriber = self._destination(value.spec.subscriber, entry.where, "spec.subscriber")
        delivery = self._delivery(value.spec.delivery, entry.where)
        if of_broker is not None:
            if value.spec.delivery is None:
                delivery = of_broker
            elif value.spec.delivery.dead_letter_sink is None:
                delivery = replace(delivery, dead_letter=of_broker.dead_letter)
        attributes = value.spec.filter.attributes
        return TriggerPlan(entry.name, value.spec.broker, attributes, subscriber or _NOWHERE, delivery)

    def _delivery(self, spec: kinds.DeliverySpec | None, where: str) -> Delivery:
        delivery = Delivery()
        if spec is None:
            return delivery
        if spec.retry is not None:
            delivery = replace(delivery, retry=spec.retry)
        if spec.backoff_policy is not None:
            delivery = replace(delivery, linear=spec.backoff_policy == "linear")
        if spec.backoff_delay is not None:
            delivery = replace(delivery, delay_s=self._iso_seconds(spec.backoff_delay, where, "backoffDelay"))
        if spec.timeout is not None:
            delivery = replace(delivery, timeout_s=self._iso_seconds(spec.timeout, where, "timeout"))
        if spec.dead_letter_sink is not None:
            sink = self._destination(spec.dead_letter_sink, where, "spec.delivery.deadLetterSink")
            delivery = replace(delivery, dead_letter=sink)
        return delivery

    def _iso_seconds(self, text: str, where: str, field: str) -> float:
        match = _ISO_DURATION.match(text)
        if match is None or text in ("P", "PT"):
            what = f"{text!r} is not an ISO 8601 duration"
            self._problem(where, f"spec.delivery.{field}", what, "write it like PT0.5S or PT1M")
            return 0.0
        days, hours, minutes, secs = (float(part or 0) for part in match.groups())
        return days * 86400 + hours * 3600 + minutes * 60 + secs

    def _ping(self, entry: Parsed, value: kinds.PingSource) -> PingPlan:
        spec = value.spec
        what = check_schedule(spec.schedule, spec.timezone)
        if what is not None:
            fix = "use cron (*/5 * * * *), with seconds first if six fields"
            self._problem(entry.where, "spec.schedule", what, fix)
        sink = self._destination(spec.sink, entry.where, "spec.sink") or _NOWHERE
        if spec.data_base64:
            self._problem(entry.where, "spec.dataBase64", "is not executed here", "use data")
        extensions = spec.ce_overrides.extensions if spec.ce_overrides else {}
        return PingPlan(
            entry.name, spec.schedule, spec.timezone, spec.content_type, spec.data.encode(), sink, extensions
        )
