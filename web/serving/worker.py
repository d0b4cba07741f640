"""gunicorn's worker class for the admin: one loop for all clients, threads for Flask.

The loop reads requests and holds streams; Postgres and Redis are asked on it as well (``web.database``), so that a
thread which waits for them costs no second loop. gunicorn's master starts, watches and stops the worker as any other.
"""

import asyncio
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import uvloop
from gunicorn.workers.base import Worker as GunicornWorker  # type: ignore[import-untyped]

from process import logs
from web.serving import wsgi
from web.serving.admission import Admission, Limits, limits_from_environment
from web.serving.connection import Connection
from web.serving.kept import Kept, KeptAnswer
from web.serving.wsgi import Answer, Request, Rest, WsgiApplication

BACKLOG = 2048
SWEEP_S = 1.0
# Probes and metrics have threads of their own: they answer while every page waits for a silent database.
OPERATIONS_THREADS = 4
STOP_TICK_S = 0.05
# The loop has something to do between any two queries of a page: it must not wait for Python's usual 5 ms each time
# until the thread that draws another page gives way.
SWITCH_S = 0.0005

log = logs.get(__name__)


class Threads:
    """The application behind a connection: a bounded number of threads, and of requests that wait for one."""

    def __init__(self, application: WsgiApplication, loop: asyncio.AbstractEventLoop, size: int, waiting: int) -> None:
        self._application = application
        self._loop = loop
        self._most = size + waiting
        self._busy = 0
        self._kept = Kept()
        self._again: set[asyncio.Task[None]] = set()
        self._pages = ThreadPoolExecutor(size, thread_name_prefix="page")
        self._operations = ThreadPoolExecutor(OPERATIONS_THREADS, thread_name_prefix="operations")

    def answer(self, request: Request, connection: Connection) -> bool:
        if self._busy >= self._most:
            return False
        self._busy += 1
        kept = None if connection.operations else self._kept.find(request)
        if kept is None:
            self._submit(request, connection)
        else:
            answering = self._loop.create_task(self._answer_again(kept, request, connection))
            self._again.add(answering)  # the loop itself holds tasks by weak references only
            answering.add_done_callback(self._again.discard)
        return True

    def _submit(self, request: Request, connection: Connection) -> None:
        made = wsgi.environ(request, connection.client, connection.server, operations=connection.operations)
        pool = self._operations if connection.operations else self._pages
        pool.submit(self._run, made, request, connection)

    def _run(self, made: dict[str, Any], request: Request, connection: Connection) -> None:
        answer = wsgi.call(self._application, made)
        self._loop.call_soon_threadsafe(self._done, answer, request, connection)

    def _done(self, answer: Answer, request: Request, connection: Connection) -> None:
        self._busy -= 1
        self._kept.keep(request, answer)
        connection.answered(answer)

    async def _answer_again(self, kept: KeptAnswer, request: Request, connection: Connection) -> None:
        try:
            answer = await kept.again()
        except Exception:
            log.exception("a kept answer failed")
            answer = None
        if answer is None:
            self._kept.drop(request)
            self._submit(request, connection)
        else:
            self._busy -= 1
            connection.answered(answer)

    def read_on(self, rest: Rest, connection: Connection) -> None:
        self._pages.submit(self._next_part, rest, connection)

    def _next_part(self, rest: Rest, connection: Connection) -> None:
        try:
            data: bytes | None = rest.next()
        except Exception:
            log.exception("an answer could not be read to its end")
            data = None
        self._loop.call_soon_threadsafe(connection.part, data)

    def close(self, rest: Rest) -> None:
        self._pages.submit(rest.close)

    @property
    def busy(self) -> int:
        return self._busy

    def shut(self) -> None:
        self._pages.shutdown(wait=False, cancel_futures=True)
        self._operations.shutdown(wait=False, cancel_futures=True)


class Server:
    """The listening sockets of a worker and what is behind them. Made and used on the loop's thread."""

    def __init__(self, application: WsgiApplication, threads: int, limits: Limits) -> None:
        loop = asyncio.get_running_loop()
        self._threads = Threads(application, loop, threads, limits.waiting_requests)
        self.admission = Admission(limits)
        self._servers: list[asyncio.Server] = []
        self._sweeping = loop.create_task(self._sweep())

    async def listen(self, socket: Any, *, operations: bool = False) -> None:
        def connect() -> Connection:
            return Connection(self._threads, self.admission, operations=operations)

        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(connect, sock=socket, backlog=BACKLOG))

    async def stop(self, within_s: float) -> None:
        """Take no more clients, end streams, let requests finish for ``within_s``, then drop who is left."""
        for server in self._servers:
            server.close()
        for client in self.admission.clients():
            client.stop()
        deadline = time.monotonic() + within_s
        while (self._threads.busy or self._anything_unsent()) and time.monotonic() < deadline:
            await asyncio.sleep(STOP_TICK_S)
        for client in self.admission.clients():
            client.drop()
        self._sweeping.cancel()
        self._threads.shut()

    def _anything_unsent(self) -> bool:
        return any(client.unsent for client in self.admission.clients())

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self.admission.sweep(time.monotonic())


class Worker(GunicornWorker):  # type: ignore[misc]
    """``web.serving.worker.Worker`` in gunicorn's settings."""

    def init_process(self) -> None:
        sys.setswitchinterval(SWITCH_S)
        self.loop = uvloop.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.stopping = asyncio.Event()
        self.grace_s = float(self.cfg.graceful_timeout)
        super().init_process()

    def init_signals(self) -> None:
        for name in self.SIGNALS:
            signal.signal(name, signal.SIG_DFL)
        for name, handler in (
            (signal.SIGTERM, self._stop),
            (signal.SIGINT, self._quit),
            (signal.SIGQUIT, self._quit),
            (signal.SIGUSR1, self.log.reopen_files),
            (signal.SIGWINCH, lambda: None),
        ):
            self.loop.add_signal_handler(name, handler)
        signal.signal(signal.SIGABRT, self.handle_abort)

    def run(self) -> None:
        try:
            self.loop.run_until_complete(self._serve())
        finally:
            self.loop.close()

    async def _serve(self) -> None:
        extensions = self.wsgi.extensions
        database, streams = extensions["alloresto.database"], extensions["alloresto.streams"]
        database.use(asyncio.get_running_loop())
        server = Server(self.wsgi, self.cfg.threads, _limits(self.cfg))
        operations_port = int(os.environ.get("WEB_METRICS_PORT") or 0)
        for one in self.sockets:
            port = one.sock.getsockname()[1] if one.sock.family.name != "AF_UNIX" else 0
            await server.listen(one.sock, operations=bool(port) and port == operations_port)
        while not self.stopping.is_set() and self.alive and self.ppid == os.getppid():
            self.notify()
            try:
                await asyncio.wait_for(self.stopping.wait(), 1.0)
            except TimeoutError:
                continue
        await streams.stop()
        await server.stop(self.grace_s)
        await database.aclose()

    def _stop(self) -> None:
        self.alive = False
        self.stopping.set()

    def _quit(self) -> None:
        self.alive = False
        self.grace_s = 0.0
        self.stopping.set()
        self.cfg.worker_int(self)


def _limits(cfg: Any) -> Limits:
    return limits_from_environment(
        request_line=cfg.limit_request_line,
        header_fields=cfg.limit_request_fields,
        header_field=cfg.limit_request_field_size,
        idle_s=cfg.keepalive,
    )
