"""A watch that goes on: state by state, through disconnects, expired versions and silence.

It lists, watches from there, and when the watch ends for whatever reason it lists again and tells the differences.
So no change is lost, but states in between may be: what comes is where things are, not every step they took.
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic

from cluster.connection import Connection
from cluster.errors import ClusterError
from cluster.kinds import Kind, Object, resource
from cluster.states import Change, S

SILENCE_S = 60.0  # then list again: a connection that died without a word is found out
TRIES = 5
FIRST_DELAY_S = 0.5  # doubled for each failure in a row: 7.5 s in all
STEADY_S = 10.0  # a watch that lasted this long was no failure, however it ended

_PASSING = frozenset({408, 410, 429})


@dataclass(slots=True)
class _Known(Generic[S]):
    """What was told so far, by object name."""

    read: Callable[[Object], S]
    states: dict[str, S] = field(default_factory=dict)

    def replace(self, objects: list[Object]) -> Iterator[Change[S]]:
        names = {item["metadata"]["name"] for item in objects}
        for name in self.states.keys() - names:
            yield Change(self.states.pop(name), gone=True)
        for item in objects:
            yield from self.apply("MODIFIED", item)

    def apply(self, event: str, item: Object) -> Iterator[Change[S]]:
        name = item["metadata"]["name"]
        if event == "DELETED":
            if name in self.states:
                yield Change(self.states.pop(name), gone=True)
        elif event in ("ADDED", "MODIFIED"):
            state = self.read(item)
            if self.states.get(name) != state:
                self.states[name] = state
                yield Change(state)


async def watch(
    connection: Connection, kind: Kind, labels: Mapping[str, str], read: Callable[[Object], S]
) -> AsyncGenerator[Change[S], None]:
    """First everything as it is, then changes. Raises ClusterError for what will not pass, or after TRIES failures."""
    await connection.open()
    known = _Known(read)
    loop = asyncio.get_running_loop()
    failures = 0
    while True:
        started = loop.time()
        try:
            version, objects = await list_objects(connection, kind, connection.namespace, labels)
            for change in known.replace(objects):
                yield change
            async with contextlib.aclosing(_events(connection, kind, labels, version)) as events:
                async for event, item in events:
                    for change in known.apply(event, item):
                        yield change
            failures = 0
        except ClusterError as error:
            failures = 1 if loop.time() - started > STEADY_S else failures + 1
            passes = error.status is None or error.status in _PASSING or error.status >= 500
            if failures >= TRIES or not passes:
                raise
            await asyncio.sleep(FIRST_DELAY_S * 2 ** (failures - 1))


async def list_objects(
    connection: Connection, kind: Kind, namespace: str, labels: Mapping[str, str]
) -> tuple[str, list[Object]]:
    """The list's resource version, and its objects as dicts with ``apiVersion`` and ``kind``."""
    where = namespace if kind.namespaced else ""
    async with connection.asking("list", kind, where) as client:
        listed = client.list(resource(kind), namespace=where or None, labels={**labels} or None)
        # The API leaves these two out of the items of a list.
        objects = [{"apiVersion": kind.api_version, "kind": kind.name, **item} async for item in listed]
        return listed.resourceVersion, objects


async def _events(
    connection: Connection, kind: Kind, labels: Mapping[str, str], version: str
) -> AsyncGenerator[tuple[str, Object], None]:
    """Ends after SILENCE_S without an event."""
    async with connection.asking("watch", kind, connection.namespace, endless=True) as client:
        stream: Any = client.watch(
            resource(kind), labels={**labels} or None, server_timeout=math.ceil(SILENCE_S), resource_version=version
        )
        async with contextlib.aclosing(stream):
            while True:
                try:
                    async with asyncio.timeout(SILENCE_S):
                        event, item = await anext(stream)
                except TimeoutError:
                    return
                yield event, item
