"""The synthetic caller beside the stack, as its CronJob starts it on a cluster: a process a call, every few minutes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

EVERY_S = 300.0
FIRST_AFTER_S = 5.0
NUMBER = "+353209110099"  # of the range that Ireland reserves for fiction
ENDS_WITHIN_S = 5.0


class SyntheticCaller:
    """``start`` once, on a loop; what the calls log is appended to ``log_file``."""

    def __init__(self, log_file: Path, *, target: str, database_url: str) -> None:
        self._log_file = log_file
        self._environment = {
            "SYNTHETIC_TARGET": target,
            "SYNTHETIC_NUMBER": NUMBER,
            "SYNTHETIC_DATABASE_URL": database_url,
        }
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Safe to call again. A call that is going on hangs up, or is ended."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None

    async def _run(self) -> None:
        await asyncio.sleep(FIRST_AFTER_S)
        while True:
            await self._ring()
            await asyncio.sleep(EVERY_S)

    async def _ring(self) -> None:
        with self._log_file.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "synthetic_caller"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | self._environment,
                cwd=Path(__file__).parents[2],
            )
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), ENDS_WITHIN_S)
