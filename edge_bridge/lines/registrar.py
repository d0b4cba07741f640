"""Keeps lines registered at their trunks.

``Registrar`` is the interface; ``DirectRegistrar`` has this worker register its own lines, at most eight (pjsip's
limit in this wheel). pjsip refreshes what is registered; retrying what failed is done here, with backoff.
"""

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from edge_bridge.entrances.sip.signals import MAX_LINES, Registration
from edge_bridge.lines.directory import LineEntry
from process import logs, metrics
from stores.lines import RegistrationStatus

log = logs.get(__name__)

FIRST_RETRY_S = 2.0
LONGEST_RETRY_S = 60.0
ALERT_AFTER = 3  # failures in a row


class RegisteringEndpoint(Protocol):
    def register(self, line: Registration) -> None: ...

    def unregister(self, line_id: str) -> None: ...


class Registrar(Protocol):
    """Holds registrations somewhere: here, or in a SIP proxy in front."""

    def sync(self, lines: Iterable[LineEntry]) -> None:
        """These lines shall be registered, and no others."""

    def answered(self, line_id: str, status: int, expires_s: int) -> None:
        """A REGISTER of a line was answered."""

    @property
    def registered(self) -> frozenset[str]:
        """The ids of the lines that are registered now."""


@dataclass(slots=True)
class _Held:
    registration: Registration
    status: RegistrationStatus = "unregistered"
    failures: int = 0
    retry: asyncio.TimerHandle | None = None


def backoff_s(failures: int) -> float:
    """How long to wait after so many failures in a row, without the jitter."""
    return float(min(FIRST_RETRY_S * 2 ** max(failures - 1, 0), LONGEST_RETRY_S))


class DirectRegistrar:
    """``report(line id, status, error)`` is called with every answer, so that one that got lost is made good."""

    def __init__(
        self,
        endpoint: RegisteringEndpoint,
        node_id: str,
        report: Callable[[str, RegistrationStatus, str], None],
    ) -> None:
        self._endpoint = endpoint
        self._node_id = node_id
        self._report = report
        self._held: dict[str, _Held] = {}
        self._too_many = False

    @property
    def registered(self) -> frozenset[str]:
        return frozenset(line_id for line_id, held in self._held.items() if held.status == "registered")

    def sync(self, lines: Iterable[LineEntry]) -> None:
        wanted = {
            line.id: Registration(line.id, line.sip_domain, line.sip_username, line.sip_password)
            for line in lines
            if line.registers
        }
        if len(wanted) > MAX_LINES and not self._too_many:
            log.error("more lines than this worker can register; the last ones are left out", most=MAX_LINES)
        self._too_many = len(wanted) > MAX_LINES
        wanted = dict(list(wanted.items())[:MAX_LINES])
        for line_id in [line_id for line_id, held in self._held.items() if wanted.get(line_id) != held.registration]:
            held = self._held.pop(line_id)
            if held.retry is not None:
                held.retry.cancel()
            self._endpoint.unregister(line_id)
            metrics.sip_registrations_active.labels(self._node_id).set(len(self.registered))
        for line_id, registration in wanted.items():
            if line_id not in self._held:
                self._held[line_id] = _Held(registration)
                self._endpoint.register(registration)

    def answered(self, line_id: str, status: int, expires_s: int) -> None:
        held = self._held.get(line_id)
        if held is None:
            return
        if status // 100 == 2:
            metrics.sip_registrations_total.labels(self._node_id).inc()
            held.failures = 0
            held.status, error = ("registered" if expires_s else "unregistered"), ""
        else:
            metrics.sip_registration_errors_total.labels(self._node_id).inc()
            held.failures += 1
            write = log.error if held.failures == ALERT_AFTER else log.warning
            write("REGISTER failed", line_id=line_id, status=status, failures=held.failures)
            held.status, error = "error", f"REGISTER answered {status}"
            # The jitter keeps the lines of a trunk that was away from coming back all at once.
            pause = backoff_s(held.failures) * random.uniform(0.8, 1.2)
            held.retry = asyncio.get_running_loop().call_later(pause, self._endpoint.register, held.registration)
        self._report(line_id, held.status, error)
        metrics.sip_registrations_active.labels(self._node_id).set(len(self.registered))
