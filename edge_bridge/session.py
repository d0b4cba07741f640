"""The session process: the calls' audio, the media socket and the call lane, composed. Forked by the nursery.

It takes SIP's calls from the signallers, which outlive it: the supervisor gives it the link of each, and the calls that
a session before it had.
"""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from edge_bridge import prompts
from edge_bridge.calls import pod_costs
from edge_bridge.calls.bridged_call import Services
from edge_bridge.calls.emissions import Emissions
from edge_bridge.calls.lane import LaneClient
from edge_bridge.calls.legs import Legs
from edge_bridge.calls.load_watch import LoadWatch
from edge_bridge.calls.news import CallFeed, NewsDesk
from edge_bridge.calls.switchboard import Switchboard
from edge_bridge.calls.ways import ReleaseTrials
from edge_bridge.entrances.doors import Doors
from edge_bridge.entrances.sip.gate import ipc
from edge_bridge.entrances.sip.registering.client import RegisteringClient
from edge_bridge.entrances.sip.registering.dns import SrvQuestions
from edge_bridge.entrances.sip.registering.trunks import ALL_SERVICES, UDP, TrunkNames
from edge_bridge.entrances.sip.registering.ways import Straight, ThroughKamailio
from edge_bridge.entrances.sip.signals import RegisterAnswer
from edge_bridge.lines.directory import Directory, keys_of
from edge_bridge.lines.greetings import Greetings
from edge_bridge.lines.line_book import LineBook, StaticLine
from edge_bridge.lines.registrar import DirectRegistrar
from edge_bridge.lines.trunk_memory import TrunkMemory
from edge_bridge.media.recordings import Recorder
from edge_bridge.media.rtp.call import RtpNode
from edge_bridge.media.rtp.pacer import Pacer
from edge_bridge.media.rtp.ports import PortRange
from edge_bridge.media.server import MediaServer
from edge_bridge.node import control
from edge_bridge.settings import EdgeSettings, cannot_listen
from eventing.extensions import overrides
from process import logs, metrics, orphans, settings, telemetry
from process.punctuality import AUDIO_PRIORITY, make_punctual
from stores import lines, live, redis
from stores.ciphers import PiiCipher, SipPasswordCipher
from stores.lines import RegistrationStatus
from stores.postgres import Postgres, PostgresUnavailableError

log = logs.get(__name__)

PORT_TAKEN_STATUS = 3
POSTGRES_TRY_S = 30.0
CUT_WITHIN_S = 3.0
HAND_OVER_S = 45.0  # 200 lines leave in portions of twenty
UNREGISTERED_WITHIN_S = 2.0
JOB_REST_S = 1.0
SWITCH_INTERVAL_S = 0.001  # how long another thread may keep the event loop, and its audio, waiting for the GIL


def _rtp_of(config: EdgeSettings, resting_ports: Collection[int]) -> RtpNode:
    first, last, own6 = config.rtp_ports[0], config.rtp_ports[-1], config.own_ipv6_address
    return RtpNode(
        asyncio.get_running_loop(),
        PortRange(config.sip_bind_address, first, last, resting_ports, config.own_address),
        Pacer(),
        config.peers(),
        config.nat_peers(),
        PortRange(own6, first, last, resting_ports) if config.sip_ipv6_address and own6 else None,
    )


class SessionStartError(Exception):
    """One clear line for the operator."""

    def __init__(self, line: str, status: int) -> None:
        super().__init__(line)
        self.status = status


class Session:
    """``run`` returns when it is time to leave by ``os._exit``."""

    def __init__(
        self, config: EdgeSettings, end: control.SessionEnd, gate_port: int, resting_ports: Collection[int]
    ) -> None:
        self._config = config
        self._end = end
        self._stop = asyncio.Event()
        self._cut = False
        self._tasks: list[asyncio.Task[None]] = []
        self._gate_knows = True  # the lines as they are
        self._postgres = Postgres(config.platform_database_url, min_size=1, max_size=3)
        self._redis = redis.connect(config.redis_url)
        self._feed = CallFeed(self._redis)
        pii = PiiCipher(config.master_key)
        self._emissions = Emissions(self._postgres, pii, config.node_id)
        self._trials = ReleaseTrials(self._postgres, self._emissions, config.node_id)
        self._media = MediaServer(config.media_host)
        self._lane = LaneClient(config.k_sink, overrides(config.k_ce_overrides))
        self._pods = pod_costs.PodCostTasks(
            pod_costs.for_environment(config.local_runtime_url, config.handler_namespace)
        )
        self._recorder = Recorder(Path(config.recordings_dir))
        self._desk = NewsDesk(self._feed, self._emissions, pii, config.node_id, control.CallKeeper(end))
        rtp = self._rtp = _rtp_of(config, resting_ports)
        is_direct = config.registrar == "direct"
        self._names = TrunkNames(SrvQuestions().ask, (UDP,) if is_direct else ALL_SERVICES, TrunkMemory(self._redis))
        way = Straight(self._names) if is_direct else ThroughKamailio()
        self._load = LoadWatch(config.overload_limits, config.max_calls, config.node_id)
        services = Services(
            node_id=config.node_id,
            handler_wait_s=config.handler_wait_s,
            transfer_ring_s=config.transfer_ring_s,
            lane=self._lane,
            trials=self._trials,
            media=self._media,
            pods=self._pods,
            recorder=self._recorder,
            legs=Legs(rtp, config.own_address, way),
            load=self._load,
        )
        self._switchboard = Switchboard(config.max_calls, config.most_told, services, rtp, self._desk)
        self._doors = Doors(config, self._switchboard)
        self._client = RegisteringClient(
            way,
            config.contacts,
            gate_port,
            self._names,
            self._registered,
            config.registers_at_once,
        )
        self._registrar = DirectRegistrar(
            self._client, config.node_id, self._report_registration, config.max_lines, frozenset(config.contacts)
        )
        self._book = LineBook(
            self._postgres,
            self._redis,
            Greetings(self._redis),
            SipPasswordCipher(config.master_key),
            config.peers(),
            config.node_id,
            StaticLine.parse(config.static_line),
            self._lines_changed,
            self._names,
        )
        self._watches = control.Watches(
            {"postgres": self._postgres.check, "redis": self._redis.ping, "sink": control.reachable(config.k_sink)}
        )

    async def run(self) -> None:
        """Start, serve until told to stop, drain. Raises SessionStartError."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):  # Ctrl-C reaches the whole group
            loop.add_signal_handler(number, self._stop.set)

        def cut() -> None:
            # The supervisor is gone: no time to let calls end by themselves, or lines find another node.
            self._cut = True
            self._switchboard.draining = True
            self._switchboard.hang_up_all()
            self._stop.set()

        orphans.when_parent_gone(self._end.socket, lambda: loop.call_soon_threadsafe(cut))
        prompts.preload()
        self._desk.pii.encrypt("", "")  # loads the cipher, which the first caller's 180 would wait for
        await self._open()

        jobs = (self._feed.run, self._emissions.run, self._desk.renew, self._watches.run, self._trials.run)
        for job in (*jobs, self._load.run, self._keep_reporting, self._read_lines):
            self._tasks.append(asyncio.create_task(_kept_alive(job), name=job.__qualname__))
        # What is loaded by now is never garbage; full collections get rare, and audio late for none of them.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        await self._stop.wait()
        self._switchboard.draining = True
        self._tell_gate()
        log.info("draining", calls=self._switchboard.calls, lines=len(self._registrar.held))
        if not await self._until_drained(self._config.drain_s):
            log.warning("drain time is over; hanging up", calls=self._switchboard.calls)
            self._switchboard.hang_up_all()
            await self._until_no_calls(CUT_WITHIN_S)
        await self._close()

    async def _open(self) -> None:
        config = self._config
        try:
            await self._media.start(config.media_bind_address, config.media_port)
        except OSError as error:
            line = cannot_listen("MEDIA_PORT", config.media_bind_address, config.media_port, error)
            raise SessionStartError(line, PORT_TAKEN_STATUS) from None
        try:
            await self._doors.open()
        except OSError as error:
            raise SessionStartError(str(error), PORT_TAKEN_STATUS) from None
        self._client.open()
        self._end.send(control.RegistersFrom(self._client.port))
        await self._lane.open()
        self._pods.check()
        self._end.read(self._told)

    async def _read_lines(self) -> None:
        def waiting(why: str) -> None:
            self._watches.missing["postgres"] = why

        while True:
            try:
                await self._postgres.open(timeout_s=POSTGRES_TRY_S, waiting=waiting)
                break
            except PostgresUnavailableError:
                log.warning("still waiting for Postgres")
        await self._book.run()

    def _lines_changed(self, directory: Directory) -> None:
        self._switchboard.use(directory)
        self._tell_gate()
        if not self._switchboard.draining:
            self._registrar.sync(directory.by_id.values())
        elif self._book.others_are_healthy:
            # Each line stays until the next node has registered it; none is taken on.
            kept = self._registrar.held
            self._registrar.sync(line for line in directory.by_id.values() if line.id in kept)

    def _registered(self, answer: RegisterAnswer) -> None:
        self._registrar.answered(answer)
        if answer.status // 100 == 2:
            self._book.trunk_answered(answer.line_id, answer.registrar_host)

    def _tell_gate(self) -> None:
        """What the gate judges INVITEs by."""
        directory = self._book.directory
        lines = () if directory is None else keys_of(directory.by_id.values())
        trunks = {} if directory is None else directory.book.trunks
        packets = ipc.packets(lines, trunks, read=directory is not None, draining=self._switchboard.draining)
        sent = [self._end.send(packet) for packet in packets]
        self._gate_knows = all(sent)

    def _told(self, message: control.ToSession, descriptors: list[int]) -> None:
        """By the supervisor."""
        match message:
            case control.SignallerUp(number, port):
                self._switchboard.signallers.up(number, port, descriptors[0])
            case control.Adopt(call, rtp_port, progress):
                self._switchboard.adopt(call, rtp_port, progress, *descriptors)
            case control.Drain():
                self._stop.set()
            case ipc.Traced():
                self._desk.traced(message)
            case ipc.TurnedAway():
                line = self._book.directory.by_id.get(message.line_id) if self._book.directory is not None else None
                if line is not None:
                    self._desk.turned_away(line, message.caller, datetime.fromtimestamp(message.at, UTC))

    def _report_registration(self, line_id: str, generation: int, status: RegistrationStatus, error: str) -> None:
        async def write() -> None:
            async with self._postgres.platform() as connection:
                told = await lines.set_registration(
                    connection, line_id, self._config.node_id, generation, status, error
                )
            if told.handed_over:  # its old node waits for this
                await live.lines_changed(self._redis, "assigned")

        self._feed.put(lambda _: write())

    # --- Reports ---------------------------------------------------------------------------------------------

    async def _keep_reporting(self) -> None:
        while True:
            report = self._report()
            self._end.send(report)
            if not self._gate_knows:
                self._tell_gate()
            await asyncio.sleep(control.HURRIED_REPORT_EVERY_S if report.missing else control.REPORT_EVERY_S)

    def _report(self) -> control.Report:
        missing = dict(self._watches.missing)
        if self._book.directory is None:
            missing["lines"] = "the phone lines are not read yet; INVITEs wait, and get 503"
        return control.Report(
            calls=self._switchboard.calls,
            missing=missing,
            registered=tuple(self._registrar.registered),
            metrics=metrics.render()[1].decode(),
            rtp_ports=self._rtp.used_ports(),
        )

    # --- The end ---------------------------------------------------------------------------------------------

    async def _until_drained(self, within_s: float) -> bool:
        """Until other nodes have this one's lines and its calls have ended; False when calls go on after that time.

        Lines that no other node takes are let go after HAND_OVER_S, and at once where there is none.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + within_s
        others = self._book.others_are_healthy and not self._cut
        give_up = loop.time() + (min(HAND_OVER_S, within_s) if others else 0.0)
        self._book.look_now()
        while loop.time() < give_up and self._registrar.held:
            await asyncio.sleep(0.05)
        self._registrar.sync(())
        return await self._until_no_calls(end - loop.time())

    async def _until_no_calls(self, within_s: float) -> bool:
        loop = asyncio.get_running_loop()
        end = loop.time() + within_s
        while self._switchboard.calls and loop.time() < end:
            await asyncio.sleep(0.05)
        return not self._switchboard.calls

    async def _close(self) -> None:
        def leave_anyway() -> None:
            log.error("shutdown took too long; leaving anyway")
            os._exit(orphans.FORCED_STATUS)

        timer = threading.Timer(orphans.FORCED_EXIT_S, leave_anyway)
        timer.daemon = True
        timer.start()
        await self._client.close(UNREGISTERED_WITHIN_S)
        await self._emissions.flush()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._names.close()
        await self._doors.close()
        self._switchboard.signallers.close()
        self._media.stop()
        await self._pods.close()
        await self._lane.close()
        self._end.send(self._report())
        await asyncio.to_thread(self._recorder.stop)
        log.info("ended")


async def _kept_alive(job: Callable[[], Awaitable[None]]) -> None:
    """A background job that fails is started again: calls go on without it, and it may recover."""
    while True:
        try:
            await job()
        except Exception:
            log.exception("a background job failed; starting it again", job=job.__qualname__)
        await asyncio.sleep(JOB_REST_S)


def main(arguments: tuple[int, ...], descriptors: list[int]) -> None:
    """``arguments`` are where the gate takes SIP on loopback, and the ports of RTP that the session before had, without
    those of the calls that it takes over: their phones may talk on. The one descriptor is its end of
    ``control.pair()``. To be left by ``os._exit``.
    """
    logs.configure("edge-bridge-session")
    telemetry.configure("edge-bridge")
    for chatty in ("picows", "httpx2"):  # they tell of every connection and request
        logging.getLogger(chatty).setLevel(logging.WARNING)
    config = settings.load_or_exit(EdgeSettings)
    make_punctual(AUDIO_PRIORITY, SWITCH_INTERVAL_S)
    gate_port, *resting_ports = arguments
    status = 0

    async def run() -> None:
        nonlocal status
        end = control.SessionEnd(descriptors[0])
        try:
            await Session(config, end, gate_port, resting_ports).run()
        except SessionStartError as failure:
            print(failure, file=sys.stderr)
            status = failure.status
        except SystemExit as leaving:
            print(leaving, file=sys.stderr)
            status = 2
        except Exception:
            log.exception("the session failed")
            status = 1
        end.send(control.Leaving(status))

    uvloop.run(run())
    raise SystemExit(status)
