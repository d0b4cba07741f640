"""Liveness and readiness: ``/health`` says the process runs, ``/health/ready`` names what is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

CHECK_TIMEOUT_S = 2.0

Check = Callable[[], Awaitable[None]]


@dataclass
class Health:
    """Named readiness checks of one process. A check that raises names what is missing, in its message."""

    service: str
    draining: bool = False
    _checks: dict[str, Check] = field(default_factory=dict)
    _waiting: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, check: Check) -> None:
        """Run ``check`` at each readiness probe, at most CHECK_TIMEOUT_S."""
        self._checks[name] = check

    def waiting_for(self, name: str, why: str) -> None:
        """Not ready until ``arrived(name)``: what a start-up loop waits for, in words an operator can act on."""
        self._waiting[name] = why

    def arrived(self, name: str) -> None:
        self._waiting.pop(name, None)

    async def missing(self) -> dict[str, str]:
        """What is missing now, by name; empty when ready."""
        missing = dict(self._waiting)
        if self.draining:
            missing["draining"] = "this process is shutting down and takes no new work"

        async def run(check: Check) -> str | None:
            try:
                await asyncio.wait_for(check(), CHECK_TIMEOUT_S)
            except TimeoutError:
                return f"no answer within {CHECK_TIMEOUT_S:g} s"
            except Exception as error:  # a probe reports every failure, whatever its kind
                return f"{type(error).__name__}: {error}"
            return None

        checks = dict(self._checks)
        outcomes = await asyncio.gather(*map(run, checks.values()))
        missing.update({name: why for name, why in zip(checks, outcomes, strict=True) if why is not None})
        return missing
