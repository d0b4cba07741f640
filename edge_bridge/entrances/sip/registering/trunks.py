"""Where a trunk's requests go (RFC 3263, without NAPTR), and which addresses are its own.

``host:port`` and addresses are taken as they are; a bare domain by its SRV records, in their order, else by its
address at port 5060. What is known is kept for its TTL within bounds, and beyond that while DNS is away, each record by
itself: a trunk of which one nameserver is silent keeps all its addresses. With a memory the last answers outlive the
process: who starts while DNS is away knows the trunks as they were. Of TCP and TLS only the addresses matter: requests
by those leave through Kamailio, which finds its way itself.
"""

import asyncio
import random
import socket
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from domain.trunks import is_plain_host
from edge_bridge.entrances.sip.gate.proxying import is_address
from edge_bridge.entrances.sip.registering.dns import DnsError, Srv, SrvAnswer
from edge_bridge.entrances.sip.signals import host_of, port_of
from process import logs

log = logs.get(__name__)

UDP = "_sip._udp."
ALL_SERVICES = (UDP, "_sip._tcp.", "_sips._tcp.")
DEFAULT_PORT = 5060
SHORTEST_S, LONGEST_S = 10.0, 300.0
ADDRESS_S = 60.0  # the system's resolver tells no TTL
UNKNOWN_S = 5.0  # after an answer that gave nothing
ADDRESS_WITHIN_S = 3.0
KNOWN_WAITS_S = 1.0  # who asks for what was known: other trunks' nameservers may be slow
LOOK_UPS_AT_ONCE = 4
NO_SUCH_NAME = (socket.EAI_NONAME, socket.EAI_NODATA)  # an answer; all other errors are none
MOST_TARGETS = 16
MOST_TRUNKS = 4000
MOST_ADDRESSES = 64  # of one name: the DNS of a line's domain is whoever's that made the line
MOST_HOSTS = 256  # of one trunk

Target = tuple[str, int]
"""An IPv4 address and a port: UDP leaves by the gate's IPv4 socket."""

AskSrv = Callable[[str], Awaitable[SrvAnswer]]

_Found = tuple[tuple[Target, ...], frozenset[str], float]  # targets in order, all addresses, how long they hold


@dataclass(slots=True)
class Answers:
    """The last one to each question that a trunk needs: SRV records by name, addresses by host."""

    srv: dict[str, SrvAnswer] = field(default_factory=dict)
    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)


class AnswerMemory(Protocol):
    """Outlives the process. Neither raises: without it a trunk is known once DNS has answered."""

    async def recall(self, trunk: str) -> Answers | None: ...
    async def keep(self, trunk: str, answers: Answers) -> None: ...


@dataclass(slots=True)
class _Known:
    """``hosts`` are all addresses of all targets, those of IPv6 too. ``is_stale``: one of the ``last`` answers stands
    in for one that did not come."""

    targets: tuple[Target, ...] = ()
    hosts: frozenset[str] = frozenset()
    until: float = 0.0
    looking: "asyncio.Task[None] | None" = None
    resting: dict[Target, float] = field(default_factory=dict)  # until when
    last: Answers = field(default_factory=Answers)
    is_recalled: bool = False  # what an earlier process knew
    is_stale: bool = False


class TrunkNames:
    """``ask_srv`` gives a name's SRV records, or raises DnsError. ``services`` are those that a trunk may call from,
    the first the one of ``targets``."""

    def __init__(self, ask_srv: AskSrv, services: tuple[str, ...] = (UDP,), memory: AnswerMemory | None = None) -> None:
        self._ask_srv = ask_srv
        self._services = services
        self._memory = memory
        self._known: dict[str, _Known] = {}
        self._at_once = asyncio.Semaphore(LOOK_UPS_AT_ONCE)  # the loop has a few threads for them

    async def targets(self, trunk: str) -> tuple[Target, ...]:
        """Where to try, in turn: those that failed of late come last. () when the name leads nowhere."""
        known = await self._look(trunk)
        now = time.monotonic()
        return tuple(sorted(known.targets, key=lambda target: known.resting.get(target, 0.0) > now))

    async def hosts(self, trunk: str) -> frozenset[str]:
        """The addresses that may call in the trunk's name."""
        return (await self._look(trunk)).hosts

    def failed(self, trunk: str, target: Target, rest_s: float) -> None:
        """``target`` does not serve: others of the trunk are tried first for so long."""
        known = self._known.get(trunk)
        if known is not None and target in known.targets:
            known.resting[target] = time.monotonic() + rest_s

    async def _look(self, trunk: str) -> _Known:
        """Many may ask at once for a trunk that is looked up once."""
        if len(self._known) > MOST_TRUNKS:
            self._known = {name: one for name, one in self._known.items() if one.looking is not None}
        known = self._known.setdefault(trunk, _Known())
        if known.until <= time.monotonic():
            if known.looking is None:
                known.looking = asyncio.create_task(self._look_up(trunk, known), name="trunk's name")
            # ``wait`` cancels nothing: who waits no longer does not take the answer from the others.
            done, _ = await asyncio.wait({known.looking}, timeout=KNOWN_WAITS_S if known.hosts else None)
            for looked in done:
                looked.result()
        return known

    async def close(self) -> None:
        looking = [known.looking for known in self._known.values() if known.looking is not None]
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)

    async def _look_up(self, trunk: str, known: _Known) -> None:
        kept_s, known.is_stale = UNKNOWN_S, False
        try:
            if self._memory is not None and not known.is_recalled:
                known.last, known.is_recalled = await self._memory.recall(trunk) or known.last, True
            targets, hosts, kept_s = await self._resolve(trunk, known)
            if targets:
                # The same ones keep their order: a weighted draw at each look would send the lines to and fro.
                known.targets = known.targets if set(targets) == set(known.targets) else targets
            if hosts:
                known.hosts = hosts
            if known.is_stale or not hosts:
                kept_s = UNKNOWN_S
                log.warning("a trunk's name cannot be resolved", domain=host_of(trunk), known=len(known.hosts))
            elif self._memory is not None and (known.last.srv or known.last.addresses):
                await self._memory.keep(trunk, known.last)
        finally:
            known.until = time.monotonic() + kept_s
            known.looking = None

    async def _resolve(self, trunk: str, known: _Known) -> _Found:
        host, port = host_of(trunk).rstrip("."), port_of(trunk)
        if port or is_address(host):
            return _at_port(await self._addresses(host, known), port or DEFAULT_PORT, ADDRESS_S)
        # Together: a nameserver that knows nothing of SRV costs no caller of a plain name a second wait.
        asked = asyncio.gather(*(self._srv(service + host, known) for service in self._services))
        addresses, answers = await asyncio.gather(self._addresses(host, known), asked)
        found = [await self._served(srv, addresses, known) for srv in answers]
        hosts = frozenset().union(*(one[1] for one in found))
        return found[0][0], frozenset(sorted(hosts)[:MOST_HOSTS]), min(one[2] for one in found)

    async def _served(self, srv: SrvAnswer | None, addresses: tuple[str, ...], known: _Known) -> _Found:
        """Of one service; ``addresses`` are the name's own, for where it has no records."""
        if srv is None or not srv.records:
            return _at_port(addresses, DEFAULT_PORT, ADDRESS_S if srv is None else min(ADDRESS_S, srv.ttl_s))
        ordered = in_order(srv.records)[:MOST_TARGETS]
        found = await asyncio.gather(*(self._addresses(record.target, known) for record in ordered))
        targets = [
            (address, record.port)
            for record, addresses in zip(ordered, found, strict=True)
            for address in addresses
            if ":" not in address
        ]
        hosts = frozenset(address for addresses in found for address in addresses)
        return tuple(dict.fromkeys(targets)), hosts, min(max(srv.ttl_s, SHORTEST_S), LONGEST_S)

    async def _srv(self, name: str, known: _Known) -> SrvAnswer | None:
        try:
            known.last.srv[name] = await self._ask_srv(name)
        except DnsError:
            known.is_stale = known.is_stale or name in known.last.srv
        return known.last.srv.get(name)

    async def _addresses(self, host: str, known: _Known) -> tuple[str, ...]:
        """As the system has them: its hosts file and its search domains count, too. () when there are none, and for
        an odd spelling of one, which the system would take."""
        if not is_plain_host(host):
            return ()
        if is_address(host):
            return (host,)
        loop = asyncio.get_running_loop()
        try:
            async with self._at_once:
                looking = loop.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
                found = await asyncio.wait_for(looking, ADDRESS_WITHIN_S)
        except (OSError, TimeoutError, UnicodeError) as error:
            if isinstance(error, socket.gaierror) and error.errno in NO_SUCH_NAME:
                known.last.addresses.pop(host, None)
            known.is_stale = known.is_stale or host in known.last.addresses
            return known.last.addresses.get(host, ())
        addresses = tuple(dict.fromkeys(str(one[4][0]) for one in found))
        if len(addresses) > MOST_ADDRESSES:
            # Sorted: nameservers turn their answers round, and the trunk's addresses are the same each time.
            addresses = tuple(sorted(addresses)[:MOST_ADDRESSES])
        if len(known.last.addresses) > 2 * MOST_TARGETS:  # of targets that the trunk has no more
            known.last.addresses.clear()
        known.last.addresses[host] = addresses
        return addresses


def _at_port(addresses: Collection[str], port: int, ttl_s: float) -> _Found:
    targets = tuple((address, port) for address in addresses if ":" not in address)
    return targets, frozenset(addresses), max(ttl_s, SHORTEST_S)


def in_order(records: Iterable[Srv]) -> list[Srv]:
    """By priority, and among equals drawn by weight (RFC 2782). A target "." says that there is no service."""
    left = sorted((one for one in records if one.target not in ("", ".")), key=lambda one: (one.priority, one.weight))
    ordered: list[Srv] = []
    while left:
        equals = [one for one in left if one.priority == left[0].priority]
        drawn = random.uniform(0, sum(one.weight for one in equals))
        for chosen in equals:
            drawn -= chosen.weight
            if drawn <= 0:
                break
        ordered.append(chosen)
        left.remove(chosen)
    return ordered
