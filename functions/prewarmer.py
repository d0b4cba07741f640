"""Warms call handlers before the peaks that the call table has taught: each minute, so many as are wanted by then.

What a quarter of an hour brings is the mean of the same quarter of the same weekday in the weeks before, without the
days on which a restaurant was closed. The number goes on the handler's Revision, as its min-scale annotation: on the
PodAutoscaler or the Deployment it would be reverted, in the Service's template it would make a new Revision. A rollout
brings a Revision without it, which the next minute mends. Where nothing is expected the template's own value is given
back, and Knative decides alone.

The functions' image has no Kubernetes client, which would be its heaviest part, so the two requests are made here.
While the prewarmer is away its last number stays: ``PREWARM_CAP`` bounds what that costs.
"""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Protocol

import aiohttp
import msgspec
from prometheus_client import Gauge

from domain import prewarming
from eventing.refusals import TryAgain
from eventing.serving import PlatformSettings, hold_open, run
from eventing.ticks import on_tick
from process import logs
from process.asgi import App
from process.health import Health
from stores import live, rhythms
from stores.postgres import Postgres
from stores.redis import Redis, RedisError, connect

NAME = "prewarmer"
HANDLER = "call-handler"
MIN_SCALE, MAX_SCALE = "autoscaling.knative.dev/min-scale", "autoscaling.knative.dev/max-scale"
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
ASK_WITHIN_S = 5.0

calls_expected = Gauge("prewarm_calls_expected", "Calls at once that are expected in the time that is warmed for.")
pods_wanted = Gauge("prewarm_pods", "Handlers that are kept ready for them; 0 leaves it to Knative.")

log = logs.get(__name__)

Count = Annotated[int, msgspec.Meta(ge=0, le=10_000)]


class Settings(PlatformSettings, frozen=True, kw_only=True):
    """``prewarm_cap`` pods at most are kept ready, 0 for none at all; ``prewarm_buffer`` of them have no call.

    ``prewarm_ahead_quarters``: how many quarters of an hour after the present one are warmed for, which is what a new
    machine takes. ``prewarm_weeks`` are looked back.
    """

    redis_url: str
    prewarm_cap: Count = 200
    prewarm_buffer: Count = 3
    prewarm_ahead_quarters: Annotated[int, msgspec.Meta(ge=0, le=8)] = 1
    prewarm_weeks: Annotated[int, msgspec.Meta(ge=1, le=26)] = 4
    local_runtime_url: str = ""


class Revisions(Protocol):
    """Where handlers' pods are kept."""

    async def keep(self, pods: int) -> str:
        """Keep at least so many, 0: what the template says. Returns the Revision. Raises TryAgain."""


class LocalRuntime:
    """The local Knative runtime, where the number means the same. ``url`` is its own interface on this machine."""

    def __init__(self, url: str) -> None:
        self._url = f"{url.rstrip('/')}/runtime/revisions/{HANDLER}/prewarm"

    async def keep(self, pods: int) -> str:
        async with _session(None) as http, http.post(self._url, json={"pods": pods}) as answer:
            answer.raise_for_status()
        return HANDLER


class Knative:
    """The Kubernetes API, as the pod's own account: to read the handler's Service and to patch its Revision."""

    def __init__(self, environment: Mapping[str, str], account: Path = SERVICE_ACCOUNT) -> None:
        """Raises KeyError outside a pod."""
        server = f"https://{environment['KUBERNETES_SERVICE_HOST']}:{environment['KUBERNETES_SERVICE_PORT']}"
        self._account = account
        self._namespace = (account / "namespace").read_text().strip()
        self._url = f"{server}/apis/serving.knative.dev/v1/namespaces/{self._namespace}"

    async def keep(self, pods: int) -> str:
        headers = {"authorization": f"Bearer {(self._account / 'token').read_text().strip()}"}  # renewed each hour
        trust = ssl.create_default_context(cafile=str(self._account / "ca.crt"))
        async with _session(trust, headers) as http:
            async with http.get(f"{self._url}/services/{HANDLER}") as answer:
                service: dict[str, Any] = await _json(answer, "read the Service")
            wanted = _by_revision(service.get("status", {}), pods)
            if not wanted:
                raise TryAgain(f"no Revision of {HANDLER} is ready")
            template = service["spec"]["template"].get("metadata", {}).get("annotations", {})
            for revision, number in wanted.items():
                patch = {"metadata": {"annotations": {MIN_SCALE: _annotation(number, template)}}}
                async with http.patch(
                    f"{self._url}/revisions/{revision}",
                    data=json.dumps(patch),
                    headers={"content-type": "application/merge-patch+json"},
                ) as answer:
                    await _json(answer, "patch the Revision")
        return " ".join(revision for revision, number in wanted.items() if number == pods)


def _by_revision(status: Mapping[str, Any], pods: int) -> dict[str, int]:
    """All for the Revision that the Service's traffic goes to. One that only a tag leads to, which is on trial or was
    replaced, keeps none: it would keep what it had been given for ever."""
    told = {one["revisionName"]: one for one in status.get("traffic", ()) if "revisionName" in one}
    if not told and status.get("latestReadyRevisionName"):
        told = {status["latestReadyRevisionName"]: {"percent": 100}}
    return {revision: pods if one.get("percent") else 0 for revision, one in told.items()}


def _annotation(pods: int, template: Mapping[str, str]) -> str | None:
    """Never below what the template says, nor above its max-scale (0: none); None takes the annotation away."""
    least, most = template.get(MIN_SCALE), int(template.get(MAX_SCALE, 0))
    bounded = min(pods, most) if most else pods  # Knative refuses a Revision whose min-scale is above its max-scale
    return str(bounded) if bounded > int(least or 0) else least


def _session(trust: ssl.SSLContext | None, headers: Mapping[str, str] | None = None) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(ssl=trust if trust is not None else True)
    timeout = aiohttp.ClientTimeout(total=ASK_WITHIN_S)
    return aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers)


async def _json(answer: aiohttp.ClientResponse, doing: str) -> Any:
    """Raises TryAgain for a refusal, with what Kubernetes says of it."""
    if answer.status >= 400:
        text = (await answer.text())[:300]
        log.error("Kubernetes refuses", doing=doing, status=answer.status, why=text)
        raise TryAgain(f"{doing}: {answer.status}")
    return await answer.json(content_type=None)


def revisions_of(settings: Settings, environment: Mapping[str, str]) -> Revisions | None:
    """The local runtime's where its URL is set, the cluster's in a pod with a token; None where there is neither."""
    if settings.local_runtime_url:
        return LocalRuntime(settings.local_runtime_url)
    if (SERVICE_ACCOUNT / "token").is_file():
        return Knative(environment)
    return None


def main() -> None:
    run(NAME, Settings, build)


def build(settings: Settings) -> App:
    postgres, redis = Postgres(settings.platform_database_url, max_size=2), connect(settings.redis_url)
    app = App(Health(NAME))
    hold_open(app, postgres)
    app.shutdown.append(redis.aclose)
    prewarmer = Prewarmer(postgres, redis, revisions_of(settings, os.environ), settings)

    async def warm() -> None:
        await prewarmer.warm(datetime.now(UTC))

    on_tick(app, "/prewarm-due", warm)
    return app


class Prewarmer:
    """Remembers what it has learnt of the quarters of an hour that it looks at; each is asked for once."""

    def __init__(self, postgres: Postgres, redis: Redis, revisions: Revisions | None, settings: Settings) -> None:
        self._postgres = postgres
        self._redis = redis
        self._revisions = revisions
        self._settings = settings
        self._learnt: dict[datetime, float] = {}

    async def warm(self, now: datetime) -> int:
        """Set what is wanted from ``now`` on; how many pods that are. Raises TryAgain."""
        expected = await self._expected(now)
        try:
            in_progress = await live.count_in_progress(self._redis, now)
        except (RedisError, OSError):
            in_progress = 0  # what is expected alone decides
        pods = prewarming.wanted(expected, in_progress, self._settings.prewarm_buffer, self._settings.prewarm_cap)
        if self._revisions is None:
            raise TryAgain("neither a Kubernetes account nor a local runtime: nothing can be warmed")
        try:
            revision = await self._revisions.keep(pods)
        except (aiohttp.ClientError, OSError) as error:
            raise TryAgain(f"the handlers' cluster is not reached ({type(error).__name__})") from error
        calls_expected.set(expected)
        pods_wanted.set(pods)
        log.info("handlers are kept ready", pods=pods, expected=round(expected, 2), calls=in_progress, on=revision)
        return pods

    async def _expected(self, now: datetime) -> float:
        first = prewarming.quarter_of(now)
        quarters = [first + rhythms.QUARTER * later for later in range(self._settings.prewarm_ahead_quarters + 1)]
        missing = [quarter for quarter in quarters if quarter not in self._learnt]
        self._learnt = {quarter: self._learnt[quarter] for quarter in quarters if quarter in self._learnt}
        if missing:
            async with self._postgres.platform() as connection:
                for quarter in missing:
                    self._learnt[quarter] = await rhythms.expected(connection, quarter, self._settings.prewarm_weeks)
        return max(self._learnt.values())
