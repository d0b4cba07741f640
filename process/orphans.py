"""A child that must not outlive its parent watches the parent's end of a socket pair."""

import os
import select
import socket
import threading
import time
from collections.abc import Callable

FORCED_EXIT_S = 4.0
FORCED_STATUS = 9


def when_parent_gone(end: socket.socket, stop: Callable[[], object]) -> None:
    """Call ``stop`` once the other end of ``end`` is closed, and end the process FORCED_EXIT_S later whatever happens.

    ``stop`` is called on a thread of its own, because the process's main loop may be what is stuck.
    """

    def watch() -> None:
        poll = select.poll()
        poll.register(end, select.POLLHUP | select.POLLERR)
        poll.poll()
        stop()
        time.sleep(FORCED_EXIT_S)
        os._exit(FORCED_STATUS)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()
