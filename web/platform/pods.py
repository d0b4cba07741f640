"""How many handler pods there should be and are: from Knative, or from the local runtime that stands in for it.

Asked at most every FRESH_S in a process, however many look at it, and only while somebody does.
"""

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import Protocol

from cluster.client import KnativeClient
from cluster.connection import in_a_pod
from cluster.errors import ClusterError

FRESH_S = 2.0
ASK_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Scale:
    """A function's Revision: pods that the autoscaler wants, and those that are ready. ``problem`` is "" when well."""

    service: str
    revision: str
    desired: int
    actual: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Scales:
    """``unknown`` says why nothing could be read; "" when it could."""

    found: tuple[Scale, ...] = ()
    unknown: str = ""


class Source(Protocol):
    def read(self) -> tuple[Scale, ...]:
        """Raises ClusterError or OSError."""


class LocalRuntime:
    """``url`` is that of the runtime's own interface on this machine."""

    def __init__(self, url: str) -> None:
        self._url = f"{url.rstrip('/')}/runtime/revisions"

    def read(self) -> tuple[Scale, ...]:
        try:
            with urllib.request.urlopen(self._url, timeout=ASK_WITHIN_S) as answer:
                found = json.load(answer)
        except (HTTPException, ValueError) as error:
            raise OSError(f"the local runtime answers what can't be read: {type(error).__name__}") from error
        return tuple(Scale(one["service"], one["name"], one["desired"], one["actual"]) for one in found)


class Cluster:
    """Needs leave to list Revisions in ``namespace`` ("": that of the pod)."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    def read(self) -> tuple[Scale, ...]:
        return asyncio.run(self._read())

    async def _read(self) -> tuple[Scale, ...]:
        async with KnativeClient(self._namespace, timeout_s=ASK_WITHIN_S) as client:
            revisions = await client.revisions()
        return tuple(
            Scale(one.service, one.name, one.desired, one.actual, "" if one.ready else one.message)
            for one in revisions
            if one.ready or one.desired or one.actual  # the last ones of each Service stay, without pods
        )


class Pods:
    """``source`` is None where this process is in no cluster and beside no local runtime."""

    def __init__(self, source: Source | None) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._last = Scales()

    def now(self) -> Scales | None:
        """By Service. None where there is nothing to read from."""
        if self._source is None:
            return None
        with self._lock:
            if time.monotonic() - self._read_at >= FRESH_S:
                self._last = self._read(self._source)
                self._read_at = time.monotonic()
            return self._last

    def _read(self, source: Source) -> Scales:
        try:
            return Scales(tuple(sorted(source.read(), key=lambda one: (one.service, one.revision))))
        except (ClusterError, OSError) as error:
            return Scales(unknown=str(error))


def for_environment(local_runtime_url: str, handler_namespace: str) -> Pods:
    """The local runtime's when its URL is set; the cluster's in a pod with a token, or where a namespace is named."""
    if local_runtime_url:
        return Pods(LocalRuntime(local_runtime_url))
    return Pods(Cluster(handler_namespace) if handler_namespace or in_a_pod() else None)
