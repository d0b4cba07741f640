"""What an attacked bridge shows from outside: its processes, their memory and files, and its log."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from dataclasses import dataclass

import psutil

from bench.fuzz.scene import CALLERS_NUMBER, KEPT_CALLS, NUMBER
from devstack.edge.bridge_process import BridgeProcess

SETTLED_WITHIN_S = 90.0  # a BYE that nobody answers is given up after 40 s, on a busy machine later
REFUSED_FRAME = "WS parser error"  # picows' word, once a connection that had the token; it quotes nothing
MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Weight:
    """Of one process: resident bytes and open files."""

    resident: int
    files: int


class Processes:
    """Those of a bridge, by their ids, from now on. Signallers are started as calls come: only an end is a fault."""

    def __init__(self, bridge: BridgeProcess) -> None:
        assert bridge.process is not None
        self._root = psutil.Process(bridge.process.pid)
        self._known = {one.pid for one in self._all()}
        self._gone: set[int] = set()

    def _all(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return [self._root, *self._root.children(recursive=True)]
        return []

    def look(self) -> None:
        now = {one.pid for one in self._all()}
        self._gone |= self._known - now
        self._known |= now

    @property
    def crashes(self) -> int:
        """Of the processes that there were at any look, those that ended."""
        return len(self._gone)

    def weights(self) -> dict[int, Weight]:
        found = {}
        for one in self._all():
            with contextlib.suppress(psutil.NoSuchProcess):
                found[one.pid] = Weight(one.memory_info().rss, one.num_fds())
        return found


def grown_mb(before: dict[int, Weight], after: dict[int, Weight]) -> float:
    """The most that one process has grown by, in MB."""
    return max(((after[pid].resident - before[pid].resident) / MB for pid in before if pid in after), default=0.0)


def more_files(before: dict[int, Weight], after: dict[int, Weight]) -> int:
    return max((after[pid].files - before[pid].files for pid in before if pid in after), default=0)


def dialogs_left(bridge: BridgeProcess, expected: int = KEPT_CALLS) -> int:
    """The gate's dialogs beyond those that there should be, once they are as few or SETTLED_WITHIN_S is over."""
    end = time.monotonic() + SETTLED_WITHIN_S
    while True:
        left = int(bridge.metric("sip_gate_dialogs")) - expected
        if left <= 0 or time.monotonic() > end:
            return left
        time.sleep(0.5)


class Log:
    """What a bridge has written from now on."""

    def __init__(self, bridge: BridgeProcess) -> None:
        self._bridge = bridge
        self._began = len(bridge.log_text())

    def _lines(self) -> list[str]:
        return self._bridge.log_text()[self._began :].splitlines()

    def read(self) -> LogFigures:
        figures = LogFigures(Counter(), Counter(), 0, 0)
        for line in self._lines():
            figures.personal += CALLERS_NUMBER[1:] in line or NUMBER[1:] in line
            try:
                entry = json.loads(line)
            except ValueError:
                figures.others += 1
                figures.errors[line[:160]] += 1
                continue
            figures.per_second[entry["at"][:19]] += 1
            if entry["message"].startswith(REFUSED_FRAME):
                continue
            if entry["level"] in ("error", "critical") or "error" in entry:
                figures.errors[f"{entry['message']} {entry.get('error', '')}"[:400]] += 1
        return figures


@dataclass
class LogFigures:
    """Lines by second, errors by what they say, lines that are no log line of ours, lines with a caller's number."""

    per_second: Counter[str]
    errors: Counter[str]
    others: int
    personal: int

    @property
    def busiest_second(self) -> int:
        return max(self.per_second.values(), default=0)
