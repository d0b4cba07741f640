"""A door that always has the same port, in front of whichever engine a test wants.

It runs in a thread of its own: it has to be open between the tests, too, when no event loop of theirs runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from types import TracebackType
from urllib.parse import urlsplit

CHUNK_BYTES = 1 << 16
STARTED_WITHIN_S = 5.0


class EngineSwitch:
    """Forwards TCP to ``usual_port``; inside ``with switch.to(url)`` new connections go to that URL's port."""

    def __init__(self, usual_port: int) -> None:
        self._target = usual_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="engine switch", daemon=True)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    @contextlib.contextmanager
    def to(self, base_url: str) -> Iterator[None]:
        before, port = self._target, urlsplit(base_url).port
        assert port is not None
        self._target = port
        try:
            yield
        finally:
            self._target = before

    def __enter__(self) -> EngineSwitch:
        self._thread.start()
        opening = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._connected, "127.0.0.1", 0), self._loop)
        self._server = opening.result(STARTED_WITHIN_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(STARTED_WITHIN_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STARTED_WITHIN_S)
        self._loop.close()

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._forward(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far: asyncio.StreamWriter | None = None
        try:
            far_reader, far = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(_pump(reader, far), _pump(far_reader, writer))
        except OSError:
            pass  # the engine is away, or one of the two ends broke the connection
        finally:
            for side in (writer, far):
                if side is not None:
                    side.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the end of what one side sends, which the other side then hears."""
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    writer.write_eof()
