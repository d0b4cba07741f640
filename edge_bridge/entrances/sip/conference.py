"""Lets pjsip's conference bridge forget the ports of streams that are over.

pjsip adds a port to its conference for each stream, also where another process has the audio. What is to be removed it
only queues: the next tick of the sound device's clock removes it. There is no device here, so no clock: the table
would be full after as many streams as it has places, and each call from then on be refused with 488. So from time to
time the clock of pjsip's null device runs for a moment, when there is no call if that can be waited for: while it runs
pjsip would send what it takes for a call's audio, which is silence from a port that nobody was told of.
"""

from typing import Any

PORTS = 64  # the table's; the conference itself has one
TIDY_AT = 16  # ports that wait to be removed, while there is no call
TIDY_ANYHOW_AT = 40
CLOCK_RUNS_S = 0.1  # several of its ticks


class Conference:
    """``devices`` is the endpoint's AudDevManager. Times are seconds of one monotonic clock."""

    def __init__(self, devices: Any) -> None:
        self._devices = devices
        self._waiting = 0
        self._runs_until: float | None = None
        devices.setNoDev()

    def port_left(self) -> None:
        self._waiting += 1

    def tidy(self, now: float, has_calls: bool) -> None:
        """Start the clock when enough ports wait, and stop it when it has run: to be called often."""
        if self._runs_until is not None:
            if now >= self._runs_until:
                self._runs_until = None
                self._devices.setNoDev()
        elif self._waiting >= (TIDY_ANYHOW_AT if has_calls else TIDY_AT):
            self._waiting = 0  # one that leaves while the clock runs counts again: it may have missed the last tick
            self._runs_until = now + CLOCK_RUNS_S
            self._devices.setNullDev()
