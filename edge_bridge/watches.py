"""What the worker needs around it, looked at every few seconds: Postgres, Redis, the sink."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

CHECK_EVERY_S = 5.0
CHECK_WITHIN_S = 3.0

Check = Callable[[], Awaitable[object]]


class Watches:
    """``missing`` says in words what did not answer at the last look; everything is missing before the first."""

    def __init__(self, checks: dict[str, Check]) -> None:
        self._checks = checks
        self.missing = dict.fromkeys(checks, "not reached yet")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.gather(*(self._look(name, check) for name, check in self._checks.items()))
            await asyncio.sleep(CHECK_EVERY_S if not self.missing else 1.0)

    async def _look(self, name: str, check: Check) -> None:
        try:
            await asyncio.wait_for(check(), CHECK_WITHIN_S)
        except TimeoutError:
            self.missing[name] = f"no answer within {CHECK_WITHIN_S:g} s"
        except Exception as error:  # whatever it is, it is reported and looked at again
            self.missing[name] = f"{type(error).__name__}: {error}"
        else:
            self.missing.pop(name, None)


def reachable(url: str) -> Check:
    """A TCP connection to the URL's host: asks nothing, so it starts no pod."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    async def check() -> None:
        _, writer = await asyncio.open_connection(host, port)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    return check
