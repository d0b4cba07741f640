"""A Knative Service: its Revisions, and which of them gets what comes to its URL.

As Knative has it: a Revision is made by a changed template and gets traffic once a pod of it was ready. Traffic goes to
the newest ready Revision unless ``spec.traffic`` names others. A tag gives a Revision a URL of its own.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from devstack.knative.listeners import Listener, listen
from devstack.knative.plan import ServicePlan
from devstack.knative.revisions import Revision

Make = Callable[[ServicePlan, int, Path | None], Revision]


class Target(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """An entry of ``spec.traffic``."""

    revision_name: str = ""
    latest_revision: bool = False
    percent: int = 0
    tag: str = ""


_DNS_LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")

LATEST = (Target(latest_revision=True, percent=100),)


class Service:
    """``make`` gives the Revision of a plan with its number, from 1, and the folder that it works in, if it is another.

    ``start`` starts the pods that a min-scale asks for; later Revisions start one to be proved.
    """

    def __init__(self, plan: ServicePlan, make: Make) -> None:
        self.name = plan.name
        self.revisions = [make(plan, 1, None)]
        self.traffic: Sequence[Target] = LATEST
        self._make = make
        self._ready = self.revisions[0]
        self._listener: Listener | None = None

    @property
    def url(self) -> str:
        if self._listener is None:
            raise RuntimeError(f"{self.name} is not started")
        return self._listener.url

    @property
    def latest_ready(self) -> Revision:
        return self._ready

    @property
    def most_asked(self) -> Revision:
        """The one with the largest part of the traffic."""
        return self._of(max(self.traffic, key=lambda target: target.percent))

    def revision(self, name: str) -> Revision:
        """Raises KeyError."""
        for one in self.revisions:
            if one.name == name:
                return one
        raise KeyError(f"Revision {name} of {self.name}")

    async def open(self, port: int = 0) -> None:
        """Take the ports, so that every URL is known before any process starts."""
        self._listener = await listen(self._handle, port)
        await self.revisions[0].open()

    def start(self) -> None:
        self.revisions[0].start()

    def freeze(self) -> None:
        for one in self.revisions:
            one.freeze()

    async def close(self) -> None:
        for one in self.revisions:
            await one.close()
        if self._listener is not None:
            await self._listener.close()

    async def roll_out(self, environment: Mapping[str, str], folder: Path | None = None) -> Revision:
        """What applying a changed template does: the next Revision, with these variables beside what there was."""
        plan = self.revisions[-1].plan
        variables = plan.container.environment
        variables = replace(variables, overrides={**variables.overrides, **environment})
        plan = replace(plan, container=replace(plan.container, environment=variables))
        revision = self._make(plan, len(self.revisions) + 1, folder)
        await revision.open()
        self.revisions.append(revision)
        revision.start()
        revision.prove(lambda: self._proved(revision))
        return revision

    def route(self, traffic: Sequence[Target]) -> None:
        """Raises KeyError for a Revision that is not there, ValueError for what Knative's webhook refuses."""
        tags = [target.tag for target in traffic if target.tag]
        if sum(target.percent for target in traffic) != 100:
            raise ValueError("spec.traffic: the percentages do not make 100")
        if len(tags) != len(set(tags)) or any(not _DNS_LABEL.fullmatch(tag) for tag in tags):
            raise ValueError("spec.traffic: a tag is there twice, or is no DNS label")
        for target in traffic:
            if bool(target.revision_name) == target.latest_revision:
                raise ValueError("spec.traffic: set one of revisionName and latestRevision")
            self._of(target)
        self.traffic = tuple(traffic)
        self._tell_reachable()

    def as_object(self) -> dict[str, Any]:
        """As Kubernetes would give it, without the template."""
        told = [
            {"revisionName": revision.name, "percent": target.percent}
            | ({"latestRevision": True} if target.latest_revision else {})
            | ({"tag": target.tag, "url": revision.url} if target.tag else {})
            for target in self.traffic
            for revision in (self._of(target),)
        ]
        return {
            "metadata": {"name": self.name},
            "spec": {"traffic": msgspec.to_builtins(self.traffic)},
            "status": {
                "url": self.url,
                "latestCreatedRevisionName": self.revisions[-1].name,
                "latestReadyRevisionName": self._ready.name,
                "traffic": told,
            },
        }

    def _of(self, target: Target) -> Revision:
        return self._ready if target.latest_revision else self.revision(target.revision_name)

    def _proved(self, revision: Revision) -> None:
        if self.revisions.index(revision) > self.revisions.index(self._ready):
            self._ready = revision
            self._tell_reachable()

    def _tell_reachable(self) -> None:
        reached = {self._of(target).name for target in self.traffic}
        for one in self.revisions:
            one.reachable(one.name in reached or one is self.revisions[-1])

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        shares = [target.percent for target in self.traffic]
        [target] = random.choices(self.traffic, weights=shares)
        return await self._of(target).handle(request)
