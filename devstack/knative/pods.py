"""One pod: a process treated as the kubelet does (probes, restarts with backoff, SIGTERM, grace, SIGKILL)."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack.knative.clock import Clock, Constants
from devstack.knative.processes import Prober, end_group, ended, spawn
from devstack.knative.states import EventKind, Pod, PodState

Emit = Callable[[EventKind, str, str], None]
"""``(kind, pod, detail)`` of one Service or workload."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What a pod executes. ``prepare`` gives command, environment and the port to probe, anew for each start."""

    service: str
    name: str
    log_file: Path | None
    working_dir: Path | None
    prepare: Callable[[], tuple[tuple[str, ...], Mapping[str, str], int]]
    readiness: Prober
    liveness: Prober | None
    startup: Prober | None
    grace_s: float


class RunningPod:
    """Started by ``start``; ``gone`` is set when it is over for good."""

    def __init__(
        self,
        launch: Launch,
        emit: Emit,
        clock: Clock,
        constants: Constants,
        on_endpoint_change: Callable[["RunningPod"], None],
    ) -> None:
        self.name = launch.name
        self.port = 0
        self.deletion_cost = 0
        self.in_flight = 0
        self.ready = False
        self.ready_since = 0.0
        self.terminating = False
        self.restarts = 0
        self.gone = asyncio.Event()
        self.tunnels_cut = asyncio.Event()
        self._launch = launch
        self._emit_kind = emit
        self._clock = clock
        self._constants = constants
        self._on_endpoint_change = on_endpoint_change
        self._process: asyncio.subprocess.Process | None = None
        self._starting = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._crash_timer: asyncio.TimerHandle | None = None

    @property
    def _quick_s(self) -> float:
        return self._constants.start_probe_period_s

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def state(self) -> PodState:
        if self.terminating:
            return "terminating"
        if not self.ready:
            return "pending"
        return "busy" if self.in_flight else "ready"

    def snapshot(self) -> Pod:
        launch = self._launch
        log = "" if launch.log_file is None else str(launch.log_file)
        return Pod(self.name, launch.service, self.state, self.deletion_cost, self.pid, self.restarts, log)

    def start(self) -> None:
        self._spawn_task(self._run())

    def kill(self) -> None:
        """SIGKILL to the process, as an out-of-memory kill would; it is restarted unless terminating."""
        self._signal(signal.SIGKILL)

    def delete(self) -> None:
        """Out of the endpoints now, SIGTERM after the drain time, SIGKILL at the end of the grace period."""
        if not self.terminating:
            self._leave("deleted")
            self._spawn_task(self._drain_and_end())

    async def shutdown(self, grace_s: float) -> None:
        """SIGTERM now and SIGKILL after ``grace_s`` real seconds: the runtime itself is ending."""
        self._leave("the runtime stops")
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self.gone.wait()
        self._signal(signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self.gone.wait()
        for task in tuple(self._tasks):
            task.cancel()

    def unready(self, why: str) -> None:
        """Out of the endpoints until the readiness probe passes again."""
        if self.ready:
            self.ready = False
            self._emit("pod_unready", why)
            self._on_endpoint_change(self)

    def busy_changed(self) -> None:
        """The activator gave it its first request, or took back its last."""
        self._emit("pod_busy" if self.in_flight else "pod_idle", "")

    # The process

    async def _run(self) -> None:
        crashes = 0
        while not self.terminating:
            started = self._clock.now()
            how = await self._run_once()
            if self._ending():
                break
            if self._clock.now() - started > self._constants.restart_reset_s:
                crashes = 0
            delays = self._constants.restart_delays_s
            delay = delays[min(crashes, len(delays) - 1)]
            crashes += 1
            self.restarts += 1
            self._emit(
                "pod_restarted", f"{how}; starts again in {delay:g} s, see {self._launch.log_file or 'our own log'}"
            )
            self._unready_soon()
            await self._clock.sleep(delay)
        self._emit("pod_gone", "")
        self.gone.set()

    async def _run_once(self) -> str:
        """How it ended, in words."""
        self._starting = True
        try:
            command, environment, self.port = self._launch.prepare()
            self._process = process = await spawn(command, environment, self._launch.log_file, self._launch.working_dir)
        except (OSError, RuntimeError, ValueError) as error:  # no process, descriptor, port or log file
            return f"not started ({error})"
        finally:
            self._starting = False
        if self.restarts == 0:
            self._emit("pod_started", f"pid {process.pid}")
        if self._ending():  # deleted while it was being made
            self._signal(signal.SIGTERM)
        probing = asyncio.create_task(self._probe())
        try:
            return ended(await process.wait())
        finally:
            probing.cancel()
            end_group(process.pid)
            self._process = None

    async def _drain_and_end(self) -> None:
        """Drain, SIGTERM, the end of WebSockets, SIGKILL: each at its time after the deletion, until it is gone."""
        drain_s = min(self._constants.drain_s, self._launch.grace_s)
        steps: list[tuple[float, Callable[[], None]]] = [
            (drain_s, lambda: self._signal(signal.SIGTERM)),
            (self._constants.tunnels_cut_s, self.tunnels_cut.set),
            (
                max(self._launch.grace_s, drain_s + self._constants.minimum_grace_s),
                lambda: self._signal(signal.SIGKILL),
            ),
        ]
        now_s = 0.0
        for at_s, act in sorted(steps, key=lambda step: step[0]):
            try:
                async with self._clock.timeout(at_s - now_s):
                    await self.gone.wait()
                return
            except TimeoutError:
                now_s = at_s
                act()

    def _ending(self) -> bool:
        return self.terminating

    def _leave(self, why: str) -> None:
        if not self.terminating:
            self.terminating = True
            self._emit("pod_terminating", why)
            self._on_endpoint_change(self)
        self._cancel_crash_timer()
        if self._process is None and not self._starting:  # between a crash and the restart
            for task in tuple(self._tasks):
                task.cancel()
            self._emit("pod_gone", "")
            self.gone.set()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    # Readiness

    async def _probe(self) -> None:
        """The startup probe first; then readiness and liveness, each by its own clock."""
        launch = self._launch
        if launch.startup is not None and not await launch.startup.starts(self.port, self._clock, self._quick_s):
            await self._end_container("the startup probe fails")
            return
        watches = [self._watch_readiness()]
        if launch.liveness is not None:
            watches.append(self._watch_liveness(launch.liveness))
        await asyncio.gather(*watches)

    def _become_ready(self) -> None:
        """Also after a restart during which the endpoints never noticed."""
        if self.terminating:
            return
        if not self.ready:
            self.ready = True
            self.ready_since = self._clock.now()
        self._emit("pod_ready", f"port {self.port}")
        self._on_endpoint_change(self)

    async def _watch_readiness(self) -> None:
        """Ready as soon as the probe passes; then the manifest's period and threshold decide."""
        prober = self._launch.readiness
        await prober.until_ready(self.port, self._clock, self._quick_s)
        self._cancel_crash_timer()
        self._become_ready()
        async for ok in prober.changes(self.port, self._clock):
            if not ok:
                self.unready("the readiness probe fails")
            else:
                self._become_ready()

    async def _watch_liveness(self, prober: Prober) -> None:
        await self._clock.sleep(prober.probe.initial_delay_seconds)
        async for ok in prober.changes(self.port, self._clock):
            if not ok:
                await self._end_container("the liveness probe fails")

    async def _end_container(self, why: str) -> None:
        """As the kubelet does: SIGTERM, the grace, SIGKILL. The probes end with the process."""
        self._emit("pod_unhealthy", why)
        self._signal(signal.SIGTERM)
        await self._clock.sleep(self._launch.grace_s)
        self._signal(signal.SIGKILL)

    def _unready_soon(self) -> None:
        """A dead process still gets requests for a moment: the endpoints lag behind, as measured."""
        self._cancel_crash_timer()
        delay = self._clock.real(self._constants.unready_after_crash_s)
        self._crash_timer = asyncio.get_running_loop().call_later(delay, self.unready, "its process is not back")

    def _cancel_crash_timer(self) -> None:
        if self._crash_timer is not None:
            self._crash_timer.cancel()
            self._crash_timer = None

    def _emit(self, kind: EventKind, detail: str) -> None:
        self._emit_kind(kind, self.name, detail)

    def _spawn_task(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
