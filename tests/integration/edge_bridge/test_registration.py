"""Lines at their trunks: real bridges, a real registrar on a socket, and the assigner between them."""

import asyncio
import signal
from collections.abc import AsyncIterator
from itertools import pairwise

import asyncpg
import pytest

from devstack.edge.bridge_process import BridgeProcess
from devstack.edge.sip_registrar import SipRegistrar
from devstack.servers.embedded import EmbeddedValkey
from softphone.caller import Caller
from stores.redis import connect
from tests.conftest import Database
from tests.integration.edge_bridge.conftest import BUSY, Start
from tests.integration.edge_bridge.office import Office, bound, open_office, says, until

pytestmark = pytest.mark.integration


@pytest.fixture
async def office(seeded: Database, valkey_server: EmbeddedValkey, master_key: str) -> AsyncIterator[Office]:
    async with open_office(seeded, valkey_server.url(), master_key) as made:
        yield made


async def test_a_grant_under_a_minute_is_refreshed_at_about_half_of_it(start: Start, office: Office) -> None:
    async with SipRegistrar({"short": "secret"}, granted_s=6) as trunk:
        await office.add(trunk, "short")
        await asyncio.to_thread(start)

        async def thrice() -> bool:
            return len(trunk.taken_at.get("short", ())) >= 3

        await until(thrice)
        gaps = [later - earlier for earlier, later in pairwise(trunk.taken_at["short"])]
    assert all(2.4 <= gap <= 3.6 for gap in gaps), gaps


async def test_a_grant_of_exactly_a_minute_makes_no_storm(start: Start, office: Office) -> None:
    async with SipRegistrar({"minute": "secret"}, granted_s=60) as trunk:
        await office.add(trunk, "minute")
        await asyncio.to_thread(start)
        await until(bound(trunk, "minute"))
        await asyncio.sleep(6.0)  # pjsip's own storm is a REGISTER every 5 s
        assert len(trunk.taken_at["minute"]) == 1


async def test_a_trunk_that_says_when_to_come_back_is_left_alone_until_then(start: Start, office: Office) -> None:
    async with SipRegistrar({"later": "secret"}) as trunk:
        trunk.refusing, trunk.retry_after_s = "503 Service Unavailable", 6
        line_id = await office.add(trunk, "later")
        await asyncio.to_thread(start)
        await until(says(office, line_id, "error", "asks to wait 6 s (503)"))
        trunk.refusing = ""
        await until(bound(trunk, "later"))
        first, second = trunk.asked_at[:2]
        await until(says(office, line_id, "registered"))
    assert second - first >= 6.0


async def test_a_trunk_that_takes_only_sha_256_has_the_line(start: Start, office: Office) -> None:
    async with SipRegistrar({"modern": "secret"}, algorithm="SHA-256") as trunk:
        line_id = await office.add(trunk, "modern")
        await asyncio.to_thread(start)
        await until(says(office, line_id, "registered"))
        assert "modern" in trunk.bindings


async def test_two_hundred_lines_are_registered_on_one_node_from_cold(start: Start, office: Office) -> None:
    users = [f"user-{number}" for number in range(200)]
    async with SipRegistrar(dict.fromkeys(users, "secret")) as trunk:
        await office.add_all(trunk, users)
        await asyncio.to_thread(start)
        await until(bound(trunk, *users))

        async def all_say_so() -> bool:
            return sum((await office.nodes_of_registered()).values()) == 200

        await until(all_say_so)
    assert len({contact for contacts in trunk.contacts.values() for contact in contacts}) == 200


async def test_a_new_line_is_registered_within_two_seconds(start: Start, office: Office) -> None:
    async with SipRegistrar({"first": "secret", "new": "secret"}) as trunk:
        await office.add(trunk, "first")
        await asyncio.to_thread(start)
        await until(bound(trunk, "first"))
        await office.add(trunk, "new")
        assert await until(bound(trunk, "new")) < 2.0


async def test_a_line_switched_off_and_on_during_a_call_is_registered_again_within_five_seconds(
    start: Start, office: Office
) -> None:
    users = [f"user-{number}" for number in range(8)]
    async with SipRegistrar(dict.fromkeys(users, "secret")) as trunk:
        lines = await office.add_all(trunk, users)
        bridge = await asyncio.to_thread(start)
        await until(bound(trunk, *users))
        async with Caller(bridge.target, lines["user-0"]) as caller:
            assert (await caller.invite()).status == 200
            await office.switch(lines["user-3"], False)

            async def gone() -> bool:
                return "user-3" not in trunk.bindings

            await until(gone)
            await office.switch(lines["user-3"], True)
            assert await until(bound(trunk, "user-3")) < 5.0
            assert await until(says(office, lines["user-3"], "registered")) < 5.0
            assert not caller.hung_up.is_set()


async def test_a_changed_password_is_used_at_once(start: Start, office: Office) -> None:
    async with SipRegistrar({"moved": "secret", "stays": "secret"}) as trunk:
        line_id = await office.add(trunk, "moved")
        await office.add(trunk, "stays")
        await asyncio.to_thread(start)
        await until(bound(trunk, "moved", "stays"))
        await until(says(office, line_id, "registered"))
        trunk.passwords["moved"] = "another"
        trunk.bindings.pop("moved")
        await office.set_password(line_id, "another")
        assert await until(bound(trunk, "moved")) < 3.0
        await until(says(office, line_id, "registered"))


async def test_twelve_lines_on_two_nodes_are_six_and_six_and_beyond_max_lines_one_says_that_there_is_no_room(
    start: Start, office: Office
) -> None:
    users = [f"user-{number}" for number in range(17)]
    async with SipRegistrar(dict.fromkeys(users, "secret")) as trunk:
        await asyncio.to_thread(start, BRIDGE_NODE_ID="edge-a", MAX_LINES="8")
        await asyncio.to_thread(start, BRIDGE_NODE_ID="edge-b", MAX_LINES="8")
        await office.add_all(trunk, users[:12])
        await until(bound(trunk, *users[:12]))

        async def all_say_so() -> bool:
            return sum((await office.nodes_of_registered()).values()) == 12

        await until(all_say_so)
        spread = await office.nodes_of_registered()
        await office.add_all(trunk, users[12:16])
        await until(bound(trunk, *users[:16]))
        too_many = await office.add(trunk, users[16])
        await until(says(office, too_many, "error", "no bridge node is up that has room"))
    assert spread == {"edge-a": 6, "edge-b": 6}


async def test_a_draining_node_unregisters_a_line_only_when_the_next_has_it_and_its_call_finishes(
    start: Start, office: Office
) -> None:
    users = [f"user-{number}" for number in range(6)]
    async with SipRegistrar(dict.fromkeys(users, "secret")) as trunk:
        await office.add_all(trunk, users)
        old = await asyncio.to_thread(start, BRIDGE_NODE_ID="edge-old", DRAIN_S="20")
        await until(bound(trunk, *users))
        new = await asyncio.to_thread(start, BRIDGE_NODE_ID="edge-new")
        uncovered: set[str] = set()
        async with Caller(old.target, BUSY) as caller:
            assert (await caller.invite()).status == 200
            assert old.process is not None
            old.process.send_signal(signal.SIGTERM)

            async def handed_over() -> bool:
                uncovered.update(user for user in users if not trunk.contacts[user])
                return all(_only_at(trunk, user, new) for user in users)

            await until(handed_over)
            assert not caller.hung_up.is_set()
        assert await asyncio.to_thread(old.stop, signal.SIGTERM, 30.0) == 0
        assert await office.nodes_of_registered() == {"edge-new": 6}
    assert uncovered == set()


def _only_at(trunk: SipRegistrar, user: str, bridge: BridgeProcess) -> bool:
    contacts = trunk.contacts[user]
    return len(contacts) == 1 and next(iter(contacts)).endswith(f":{bridge.sip_port}")


async def test_a_killed_nodes_lines_are_registered_elsewhere_within_three_seconds_of_being_marked_down(
    start: Start, office: Office, seeded: Database, valkey_server: EmbeddedValkey
) -> None:
    users = [f"user-{number}" for number in range(7)]
    async with SipRegistrar(dict.fromkeys(users, "secret")) as trunk:
        dead = await asyncio.to_thread(start, BRIDGE_NODE_ID="edge-dead")
        await office.add_all(trunk, users)
        await until(bound(trunk, *users))
        assert dead.process is not None
        dead.process.kill()
        alive = await asyncio.to_thread(start, BRIDGE_NODE_ID="edge-alive")
        async with connect(valkey_server.url()) as redis:
            await redis.delete("bridge:edge-dead:heartbeat")
        connection = await asyncpg.connect(seeded.platform_url)
        await connection.execute(
            "update sip_bridge_node set last_heartbeat = now() - interval '31 s' where id = 'edge-dead'"
        )
        await connection.close()

        async def elsewhere() -> bool:
            return all(trunk.bindings.get(user, "").endswith(f":{alive.sip_port}") for user in users)

        assert await until(elsewhere) < 3.0

        async def all_say_so() -> bool:
            return await office.nodes_of_registered() == {"edge-alive": 7}

        await until(all_say_so)
