"""Batches by HTTP to whom an operator named, from a thread of their own: nobody ever waits for one.

What finds its queue full is dropped and counted (``telemetry_dropped_total``). A destination that is away is tried
again after longer and longer pauses, three times for each batch. The thread begins with the first item, so that a
process that forks has none; http.client is loaded there, since nobody needs its 20 ms before.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

from process import logs

if TYPE_CHECKING:
    from http.client import HTTPConnection

TRIES = 3
LONGEST_PAUSE_S = 60.0
EXIT_WITHIN_S = 2.0
PASSING = (408, 429, 500, 502, 503, 504)
ANSWER_MAX_BYTES = 1 << 16

log = logs.get(__name__)

Item = TypeVar("Item")
Encode = Callable[[list[Item]], bytes]

SENDERS: list[Sender[Any]] = []  # this process's; metrics reads their counts


class Sender(Generic[Item]):
    """``put`` from any thread. ``sent`` and ``dropped`` are counts of items so far."""

    def __init__(
        self,
        name: str,
        url: str,
        headers: Mapping[str, str],
        encode: Encode[Item],
        *,
        most_waiting: int = 2048,
        most_together: int = 512,
        every_s: float = 5.0,
        timeout_s: float = 10.0,
        setting: str = "",
    ) -> None:
        """Raises ValueError for a ``url`` that is none, naming ``setting``; nothing is quoted, as it may be secret."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{setting or name}: it has to be http:// or https:// with a host, and a port is a number")
        self.name = name
        self.sent = self.dropped = 0
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = port
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = dict(headers)
        self._encode = encode
        self._most_waiting = most_waiting
        self._most_together = most_together
        self._every_s = every_s
        self._timeout_s = timeout_s
        self._waiting: deque[Item] = deque()
        self._lock = threading.Lock()
        self._something = threading.Event()
        self._now = threading.Event()
        self._all_gone = threading.Event()
        self._failures = 0  # one after the other
        self._hurried = False  # somebody waits in flush
        self._thread: threading.Thread | None = None
        self._connection: HTTPConnection | None = None
        SENDERS.append(self)

    def put(self, item: Item) -> None:
        """Have ``item`` sent soon, or dropped. Never waits, never raises."""
        with self._lock:
            if len(self._waiting) >= self._most_waiting:
                self.dropped += 1
                return
            self._waiting.append(item)
            self._all_gone.clear()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"telemetry {self.name}", daemon=True)
                with contextlib.suppress(RuntimeError):  # the interpreter is ending: what comes now is lost
                    self._thread.start()
            is_full = len(self._waiting) >= self._most_together
        self._something.set()
        if is_full and not self._failures:
            self._now.set()

    def flush(self, by: float) -> None:
        """Wait until all is sent, or ``by`` (of ``time.monotonic``); not for a destination that is away."""
        if self._thread is None or self._failures:
            return
        self._hurried = True
        self._now.set()
        self._something.set()
        self._all_gone.wait(max(by - time.monotonic(), 0.0))
        self._hurried = False

    def forget(self) -> None:
        """In a forked child: what waits is the parent's to send, and so is its thread."""
        self._waiting.clear()
        self._lock = threading.Lock()
        self._something, self._now, self._all_gone = threading.Event(), threading.Event(), threading.Event()
        self._thread = self._connection = None
        self.sent = self.dropped = self._failures = 0

    def _run(self) -> None:
        # A process that carries audio is SCHED_RR, and a new thread inherits that.
        with contextlib.suppress(OSError, AttributeError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        while True:
            self._something.wait()
            self._now.wait(self._every_s)  # what comes meanwhile goes along
            self._now.clear()
            self._something.clear()
            while self._waiting:
                self._send_some()
            with self._lock:
                if not self._waiting:
                    self._all_gone.set()

    def _send_some(self) -> None:
        """The oldest, which stay in the queue until it is known what became of them."""
        items = [self._waiting[place] for place in range(min(len(self._waiting), self._most_together))]
        taken = self._taken(items)
        with self._lock:
            for _ in items:
                self._waiting.popleft()
            if taken:
                self.sent += len(items)
            else:
                self.dropped += len(items)

    def _taken(self, items: list[Item]) -> bool:
        for _ in range(TRIES):
            status = self._post(items)
            if status not in PASSING:
                self._failures = 0
                if not 200 <= status < 300:
                    log.warning("telemetry is refused", destination=self.name, status=status)
                return 200 <= status < 300
            pause_s = min(self._every_s * 2 ** min(self._failures, 10), LONGEST_PAUSE_S)
            self._failures += 1
            if self._failures == 1:
                log.warning("telemetry is not taken, trying again", destination=self.name, pause_s=pause_s)
            if self._hurried:
                return False
            self._now.clear()  # a full queue is no reason to hurry somebody who is away
            self._now.wait(pause_s)
        return False

    def _post(self, items: list[Item]) -> int:
        """The answer's status; 503 where there was none."""
        try:
            return self._exchange(self._encode(items))
        except Exception as error:  # whatever it is, the process goes on without
            log.debug("telemetry was not sent", destination=self.name, why=type(error).__name__)
            self._hang_up()
            return 503

    def _exchange(self, body: bytes) -> int:
        """The answer's status. A kept connection may have been closed since: then once more, on a new one."""
        from http.client import HTTPException

        if self._connection is not None:
            with contextlib.suppress(OSError, HTTPException):
                return self._ask(self._connection, body)
            self._hang_up()
        self._connection = self._dial()
        return self._ask(self._connection, body)

    def _ask(self, connection: HTTPConnection, body: bytes) -> int:
        connection.request("POST", self._path, body, self._headers)
        answer = connection.getresponse()
        answer.read(ANSWER_MAX_BYTES)
        if not answer.isclosed():
            self._hang_up()
        return answer.status

    def _dial(self) -> HTTPConnection:
        from http.client import HTTPConnection, HTTPSConnection

        kind = HTTPSConnection if self._secure else HTTPConnection
        return kind(self._host, self._port, timeout=self._timeout_s)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@atexit.register
def flush(within_s: float = EXIT_WITHIN_S) -> None:
    """All senders', at most so long together."""
    by = time.monotonic() + within_s
    for sender in SENDERS:
        sender.flush(by)


def _forget() -> None:
    for sender in SENDERS:
        sender.forget()


os.register_at_fork(after_in_child=_forget)
