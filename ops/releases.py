"""A release of the call handler, step by step: hold the traffic, try a share, promote or withdraw.

What takes calls is a Revision, and the one that was tried is the one that is promoted. Knative's own percentages choose
by chance for each request; here they stay at 100 for the stable Revision, and bridges choose by restaurant, with the
URLs that tags give the Revisions. So to take a candidate back needs no Kubernetes, only a row.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import aiohttp

from cluster.client import KnativeClient
from cluster.kinds import SERVICE, Object
from stores import releases
from stores.errors import NotFoundError
from stores.postgres import Connection
from stores.releases import Release

HANDLER = "call-handler"
TAGGED_WITHIN_S = 60.0
LOOK_EVERY_S = 0.2
ASK_WITHIN_S = 10.0

Traffic = Sequence[Mapping[str, Any]]


class ReleaseError(RuntimeError):
    """One line for the operator: what is in the way, and what to do."""


class Handlers(Protocol):
    """Where the handler's Service is. Both raise what their clients raise."""

    async def service(self) -> Object | None: ...

    async def route(self, traffic: Traffic) -> None: ...


class ClusterHandlers:
    def __init__(self, client: KnativeClient) -> None:
        self._client = client

    async def service(self) -> Object | None:
        return await self._client.get(SERVICE.api_version, SERVICE.name, HANDLER)

    async def route(self, traffic: Traffic) -> None:
        await self._client.route(HANDLER, traffic)


class LocalHandlers:
    """``url`` is the local Knative runtime's own."""

    def __init__(self, url: str) -> None:
        self._url = f"{url.rstrip('/')}/runtime/services/{HANDLER}"

    async def service(self) -> Object | None:
        async with _session() as http, http.get(self._url) as answer:
            return None if answer.status == 404 else dict(await answer.json())

    async def route(self, traffic: Traffic) -> None:
        async with _session() as http, http.patch(self._url, json={"spec": {"traffic": traffic}}) as answer:
            answer.raise_for_status()


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_WITHIN_S))


async def hold(handlers: Handlers) -> str:
    """Keep all calls on the Revision that has them, whatever is deployed next; gives its name. Once is enough."""
    service = await _service(handlers)
    stable = _with_all_traffic(service)
    if _follows_newest(service):
        await handlers.route([_target(stable, 100)])
    return stable


async def begin(handlers: Handlers, connection: Connection, share: int) -> Release:
    """Have the newest Revision take ``share`` per cent of the restaurants' calls. Raises ReleaseError."""
    known = await releases.latest(connection)
    if known is not None and known.state == "trial":
        raise ReleaseError(f"{known.candidate} is on trial: release share, promote or withdraw")
    service = await _service(handlers)
    stable, candidate = _with_all_traffic(service), service["status"].get("latestCreatedRevisionName", "")
    if _follows_newest(service):
        raise ReleaseError("the traffic follows the newest Revision: release hold, then deploy, then release try")
    if candidate == stable:
        raise ReleaseError(f"{stable} is the newest Revision and has all calls already: deploy first")
    if service["status"].get("latestReadyRevisionName") != candidate:
        raise ReleaseError(f"{candidate} is not ready: kubectl describe revision {candidate}")
    await handlers.route([_target(stable, 100), _target(candidate, 0)])
    urls = await _tagged(handlers, (stable, candidate))
    return await releases.begin(
        connection,
        stable=stable,
        candidate=candidate,
        stable_url=urls[stable],
        candidate_url=urls[candidate],
        share=share,
    )


async def promote(handlers: Handlers, connection: Connection) -> Release:
    """The candidate takes all calls; the stable Revision keeps those that it has. Raises ReleaseError."""
    release = await releases.latest(connection)
    if release is None or release.state != "trial":
        raise ReleaseError("no release is on trial")
    # Whoever asks the Service meanwhile is answered by one of the two.
    await handlers.route([_target(release.candidate, 100), _target(release.stable, 0)])
    return await releases.settle(connection, "promoted")


async def share(connection: Connection, per_cent: int) -> Release:
    try:
        return await releases.set_share(connection, per_cent)
    except NotFoundError:
        raise ReleaseError("no release is on trial") from None


async def withdraw(connection: Connection) -> Release:
    """The candidate takes no calls any more; those that it has go on. Also what ends the alert after a return."""
    try:
        return await releases.settle(connection, "withdrawn")
    except NotFoundError:
        raise ReleaseError("no release is on trial, and none was returned") from None


async def _service(handlers: Handlers) -> Object:
    service = await handlers.service()
    if service is None:
        raise ReleaseError(f"there is no Service {HANDLER}: name its --namespace")
    return service


def _follows_newest(service: Object) -> bool:
    traffic = service.get("spec", {}).get("traffic")
    return not traffic or any(target.get("latestRevision") for target in traffic)


def _with_all_traffic(service: Object) -> str:
    whole = [one["revisionName"] for one in service.get("status", {}).get("traffic", ()) if one.get("percent") == 100]
    if len(whole) != 1:
        raise ReleaseError(f"no Revision of {HANDLER} has all of its traffic: kubectl get ksvc {HANDLER} -o yaml")
    return str(whole[0])


def _target(revision: str, percent: int) -> dict[str, Any]:
    return {"revisionName": revision, "percent": percent, "tag": tag_of(revision)}


def tag_of(revision: str) -> str:
    """``call-handler-00007`` → ``r00007``: a Revision has one for its life, so a call finds its own again."""
    return f"r{revision.rpartition('-')[2]}"


async def _tagged(handlers: Handlers, wanted: Sequence[str]) -> dict[str, str]:
    """Each Revision's own URL, once Knative has made it. Raises ReleaseError."""
    deadline = time.monotonic() + TAGGED_WITHIN_S
    while time.monotonic() < deadline:
        told = (await _service(handlers))["status"].get("traffic", ())
        urls = {one["revisionName"]: one["url"] for one in told if one.get("url")}
        if all(revision in urls for revision in wanted):
            return urls
        await asyncio.sleep(LOOK_EVERY_S)
    raise ReleaseError(f"Knative has given {' and '.join(wanted)} no URLs: kubectl describe route {HANDLER}")
