"""Keeps a node's processes running and speaks for the node: API, heartbeats, the end.

The gate owns the public SIP address; signallers speak SIP, four calls each; one session has the calls' audio and all
that comes of them. A nursery forks signallers and sessions. Each may die alone: what the others need of it is here.
"""

import asyncio
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path

from edge_bridge.entrances.sip.gate import ipc
from edge_bridge.entrances.sip.signals import MAX_CALLS
from edge_bridge.node import control, gate_keeper, session_keeper, signaller_keeper
from edge_bridge.node.gate_keeper import GateKeeper
from edge_bridge.node.kamailio_keeper import FrontError
from edge_bridge.node.kept_calls import KeptCalls
from edge_bridge.node.nursery import Nursery
from edge_bridge.node.recordings_eraser import RecordingsEraser
from edge_bridge.node.session_keeper import PORT_TAKEN_STATUS, SETTINGS_STATUS, SessionKeeper
from edge_bridge.node.signaller_keeper import Signaller, SignallerKeeper
from edge_bridge.settings import EdgeSettings, cannot_listen
from process import logs
from process.asgi import App, GuestServer, Request, Response
from process.health import Health
from process.settings import SettingsError
from stores import live, nodes, redis
from stores.nodes import NodeStatus
from stores.postgres import Postgres

log = logs.get(__name__)

HEARTBEAT_EVERY_S = 10.0
HEARTBEAT_WITHIN_S = 4.0
STOPPED_WITHIN_S = 2.0  # the API
# Beyond DRAIN_S: the calls are hung up, the last events written, the lines given back.
LEAVE_WITHIN_S = session_keeper.LEAVE_WITHIN_S + signaller_keeper.LEAVE_WITHIN_S
JUDGE_EVERY_S = 0.5
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REGISTERING = -1  # the session that sends REGISTERs, as a worker of the gate's
PARTS = ("postgres", "redis", "sink", "lines")
DESCRIPTORS = 16_384  # a call has four sockets in a session, and two here


class Supervisor:
    """``run`` gives the process's exit status."""

    def __init__(self, config: EdgeSettings, environment: Mapping[str, str]) -> None:
        self._config = config
        self._health = Health("edge-bridge")
        self._stopping = asyncio.Event()
        self._postgres = Postgres(config.platform_database_url, max_size=1)
        self._redis = redis.connect(config.redis_url)
        self._gate = GateKeeper(config, dict(environment), lambda news: self._session.news(news), self._dialogs_changed)
        self._nursery = Nursery(dict(environment), quiet=config.sip_log_level == 0)
        self._signallers = SignallerKeeper(
            config.most_dialogs,
            self._nursery,
            lambda: self._gate.inner_port,
            lambda: self._gate.taken,
            self._signaller_up,
            self._gate.worker_down,
        )
        self._calls = KeptCalls(self._redis)
        self._session = SessionKeeper(
            config.drain_s,
            self._nursery,
            lambda: self._gate.inner_port,
            self._signallers,
            self._calls,
            self._told_by_session,
        )

    async def run(self) -> int:
        allow_descriptors()
        self._judge()  # before anybody can ask: Kamailio's start takes a while
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
        except (FrontError, SettingsError) as error:
            print(error, file=sys.stderr)
            await api.stop(STOPPED_WITHIN_S)
            return error.status if isinstance(error, FrontError) else SETTINGS_STATUS

        def stop() -> None:
            # The first signal drains; a second one ends the calls too.
            self._stopping.set()
            self._health.draining = True
            self._session.stop()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        jobs = {name: asyncio.create_task(job(), name=name) for name, job in self._jobs().items()}
        self._signallers.ensure()
        try:
            return await self._session.run()
        finally:
            await self._leave(jobs)
            await api.stop(STOPPED_WITHIN_S)

    async def _leave(self, jobs: Mapping[str, asyncio.Task[None]]) -> None:
        """The session is over: BYE for what is left, the lines given back."""
        await self._signallers.leave()
        self._gate.leave()
        await asyncio.wait([jobs["gate"]], timeout=gate_keeper.LEAVE_WITHIN_S)
        await self._calls.close()
        for task in jobs.values():
            task.cancel()
        await asyncio.gather(*jobs.values(), return_exceptions=True)
        self._gate.close()
        await self._beat("down")

    def _jobs(self) -> dict[str, Callable[[], Coroutine[None, None, None]]]:
        async def beat() -> None:
            while True:
                await self._beat("draining" if self._health.draining else "healthy")
                await asyncio.sleep(HEARTBEAT_EVERY_S)

        async def say_draining() -> None:
            await self._stopping.wait()
            await self._beat("draining")

        async def judge() -> None:
            while True:
                self._judge()
                await asyncio.sleep(JUDGE_EVERY_S)

        return {
            "gate": self._gate.run,
            "nursery": self._nursery.run,
            "heartbeats": beat,
            "draining": say_draining,
            "judging": judge,
            "erasing": RecordingsEraser(Path(self._config.recordings_dir), self._config.node_id, self._postgres).run,
        }

    def _serve_api(self) -> GuestServer:
        """``/health``, ``/health/ready`` and ``/metrics``, while processes may come and go. Raises OSError."""

        async def metrics(_: Request) -> Response:
            # The session's text and the gate's: the supervisor counts nothing itself.
            text = self._session.report.metrics + self._gate.metrics
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

    # --- What one process tells for the others ---------------------------------------------------------------

    def _signaller_up(self, one: Signaller) -> None:
        self._gate.worker_up(one.number, one.port, MAX_CALLS)
        self._session.signaller_up(one)
        self._judge()

    def _dialogs_changed(self) -> None:
        self._signallers.ensure()

    def _told_by_session(self, message: ipc.Lines | control.RegistersFrom | control.Report) -> None:
        match message:
            case ipc.Lines():
                self._gate.lines(message)
            case control.RegistersFrom(port):
                self._gate.worker_down(REGISTERING)  # the session's before
                self._gate.worker_up(REGISTERING, port, 0)
            case control.Report():
                for part in PARTS:
                    self._say(part, message.missing.get(part, ""))
                self._judge()

    def _judge(self) -> None:
        """Whether calls can be taken, as far as that is a question of this node's processes."""
        why = ""
        if not self._session.is_up:
            why = "the session is starting"
        elif not self._signallers.open:
            why = "no signaller is up"
        for name, keeper in (
            ("gate", self._gate),
            ("nursery", self._nursery),
            ("session", self._session),
        ):
            if keeper.restarts.is_looping:
                why = f"the {name} keeps dying; see the log"
        if self._signallers.restarts.is_looping:
            why = "signallers keep dying; see the log"
        self._say("sip", why)
        self._say("kamailio", self._gate.missing)

    def _say(self, part: str, why: str) -> None:
        if why:
            self._health.waiting_for(part, why)
        else:
            self._health.arrived(part)

    # --- Heartbeats ------------------------------------------------------------------------------------------

    async def _beat(self, status: NodeStatus) -> None:
        """Best effort: a node that cannot say so is found missing by its silence."""
        config, registered = self._config, self._session.report.registered

        async def to_postgres() -> None:
            await self._postgres.open(timeout_s=HEARTBEAT_WITHIN_S)
            async with self._postgres.platform() as connection:
                await nodes.heartbeat(
                    connection,
                    config.node_id,
                    hostname=socket.gethostname(),
                    pod_ip=config.own_address,
                    registrations_count=len(registered),
                    max_registrations=config.max_lines,
                    status=status,
                )

        try:
            async with asyncio.timeout(HEARTBEAT_WITHIN_S if status == "healthy" else 1.0):
                await asyncio.gather(live.bridge_heartbeat(self._redis, config.node_id, registered), to_postgres())
        except Exception as error:  # whatever Redis and Postgres come up with, calls go on
            log.warning("heartbeat not told", why=type(error).__name__)


def allow_descriptors() -> None:
    """As many as a full node needs; its processes inherit the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def run(config: EdgeSettings) -> int:
    return await Supervisor(config, os.environ).run()
