"""``python -m synthetic_caller``: one call, written down, then the end. A CronJob starts it every few minutes.

Exit status 0 when the call went right, 1 when it did not, 3 when its result could not be written down.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from datetime import UTC, datetime
from typing import Annotated

import asyncpg
import msgspec

from process import logs
from process.settings import load_or_exit
from softphone.caller import Caller
from stores import rehearsals
from stores.postgres import Connection, PostgresUnavailableError, connect
from stores.rehearsals import RehearsedOrder, SyntheticCall
from synthetic_caller import script
from synthetic_caller.calling import Rehearsal

NAME = "synthetic-caller"
AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, PostgresUnavailableError, OSError)
CONNECT_WITHIN_S = 10.0
RESOLVE_WITHIN_S = 5.0

log = logs.get(__name__)


class Settings(msgspec.Struct, frozen=True):
    """Whom to ring: ``synthetic_target`` is ``host:port`` of the bridges' SIP, ``synthetic_number`` what is dialled.

    ``synthetic_database_url`` is of the role alloresto_synthetic; ``synthetic_from`` is the number that is shown.
    """

    synthetic_target: Annotated[str, msgspec.Meta(pattern=r"^[^:\s]+:\d{1,5}$")]
    synthetic_number: Annotated[str, msgspec.Meta(pattern=r"^\+[1-9]\d{6,14}$")]
    synthetic_database_url: str
    synthetic_from: Annotated[str, msgspec.Meta(pattern=r"^\+[1-9]\d{6,14}$")] = "+33600000099"


class Ledger:
    """The role's two functions. Its connection is made when it is first needed, and again when it broke: a database
    that is away is found out by the call, and does not keep it from being made.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None

    async def written(self, since: datetime) -> RehearsedOrder | None:
        try:
            return await rehearsals.since(await self._open(), since)
        except AWAY:
            await self.close()
            return None

    async def record(self, call: SyntheticCall) -> None:
        """Raises what a database that is away raises."""
        await rehearsals.record_call(await self._open(), call)

    async def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(*AWAY):
                await self._connection.close(timeout=1)
            self._connection = None

    async def _open(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._url, timeout_s=CONNECT_WITHIN_S)
        return self._connection


async def call_once(settings: Settings) -> int:
    """The exit status."""
    ledger = Ledger(settings.synthetic_database_url)
    try:
        call = await _ring(settings, ledger)
        figures = {"answer_ms": call.answer_ms, "greeting_ms": call.greeting_ms, "reply_ms": call.reply_ms}
        if call.failed_at:
            log.error("the synthetic call failed", at=call.failed_at, why=call.why, **figures)
        else:
            log.info("the synthetic call went right", seconds=call.seconds, **figures)
        try:
            await ledger.record(call)
        except AWAY as error:
            log.error("the synthetic call is not written down", why=type(error).__name__)
            return 3
        return 1 if call.failed_at else 0
    finally:
        await ledger.close()


async def _ring(settings: Settings, ledger: Ledger) -> SyntheticCall:
    try:
        target = await resolved(settings.synthetic_target)
    except (OSError, TimeoutError):
        return SyntheticCall(
            datetime.now(UTC), "answer", f"no address of {settings.synthetic_target}"[:200], None, None, None, 0.0
        )
    caller = Caller(target, settings.synthetic_number, local_ip=own_address(target), from_user=settings.synthetic_from)
    return await Rehearsal(caller, ledger.written, script.recordings()).run()


async def resolved(target: str) -> tuple[str, int]:
    """One of the addresses of ``host:port``, another one each minute, so that every bridge has its turn.

    Raises OSError, TimeoutError.
    """
    host, _, port = target.rpartition(":")
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(RESOLVE_WITHIN_S):
        found = await loop.getaddrinfo(host, int(port), family=socket.AF_INET, type=socket.SOCK_DGRAM)
    addresses = sorted({(str(one[4][0]), int(one[4][1])) for one in found})
    return addresses[int(time.time() // 60) % len(addresses)]


def own_address(target: tuple[str, int]) -> str:
    """The address that this machine has towards ``target``; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(target)
        return str(probe.getsockname()[0])


def main() -> None:
    logs.configure(NAME)
    sys.exit(asyncio.run(call_once(load_or_exit(Settings))))


if __name__ == "__main__":
    main()
