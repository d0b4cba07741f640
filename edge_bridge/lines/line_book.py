"""Keeps the directory of lines up to date: from Postgres at start, and whenever Redis says that lines changed.

Every REFRESH_S it is read again all the same: a word in Redis may get lost. A node that hears of neither Postgres nor
Redis for LEASE_S is taken for dead by then, and its lines are given to others: where there are others it lets its
lines go, so that none is registered twice.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import msgspec

from domain.restaurant import Restaurant
from domain.trunks import PLAIN, InvalidTrunkError, check_account
from edge_bridge.entrances.sip.registering.trunks import TrunkNames
from edge_bridge.lines.directory import Directory, LineEntry
from edge_bridge.lines.greetings import Greetings
from edge_bridge.settings import Network
from process import logs
from process.settings import SettingsError
from stores import keys, lines, nodes, restaurants
from stores.ciphers import CipherError, SipPasswordCipher
from stores.errors import redis_away
from stores.lines import PhoneLine
from stores.postgres import AWAY, Postgres
from stores.redis import Redis

SealedSecret = tuple[str, str]  # of the line with this id, as stored

log = logs.get(__name__)

REFRESH_S = 10.0
LEASE_S = 30.0  # after as much silence the assigner marks a node as down
DECRYPTIONS_AT_ONCE = 2
DECRYPTIONS_A_LOOK = 40  # half a second: a node of a thousand lines takes calls before it has all their passwords
SPARE_DECRYPTION_REST_S = 0.1  # a fifth of a core, until all are known
RESTAURANT_REFRESH_S = 60.0
RESOLVE_WITHIN_S = 4.0
RESOLVE_AGAIN_S = 2.0  # of names that lead nowhere yet
LISTEN_AGAIN_S = 2.0
UNREADABLE = "the stored SIP password cannot be read with this MASTER_KEY: enter it again"
# With the status that stands for it, as in what registrars are said to have answered (``registrar.WORDS``).
UNRESOLVED = "the trunk's name leads to no address, so its calls are refused as a stranger's (478)"
NO_PASSWORD = "the line has a username and no SIP password: enter it"


class StaticLine:
    """A trunk account from the command line, as the old bridge took it: it goes before the stored credentials of
    the line with that username or number."""

    def __init__(self, domain: str, username: str, password: str) -> None:
        self.domain = domain
        self.username = username
        self.password = password

    @classmethod
    def parse(cls, encoded: str) -> "StaticLine | None":
        """From ``STATIC_LINE``; None for "". Raises SettingsError."""
        if not encoded:
            return None
        try:
            fields = msgspec.json.decode(encoded, type=dict[str, str])
            line = cls(fields["domain"], fields["username"], fields["password"])
            check_account(line.domain, line.username, PLAIN)
        except (msgspec.DecodeError, KeyError):
            raise SettingsError(["STATIC_LINE: expected a JSON object with domain, username, password"]) from None
        except InvalidTrunkError as error:
            raise SettingsError([f"STATIC_LINE: {error}"]) from None
        return line

    def over(self, line: LineEntry) -> LineEntry | None:
        if self.username not in (line.sip_username, line.number, line.number.lstrip("+")):
            return None
        return replace(
            line, sip_domain=self.domain, sip_username=self.username, sip_password=self.password, held=True, problem=""
        )


class LineBook:
    """``directory`` is None until Postgres was read for the first time. ``changed`` is called with each new one.

    ``others_are_healthy``: there are nodes that this one's lines can go to.
    """

    def __init__(
        self,
        postgres: Postgres,
        redis: Redis,
        greetings: Greetings,
        cipher: SipPasswordCipher,
        peers: tuple[Network, ...],
        node_id: str,
        static_line: StaticLine | None,
        changed: Callable[[Directory], None],
        names: TrunkNames,
    ) -> None:
        self.directory: Directory | None = None
        self._postgres = postgres
        self._redis = redis
        self._greetings = greetings
        self._cipher = cipher
        self._peers = peers
        self._node_id = node_id
        self._static_line = static_line
        self._changed = changed
        self._names = names
        self._news = asyncio.Event()
        self._restaurants: dict[str, tuple[float, Restaurant]] = {}
        self._secrets: dict[SealedSecret, str] = {}
        self._lines: list[LineEntry] = []
        self._resolved: dict[str, frozenset[str]] = {}  # by the trunk's name
        self._answered_from: dict[str, set[str]] = {}
        self._told_unresolved: list[str] | None = None
        self._static_line_missing = False
        self._stored: list[PhoneLine] = []
        self._edited = False
        self._stale: set[str] = set()  # restaurants
        self._started = False
        self._heard_at = time.monotonic()
        self.others_are_healthy = False

    async def run(self) -> None:
        """Until cancelled."""

        async def listen() -> None:
            while True:
                try:
                    async with self._redis.pubsub() as channel:
                        await channel.subscribe(keys.LINES_CHANGED)
                        self._news.set()  # what was said while nobody listened
                        while True:
                            message = await channel.get_message(ignore_subscribe_messages=True, timeout=REFRESH_S)
                            if message is not None:
                                self._hear(message["data"].decode())
                except redis_away():
                    await asyncio.sleep(LISTEN_AGAIN_S)

        beside = [
            asyncio.create_task(listen(), name=keys.LINES_CHANGED),
            asyncio.create_task(self._decrypt_spares(), name="spare passwords"),
            asyncio.create_task(self._resolve_again(), name="trunks' names"),
        ]
        try:
            while True:
                self._news.clear()
                await self._refresh()
                # Not by wait_for: in 3.11 it forgets a cancellation that comes with the news.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(REFRESH_S):
                        await self._news.wait()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    def _hear(self, what: str) -> None:
        if what.startswith(keys.OF_RESTAURANT):
            self._stale.add(what.removeprefix(keys.OF_RESTAURANT))
        else:
            self._edited = self._edited or what != "assigned"
        self._news.set()

    def look_now(self) -> None:
        """Read the lines again without waiting for a word in Redis."""
        self._news.set()

    def trunk_answered(self, line_id: str, host: str) -> None:
        """A registrar answered from ``host``: INVITEs for its domain may come from there."""
        line = self.directory.by_id.get(line_id) if self.directory is not None else None
        if line is None or not host:
            return
        known = self._answered_from.setdefault(line.trunk_name, set())
        if host not in known:
            known.add(host)
            self._publish()

    def _publish(self) -> None:
        trunks = dict(self._resolved)
        for trunk, hosts in self._answered_from.items():
            trunks[trunk] = trunks.get(trunk, frozenset()) | hosts
        self.directory = Directory.of(self._lines, self._peers, trunks)
        self._changed(self.directory)

    async def _refresh(self) -> None:
        try:
            found = await self._read()
        except AWAY as error:
            log.warning("lines are not refreshed: Postgres is away", why=type(error).__name__)
            await self._mind_the_lease()
            return
        self._heard_at = time.monotonic()
        await self._greetings.refresh({line.restaurant.id for line in found})
        found = [replace(line, greeting=self._greetings.of(line.restaurant)) for line in found]
        resolved = await self._resolve([line for line in found if line.has_trunk])
        trunks = {line.trunk_name for line in found if line.has_trunk}
        self._resolved = {trunk: hosts for trunk, hosts in self._resolved.items() if trunk in trunks}
        if found != self._lines or resolved or self.directory is None:
            self._lines = found
            self._publish()
        await self._tell_unresolved()

    async def _mind_the_lease(self) -> None:
        try:
            await self._redis.ping()
            self._heard_at = time.monotonic()  # so do the assigner's ears: Redis has our heartbeats
        except redis_away():
            if time.monotonic() - self._heard_at < LEASE_S or not self.others_are_healthy:
                return
            if any(line.held for line in self._lines):
                log.error("cut off from Postgres and Redis: the lines are let go, other nodes have them by now")
                self._lines = [replace(line, held=False) for line in self._lines]
                self._publish()

    async def _read(self) -> list[LineEntry]:
        if self._edited:
            self._edited = False
            self._restaurants.clear()
        while self._stale:
            self._restaurants.pop(self._stale.pop(), None)
        async with self._postgres.platform() as connection:
            if not self._started:
                await lines.node_started(connection, self._node_id)
            stored = list(await lines.ringing_lines(connection))
            for line in stored:
                known = self._restaurants.get(line.restaurant_id)
                if known is None or time.monotonic() - known[0] > RESTAURANT_REFRESH_S:
                    restaurant = await restaurants.get(connection, line.restaurant_id)
                    self._restaurants[line.restaurant_id] = (time.monotonic(), restaurant)
            self.others_are_healthy = await nodes.others_are_healthy(connection, self._node_id)
        self._started = True
        self._stored = stored
        unread = [secret for line in stored for secret in self._secrets_here(line) if secret not in self._secrets]
        await self._decrypt(unread[:DECRYPTIONS_A_LOOK])
        if len(unread) > DECRYPTIONS_A_LOOK:
            self._news.set()
        found = [self._entry(line) for line in stored]
        static = self._static_line
        if static is None:
            return found
        merged = [static.over(line) or line for line in found]
        if merged == found and not self._static_line_missing:
            log.error("no phone line has the number or username of --sip-username; create it first")
        self._static_line_missing = merged == found
        return merged

    def _has(self, stored: PhoneLine) -> bool:
        return self._node_id in (stored.bridge_node_id, stored.leaving_node_id)

    def _entry(self, stored: PhoneLine) -> LineEntry:
        """With its password in clear where this node has the line."""
        restaurant = self._restaurants[stored.restaurant_id][1]
        held = self._has(stored)
        # None: not decrypted yet, in which case the next look has it.
        password = self._secrets.get((stored.id, stored.sip_password)) if held else ""
        return LineEntry(
            id=stored.id,
            restaurant=restaurant,
            number=stored.number,
            greeting=self._greetings.of(restaurant),
            sip_domain=stored.sip_domain,
            sip_username=stored.sip_username,
            sip_password=password or "",
            held=held,
            generation=stored.generation,
            problem=_problem(stored, password) if held else "",
            provider=stored.provider,
            audiosocket_uuid=stored.audiosocket_uuid,
            twilio_auth_token=self._secrets.get((stored.id, stored.twilio_auth_token), ""),
            trunk=stored.trunk,
            is_active=stored.is_active,
            transfers=stored.transfers,
            asked_at=stored.asked_at,
        )

    def _secrets_here(self, stored: PhoneLine) -> Iterator[SealedSecret]:
        """What this node needs in clear: its lines' passwords, and the tokens of Twilio, which calls every node."""
        if stored.sip_password and self._has(stored):
            yield stored.id, stored.sip_password
        if stored.twilio_auth_token:
            yield stored.id, stored.twilio_auth_token

    async def _decrypt(self, wanted: Iterable[SealedSecret]) -> None:
        """Have these at hand. A decryption is 22 ms of a core."""
        gate = asyncio.Semaphore(DECRYPTIONS_AT_ONCE)

        async def one(secret: SealedSecret) -> None:
            try:
                async with gate:
                    self._secrets[secret] = await asyncio.to_thread(self._cipher.decrypt, *secret)
            except CipherError as error:
                log.error("a line's secret cannot be read; the line does not ring here", line=secret[0], why=str(error))
                self._secrets[secret] = ""

        await asyncio.gather(*(one(secret) for secret in wanted if secret not in self._secrets))

    async def _decrypt_spares(self) -> None:
        """Slowly, those of other nodes' lines too: a lost node's 200 lines would else wait 4 s for their keys."""
        while True:
            await asyncio.sleep(SPARE_DECRYPTION_REST_S)
            current = {(line.id, line.sip_password) for line in self._stored if line.sip_password}
            tokens = {(line.id, line.twilio_auth_token) for line in self._stored if line.twilio_auth_token}
            for key in self._secrets.keys() - current - tokens:
                del self._secrets[key]
            spare = next((key for key in current if key not in self._secrets), None)
            if spare is not None:
                await self._decrypt([spare])

    async def _resolve(self, with_trunk: Iterable[LineEntry]) -> bool:
        """Look the trunks' names up again; True when an address changed. Keeps what is known while DNS is away, which
        nobody's lines wait for longer than RESOLVE_WITHIN_S."""

        async def hosts(line: LineEntry) -> frozenset[str]:
            names = filter(None, (line.sip_domain, line.trunk.outbound_proxy))
            try:
                async with asyncio.timeout(RESOLVE_WITHIN_S):
                    return frozenset().union(*await asyncio.gather(*map(self._names.hosts, names)))
            except TimeoutError:
                return frozenset()

        trunks = {line.trunk_name: line for line in with_trunk}
        found = dict(zip(trunks, await asyncio.gather(*map(hosts, trunks.values())), strict=True))
        before = self._resolved
        self._resolved = before | {trunk: found[trunk] or before.get(trunk, frozenset()) for trunk in trunks}
        return before != self._resolved

    async def _resolve_again(self) -> None:
        """Until a trunk's name leads somewhere its calls are a stranger's: they do not wait for the next refresh."""
        while True:
            await asyncio.sleep(RESOLVE_AGAIN_S)
            unknown = [line for line in self._lines if line.has_trunk and not self._resolved.get(line.trunk_name)]
            if unknown and await self._resolve(unknown):
                self._publish()
                await self._tell_unresolved()

    async def _tell_unresolved(self) -> None:
        """Have the state of lines say it that only their trunks' addresses call, and those are not known."""
        unresolved = [line.id for line in self._lines if line.is_static and not self._resolved.get(line.trunk_name)]
        if not unresolved and self._told_unresolved == []:
            return
        try:
            async with self._postgres.platform() as connection:
                await lines.tell_unresolved(connection, self._node_id, unresolved, UNRESOLVED)
        except AWAY as error:
            log.warning("lines' states are not told: Postgres is away", why=type(error).__name__)
        else:
            self._told_unresolved = unresolved


def _problem(stored: PhoneLine, password: str | None) -> str:
    """Why a line can't be registered; None for ``password``: not decrypted yet."""
    if stored.sip_domain and stored.sip_username and not stored.sip_password:
        return NO_PASSWORD
    return UNREADABLE if stored.sip_password and password == "" else ""
