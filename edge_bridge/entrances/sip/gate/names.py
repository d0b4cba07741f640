"""Where the trunks' names lead, without waiting: what is asked for in the meantime is sent when the name is known."""

import asyncio
import socket
import time
from collections.abc import Callable

from edge_bridge.entrances.sip.gate.proxying import is_address
from process import logs

log = logs.get(__name__)

KNOWN_S = 60.0
LOOK_UP_WITHIN_S = 3.0
MOST = 2000
MOST_WAITING = 50  # requests for one name

Use = Callable[[str], None]


class Names:
    def __init__(self) -> None:
        self._known: dict[str, tuple[str, float]] = {}
        self._waiting: dict[str, list[Use]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def with_address(self, host: str, use: Use) -> None:
        """Call ``use`` with an address of ``host``, at once where it is known; not at all where there is none."""
        if is_address(host):
            use(host)
            return
        known = self._known.get(host)
        if known is not None and known[1] > time.monotonic():
            use(known[0])
            return
        waiting = self._waiting.setdefault(host, [])
        if len(waiting) < MOST_WAITING:
            waiting.append(use)
        if len(waiting) == 1:
            task = asyncio.create_task(self._look_up(host), name="name")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _look_up(self, host: str) -> None:
        loop = asyncio.get_running_loop()
        address = self._known.get(host, ("", 0.0))[0]  # the last one serves while DNS is away
        try:
            looking = loop.getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
            address = str((await asyncio.wait_for(looking, LOOK_UP_WITHIN_S))[0][4][0])
        except (OSError, TimeoutError, UnicodeError):
            log.warning("a name cannot be resolved; its requests wait for the next try", name=host)
        waiting = self._waiting.pop(host, [])
        if not address:
            return
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[host] = (address, time.monotonic() + KNOWN_S)
        for use in waiting:
            use(address)
