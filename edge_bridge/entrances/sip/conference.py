"""Lets pjsip's conference bridge forget the ports of streams that are over.

pjsip adds a port to its conference for each stream, also where another process has the audio. What is to be removed it
only queues: the next tick of the sound device's clock removes it. There is no device here, so no clock: the table
would be full after as many streams as it has places, and each call from then on be refused with 488. So from time to
time the clock of pjsip's null device runs for a moment. To stop it waits for the clock's thread, a tick of 20 ms in
which no call is answered; and while it runs pjsip would send what it takes for a call's audio, which is silence from a
port that nobody was told of. So it runs seldom, and while there is no call if that can be waited for. Until then each
port is some 40 KB of the signaller's memory.
"""

from typing import Any

from edge_bridge.entrances.sip.gate.bodies import MOST_OPEN_LINES
from edge_bridge.entrances.sip.signals import MAX_CALLS

PORTS = 160  # the table's; the conference itself has one
IN_USE = 1 + MAX_CALLS * MOST_OPEN_LINES  # at most: the others wait to be removed
TIDY_AT = 64  # ports, while there is no call
TIDY_ANYHOW_AT = 136  # fewer than one call in a hundred waits
CLOCK_RUNS_S = 0.1  # several of its ticks


class Conference:
    """``library`` is the Endpoint. Times are seconds of one monotonic clock."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._devices = library.audDevManager()
        self._runs_until: float | None = None
        self._devices.setNoDev()

    def tidy(self, now: float, has_calls: bool) -> None:
        """Start the clock when there are enough ports, and stop it when it has run: to be called often. The ports are
        counted anew each time, for on a busy machine the clock may not get to tick while it runs. A clock that pjsip
        can not start (pj.Error) is tried again after as long as it would have run."""
        ports = int(self._library.mediaActivePorts())
        if self._runs_until is not None:
            if ports <= IN_USE or now >= self._runs_until:
                self._runs_until = None
                self._devices.setNoDev()
        elif ports >= (TIDY_ANYHOW_AT if has_calls else TIDY_AT):
            self._runs_until = now + CLOCK_RUNS_S
            self._devices.setNullDev()
