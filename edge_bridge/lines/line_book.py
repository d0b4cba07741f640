"""Keeps the directory of lines up to date: from Postgres at start, every REFRESH_S, and when Redis says so."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import replace

import msgspec

from domain.restaurant import Restaurant
from edge_bridge.entrances.sip.signals import host_of
from edge_bridge.lines.directory import Directory, LineEntry
from edge_bridge.lines.greetings import Greetings
from edge_bridge.settings import Network
from process import logs
from process.settings import SettingsError
from stores import lines, nodes, restaurants
from stores.ciphers import CipherError, SipPasswordCipher
from stores.errors import redis_away
from stores.lines import PhoneLine
from stores.postgres import AWAY, Postgres
from stores.redis import Redis

log = logs.get(__name__)

CHANGED_CHANNEL = "lines:changed"
REFRESH_S = 10.0
RESTAURANT_REFRESH_S = 60.0
RESOLVE_REFRESH_S = 60.0
RESOLVE_WITHIN_S = 3.0
LISTEN_AGAIN_S = 2.0


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
            return cls(fields["domain"], fields["username"], fields["password"])
        except (msgspec.DecodeError, KeyError):
            raise SettingsError(["STATIC_LINE: expected a JSON object with domain, username, password"]) from None

    def over(self, line: LineEntry) -> LineEntry | None:
        if self.username not in (line.sip_username, line.number, line.number.lstrip("+")):
            return None
        return replace(line, sip_domain=self.domain, sip_username=self.username, sip_password=self.password)


class LineBook:
    """``directory`` is None until Postgres was read for the first time. ``changed`` is called with each new one."""

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
        self._news = asyncio.Event()
        self._restaurants: dict[str, tuple[float, Restaurant]] = {}
        self._secrets: dict[tuple[str, str], str] = {}
        self._lines: list[LineEntry] = []
        self._resolved: dict[str, tuple[float, frozenset[str]]] = {}
        self._answered_from: dict[str, set[str]] = {}
        self._static_line_missing = False

    async def run(self) -> None:
        """Until cancelled."""

        async def listen() -> None:
            while True:
                try:
                    async with self._redis.pubsub() as channel:
                        await channel.subscribe(CHANGED_CHANNEL)
                        while True:
                            message = await channel.get_message(ignore_subscribe_messages=True, timeout=REFRESH_S)
                            if message is not None:
                                self._news.set()
                except redis_away():
                    await asyncio.sleep(LISTEN_AGAIN_S)

        listening = asyncio.create_task(listen(), name="lines:changed")
        try:
            while True:
                await self._refresh()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), REFRESH_S)
                    self._restaurants.clear()
                self._news.clear()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    def trunk_answered(self, line_id: str, host: str) -> None:
        """A registrar answered from ``host``: INVITEs for its domain may come from there."""
        line = self.directory.by_id.get(line_id) if self.directory is not None else None
        if line is None or not host:
            return
        known = self._answered_from.setdefault(line.sip_domain, set())
        if host not in known:
            known.add(host)
            self._publish()

    def _publish(self) -> None:
        trunks = {domain: addresses for domain, (_, addresses) in self._resolved.items()}
        for domain, hosts in self._answered_from.items():
            trunks[domain] = trunks.get(domain, frozenset()) | hosts
        self.directory = Directory.of(self._lines, self._peers, trunks)
        self._changed(self.directory)

    async def _refresh(self) -> None:
        try:
            found = await self._read()
        except AWAY as error:
            log.warning("lines are not refreshed: Postgres is away", why=type(error).__name__)
            return
        await self._greetings.refresh({line.restaurant.id for line in found})
        found = [replace(line, greeting=self._greetings.of(line.restaurant)) for line in found]
        resolved = await self._resolve({line.sip_domain for line in found if line.registers})
        if found != self._lines or resolved or self.directory is None:
            self._lines = found
            self._publish()

    async def _read(self) -> list[LineEntry]:
        async with self._postgres.platform() as connection:
            stored = await lines.active_lines(connection)
            for line in stored:
                known = self._restaurants.get(line.restaurant_id)
                if known is None or time.monotonic() - known[0] > RESTAURANT_REFRESH_S:
                    restaurant = await restaurants.get(connection, line.restaurant_id)
                    self._restaurants[line.restaurant_id] = (time.monotonic(), restaurant)
                if line.provider == "sip" and line.sip_domain and line.sip_username and line.bridge_node_id is None:
                    # Without an assigner, a line that no node has is this node's.
                    await nodes.heartbeat(connection, self._node_id, hostname=socket.gethostname())
                    await lines.assign(connection, line.id, self._node_id)
        found = [await self._entry(line) for line in stored]
        static = self._static_line
        if static is None:
            return found
        merged = [static.over(line) or line for line in found]
        if merged == found and not self._static_line_missing:
            log.error("no phone line has the number or username of --sip-username; create it first")
        self._static_line_missing = merged == found
        return merged

    async def _entry(self, stored: PhoneLine) -> LineEntry:
        """The line with its password in clear: "" where another node has the line, or it cannot be read."""
        restaurant = self._restaurants[stored.restaurant_id][1]
        ours = stored.bridge_node_id in (None, self._node_id)
        return LineEntry(
            id=stored.id,
            restaurant=restaurant,
            number=stored.number,
            greeting=self._greetings.of(restaurant),
            sip_domain=stored.sip_domain,
            sip_username=stored.sip_username,
            sip_password=await self._in_clear(stored.id, stored.sip_password) if ours else "",
            provider=stored.provider,
            audiosocket_uuid=stored.audiosocket_uuid,
            twilio_auth_token=await self._in_clear(stored.id, stored.twilio_auth_token),
        )

    async def _in_clear(self, line_id: str, sealed: str) -> str:
        if not sealed:
            return ""
        key = (line_id, sealed)
        if key not in self._secrets:  # kept, for a decryption takes 22 ms of a core
            try:
                self._secrets[key] = await asyncio.to_thread(self._cipher.decrypt, *key)
            except CipherError as error:
                log.error("a line's secret cannot be read; the line does not ring here", line=line_id, why=str(error))
                self._secrets[key] = ""
        return self._secrets[key]

    async def _resolve(self, domains: set[str]) -> bool:
        """Look the trunks' names up again; True when an address changed. Keeps the last answer when DNS is away."""
        loop = asyncio.get_running_loop()
        changed = False
        for domain in domains:
            known = self._resolved.get(domain)
            if known is not None and time.monotonic() - known[0] < RESOLVE_REFRESH_S:
                continue
            host = host_of(domain)
            addresses: frozenset[str] = known[1] if known else frozenset()
            try:
                found = await asyncio.wait_for(loop.getaddrinfo(host, None, type=socket.SOCK_DGRAM), RESOLVE_WITHIN_S)
                addresses = frozenset(str(address[4][0]) for address in found) or addresses
            except (OSError, TimeoutError):
                log.warning("a trunk's name cannot be resolved", domain=host)
            changed = changed or known is None or known[1] != addresses
            self._resolved[domain] = (time.monotonic(), addresses)
        return changed
