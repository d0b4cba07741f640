"""Adapters against servers that speak the providers' public interfaces, by HTTP over loopback."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp.test_utils import TestServer

from devstack.stand_ins.standing import StandIn
from integrations.network import Network

Serve = Callable[[StandIn], Awaitable[str]]


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    network = Network("AlloResto/test", private=True)
    yield network
    await network.close()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a stand-in; its address, without a ``/`` at its end."""
    servers: list[TestServer] = []

    async def started(stand_in: StandIn) -> str:
        server = TestServer(stand_in.app)
        await server.start_server()
        servers.append(server)
        return str(server.make_url("")).rstrip("/")

    yield started
    for server in servers:
        await server.close()
