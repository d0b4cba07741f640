"""The lines' registrations at their trunks: what each registrar shall know, and what it answered.

A line has one Call-ID and a sequence that only grows, as long as this process has it. Its REGISTERs follow one another:
what is wanted meanwhile is asked for when the last one has its answer. When to ask again is the caller's business.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from domain.trunks import Transport
from edge_bridge.entrances.sip.gate.message import Message
from edge_bridge.entrances.sip.registering import digests
from edge_bridge.entrances.sip.registering.answers import granted_s, seconds_of, sender_of, sent_on_to
from edge_bridge.entrances.sip.registering.digests import Challenge
from edge_bridge.entrances.sip.registering.transactions import TIMER_F_S, Transactions
from edge_bridge.entrances.sip.registering.trunks import Target, TrunkNames
from edge_bridge.entrances.sip.registering.ways import Way
from edge_bridge.entrances.sip.registering.windows import Window
from edge_bridge.entrances.sip.signals import ALLOW, RegisterAnswer, Registration, by_transport, host_of
from process import logs

log = logs.get(__name__)

EXPIRES_S = 120  # asked for; refreshed at half of what is granted
LONGEST_EXPIRES_S = 7 * 24 * 3600  # that a registrar may insist on
MOST_REQUESTS = 12  # for one answer: challenges, stale nonces, a longer time, other targets
MOST_NONCES = 3  # of one realm: one that is stale at once, again and again, is no use
FAIL_OVER_AFTER_S = 3.0  # where another target is left; RFC 3263 would have callers wait for timer F
REST_S = 60.0  # how long a target that failed is tried last
LONGEST_REST_S = 600.0
MOST_WINDOWS = 4000  # addresses; those of long ago are forgotten with the others
USER_SAFE = "-_.!~*'()&=+$,;?/"  # RFC 3261's user, unescaped

Answered = Callable[[RegisterAnswer], None]


@dataclass(slots=True, eq=False)
class _Binding:
    """A line at its registrar. ``bound``: its Contact may be there, so it has to be taken back."""

    line: Registration
    wanted: bool = True
    due: bool = False
    bound: bool = False
    asked_s: int = EXPIRES_S
    sequence: int = 0
    call_id: str = field(default_factory=lambda: secrets.token_hex(16))
    tag: str = field(default_factory=lambda: secrets.token_hex(8))
    challenges: dict[tuple[bool, str], Challenge] = field(default_factory=dict)
    task: "asyncio.Task[None] | None" = None

    def is_same_user(self, line: Registration) -> bool:
        mine = self.line
        return (mine.line_id, mine.registrar, mine.username) == (line.line_id, line.registrar, line.username)


@dataclass(slots=True)
class _Errand:
    """What one REGISTER has come to so far. ``hop`` is the name that it is sent to, ``uri`` what it asks."""

    expires_s: int
    uri: str
    hop: str
    transport: Transport
    tried: set[Target] = field(default_factory=set)
    target: Target | None = None
    nonces: dict[tuple[bool, str], int] = field(default_factory=dict)  # so many were answered
    sent_on: bool = False
    window: Window | None = None  # that of ``target``: entered

    def leave(self) -> None:
        """Make room for another at this target."""
        if self.window is not None:
            self.window.leave()
            self.window = None


class RegisteringClient:
    """``contacts`` are the node's ``host:port`` as trunks reach it, by transport; ``answered`` is called on the event
    loop.

    At most ``at_once`` REGISTERs are under way to one address.
    """

    def __init__(
        self,
        way: Way,
        contacts: Mapping[Transport, str],
        gate_port: int,
        names: TrunkNames,
        answered: Answered,
        at_once: int,
    ) -> None:
        self._way = way
        self._contacts = contacts
        self._names = names
        self._answered = answered
        self._at_once = at_once
        self._transactions = Transactions(gate_port)
        self._windows: dict[Target, Window] = {}
        self._bindings: dict[str, _Binding] = {}
        self._leaving: set[_Binding] = set()

    @property
    def port(self) -> int:
        """On loopback, once open."""
        return self._transactions.port

    def open(self) -> None:
        """Raises OSError."""
        self._transactions.open()

    async def close(self, within_s: float) -> None:
        """Let what is being taken back be taken back for so long, and stop."""
        leaving = [binding.task for binding in self._leaving if binding.task is not None]
        if leaving:
            await asyncio.wait(leaving, timeout=within_s)
        tasks = [one.task for one in (*self._bindings.values(), *self._leaving) if one.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._transactions.close()

    # --- What is wanted --------------------------------------------------------------------------------------

    def register(self, line: Registration) -> None:
        """Register a new line, or again a known one; its fate comes to ``answered``."""
        binding = self._bindings.get(line.line_id)
        if binding is None:
            # The same user's binding may be on its way out: what is asked for last has to come last.
            binding = next((one for one in self._leaving if one.is_same_user(line)), None) or _Binding(line)
            self._leaving.discard(binding)
            self._bindings[line.line_id] = binding
        if binding.line != line:
            binding.line, binding.challenges = line, {}
        binding.wanted = True
        self._see_to(binding)

    def unregister(self, line_id: str) -> None:
        binding = self._bindings.pop(line_id, None)
        if binding is not None:
            binding.wanted = False
            self._leaving.add(binding)
            self._see_to(binding)

    def _see_to(self, binding: _Binding) -> None:
        binding.due = True
        if binding.task is None:
            binding.task = asyncio.create_task(self._serve(binding), name="registration")

    async def _serve(self, binding: _Binding) -> None:
        """Until the registrar has been told what is wanted."""
        try:
            while binding.due:
                binding.due = False
                line, wanted = binding.line, binding.wanted
                if not wanted and not binding.bound:
                    continue
                answer = await self._tell(binding)
                if wanted and binding.wanted and binding.line is line:
                    self._answered(answer)
        finally:
            binding.task = None
            self._leaving.discard(binding)

    async def _tell(self, binding: _Binding) -> RegisterAnswer:
        line, wanted = binding.line, binding.wanted
        uri = sip_uri(line.registrar, line.transport)
        errand = _Errand(binding.asked_s if wanted else 0, uri, line.next_hop, line.transport)
        try:
            answer = await self._run_errand(binding, errand)
        except Exception:
            log.exception("a REGISTER failed", line_id=line.line_id)
            answer = RegisterAnswer(line.line_id, 0)
        finally:
            errand.leave()
        if answer.status // 100 == 2:
            binding.bound = answer.expires_s > 0
        elif answer.status == 408:
            binding.bound = True  # perhaps: the answer may be what was lost
        return answer

    # --- One REGISTER, and what its answers make necessary ---------------------------------------------------

    async def _run_errand(self, binding: _Binding, errand: _Errand) -> RegisterAnswer:
        line_id = binding.line.line_id
        for _ in range(MOST_REQUESTS):
            response = await self._send(binding, errand)
            if response is None:
                if errand.target is None:
                    problem = f"the trunk's name {host_of(errand.hop)} leads to no address of IPv4"
                    return RegisterAnswer(line_id, 0, problem=problem)
                if await self._go_elsewhere(errand, REST_S):
                    continue
                return RegisterAnswer(line_id, 408)
            problem = ""
            match response.status:
                case 401 | 407 if self._challenged(binding, errand, response):
                    continue
                case 423 if self._takes_longer(binding, errand, response):
                    continue
                case 503 if await self._go_elsewhere(errand, seconds_of(response, "retry-after") or REST_S):
                    continue
                case 300 | 301 | 302 | 305:
                    problem = await self._sent_on(binding.line, errand, response)
                    if not problem:
                        continue
            return self._answer(binding, errand, response, problem)
        return RegisterAnswer(line_id, 500, problem="the trunk asks for ever more before it takes the line")

    async def _send(self, binding: _Binding, errand: _Errand) -> Message | None:
        """The final response; None where nothing came in time, or the name leads nowhere: then ``target`` is None."""
        target, is_last = await self._choose(errand)
        while target is not None and (errand.window is None or target != errand.target):
            errand.leave()
            if len(self._windows) > MOST_WINDOWS:
                self._windows.clear()
            window = self._windows.setdefault(target, Window(self._at_once))
            await window.enter()
            errand.target, errand.window = target, window
            target, is_last = await self._choose(errand)  # who waited for long may know of a better one by now
        errand.target = target
        if target is None or errand.window is None:
            return None
        request = self._request(binding, errand, target)
        within_s = TIMER_F_S if is_last else FAIL_OVER_AFTER_S
        return await self._transactions.ask(request, target, errand.window, within_s)

    async def _choose(self, errand: _Errand) -> tuple[Target | None, bool]:
        """Where to ask, and whether no other is left. An errand stays with the target that it has begun with."""
        targets = await self._way.targets(errand.hop, errand.transport)
        left = [target for target in targets if target not in errand.tried]
        if errand.nonces and errand.target in left:
            return errand.target, len(left) == 1
        return (left[0] if left else None), len(left) == 1

    async def _go_elsewhere(self, errand: _Errand, rest_s: float) -> bool:
        """The target does not serve: False when there is no other."""
        assert errand.target is not None
        errand.tried.add(errand.target)
        self._way.failed(errand.hop, errand.target, min(rest_s, LONGEST_REST_S))
        errand.nonces.clear()
        return not set(await self._way.targets(errand.hop, errand.transport)) <= errand.tried

    def _challenged(self, binding: _Binding, errand: _Errand, response: Message) -> bool:
        """Whether there is something new to answer. A second challenge of one realm says that the password is wrong,
        unless it says that the nonce was stale."""
        offered = digests.challenges(response).best
        for challenge in offered:
            answered = errand.nonces.get(challenge.key, 0)
            if answered >= (MOST_NONCES if challenge.stale else 1):
                binding.challenges.pop(challenge.key, None)
                return False
        for challenge in offered:
            errand.nonces[challenge.key] = errand.nonces.get(challenge.key, 0) + 1
            binding.challenges[challenge.key] = challenge
        return bool(offered)

    def _takes_longer(self, binding: _Binding, errand: _Errand, response: Message) -> bool:
        """Whether the registrar names a time that it takes, and we had asked for less."""
        least = seconds_of(response, "min-expires")
        if not errand.expires_s < least <= LONGEST_EXPIRES_S or not binding.wanted:
            return False
        binding.asked_s = errand.expires_s = least
        return True

    async def _sent_on(self, line: Registration, errand: _Errand, response: Message) -> str:
        """Go where a 3xx says, once and within the trunk; "" when that is done, else why not, in words."""
        to = sent_on_to(response, line.transport)
        said = f"the trunk sends the line's registration on ({response.status})"
        if not to:
            return f"{said} without saying where to, or to another transport"
        if errand.sent_on:
            return f"{said} a second time, to {host_of(to)}"
        if not await self._is_of(line, to):
            return f"{said} to {host_of(to)}, which is not of its domain: if it is right, enter it as the line's domain"
        errand.uri, errand.sent_on = sip_uri(to, line.transport), True
        if not line.outbound_proxy:
            errand.hop = to
            errand.tried.clear()
            errand.nonces.clear()
        return ""

    async def _is_of(self, line: Registration, to: str) -> bool:
        """Whether a host is of the line's trunk: by its name, or because it is one of the trunk's addresses."""
        domain, host = host_of(line.registrar).lower().rstrip("."), host_of(to).lower().rstrip(".")
        if host == domain or host.endswith(f".{domain}"):
            return True
        its = await self._names.hosts(to)
        return bool(its) and its <= await self._names.hosts(line.registrar)

    def _answer(self, binding: _Binding, errand: _Errand, response: Message, problem: str) -> RegisterAnswer:
        """A final response, for who keeps the lines."""
        line_id, taken = binding.line.line_id, response.status // 100 == 2
        ours = self._contacts[binding.line.transport]
        if taken and (nonce := digests.next_nonce(response)):
            for challenge in binding.challenges.values():
                if not challenge.proxy:
                    challenge.renewed(nonce)
        return RegisterAnswer(
            line_id,
            response.status,
            expires_s=granted_s(response, line_id, ours, errand.expires_s) if taken and errand.expires_s else 0,
            registrar_host=sender_of(response),
            retry_after_s=0 if taken else seconds_of(response, "retry-after"),
            algorithms=digests.challenges(response).algorithms,
            problem=problem,
        )

    def _request(self, binding: _Binding, errand: _Errand, target: Target) -> Message:
        line = binding.line
        binding.sequence += 1
        user = quote(line.username, safe=USER_SAFE)
        identity = f"<sip:{user}@{host_of(line.registrar)}>"
        contact = f"<{sip_uri(f'{line.line_id}@{self._contacts[line.transport]}', line.transport)}>"
        route = f"<{sip_uri(line.outbound_proxy, line.transport)};lr>"
        headers = [
            *self._way.headers(target),
            ("max-forwards", "70"),
            *((("route", route),) if line.outbound_proxy else ()),
            ("from", f"{identity};tag={binding.tag}"),
            ("to", identity),
            ("call-id", binding.call_id),
            ("cseq", f"{binding.sequence} REGISTER"),
            ("contact", contact if errand.expires_s else f"{contact};expires=0"),
            ("expires", str(errand.expires_s)),
            ("user-agent", "AlloResto"),
            ALLOW,
        ]
        username = line.auth_username or line.username
        headers += [one.answer("REGISTER", errand.uri, username, line.password) for one in binding.challenges.values()]
        return Message(headers, method="REGISTER", uri=errand.uri)


def sip_uri(address: str, transport: Transport) -> str:
    return f"sip:{by_transport(address, transport)}"
