"""``alloresto doctor --cluster``: reads a cluster, changes nothing, and says which of its settings lose calls.

Rounds of requests, all at once within each: what is there, what that refers to by name, and, where the API server
may not be asked about the rights of others, the Roles that tell. Only the names of a Secret's keys are kept. What may
not be read is a finding of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.client import KnativeClient
from cluster.errors import ClusterError
from cluster.kinds import Kind
from cluster.rules import Access, ClusterObject, ClusterObjects, Finding, Reference, Unread, examine
from cluster.rules.edge import deletion_cost_access
from cluster.rules.events import sink_uses
from cluster.rules.objects import EVENTING, SERVING, SOURCES
from cluster.rules.reads import ROLE_KINDS, listed
from cluster.rules.references import uses
from ops import doctor_report

REQUEST_TIMEOUT_S = 3.0  # three rounds: under 10 s in all
NAMESPACE = "alloresto"
EDGE_NAMESPACE = "alloresto-edge"
KNATIVE_GROUPS = (SERVING, EVENTING, SOURCES)


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """``kubeconfig`` None and an empty ``context`` mean what they mean to ``kubectl``."""

    kubeconfig: Path | None = None
    context: str = ""
    namespace: str = NAMESPACE
    edge_namespace: str = EDGE_NAMESPACE


@dataclass(slots=True)
class _Read:
    """What came back."""

    objects: list[ClusterObject] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    not_installed: set[str] = field(default_factory=set)
    reviews: dict[Access, bool] = field(default_factory=dict)
    answers: int = 0
    failures: list[ClusterError] = field(default_factory=list)

    def as_objects(self) -> ClusterObjects:
        return ClusterObjects(self.objects, unread=self.unread, not_installed=self.not_installed, reviews=self.reviews)


def run(options: ClusterOptions, json_file: Path | None = None) -> int:
    """Print every finding; the exit status is that of ``cluster.rules.exit_status``."""
    title, found = asyncio.run(examine_cluster(options))
    return doctor_report.report(title, found, json_file)


async def examine_cluster(options: ClusterOptions) -> tuple[str, list[Finding]]:
    """What was examined, in words, and what was found. A cluster that is not reached is one finding."""
    client = KnativeClient(
        options.namespace, kubeconfig=options.kubeconfig, context=options.context, timeout_s=REQUEST_TIMEOUT_S
    )
    where = " and ".join(dict.fromkeys((options.namespace, options.edge_namespace)))
    title = f"alloresto doctor: cluster, {where}"
    try:
        async with client:
            title = f"alloresto doctor: {client.server}, {where}"
            return title, examine(await read(client, options.namespace, options.edge_namespace))
    except ClusterError as error:
        return title, [Finding("the cluster", False, f"{error.asked}: {error.what}", error.fix)]


async def read(client: KnativeClient, namespace: str, edge_namespace: str) -> ClusterObjects:
    """Everything that the rules ask for. Raises ClusterError when nothing at all could be read."""
    known = _Read()
    await _all(_list(client, known, *one) for one in listed(namespace, edge_namespace))
    if not known.answers:
        raise known.failures[0]
    objects = known.as_objects()
    access = deletion_cost_access(objects)
    named = [use.target for use in uses(objects)]
    named += [target for one in sink_uses(objects) if (target := one.target) is not None]
    second: list[Coroutine[Any, Any, None]] = [
        _get(client, known, reference)
        for reference in dict.fromkeys(named)
        if reference.name and reference.kind and objects.is_absent(reference)
    ]
    if access is not None:
        second.append(_review(client, known, access))
    await _all(second)
    if access is not None and access not in known.reviews:
        await _all(_list(client, known, kind, access.namespace if kind.namespaced else "") for kind in ROLE_KINDS)
    return known.as_objects()


async def _all(requests: Iterable[Coroutine[Any, Any, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for request in requests:
            group.create_task(request)


async def _list(client: KnativeClient, known: _Read, kind: Kind, namespace: str) -> None:
    try:
        found = await client.list(kind.api_version, kind.name, namespace)
    except ClusterError as error:
        if error.status == 404 and kind.group in KNATIVE_GROUPS:
            known.answers += 1
            known.not_installed.add(kind.group)
        elif error.status != 404:
            _not_read(known, Unread(kind.api_version, kind.name, namespace), error)
        return
    known.answers += 1
    known.objects += [ClusterObject(body) for body in found]


async def _get(client: KnativeClient, known: _Read, reference: Reference) -> None:
    try:
        body = await client.get(*reference[:2], reference.name, reference.namespace)
    except ClusterError as error:
        if error.status != 404:
            _not_read(known, Unread(*reference), error)
        return
    if body is not None:
        if reference.kind == "Secret":  # of its values nothing is kept, only which keys there are
            body = {key: body[key] for key in ("apiVersion", "kind", "metadata") if key in body} | {
                "data": dict.fromkeys(body.get("data") or (), "")
            }
        known.objects.append(ClusterObject(body))


async def _review(client: KnativeClient, known: _Read, access: Access) -> None:
    """The API server's own answer, where we may ask for it; else Roles and bindings are evaluated here."""
    try:
        known.reviews[access] = await client.allowed(
            access.verb, access.resource, group=access.group, namespace=access.namespace, account=access.account
        )
    except ClusterError:
        return


def _not_read(known: _Read, unread: Unread, error: ClusterError) -> None:
    known.failures.append(error)
    if error.status == 403:
        known.answers += 1
        known.unread.append(unread._replace(why="the user of this kubeconfig may not read it (403)"))
    else:
        known.unread.append(unread._replace(why=error.what, fix=error.fix))
