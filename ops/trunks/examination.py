"""A trunk examined from this machine: its name, its answer to OPTIONS, its answer to REGISTER; all within WITHIN_S."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from cluster.rules import Finding
from domain.trunks import Transport
from edge_bridge.entrances.sip.gate.message import Message
from edge_bridge.entrances.sip.registering import digests
from edge_bridge.entrances.sip.registering.dns import Srv, SrvQuestions
from ops.trunks import places
from ops.trunks.asking import Address, Heard, TrunkSocket
from ops.trunks.places import SIP_PORT, TLS_PORT, Trunk
from ops.trunks.words import meaning

WITHIN_S = 8.0  # all of it
NAMES_WITHIN_S = 1.5  # once for SRV, once for the address
ANSWER_WITHIN_S = 1.6  # of each request: sent at 0, 0.5 and 1.5 s
MOST_SKEW_S = 60.0  # a trunk's nonces, and TLS, may depend on the time

NO_ANSWER = "no call comes in and none goes out: to callers the line does not exist"


@dataclass(frozen=True, slots=True)
class Account:
    """``auth_user`` is digest's user, mostly the same as ``user``. With "" for ``user`` only OPTIONS is asked."""

    user: str = ""
    auth_user: str = ""
    password: str = field(default="", repr=False)


async def examine(
    trunk: Trunk, account: Account, questions: SrvQuestions | None = None, within_s: float = WITHIN_S
) -> list[Finding]:
    """What was found, in the order in which it was looked at."""
    examination = _Examination(trunk, account, questions or SrvQuestions())
    try:
        async with asyncio.timeout(within_s):
            await examination.run()
    except TimeoutError:
        left = Finding("the rest", False, f"not looked at: it took longer than {within_s:g} s", examined=False)
        examination.found.append(left)
    return examination.found


class _Examination:
    def __init__(self, trunk: Trunk, account: Account, questions: SrvQuestions) -> None:
        self.found: list[Finding] = []
        self._trunk = trunk
        self._account = account
        self._questions = questions

    async def run(self) -> None:
        target = await self._look_up()
        if target is None:
            return
        if self._trunk.transport != "udp":
            self.found.append(await self._connect(target))
            return
        # TCP is looked at meanwhile: it is of interest where UDP gets no answer.
        streams = asyncio.create_task(self._streams(target))
        try:
            await self._ask(target, streams)
        finally:
            streams.cancel()
            await asyncio.gather(streams, return_exceptions=True)

    # --- Its name --------------------------------------------------------------------------------------------

    async def _look_up(self) -> Address | None:
        trunk = self._trunk
        services = await places.services(trunk, NAMES_WITHIN_S, self._questions)
        self.found += _of_services(services, trunk.transport)
        first = next(iter(services.get(trunk.transport, ())), None)
        usual = TLS_PORT if trunk.transport == "tls" else SIP_PORT
        host, port = (trunk.host, trunk.port or usual) if first is None else (first.target, first.port)
        found = await places.addresses(host, port, NAMES_WITHIN_S)
        if not found:
            fix = "check its spelling; if it is right, this machine's nameservers (/etc/resolv.conf) do not know it"
            self.found.append(Finding(host, False, "the name leads to no address", fix, consequence=NO_ANSWER))
            return None
        if trunk.is_name:
            shown = ", ".join(dict.fromkeys(address for address, _ in found))
            self.found.append(Finding(host, True, f"leads to {shown}"))
        return found[0]

    async def _streams(self, target: Address) -> tuple[bool, str]:
        """Whether TCP, and how TLS, is taken beside UDP."""
        host, port = target
        tls_port = TLS_PORT if port == SIP_PORT else port + 1  # by custom
        tcp, tls = await asyncio.gather(
            places.takes_tcp(host, port, ANSWER_WITHIN_S),
            places.takes_tls(host, tls_port, self._trunk.host, ANSWER_WITHIN_S),
        )
        return tcp, tls

    async def _connect(self, target: Address) -> Finding:
        """Of a trunk by TCP or TLS only whether it takes a connection: what it says is heard by the line's node."""
        host, port = target
        what = f"{host}:{port} over {self._trunk.transport.upper()}"
        if self._trunk.transport == "tls":
            tls = await places.takes_tls(host, port, self._trunk.host, ANSWER_WITHIN_S)
            taken, trusted = bool(tls), tls in ("", "yes")
        else:
            tls, taken, trusted = "", await places.takes_tcp(host, port, ANSWER_WITHIN_S), True
        if not taken:
            fix = "check the port and a firewall between, or set the line's transport to another"
            return Finding(what, False, "no connection", fix, consequence=NO_ANSWER)
        if not trusted:
            fix = "have the authority that signed it in SIP_TLS_CA on the nodes"
            return Finding(what, False, f"its certificate: {tls}", fix, warning=True)
        return Finding(what, True, "takes connections; alloresto lines says what it answered to REGISTER")

    # --- What it says ----------------------------------------------------------------------------------------

    async def _ask(self, target: Address, streams: asyncio.Task[tuple[bool, str]]) -> None:
        try:
            sip = TrunkSocket(target)
        except OSError:
            self.found.append(Finding("network", False, f"no route to {target[0]}", "check this machine's network"))
            return
        try:
            domain = _written(self._trunk)
            options = await sip.ask("OPTIONS", f"sip:{domain}", f"sip:alloresto@{domain}", ANSWER_WITHIN_S)
            registered = await self._register(sip, domain) if self._account.user else None
            heard = options.answer or (registered.answer if registered is not None else None)
            if heard is None:
                self.found.append(await _silent(target, options, streams))
                return
            self.found.append(_of_options(options))
            self.found += _of_place(heard, sip.own)
            self.found += _of_clock(heard)
            if registered is not None:
                self.found += self._of_register(registered)
        finally:
            sip.close()

    async def _register(self, sip: TrunkSocket, domain: str) -> Heard:
        """REGISTER without a Contact, and once more with what a challenge asks for."""
        account, uri = self._account, f"sip:{domain}"
        identity = f"sip:{account.user}@{domain}"
        heard = await sip.ask("REGISTER", uri, identity, ANSWER_WITHIN_S)
        if heard.answer is None or heard.status not in (401, 407):
            return heard
        offered = digests.challenges(heard.answer).best
        if not offered:
            return heard
        user = account.auth_user or account.user
        headers = [challenge.answer("REGISTER", uri, user, account.password) for challenge in offered]
        return await sip.ask("REGISTER", uri, identity, ANSWER_WITHIN_S, headers)

    def _of_register(self, heard: Heard) -> Iterator[Finding]:
        what = f"REGISTER as {self._account.user}"
        answer = heard.answer
        if answer is None:
            fix = "it answers OPTIONS: ask the trunk whether REGISTER is allowed from this address"
            yield Finding(what, False, "no answer", fix, consequence=NO_ANSWER)
            return
        status = answer.status
        if status // 100 == 2:
            yield Finding(what, True, f"accepted with {status} after {heard.took_ms:.0f} ms; nothing was registered")
            return
        if status in (401, 407):
            yield _of_challenge(what, answer)
            return
        known = meaning(status)
        wait = answer.first("retry-after")
        later = f"; it asks to wait {wait} s" if wait.isdigit() else ""
        yield Finding(what, False, f"{known.what} ({status}){later}", known.fix, consequence=NO_ANSWER)


def _of_challenge(what: str, answer: Message) -> Finding:
    """A challenge that came in answer to our answer, or that could not be answered."""
    offered = digests.challenges(answer)
    if not offered.best:
        named = ", ".join(sorted(offered.algorithms)) or "no digest"
        detail = f"the trunk wants {named}, which this bridge does not have ({answer.status})"
        fix = f"ask the trunk to allow one of {', '.join(digests.HASHES)}"
        return Finding(what, False, detail, fix, consequence=NO_ANSWER)
    if any(challenge.stale for challenge in offered.best):
        detail = f"the trunk calls its own new nonce stale ({answer.status}): its servers disagree, or on the time"
        fix = "ask the trunk; look at this machine's clock, too"
        return Finding(what, False, detail, fix, consequence=NO_ANSWER)
    known = meaning(answer.status)
    realms = ", ".join(f"“{challenge.realm}”" for challenge in offered.best)
    detail = f"{known.what} ({answer.status}, realm {realms})"
    return Finding(what, False, detail, f"{known.fix}; try another --auth-user", consequence=NO_ANSWER)


def _of_options(heard: Heard) -> Finding:
    if heard.answer is None:
        detail = "no answer to OPTIONS, but to REGISTER: some trunks are so"
        return Finding("OPTIONS over UDP", True, detail)
    return Finding("OPTIONS over UDP", True, f"{heard.status} after {heard.took_ms:.0f} ms: the trunk is reached")


def _of_place(heard: Message, own: Address) -> Iterator[Finding]:
    """As whom the trunk sees us (RFC 3581)."""
    via = heard.vias[0]
    seen = via.parameters.get("received") or own[0]
    port = via.parameters.get("rport") or str(own[1])
    if seen == own[0]:
        yield Finding("own address", True, f"the trunk names no other than ours, {seen}: no NAT between")
        return
    detail = f"the trunk sees us at {seen}:{port}, we are {own[0]}:{own[1]}: there is a NAT between"
    fix = f"set SIP_PUBLIC_ADDRESS={seen} on the node, and lead its SIP and RTP ports to it"
    yield Finding("own address", False, detail, fix, warning=True)


def _of_clock(heard: Message) -> Iterator[Finding]:
    date = heard.first("date")
    if not date:
        return
    try:
        theirs = parsedate_to_datetime(date)
    except ValueError:
        return
    theirs = theirs if theirs.tzinfo is not None else theirs.replace(tzinfo=UTC)
    skew = (datetime.fromtimestamp(time.time(), UTC) - theirs).total_seconds()
    if abs(skew) <= MOST_SKEW_S:
        yield Finding("clock", True, "agrees with the trunk's")
        return
    ahead = "ahead of" if skew > 0 else "behind"
    detail = f"this machine is {abs(skew):.0f} s {ahead} the trunk"
    why = "a nonce may be called stale, a certificate not valid yet or no more"
    yield Finding("clock", False, detail, "set the time: timedatectl set-ntp true", warning=True, consequence=why)


async def _silent(target: Address, options: Heard, streams: asyncio.Task[tuple[bool, str]]) -> Finding:
    """Why nothing came, as far as it can be told from here."""
    what = f"{target[0]}:{target[1]} over UDP"
    tcp, tls = await streams
    if tls:
        trust = "" if tls == "yes" else f" (its certificate: {tls})"
        detail = f"no answer, but the trunk takes TLS{trust}: it needs encrypted SIP"
        fix = "set the line's transport to tls"
    elif tcp:
        detail = "no answer, but the trunk takes TCP"
        fix = "set the line's transport to tcp, or have UDP let through"
    elif options.refused:
        detail = "the host is there, and nothing takes SIP at this port"
        fix = "check the port"
    else:
        detail = "no answer: a firewall between, another port, or the trunk answers only to addresses that it knows"
        fix = "let UDP through both ways, and give the trunk this machine's public address"
    return Finding(what, False, detail, fix, consequence=NO_ANSWER)


def _of_services(services: dict[str, tuple[Srv, ...]], used: Transport) -> Iterator[Finding]:
    for transport, records in services.items():
        if records:
            shown = ", ".join(f"{one.target}:{one.port}" for one in records)
            yield Finding(f"SRV {places.SERVICES[transport]}", True, shown)
    offered = [transport for transport, records in services.items() if records]
    if offered and used not in offered:
        detail = f"the trunk's SRV records name {' and '.join(offered)}, and not {used}"
        yield Finding("transport", False, detail, f"set the line's transport to {offered[-1]}", warning=True)


def _written(trunk: Trunk) -> str:
    host = f"[{trunk.host}]" if ":" in trunk.host else trunk.host
    return f"{host}:{trunk.port}" if trunk.port else host
