"""Which lines a node reads as its own, on a real Postgres and Valkey, with a registrar that says yes at once."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from edge_bridge.entrances.sip.registering import trunks
from edge_bridge.entrances.sip.registering.dns import DnsError, Srv, SrvAnswer, SrvQuestions
from edge_bridge.entrances.sip.registering.trunks import TrunkNames
from edge_bridge.entrances.sip.signals import Invite, Refusal, RegisterAnswer, Registration
from edge_bridge.lines import line_book
from edge_bridge.lines.directory import Directory, LineEntry
from edge_bridge.lines.greetings import Greetings
from edge_bridge.lines.line_book import LineBook
from edge_bridge.lines.registrar import DirectRegistrar
from functions.line_assigner import assign
from stores import keys, line_states, lines, live, nodes, restaurants
from stores.ciphers import SipPasswordCipher
from stores.line_states import LineState
from stores.lines import RegistrationStatus
from stores.postgres import Postgres
from stores.redis import Redis, connect
from tests.conftest import Database, Pools
from tests.fakes.proxy import TcpProxy
from tests.integration.edge_bridge.conftest import restaurant
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

OF_A_LOST_NODE = 200
NAMES = TrunkNames(SrvQuestions().ask)  # of addresses alone: nothing is asked
Switch = Callable[[], Awaitable[None]]


@dataclass
class YesTrunk:
    """A ``RegisteringEndpoint`` whose trunk answers 200 a turn of the loop later."""

    registrar: DirectRegistrar | None = None
    there: set[str] = field(default_factory=set)

    def register(self, line: Registration) -> None:
        def answer() -> None:
            assert self.registrar is not None
            self.there.add(line.line_id)
            self.registrar.answered(RegisterAnswer(line.line_id, 200, 120))

        asyncio.get_running_loop().call_soon(answer)

    def unregister(self, line_id: str) -> None:
        self.there.discard(line_id)


class EdgeNode:
    """The book and the registrar of a node, wired as in a worker."""

    def __init__(
        self, name: str, postgres: Postgres, redis: Redis, cipher: SipPasswordCipher, names: TrunkNames = NAMES
    ) -> None:
        self.name = name
        self.trunk = YesTrunk()
        self._postgres = postgres
        self._redis = redis
        self._writing: set[asyncio.Task[None]] = set()
        self._written_at_once = asyncio.Semaphore(4)  # none waits for the pool until that gives up
        self.registrar = self.trunk.registrar = DirectRegistrar(self.trunk, name, self._report, 1000, {"udp"})
        self.book = LineBook(postgres, redis, Greetings(redis), cipher, (), name, None, self._changed, names)

    def _changed(self, directory: Directory) -> None:
        self.registrar.sync(directory.by_id.values())

    def _report(self, line_id: str, generation: int, status: RegistrationStatus, error: str) -> None:
        async def write() -> None:
            async with self._written_at_once, self._postgres.platform() as connection:
                told = await lines.set_registration(connection, line_id, self.name, generation, status, error)
            if told.handed_over:
                await live.lines_changed(self._redis, "assigned")

        task = asyncio.create_task(write())
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def beat(self) -> None:
        async with self._postgres.platform() as connection:
            await nodes.heartbeat(connection, self.name, hostname=self.name)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.beat()
        task = asyncio.create_task(self.book.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.registrar.sync(())
            await asyncio.gather(*self._writing, return_exceptions=True)


@pytest.fixture(autouse=True)
def fast_decryption(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_book, "SPARE_DECRYPTION_REST_S", 0.001)


async def add_lines(postgres: Postgres, cipher: SipPasswordCipher, count: int) -> list[str]:
    owner = restaurant("Many")
    async with postgres.platform() as connection:
        await restaurants.create(connection, owner)
        made = [
            await lines.create(
                connection,
                restaurant_id=owner.id,
                number=f"+3346571{number:04}",
                cipher=cipher,
                sip_domain="127.0.0.1",
                sip_username=f"user-{number}",
                sip_password="secret",
            )
            for number in range(count)
        ]
    return [line.id for line in made]


async def until(condition: Callable[[], bool], within_s: float = 30.0) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)
    return loop.time() - began


async def registered_rows(postgres: Postgres) -> int:
    async with postgres.platform() as connection:
        count: int = await connection.fetchval("select count(*) from sip_registration where status = 'registered'")
    return count


async def test_two_hundred_lines_of_a_lost_node_are_registered_elsewhere_at_once(
    postgres: Pools, redis: Redis, master_key: str
) -> None:
    cipher = SipPasswordCipher(master_key)  # one for all: who derived the keys is not what is looked at
    await add_lines(postgres.platform, cipher, OF_A_LOST_NODE)
    async with postgres.platform.platform() as connection:
        await nodes.heartbeat(connection, "lost", hostname="lost")
    await assign(postgres.platform, redis)
    a, b = (EdgeNode(name, postgres.platform, redis, cipher) for name in "ab")
    async with a.running(), b.running():
        await until(lambda: min(len(node.book._secrets) for node in (a, b)) == OF_A_LOST_NODE, 60)
        assert a.trunk.there == b.trunk.there == set()
        async with postgres.platform.platform() as connection:
            await connection.execute(
                "update sip_bridge_node set last_heartbeat = now() - interval '31 s' where id = 'lost'"
            )
        loop = asyncio.get_running_loop()
        began = loop.time()
        await assign(postgres.platform, redis)
        await until(lambda: len(a.trunk.there | b.trunk.there) == OF_A_LOST_NODE)
        async with asyncio.timeout(PATIENCE_S):
            while await registered_rows(postgres.platform) < OF_A_LOST_NODE:
                await asyncio.sleep(0.02)
        took = loop.time() - began
        assert len(a.trunk.there) == len(b.trunk.there) == OF_A_LOST_NODE // 2
        assert not a.trunk.there & b.trunk.there
    assert took < 10.0


async def test_a_new_node_takes_its_share_and_each_line_is_let_go_only_when_it_has_it(
    postgres: Pools, redis: Redis, master_key: str
) -> None:
    ids = await add_lines(postgres.platform, SipPasswordCipher(master_key), 12)
    a, b = (EdgeNode(name, postgres.platform, redis, SipPasswordCipher(master_key)) for name in "ab")
    async with a.running():
        await assign(postgres.platform, redis)
        await until(lambda: len(a.trunk.there) == 12)
        async with b.running():
            async with asyncio.timeout(PATIENCE_S):
                while (len(a.trunk.there), len(b.trunk.there)) != (6, 6):
                    assert a.trunk.there | b.trunk.there == set(ids)
                    await assign(postgres.platform, redis)
                    await asyncio.sleep(0.02)
            assert not a.trunk.there & b.trunk.there


async def test_who_is_cancelled_as_news_comes_ends(postgres: Pools, redis: Redis, master_key: str) -> None:
    node = EdgeNode("any", postgres.platform, redis, SipPasswordCipher(master_key))
    task = asyncio.create_task(node.book.run())
    await until(lambda: node.book.directory is not None)
    await asyncio.sleep(0.5)  # it waits for news
    node.book.look_now()
    await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=PATIENCE_S)
    assert done


async def test_a_changed_restaurant_is_read_again_at_once_and_the_others_are_not(
    postgres: Pools, redis: Redis, master_key: str
) -> None:
    await add_lines(postgres.platform, SipPasswordCipher(master_key), 1)
    node = EdgeNode("any", postgres.platform, redis, SipPasswordCipher(master_key))

    def limits() -> set[int]:
        directory = node.book.directory
        return {line.restaurant.max_calls for line in directory.by_id.values()} if directory is not None else set()

    async with node.running():
        await until(lambda: bool(limits()))
        async with postgres.platform.platform() as connection:
            owner = await connection.fetchval("update restaurant set max_calls = 77 where name = 'Many' returning id")
        async with asyncio.timeout(PATIENCE_S):
            while (await redis.pubsub_numsub(keys.LINES_CHANGED))[0][1] < 1:
                await asyncio.sleep(0.01)
        await live.restaurant_changed(redis, str(uuid.uuid4()))
        await asyncio.sleep(0.2)
        assert 77 not in limits()
        await live.restaurant_changed(redis, str(owner))
        await until(lambda: limits() == {77}, 5)


async def test_a_trunk_that_is_not_registered_at_calls_its_line_at_every_node(
    postgres: Pools, redis: Redis, master_key: str
) -> None:
    cipher, owner = SipPasswordCipher(master_key), restaurant("Fixed")
    async with postgres.platform.platform() as connection:
        await restaurants.create(connection, owner)
        static, other = [
            await lines.create(
                connection, restaurant_id=owner.id, number=f"+3346571{end}", cipher=cipher, sip_domain=domain
            )
            for end, domain in (("1001", "192.0.2.7"), ("1002", "192.0.2.8:5070"))
        ]
    node = EdgeNode("any", postgres.platform, redis, cipher)
    async with node.running():
        await until(lambda: node.book.directory is not None)
        directory = node.book.directory

    assert directory is not None
    found = directory.find(Invite("+33465711001", "+336", "192.0.2.7"))
    assert isinstance(found, LineEntry)
    assert found.id == static.id
    assert directory.find(Invite("+33465711001", "+336", "192.0.2.8")) == Refusal(403)
    assert isinstance(directory.find(Invite(other.id, "+336", "192.0.2.8")), LineEntry)
    assert node.trunk.there == set()


async def test_a_static_trunk_whose_name_leads_nowhere_is_told_of_and_calls_as_soon_as_it_leads_somewhere(
    postgres: Pools, redis: Redis, master_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_book, "RESOLVE_AGAIN_S", 0.05)
    monkeypatch.setattr(line_book, "REFRESH_S", 3600.0)  # what the next refresh would find is not looked at
    monkeypatch.setattr(trunks, "UNKNOWN_S", 0.05)
    is_away, asked = True, 0

    async def ask(_: str) -> SrvAnswer:
        nonlocal asked
        asked += 1
        if is_away:
            raise DnsError("away")
        return SrvAnswer((Srv(1, 0, 5060, "192.0.2.9"),), 1)

    cipher, owner, names = SipPasswordCipher(master_key), restaurant("Named"), TrunkNames(ask)
    async with postgres.platform.platform() as connection:
        await restaurants.create(connection, owner)
        number, domain = "+33465711004", "trunk.invalid"
        line = await lines.create(connection, restaurant_id=owner.id, number=number, cipher=cipher, sip_domain=domain)
        await lines.tell_unresolved(connection, "not known yet", [line.id], "why")

    async def state() -> LineState:
        async with postgres.platform.platform() as connection:
            (found,) = await line_states.all_of(connection)
        return found

    node = EdgeNode("any", postgres.platform, redis, cipher, names)

    def found() -> LineEntry | Refusal:
        assert node.book.directory is not None
        return node.book.directory.find(Invite(number, "+336", "192.0.2.9"))

    assert (await state()).status is None
    async with node.running(), asyncio.timeout(PATIENCE_S):
        while (await state()).status != "error":
            await asyncio.sleep(0.02)
        assert found() == Refusal(403)
        await assign(postgres.platform, redis)  # it tidies what is said of lines that it gives to nobody
        assert ((await state()).error, (await state()).node) == (line_book.UNRESOLVED, "any")

        is_away = False
        await until(lambda: isinstance(found(), LineEntry))
        while (await state()).status is not None:
            await asyncio.sleep(0.02)

        is_away, before = True, asked
        names._known[domain].until = 0.0  # its time is over
        node.book.look_now()
        await until(lambda: asked > before and names._known[domain].looking is None)
        assert isinstance(found(), LineEntry)


async def test_a_line_with_a_username_and_no_password_says_so(postgres: Pools, redis: Redis, master_key: str) -> None:
    cipher, owner = SipPasswordCipher(master_key), restaurant("Half")
    async with postgres.platform.platform() as connection:
        await restaurants.create(connection, owner)
        await lines.create(
            connection,
            restaurant_id=owner.id,
            number="+33465711003",
            cipher=cipher,
            sip_domain="192.0.2.7",
            sip_username="a",
        )
    node = EdgeNode("any", postgres.platform, redis, cipher)
    async with node.running():
        await assign(postgres.platform, redis)
        async with asyncio.timeout(PATIENCE_S), postgres.platform.platform() as connection:
            while (await line_states.all_of(connection))[0].status != "error":
                await asyncio.sleep(0.02)
            (state,) = await line_states.all_of(connection)
    assert state.error == line_book.NO_PASSWORD


async def test_a_node_that_is_cut_off_from_both_stores_lets_its_lines_go_when_others_have_them(
    database: Database, postgres: Pools, redis: Redis, redis_url: str, master_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_book, "LEASE_S", 0.5)
    monkeypatch.setattr(line_book, "REFRESH_S", 0.1)
    (line_id,) = await add_lines(postgres.platform, SipPasswordCipher(master_key), 1)
    async with _behind_proxies(database, redis_url) as (away_postgres, away_redis, cut, mend):
        node = EdgeNode("cut-off", away_postgres, away_redis, SipPasswordCipher(master_key))
        async with node.running():
            await assign(postgres.platform, redis)
            await until(lambda: node.trunk.there == {line_id})
            async with postgres.platform.platform() as connection:
                await nodes.heartbeat(connection, "other", hostname="other")
            await until(lambda: node.book.others_are_healthy)
            await cut()
            await until(lambda: node.trunk.there == set())
            await mend()
            await until(lambda: node.trunk.there == {line_id})


async def test_a_node_that_is_alone_keeps_its_lines_while_the_stores_are_away(
    database: Database, postgres: Pools, redis: Redis, redis_url: str, master_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_book, "LEASE_S", 0.1)
    monkeypatch.setattr(line_book, "REFRESH_S", 0.1)
    (line_id,) = await add_lines(postgres.platform, SipPasswordCipher(master_key), 1)
    async with _behind_proxies(database, redis_url) as (away_postgres, away_redis, cut, _):
        node = EdgeNode("alone", away_postgres, away_redis, SipPasswordCipher(master_key))
        async with node.running():
            await assign(postgres.platform, redis)
            await until(lambda: node.trunk.there == {line_id})
            looked = 0
            mind = node.book._mind_the_lease

            async def counting() -> None:
                nonlocal looked
                await mind()
                looked += 1

            monkeypatch.setattr(node.book, "_mind_the_lease", counting)
            await cut()
            await until(lambda: looked >= 3)
            assert node.trunk.there == {line_id}


@contextlib.asynccontextmanager
async def _behind_proxies(database: Database, redis_url: str) -> AsyncIterator[tuple[Postgres, Redis, Switch, Switch]]:
    """Both stores, and functions that cut them off and bring them back."""

    def through(url: str, proxy: TcpProxy) -> str:
        there = urlsplit(url)
        return there._replace(netloc=there.netloc.replace(f":{there.port}", f":{proxy.port}")).geturl()

    async with (
        TcpProxy(urlsplit(database.platform_url).port or 0) as to_postgres,
        TcpProxy(urlsplit(redis_url).port or 0) as to_redis,
    ):
        postgres, redis = Postgres(through(database.platform_url, to_postgres)), connect(through(redis_url, to_redis))
        await postgres.open()

        async def cut() -> None:
            await asyncio.gather(to_postgres.go_away(), to_redis.go_away())

        async def mend() -> None:
            await asyncio.gather(to_postgres.come_back(), to_redis.come_back())

        try:
            yield postgres, redis, cut, mend
        finally:
            await postgres.close()
            await redis.aclose()
