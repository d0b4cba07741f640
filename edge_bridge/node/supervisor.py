"""Keeps a gate and a worker running, speaks for the node: API, heartbeats, restart, the end.

One pjsua2 worker holds four calls. More workers a node are more entries in the same loop; they are started as
fresh processes and not forked, so that a crash, or a library's thread, never leaks from one into another.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime

from edge_bridge.entrances.sip.gate import ipc
from edge_bridge.entrances.sip.signals import MAX_CALLS, MAX_LINES
from edge_bridge.node import control
from edge_bridge.node.gate_keeper import LEAVE_WITHIN_S as GATE_LEAVES_WITHIN_S
from edge_bridge.node.gate_keeper import GateKeeper
from edge_bridge.settings import EdgeSettings, cannot_listen
from process import logs
from process.asgi import App, GuestServer, Request, Response
from process.health import Health
from stores import live, nodes, redis
from stores.live import LiveCall
from stores.nodes import NodeStatus
from stores.postgres import Postgres

log = logs.get(__name__)

HEARTBEAT_EVERY_S = 10.0
HEARTBEAT_WITHIN_S = 4.0
FIRST_RESTART_S = 0.2
LONGEST_RESTART_S = 10.0
HEALTHY_AFTER_S = 60.0
LEAVE_WITHIN_S = 8.0  # beyond DRAIN_S: hanging up, the last events, libDestroy
STOPPED_WITHIN_S = 2.0  # the API
LAST_MESSAGES_WITHIN_S = 1.0
# A handler may still write what its caller has agreed to: closed any earlier, a call would be lost that has an order.
LAST_WORDS_S = 8.0
TELL_AGAIN_S = 1.0
PORT_TAKEN_STATUS = 3
NO_USE_TRYING = (2, PORT_TAKEN_STATUS)  # a setting is wrong, a port is taken
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_TURNED_AWAY = 200
PARTS = ("postgres", "redis", "sip", "sink", "lines")


class Supervisor:
    """``run`` gives the process's exit status."""

    def __init__(self, config: EdgeSettings, environment: Mapping[str, str]) -> None:
        self._config = config
        self._environment = dict(environment)
        self._health = Health("edge-bridge")
        self._report = control.Report()
        self._reported = False
        self._stopping = asyncio.Event()
        self._worker: asyncio.subprocess.Process | None = None
        self._held: dict[str, LiveCall] = {}
        self._new_ports: set[int] = set()  # of RTP, lent since they were last reported
        self._workers = 0  # so many were started
        self._worker_end: socket.socket | None = None
        self._turned_away: deque[ipc.TurnedAway] = deque(maxlen=MOST_TURNED_AWAY)  # not told to a worker yet
        self._gate = GateKeeper(config, self._environment, self._take_turned_away)
        self._telling: set[asyncio.Task[None]] = set()
        self._postgres = Postgres(config.platform_database_url, max_size=1)
        self._redis = redis.connect(config.redis_url)

    async def run(self) -> int:
        try:
            api = self._serve_api()
        except OSError as error:
            host, port = self._config.api_bind_address, self._config.api_port
            print(cannot_listen("API_PORT", host, port, error), file=sys.stderr)
            return PORT_TAKEN_STATUS
        try:
            await self._gate.open()
        except OSError:
            print(
                f"SIP_PORT: {self._config.sip_bind_address}:{self._config.sip_port} is taken; stop the program that"
                " has it, or set another",
                file=sys.stderr,
            )
            await api.stop(STOPPED_WITHIN_S)
            return PORT_TAKEN_STATUS

        def stop() -> None:
            # The first signal drains; a second one ends the calls too.
            if self._stopping.is_set() and self._worker is not None and self._worker.returncode is None:
                self._worker.kill()
            self._stopping.set()
            self._health.draining = True

        async def beat() -> None:
            while True:
                await self._beat("draining" if self._health.draining else "healthy")
                await asyncio.sleep(HEARTBEAT_EVERY_S)

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        self._health.waiting_for("sip", "the worker is starting")
        beating = asyncio.create_task(beat())
        gate = asyncio.create_task(self._gate.run())
        try:
            return await self._keep_worker()
        finally:
            self._gate.leave()
            await asyncio.wait([gate], timeout=GATE_LEAVES_WITHIN_S)
            if self._telling:
                await asyncio.wait(self._telling, timeout=HEARTBEAT_WITHIN_S)
            jobs = (beating, gate, *self._telling)
            for task in jobs:
                task.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            self._gate.close()
            await self._beat("down")
            await api.stop(STOPPED_WITHIN_S)

    def _serve_api(self) -> GuestServer:
        """``/health``, ``/health/ready`` and ``/metrics``, while the worker may come and go. Raises OSError."""

        async def metrics(_: Request) -> Response:
            # The worker's text and the gate's: the supervisor counts nothing itself.
            text = self._report.metrics + self._gate.metrics
            return Response(200, text.encode(), {"content-type": METRICS_TYPE})

        host = self._config.api_bind_address
        bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((host, self._config.api_port))
            bound.listen(128)
        except OSError:
            bound.close()
            raise
        app = App(self._health)
        app.route("GET", "/metrics", metrics)
        api = GuestServer(app)
        api.start(bound)
        return api

    async def _keep_worker(self) -> int:
        pause = FIRST_RESTART_S
        while not self._stopping.is_set():
            started = time.monotonic()
            status = await self._run_worker()
            self._give_up_calls()
            if self._stopping.is_set():
                return 0
            if status in NO_USE_TRYING and not self._reported:
                return status
            pause = FIRST_RESTART_S if time.monotonic() - started > HEALTHY_AFTER_S else pause
            log.error("the worker died; starting it again", status=status, pause_s=pause)
            self._health.waiting_for("sip", "the worker died and is starting again")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(pause * 2, LONGEST_RESTART_S)
        return 0

    async def _run_worker(self) -> int:
        self._workers += 1
        ours, theirs = control.pair()
        with ours:
            with theirs:
                worker = self._worker = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "edge_bridge.worker",
                    str(theirs.fileno()),
                    str(self._gate.inner_port),
                    *map(str, {*self._report.rtp_ports, *self._new_ports}),  # of the one before
                    pass_fds=(theirs.fileno(),),
                    env=self._environment,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=None if self._config.sip_log_level else asyncio.subprocess.DEVNULL,
                )
            log.info("worker started", pid=worker.pid)
            self._worker_end = ours
            reading = asyncio.create_task(control.read_messages(ours, self._take), name="messages")
            stopping = asyncio.create_task(self._stopping.wait(), name="stopping")
            leaving = asyncio.create_task(worker.wait(), name="worker")
            try:
                await asyncio.wait([leaving, stopping], return_when=asyncio.FIRST_COMPLETED)
                if not leaving.done():
                    if worker.returncode is None:
                        worker.terminate()
                    await self._beat("draining")
                    done, _ = await asyncio.wait([leaving], timeout=self._config.drain_s + LEAVE_WITHIN_S)
                    if not done:
                        log.error("the worker does not end; killing it")
                        worker.kill()
                        await asyncio.wait([leaving], timeout=LEAVE_WITHIN_S)
                return leaving.result() if leaving.done() else await worker.wait()
            finally:
                self._worker_end = None
                # What it said last is still to be read.
                await asyncio.wait([reading], timeout=LAST_MESSAGES_WITHIN_S)
                self._gate.worker_down(self._workers)
                if worker.returncode is None:
                    worker.kill()
                for task in (reading, stopping, leaving):
                    task.cancel()
                await asyncio.gather(reading, stopping, leaving, return_exceptions=True)

    def _take(self, message: control.Message) -> None:
        match message:
            case control.CallHeld():
                self._held[message.call.call_id] = message.call
                self._new_ports.add(message.rtp_port)
            case control.CallLeft():
                self._held.pop(message.call_id, None)
            case control.SipOpen():
                places = min(self._config.max_calls + self._config.busy_places, MAX_CALLS)
                self._gate.worker_up(self._workers, message.port, places)
                self._tell_turned_away()
            case ipc.Lines():
                self._gate.lines(message)
            case control.Report():
                self._take_report(message)

    def _take_turned_away(self, caller: ipc.TurnedAway) -> None:
        self._turned_away.append(caller)
        self._tell_turned_away()

    def _tell_turned_away(self) -> None:
        """The worker makes events of them. While there is none they wait for the next one."""
        while self._turned_away and self._worker_end is not None:
            if not control.tell_worker(self._worker_end, self._turned_away[0]):
                return
            self._turned_away.popleft()

    def _give_up_calls(self) -> None:
        """See to it that calls which the worker has not written to their end are found lost, and soon."""
        calls = tuple(self._held.values())
        self._held.clear()

        async def tell() -> None:
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT_WITHIN_S):
                        await live.calls_renewed(self._redis, calls, datetime.now(UTC), lease_s=LAST_WORDS_S)
                    return
                except Exception as error:  # whatever Redis comes up with: the restaurant has to learn of its callers
                    log.warning("lost calls are not told yet", calls=len(calls), why=type(error).__name__)
                    await asyncio.sleep(TELL_AGAIN_S)

        if calls:
            log.error("calls were lost with their worker", calls=len(calls))
            task = asyncio.create_task(tell(), name="lost calls")
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    def _take_report(self, report: control.Report) -> None:
        self._report = report
        self._new_ports.difference_update(report.rtp_ports)
        self._reported = True
        for part in PARTS:
            why = report.missing.get(part)
            if why is None:
                self._health.arrived(part)
            else:
                self._health.waiting_for(part, why)

    # --- Heartbeats ------------------------------------------------------------------------------------------

    async def _beat(self, status: NodeStatus) -> None:
        """Best effort: a node that cannot say so is found missing by its silence."""
        config, registered = self._config, self._report.registered

        async def to_postgres() -> None:
            await self._postgres.open(timeout_s=HEARTBEAT_WITHIN_S)
            async with self._postgres.platform() as connection:
                await nodes.heartbeat(
                    connection,
                    config.node_id,
                    hostname=socket.gethostname(),
                    pod_ip=config.own_address,
                    registrations_count=len(registered),
                    max_registrations=MAX_LINES,
                    status=status,
                )

        try:
            async with asyncio.timeout(HEARTBEAT_WITHIN_S if status == "healthy" else 1.0):
                await asyncio.gather(live.bridge_heartbeat(self._redis, config.node_id, registered), to_postgres())
        except Exception as error:  # whatever Redis and Postgres come up with, calls go on
            log.warning("heartbeat not told", why=type(error).__name__)


async def run(config: EdgeSettings) -> int:
    return await Supervisor(config, os.environ).run()
