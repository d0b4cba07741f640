"""How many clients a worker holds, and how slow they may be.

Each connection is in one of a few states, and each state keeps its connections in the order in which they came to it.
So the oldest of a state is known at once: it is the one that gives way when there is no room for another client, idle
ones before those that are still sending. Nobody who waits for an answer or reads a stream is sent away for room.
"""

import enum
import os
import resource
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

# Files beside the clients: Postgres, Redis, recordings being played, log, the loop's own.
RESERVED_FILES = 128


@dataclass(frozen=True, slots=True)
class Limits:
    """What one worker grants. Sizes in bytes, times in seconds."""

    connections: int = 4096
    # An answer waits for a thread behind this many others at most; the next one is told to come back.
    waiting_requests: int = 512
    request_line: int = 4094
    header_fields: int = 100
    header_field: int = 8190
    head: int = 32 * 1024
    body: int = 16 * 1024 * 1024
    # All bodies that are being received, together. When it is full the oldest of them gives way.
    bodies: int = 48 * 1024 * 1024
    head_s: float = 10.0
    # A body has this long, and a second more for each BODY_RATE bytes that came.
    body_s: float = 10.0
    body_rate: int = 8 * 1024
    idle_s: float = 75.0
    # A client that takes nothing of its answer for so long is gone.
    unread_s: float = 30.0

    def fitting(self) -> int:
        """``connections``, or what the process may open of them."""
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return self.connections if files == resource.RLIM_INFINITY else min(self.connections, files - RESERVED_FILES)


class State(enum.Enum):
    """What a connection does. IDLE, HEAD and BODY wait for the client; LINGERING has been refused and may read why."""

    IDLE = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()
    ANSWERING = enum.auto()
    STREAMING = enum.auto()
    LINGERING = enum.auto()


# Who gives way first.
_GIVES_WAY = (State.LINGERING, State.IDLE, State.HEAD, State.BODY)


class Client(Protocol):
    """As much of a connection as its admission needs."""

    @property
    def unsent(self) -> bool:
        """Whether part of an answer is still to be sent."""

    def overdue(self, now: float) -> bool: ...

    def stop(self) -> None:
        """The worker stops: streams end, who waits for nothing goes, an answer on its way is the last."""

    def drop(self) -> None:
        """Close without a further word."""


@dataclass(slots=True)
class Admission:
    """The clients of one worker. Only for the loop's thread."""

    limits: Limits
    dropped: Callable[[State], None] = lambda _state: None
    body_bytes: int = 0
    _room: int = 0
    _in: dict[State, dict[Client, None]] = field(default_factory=lambda: {state: {} for state in State})

    def __post_init__(self) -> None:
        self._room = max(1, self.limits.fitting())

    def __len__(self) -> int:
        return sum(len(clients) for clients in self._in.values())

    def clients(self, *states: State) -> Iterator[Client]:
        for state in states or State:
            yield from list(self._in[state])

    def admit(self, client: Client) -> bool:
        """Take in a new client, at the cost of the oldest that may give way. False when nobody may."""
        if len(self) >= self._room and not self._drop_oldest(_GIVES_WAY):
            return False
        self._in[State.IDLE][client] = None
        return True

    def move(self, client: Client, old: State, new: State) -> None:
        self._in[old].pop(client, None)
        self._in[new][client] = None

    def remove(self, client: Client, state: State) -> None:
        self._in[state].pop(client, None)

    def received(self, size: int) -> None:
        """``size`` more bytes of a body are held (fewer when negative)."""
        self.body_bytes += size
        while self.body_bytes > self.limits.bodies and self._drop_oldest((State.BODY,)):
            pass

    def sweep(self, now: float) -> None:
        """Drop who is overdue."""
        for state in State:
            for client in list(self._in[state]):
                if client.overdue(now):
                    self.dropped(state)
                    client.drop()

    def _drop_oldest(self, states: Iterable[State]) -> bool:
        for state in states:
            oldest = next(iter(self._in[state]), None)
            if oldest is not None:
                self.dropped(state)
                oldest.drop()
                self.remove(oldest, state)
                return True
        return False


def limits_from_environment(**given: int | float) -> Limits:
    """The defaults, WEB_MAX_CONNECTIONS and WEB_MAX_BODY_BYTES, and what is ``given``. Raises ValueError."""
    named = (("connections", "WEB_MAX_CONNECTIONS"), ("body", "WEB_MAX_BODY_BYTES"))
    chosen = {field: int(os.environ[name]) for field, name in named if os.environ.get(name)}
    return replace(Limits(), **chosen, **given)  # type: ignore[arg-type]
