"""Which cluster ``pytest -m cluster`` rings, and what keeps a call to it from working: looked for before any call.

What a test needs of a cluster, and this machine may not have: its Postgres and Redis (their URLs in the Secrets are
often names that only the cluster knows), its call handler's Service, its API server; and for the pods, an address of
this machine to dial back to. Each missing one is one line with its fix, all of them at once.
"""

from __future__ import annotations

import asyncio
import base64
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from cluster.client import KnativeClient
from cluster.errors import ClusterError
from devstack.servers.ports import port_problem
from devstack.stack.running import DialableLine
from domain import hours
from stores import restaurants
from stores.postgres import Postgres

RESTAURANT = "Harbour Pizza"
REACHED_WITHIN_S = 5.0
NEEDED = (("delete", "pods"), ("list", "pods"), ("patch", "pods"), ("get", "secrets"))
LINE_QUERY = (
    "select l.id, l.restaurant_id, l.number, r.language from phone_line l join restaurant r on r.id = l.restaurant_id"
    " where r.name = $1 and l.is_active and l.provider = 'sip' order by l.created_at limit 1"
)


class TargetError(Exception):
    """The cluster cannot be rung: a line a problem, each with its fix."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of the command line, as given; empty where one was not."""

    kubeconfig: str
    call_sink: str
    bridge_host: str
    namespace: str = "alloresto"
    database_url: str = ""
    redis_url: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """``database_url`` is the platform role's. ``line`` is the phone line that is rung."""

    kubeconfig: Path
    namespace: str
    call_sink: str
    bridge_host: str
    database_url: str
    redis_url: str
    master_key: str
    line: DialableLine


async def find(asked: Asked) -> Target:
    """Raises TargetError."""
    kubeconfig = Path(asked.kubeconfig)
    try:
        async with KnativeClient(asked.namespace, kubeconfig=kubeconfig) as client:
            problems = await _forbidden(client)
            secrets = _Secrets(client)
            database_url = asked.database_url or await secrets.read("alloresto-database", "PLATFORM_DATABASE_URL")
            redis_url = asked.redis_url or await secrets.read("alloresto-redis", "REDIS_URL")
            master_key = await secrets.read("alloresto-keys", "MASTER_KEY")
    except ClusterError as error:
        raise TargetError(str(error)) from None
    problems += secrets.problems + await _unreachable(asked, database_url, redis_url)
    if problems:
        raise TargetError("\n".join(problems))
    return Target(
        kubeconfig,
        asked.namespace,
        asked.call_sink,
        asked.bridge_host,
        database_url,
        redis_url,
        master_key,
        await _open_line(database_url),
    )


async def _forbidden(client: KnativeClient) -> list[str]:
    return [
        f"--kubeconfig: its user may not {verb} {what} in {client.namespace}; use one who may"
        for verb, what in NEEDED
        if not await client.allowed(verb, what)
    ]


class _Secrets:
    """Values of the namespace's Secrets; what is not there is a problem."""

    def __init__(self, client: KnativeClient) -> None:
        self._client = client
        self.problems: list[str] = []

    async def read(self, name: str, key: str) -> str:
        secret = await self._client.get("v1", "Secret", name)
        value = ((secret or {}).get("data") or {}).get(key)
        if value is None:
            namespace = self._client.namespace
            lacks = f"Secret {name} has no {key}" if secret else f"there is no Secret {name}"
            self.problems.append(f"{namespace}: {lacks}; make it as the quickstart says, or give --cluster-namespace")
            return ""
        return base64.b64decode(value).decode()


async def _unreachable(asked: Asked, database_url: str, redis_url: str) -> list[str]:
    """Postgres, Redis and the call handler from here; the address that the pods are to dial from there."""
    forward = f"kubectl --namespace {asked.namespace} port-forward"
    gateway = "kubectl --namespace kourier-system port-forward service/kourier-internal 8081:80"
    answers = await asyncio.gather(
        _silent("--cluster-database-url", database_url, 5432, f"{forward} service/postgres 15432:5432"),
        _silent("--cluster-redis-url", redis_url, 6379, f"{forward} service/redis 16379:6379"),
        _silent("--call-sink", asked.call_sink, 80, gateway),
    )
    problems = [problem for problem in answers if problem]
    not_ours = port_problem(socket.SOCK_STREAM, asked.bridge_host, 0)
    if not_ours:
        problems.append(
            f"--bridge-host {asked.bridge_host}: {not_ours}; it must be an address of this machine that the cluster's"
            " pods can reach, such as the gateway of kind's network"
        )
    return problems


async def _silent(option: str, url: str, usual_port: int, forward: str) -> str:
    """In words, that nothing answers at ``url`` from this machine; empty when something does."""
    if not url:
        return ""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or usual_port
    try:
        async with asyncio.timeout(REACHED_WITHIN_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        return (
            f"{option}: {host}:{port} does not answer from this machine ({error or 'no answer'}); where that is a name"
            f" of the cluster's own: {forward}, and give {option} with the forwarded port"
        )
    writer.close()
    return ""


async def _open_line(database_url: str) -> DialableLine:
    """The seeded restaurant's line. Raises TargetError where there is none, or nobody would be served now."""
    seed = "./alloresto seed --always-open (with the cluster's PLATFORM_DATABASE_URL and MASTER_KEY)"
    postgres = Postgres(database_url)
    await postgres.open(timeout_s=REACHED_WITHIN_S)
    try:
        async with postgres.platform() as connection:
            row = await connection.fetchrow(LINE_QUERY, RESTAURANT)
            if row is None:
                raise TargetError(f"--cluster-database-url: {RESTAURANT} has no phone line there; run {seed}")
            restaurant = await restaurants.get(connection, row["restaurant_id"])
    finally:
        await postgres.close()
    if not hours.is_open(restaurant, datetime.now(UTC)):
        raise TargetError(f"{RESTAURANT} is closed now, and takes no orders; run {seed}")
    return DialableLine(RESTAURANT, row["restaurant_id"], row["language"], row["id"], row["number"])
