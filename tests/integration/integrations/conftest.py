"""Adapters against servers that speak the providers' public interfaces, by HTTP over loopback."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp.test_utils import TestServer

from devstack.stand_ins.standing import StandIn
from domain.errands import PlaceOrder, TicketLine, TillChoice
from domain.order import Address
from integrations.network import Network

CONFIRMED_AT = datetime(2030, 5, 17, 18, 30, tzinfo=UTC)

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


@pytest.fixture
def placed() -> PlaceOrder:
    """Two large margheritas with olives (which the till knows) and without onions (which it doesn't); a delivery."""
    return PlaceOrder(
        order_id="5b0f3c1e-64f5-4a33-9d0e-0f5a9b6d4b11",
        number=12,
        fulfilment="delivery",
        lines=(
            TicketLine(
                item_id="margherita",
                name="Margherita",
                size="Large",
                quantity=2,
                unit_cents=1450,
                modifiers=("Extra olives", "no Onions"),
                note="well done",
                code="PIZ-M-L",
                within="PIZZAS",
                choices=(TillChoice("OLIVES", "Extra olives", 150, "EXTRAS"),),
            ),
        ),
        fee_cents=300,
        total_cents=3200,
        currency="EUR",
        confirmed_at=CONFIRMED_AT,
        promised_at=CONFIRMED_AT + timedelta(minutes=45),
        customer="Anna",
        phone="+33612345678",
        address=Address("12 rue Neuve", "75002", "Paris"),
        allergies="peanuts",
    )
