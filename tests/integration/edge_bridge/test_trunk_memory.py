"""What a bridge knows of its trunks' addresses when it starts while DNS is away."""

import pytest

from devstack.servers.ports import free_port
from edge_bridge.entrances.sip.registering.dns import DnsError, Srv, SrvAnswer
from edge_bridge.entrances.sip.registering.trunks import TrunkNames
from edge_bridge.lines.trunk_memory import TrunkMemory
from stores import keys
from stores.redis import Redis, connect

pytestmark = pytest.mark.integration

TRUNK = "trunk.invalid"


async def answering(_: str) -> SrvAnswer:
    return SrvAnswer((Srv(10, 0, 5061, "192.0.2.1"), Srv(20, 0, 5062, "192.0.2.2")), 60)


async def away(_: str) -> SrvAnswer:
    raise DnsError("away")


async def test_who_starts_while_dns_is_away_knows_the_trunks_as_they_were(redis: Redis) -> None:
    before, after = (TrunkNames(ask, memory=TrunkMemory(redis)) for ask in (answering, away))
    known = await before.hosts(TRUNK)

    assert await after.hosts(TRUNK) == known == {"192.0.2.1", "192.0.2.2"}
    assert await after.targets(TRUNK) == (("192.0.2.1", 5061), ("192.0.2.2", 5062))
    assert await redis.ttl(keys.trunk_answers(TRUNK)) > 24 * 3600


async def test_what_cannot_be_read_is_as_good_as_nothing(redis: Redis) -> None:
    await redis.set(keys.trunk_answers(TRUNK), b"{")
    assert await TrunkNames(away, memory=TrunkMemory(redis)).hosts(TRUNK) == frozenset()


async def test_without_redis_a_trunk_is_known_once_dns_answers() -> None:
    nowhere = connect(f"redis://127.0.0.1:{free_port()}/0")
    try:
        names = TrunkNames(answering, memory=TrunkMemory(nowhere))
        assert await names.hosts(TRUNK) == {"192.0.2.1", "192.0.2.2"}
    finally:
        await nowhere.aclose()
