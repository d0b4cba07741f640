"""Keeps lines registered at their trunks.

``Registrar`` is the interface; ``DirectRegistrar`` has this node register its own lines. When to send the next
REGISTER is decided here: at half of what was granted, after the pause that the registrar asks for, or with backoff.

Of a trunk that fails as a whole, one line asks on every second; the others, whose pauses have grown, are asked again
as soon as it is registered.
"""

import asyncio
import random
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.trunks import Transport
from edge_bridge.entrances.sip.registering.digests import HASHES, SESSION
from edge_bridge.entrances.sip.signals import RegisterAnswer, Registration
from edge_bridge.lines.directory import LineEntry
from process import logs, metrics
from stores.lines import RegistrationStatus

log = logs.get(__name__)

REFRESH_AFTER = 0.5  # of the granted time: one REGISTER may be lost
SHORTEST_REFRESH_S = 2.0
LONGEST_REFRESH_S = 60.0  # a trunk that restarted knows nobody, however much it had granted
FIRST_RETRY_S = 2.0
LONGEST_RETRY_S = 60.0
PROBE_S = 1.0
PROBED_FOR_S = 600.0  # a trunk that has failed for longer is asked with backoff alone
FIRST_REFUSED_S = 30.0  # a refusal does not get right by itself, and trunks ban who tries on
LONGEST_REFUSED_S = 600.0
LONGEST_ASKED_PAUSE_S = 1800.0  # of Retry-After
ALERT_AFTER = 3  # failures in a row

Report = Callable[[str, int, RegistrationStatus, str], None]
"""Called with line id, generation, status and error."""


KNOWN = frozenset(f"{name}{way}" for name in HASHES for way in ("", SESSION))
WORDS = {
    0: "REGISTER could not be sent",
    200: "the trunk takes the registration and grants it no time",
    400: "the trunk does not understand our REGISTER: ask it what it misses",
    401: "the trunk refuses the username or the password",
    403: "the trunk forbids the registration: username, password, or an account that is blocked",
    404: "the trunk does not know the username",
    405: "the trunk takes no REGISTER: it may call by its fixed addresses, which belong into SIP_PEERS",
    407: "the trunk's proxy refuses the username or the password",
    408: "the trunk does not answer",
    416: "the trunk does not serve this domain",
    423: "the trunk grants no registration as short as ours, and does not say what it grants",
    477: "the trunk cannot be reached",
    478: "the trunk's name leads to no address",
    480: "the trunk cannot take the registration now",
    503: "the trunk is out of service for now",
    504: "a server behind the trunk does not answer",
}

UNREACHED = frozenset((408, 477))  # 477 and 478 are Kamailio's own
FOR_NOW = frozenset((408, 429, 477, 478, 480))  # of the 4xx; the others are refusals


class RegisteringEndpoint(Protocol):
    def register(self, line: Registration) -> None: ...

    def unregister(self, line_id: str) -> None: ...


class Registrar(Protocol):
    """Holds registrations somewhere: here, or in a SIP proxy in front."""

    def sync(self, lines: Iterable[LineEntry]) -> None:
        """These lines shall be registered, and no others."""

    def answered(self, answer: RegisterAnswer) -> None:
        """A REGISTER of a line was answered."""

    @property
    def registered(self) -> frozenset[str]:
        """The ids of the lines that are registered now."""

    @property
    def held(self) -> frozenset[str]:
        """The ids of the lines that are registered or are to be."""


@dataclass(slots=True)
class _Held:
    registration: Registration
    generation: int
    status: RegistrationStatus = "unregistered"
    error: str = ""
    failures: int = 0
    next: asyncio.TimerHandle | None = None
    waits_for_trunk: bool = False  # it failed as the trunk did, which said nothing of when to come back
    woken: bool = False  # since it was last registered
    asked_at: datetime | None = None  # when somebody last wanted its trunk asked at once

    def stop_timer(self) -> None:
        if self.next is not None:
            self.next.cancel()
            self.next = None


def backoff_s(failures: int) -> float:
    """How long to wait after so many failures in a row, without the jitter."""
    return float(min(FIRST_RETRY_S * 2 ** max(failures - 1, 0), LONGEST_RETRY_S))


def refresh_s(granted_s: int) -> float:
    """When a registration is refreshed, after the REGISTER that was granted so much."""
    return max(SHORTEST_REFRESH_S, min(granted_s * REFRESH_AFTER, LONGEST_REFRESH_S))


def refused_s(failures: int) -> float:
    """As ``backoff_s``, of a line that is refused."""
    return float(min(FIRST_REFUSED_S * 2 ** max(failures - 1, 0), LONGEST_REFUSED_S))


def is_refusal(status: int) -> bool:
    """What does not get right by itself: the line's own fault, a place that it is sent to, a grant of no time."""
    return (200 <= status < 500 and status not in FOR_NOW) or status >= 600


def in_words(answer: RegisterAnswer, transport: Transport = "udp") -> str:
    """Why a REGISTER failed, for people."""
    status = answer.status
    if answer.problem:
        return answer.problem
    if status in (401, 407) and answer.algorithms and not answer.algorithms & KNOWN:
        offered = ", ".join(sorted(answer.algorithms))
        return f"the trunk takes only {offered} digest, which this bridge does not have ({status})"
    if answer.retry_after_s:
        return f"the trunk refuses for now and asks to wait {answer.retry_after_s} s ({status})"
    if transport == "tls" and status in UNREACHED:
        return f"the trunk does not answer by TLS, or no authority of SIP_TLS_CA has signed its certificate ({status})"
    if told := WORDS.get(status):
        return f"{told} ({status})" if status else told
    if status >= 600:
        return f"the trunk refuses the line everywhere ({status})"
    if status >= 500:
        return f"the trunk has a fault of its own and is asked again ({status})"
    return f"the trunk answered REGISTER with {status}"


class DirectRegistrar:
    """``report`` is called with every answer, so that one that got lost is made good; ``transports`` are those by which
    the lines' SIP can leave this node."""

    def __init__(
        self,
        endpoint: RegisteringEndpoint,
        node_id: str,
        report: Report,
        max_lines: int,
        transports: Collection[Transport],
    ) -> None:
        self._endpoint = endpoint
        self._node_id = node_id
        metrics.sip_registration_errors_total.labels(node_id)  # from 0 on, so that an alert hears of the first
        metrics.sip_registrations_active.labels(node_id).set(0)
        self._report = report
        self._max_lines = max_lines
        self._transports = transports
        self._failing: dict[str, float] = {}  # trunks, and the loop's time since when
        self._probing: dict[str, str] = {}  # the line that asks on, by the same
        self._held: dict[str, _Held] = {}
        self._registered: set[str] = set()
        self._reported_problems: dict[str, tuple[int, str]] = {}

    @property
    def registered(self) -> frozenset[str]:
        return frozenset(self._registered)

    @property
    def held(self) -> frozenset[str]:
        return frozenset(self._held)

    def sync(self, lines: Iterable[LineEntry]) -> None:
        mine = [line for line in lines if line.held]
        problems = {line.id: (line.generation, why) for line in mine if (why := self._problem(line))}
        wanted = {line.id: line for line in mine if line.registers and line.id not in problems}
        for line_id in [line_id for line_id, held in self._held.items() if self._is_other(held, wanted.get(line_id))]:
            self._release(line_id)
        for line_id, line in wanted.items():
            held = self._held.get(line_id)
            if held is not None:
                if held.generation != line.generation:  # its row says "unregistered" since it moved
                    held.generation = line.generation
                    self._report(line_id, held.generation, held.status, held.error)
                if held.asked_at != line.asked_at:
                    held.asked_at = line.asked_at
                    held.stop_timer()
                    self._endpoint.register(held.registration)
            elif len(self._held) < self._max_lines:
                self._held[line_id] = _Held(_registration(line), line.generation, asked_at=line.asked_at)
                self._endpoint.register(_registration(line))
            else:
                problems[line_id] = (line.generation, f"this node has {self._max_lines} lines, its MAX_LINES")
        self._tell_problems(problems)
        if self._failing:
            trunks = {held.registration.trunk for held in self._held.values()}
            self._failing = {trunk: since for trunk, since in self._failing.items() if trunk in trunks}

    def answered(self, answer: RegisterAnswer) -> None:
        held = self._held.get(answer.line_id)
        if held is None:
            return
        held.stop_timer()
        held.waits_for_trunk = False
        self._probes_no_more(held)
        if answer.status // 100 == 2 and answer.expires_s:
            metrics.sip_registrations_total.labels(self._node_id).inc()
            held.failures, held.woken = 0, False
            held.status, held.error = "registered", ""
            # Earlier rather than later, and not all lines of a trunk at once.
            pause = refresh_s(answer.expires_s) * random.uniform(0.9, 1.0)
            self._trunk_is_back(held.registration.trunk)
        else:
            metrics.sip_registration_errors_total.labels(self._node_id).inc()
            held.failures += 1
            write = log.error if held.failures == ALERT_AFTER else log.warning
            write("REGISTER failed", line_id=answer.line_id, status=answer.status, failures=held.failures)
            held.status, held.error = "error", in_words(answer, held.registration.transport)
            pause = self._pause_s(held, answer)
        self._ask_in(pause, held)
        self._report(answer.line_id, held.generation, held.status, held.error)
        self._count(held)

    def _count(self, held: _Held) -> None:
        """Whether the line is registered now, and how many are."""
        line_id = held.registration.line_id
        if held.status == "registered" and self._held.get(line_id) is held:
            self._registered.add(line_id)
        else:
            self._registered.discard(line_id)
        metrics.sip_registrations_active.labels(self._node_id).set(len(self._registered))

    def _ask_in(self, pause_s: float, held: _Held) -> None:
        held.next = asyncio.get_running_loop().call_later(pause_s, self._endpoint.register, held.registration)

    def _pause_s(self, held: _Held, answer: RegisterAnswer) -> float:
        """Until a line that failed is asked for again. The jitter keeps the lines of a trunk that was away from coming
        back all at once."""
        if answer.retry_after_s:
            return min(answer.retry_after_s, LONGEST_ASKED_PAUSE_S) * random.uniform(1.0, 1.2)
        if is_refusal(answer.status):
            return refused_s(held.failures) * random.uniform(0.8, 1.2)
        trunk = held.registration.trunk
        now = asyncio.get_running_loop().time()
        since = self._failing.setdefault(trunk, now)
        held.waits_for_trunk = True
        # A line that fails again though its trunk came back fails by itself.
        if not held.woken and now - since < PROBED_FOR_S and trunk not in self._probing:
            self._probing[trunk] = held.registration.line_id
            return PROBE_S
        return backoff_s(held.failures) * random.uniform(0.8, 1.2)

    def _probes_no_more(self, held: _Held) -> None:
        if self._probing.get(held.registration.trunk) == held.registration.line_id:
            del self._probing[held.registration.trunk]

    def _trunk_is_back(self, trunk: str) -> None:
        """Ask for the lines that wait for their trunk, each once until it is registered."""
        if self._failing.pop(trunk, None) is None:
            return
        for held in self._held.values():
            if held.registration.trunk == trunk and held.waits_for_trunk and not held.woken:
                held.woken = True
                held.stop_timer()
                self._endpoint.register(held.registration)

    def _problem(self, line: LineEntry) -> str:
        """Why a line can't be registered here; "" when it can."""
        transport = line.trunk.transport
        if not line.problem and line.registers and transport not in self._transports:
            needed = "SIP_TCP=on" if "tls" in self._transports else "REGISTRAR=kamailio"
            return f"the line's transport is {transport}, which this node speaks with {needed} only"
        return line.problem

    def _is_other(self, held: _Held, line: LineEntry | None) -> bool:
        return line is None or held.registration != _registration(line)

    def _release(self, line_id: str) -> None:
        held = self._held.pop(line_id)
        held.stop_timer()
        self._endpoint.unregister(line_id)
        self._probes_no_more(held)
        self._report(line_id, held.generation, "unregistered", "")
        self._count(held)

    def _tell_problems(self, problems: dict[str, tuple[int, str]]) -> None:
        for line_id, (generation, problem) in problems.items():
            if self._reported_problems.get(line_id) != (generation, problem):
                log.error("a line cannot be registered here", line_id=line_id, why=problem)
                self._report(line_id, generation, "error", problem)
        self._reported_problems = problems


def _registration(line: LineEntry) -> Registration:
    return Registration(
        line.id,
        line.sip_domain,
        line.sip_username,
        line.sip_password,
        line.trunk.auth_username,
        line.trunk.outbound_proxy,
        line.trunk.transport,
    )
