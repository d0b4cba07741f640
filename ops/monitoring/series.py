"""Every series that there is: those of our own processes, asked of their code, and others' by an explicit list."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from types import ModuleType

import msgspec
import yaml
from prometheus_client import REGISTRY, Metric
from prometheus_client.metrics import MetricWrapperBase

from edge_bridge.entrances.sip.gate import figures as gate_figures
from edge_bridge.entrances.sip.kamailio import figures as kamailio_figures

Series = Mapping[str, frozenset[str]]
"""The labels of each series, by its name."""

# What each scrape adds, as PodMonitors and exporters' ServiceMonitors do.
TARGET_LABELS = frozenset(("job", "instance", "namespace", "pod", "container", "endpoint", "service", "node"))

# Whose metrics stand in a module of theirs; what they have in common is in process.metrics.
MODULES = (
    "process.metrics",
    "eventing.relay.claims",
    "functions._platform_figures",
    "functions.archiver",
    "functions.errand_runner.calendar_reading",
    "functions.errand_runner.message_planning",
    "functions.errand_runner.runner",
    "functions.line_assigner",
    "functions.prewarmer",
    "functions.reconciler",
    "functions.webhook_sender.courier",
    "web.metrics",
)
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}


class _Foreign(msgspec.Struct, forbid_unknown_fields=True):
    source: str = msgspec.field(name="from")
    metrics: dict[str, list[str]]
    labels: list[str] = []
    embedded: bool = False


def own() -> dict[str, frozenset[str]]:
    """Ours, in Prometheus' names: a counter with ``_total``, a histogram as its three series."""
    modules = [importlib.import_module(name) for name in MODULES]
    collected = chain.from_iterable(_of_family(one, one) for one in REGISTRY.collect())
    written = chain.from_iterable(map(_of_module, modules))
    return dict(chain(collected, written, _of_the_gate(), _of_kamailio()))


def _of_module(module: ModuleType) -> Iterator[tuple[str, frozenset[str]]]:
    """A metric with labels has no series before its first use, so that its registry tells nothing of them."""
    for metric in vars(module).values():
        if isinstance(metric, MetricWrapperBase):
            [family] = metric.describe()
            yield from _of_family(family, metric)


def _of_family(family: Metric, labelled: object) -> Iterator[tuple[str, frozenset[str]]]:
    for suffix in _SUFFIXES.get(family.type, ("",)):
        more = {"le"} if suffix == "_bucket" else set()
        yield family.name + suffix, frozenset(getattr(labelled, "_labelnames", ())) | more


def _of_the_gate() -> Iterator[tuple[str, frozenset[str]]]:
    """It writes its text by hand; one reason of each kind shows the labels."""
    figures = gate_figures.Figures()
    figures.refused["stranger"] = figures.dropped["rate"] = 1
    return _of_text(figures.render(banned=0, dialogs=0))


def _of_kamailio() -> Iterator[tuple[str, frozenset[str]]]:
    return _of_text(kamailio_figures.render({}, 0))


def _of_text(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, labels = line.partition(" ")[0].partition("{")
            yield name, frozenset(part.partition("=")[0] for part in labels.rstrip("}").split(",") if part)


def foreign(file: Path, *, cluster_only: bool = False) -> dict[str, frozenset[str]]:
    """Those of ``foreign-metrics.yaml``, or only those that nothing tells beside the embedded stack.

    Raises msgspec.ValidationError, and ValueError for a name that is twice.
    """
    found: dict[str, frozenset[str]] = {}
    for source in msgspec.convert(yaml.load(file.read_text(), yaml.CSafeLoader), list[_Foreign]):
        if cluster_only and source.embedded:
            continue
        for name, labels in source.metrics.items():
            if name in found:
                raise ValueError(f"{file.name}: {name} is there twice")
            found[name] = frozenset(labels) | frozenset(source.labels)
    return found
