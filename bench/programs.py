"""Programs that a bench runs beside itself: they read and write JSON lines, and end with their standard input."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from typing import TypeVar

import msgspec

START_WITHIN_S = 30.0
END_WITHIN_S = 5.0
LONGEST_LINE = 1 << 24

T = TypeVar("T")


class Program:
    def __init__(self, module: str, process: asyncio.subprocess.Process) -> None:
        self._module = module
        self._process = process
        self.pid = process.pid

    def tell(self, message: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(message) + b"\n")

    async def read(self, kind: type[T], within_s: float = START_WITHIN_S) -> T:
        """The program's next line. Raises RuntimeError when it ended instead, TimeoutError."""
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), within_s)
        if not line.endswith(b"\n"):
            raise RuntimeError(
                f"{self._module} ended with status {await self._process.wait()} and said {len(line)} bytes"
            )
        return msgspec.json.decode(line, type=kind)


@contextlib.asynccontextmanager
async def program(module: str) -> AsyncIterator[Program]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, stdin=pipe, stdout=pipe, limit=LONGEST_LINE
    )
    try:
        yield Program(module, process)
    finally:
        assert process.stdin is not None
        process.stdin.close()  # the end of each of them
        try:
            await asyncio.wait_for(process.wait(), END_WITHIN_S)
        except TimeoutError:
            process.kill()
            await process.wait()
