"""Keeps lines registered at their trunks.

``Registrar`` is the interface; ``DirectRegistrar`` has this node register its own lines, at most eight (pjsip's
limit in this wheel). When to send the next REGISTER is decided here: at half of what was granted, after the pause that
the registrar asks for, or with backoff.
"""

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from edge_bridge.entrances.sip.signals import MAX_LINES, RegisterAnswer, Registration
from edge_bridge.lines.directory import LineEntry
from process import logs, metrics
from stores.lines import RegistrationStatus

log = logs.get(__name__)

REFRESH_AFTER = 0.5  # of the granted time: one REGISTER may be lost
SHORTEST_REFRESH_S = 2.0
LONGEST_REFRESH_S = 60.0  # a trunk that restarted knows nobody, however much it had granted
FIRST_RETRY_S = 2.0
LONGEST_RETRY_S = 60.0
LONGEST_ASKED_PAUSE_S = 1800.0  # of Retry-After
ALERT_AFTER = 3  # failures in a row

Report = Callable[[str, int, RegistrationStatus, str], None]
"""Called with line id, generation, status and error."""


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


def in_words(answer: RegisterAnswer) -> str:
    """Why a REGISTER failed, for people."""
    status = answer.status
    if status in (401, 407) and answer.algorithms and "MD5" not in answer.algorithms:
        offered = ", ".join(sorted(answer.algorithms))
        return (
            f"the trunk takes only {offered} digest, which this bridge cannot compute: ask it to allow MD5 ({status})"
        )
    if status == 0:
        return "REGISTER could not be sent; this node may have no room for the line until its calls end"
    if status == 408:
        return "the trunk does not answer (408)"
    if status in (401, 403, 407):
        return f"the trunk refuses the username or the password ({status})"
    if status == 404:
        return "the trunk does not know the username (404)"
    if answer.retry_after_s:
        return f"the trunk refuses for now and asks to wait {answer.retry_after_s} s ({status})"
    return f"the trunk answered REGISTER with {status}"


class DirectRegistrar:
    """``report`` is called with every answer, so that one that got lost is made good."""

    def __init__(self, endpoint: RegisteringEndpoint, node_id: str, report: Report) -> None:
        self._endpoint = endpoint
        self._node_id = node_id
        self._report = report
        self._held: dict[str, _Held] = {}
        self._reported_problems: dict[str, tuple[int, str]] = {}

    @property
    def registered(self) -> frozenset[str]:
        return frozenset(line_id for line_id, held in self._held.items() if held.status == "registered")

    @property
    def held(self) -> frozenset[str]:
        return frozenset(self._held)

    def sync(self, lines: Iterable[LineEntry]) -> None:
        mine = [line for line in lines if line.held]
        wanted = {line.id: line for line in mine if line.registers}
        for line_id in [line_id for line_id, held in self._held.items() if self._is_other(held, wanted.get(line_id))]:
            self._release(line_id)
        problems = {line.id: (line.generation, line.problem) for line in mine if line.problem}
        for line_id, line in wanted.items():
            held = self._held.get(line_id)
            if held is not None:
                if held.generation != line.generation:  # its row says "unregistered" since it moved
                    held.generation = line.generation
                    self._report(line_id, held.generation, held.status, held.error)
            elif len(self._held) < MAX_LINES:
                self._held[line_id] = _Held(_registration(line), line.generation)
                self._endpoint.register(_registration(line))
            else:
                problems[line_id] = (line.generation, f"this node has {MAX_LINES} lines, which is all it can register")
        self._tell_problems(problems)

    def answered(self, answer: RegisterAnswer) -> None:
        held = self._held.get(answer.line_id)
        if held is None:
            return
        held.stop_timer()
        if answer.status // 100 == 2:
            metrics.sip_registrations_total.labels(self._node_id).inc()
            held.failures = 0
            held.status, held.error = ("registered" if answer.expires_s else "unregistered"), ""
            # Earlier rather than later, and not all lines of a trunk at once.
            pause = refresh_s(answer.expires_s) * random.uniform(0.9, 1.0)
        else:
            metrics.sip_registration_errors_total.labels(self._node_id).inc()
            held.failures += 1
            write = log.error if held.failures == ALERT_AFTER else log.warning
            write("REGISTER failed", line_id=answer.line_id, status=answer.status, failures=held.failures)
            held.status, held.error = "error", in_words(answer)
            # The jitter keeps the lines of a trunk that was away from coming back all at once.
            pause = backoff_s(held.failures) * random.uniform(0.8, 1.2)
            if answer.retry_after_s:
                pause = min(answer.retry_after_s, LONGEST_ASKED_PAUSE_S) * random.uniform(1.0, 1.2)
        held.next = asyncio.get_running_loop().call_later(pause, self._endpoint.register, held.registration)
        self._report(answer.line_id, held.generation, held.status, held.error)
        metrics.sip_registrations_active.labels(self._node_id).set(len(self.registered))

    def _is_other(self, held: _Held, line: LineEntry | None) -> bool:
        return line is None or held.registration != _registration(line)

    def _release(self, line_id: str) -> None:
        held = self._held.pop(line_id)
        held.stop_timer()
        self._endpoint.unregister(line_id)
        self._report(line_id, held.generation, "unregistered", "")
        metrics.sip_registrations_active.labels(self._node_id).set(len(self.registered))

    def _tell_problems(self, problems: dict[str, tuple[int, str]]) -> None:
        for line_id, (generation, problem) in problems.items():
            if self._reported_problems.get(line_id) != (generation, problem):
                log.error("a line cannot be registered here", line_id=line_id, why=problem)
                self._report(line_id, generation, "error", problem)
        self._reported_problems = problems


def _registration(line: LineEntry) -> Registration:
    return Registration(line.id, line.sip_domain, line.sip_username, line.sip_password)
