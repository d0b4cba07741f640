"""Knative Eventing's figures over the in-memory Broker: a dead letter's path, a reply's round trip."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.knative import measured
from bench.knative.probes import ProbeCluster, probes
from bench.report import Figure
from ops.manifests import Manifest

REFUSED, ASKED, FOLLOWED = "bench.refused", "bench.asked", "probe.followed"
RETRIES = 3
REPLIES = 20
ANSWERS = {"failing": "503", "letters": "empty", "beside": "empty", "answering": "event", "listening": "empty"}
DELIVERY = {"retry": RETRIES, "backoffPolicy": "exponential", "backoffDelay": "PT0.2S"}


def manifests(folder: Path) -> list[Manifest]:
    """A Broker and five subscribers, warm: one fails always, one keeps its letters, one beside it takes the same
    events; one answers with an event, which the fifth takes. What they take they write down in ``folder``.
    """
    functions = [
        probe
        for name, answer in ANSWERS.items()
        for probe in probes([name], {"ANSWER": answer, "RECORD_FILE": str(folder / name)}, min_scale="1")
    ]
    broker = {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "metadata": {"name": "default"}}
    triggers = [
        _trigger("failing", REFUSED, DELIVERY | {"deadLetterSink": _sink("letters")}),
        _trigger("beside", REFUSED, DELIVERY),
        _trigger("answering", ASKED, DELIVERY),
        _trigger("listening", FOLLOWED, DELIVERY),
    ]
    return [*functions, *(Manifest(body, "bench/knative/eventing.py") for body in (broker, *triggers))]


def _sink(service: str) -> dict[str, Any]:
    return {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": service}}


def _trigger(subscriber: str, kind: str, delivery: Mapping[str, Any]) -> dict[str, Any]:
    spec = {
        "broker": "default",
        "filter": {"attributes": {"type": kind}},
        "subscriber": _sink(subscriber),
        "delivery": dict(delivery),
    }
    return {
        "apiVersion": "eventing.knative.dev/v1",
        "kind": "Trigger",
        "metadata": {"name": subscriber},
        "spec": spec,
    }


async def dead_letters(cluster: ProbeCluster) -> list[Figure]:
    """One event that one of two subscribers refuses until its retries are over."""
    # Every subscriber has a pod first: this does not measure cold starts.
    await cluster.until(lambda: all(cluster.pods(name, "ready") for name in ANSWERS), "a pod of each subscriber")
    began = time.monotonic()
    status = await cluster.publish("refused", REFUSED)
    took_s = time.monotonic() - began
    letters = [one for one in _taken(cluster, "letters", "refused") if one["event"].get("knativeerrorcode") == "503"]
    return [
        Figure(
            "publish, one subscriber fails, with a dead-letter sink",
            status,
            "",
            "= 202",
            measured.PUBLISH_WITH_DEAD_LETTER,
        ),
        Figure("dead letter: tries before it", len(_taken(cluster, "failing", "refused")), "", f"= {RETRIES + 1}"),
        Figure("dead letter: kept, with the error's code", len(letters), "", "= 1"),
        Figure("dead letter: the other subscriber got the event", len(_taken(cluster, "beside", "refused")), "", "= 1"),
        Figure(f"publish returned after {RETRIES} retries from 0.2 s", took_s, "s"),
    ]


async def replies(cluster: ProbeCluster) -> list[Figure]:
    """From the publishing of an event to the arrival of the event that answers it at its own subscriber."""
    trips: list[float] = []
    for number in range(REPLIES):
        began = time.time()
        await cluster.publish(f"asked-{number}", ASKED)
        # The Broker answers a publish only when the replies are delivered, too.
        [arrived] = _taken(cluster, "listening", f"asked-{number}-reply")
        trips.append(float(arrived["at"] - began) * 1000)
    return [Figure("reply event: round trip, median", statistics.median(trips), "ms", cluster=measured.REPLY)]


def _taken(cluster: ProbeCluster, subscriber: str, event_id: str) -> list[dict[str, Any]]:
    """What ``subscriber`` wrote down of one event."""
    file = cluster.folder / subscriber
    lines = file.read_text().splitlines() if file.exists() else []
    return [one for one in map(json.loads, lines) if one.get("event", {}).get("id") == event_id]
