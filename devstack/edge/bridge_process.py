"""A real bridge as a process of its own: pjsua2 never runs inside who rings it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from devstack.servers.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 60.0  # on a busy machine


def free_ports(count: int) -> list[int]:
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return list(ports)


class BridgeProcess:
    """``python -m edge_bridge`` on loopback, of the tree ``code``, logging to ``folder/bridge.log``."""

    def __init__(
        self,
        folder: Path,
        platform_url: str,
        redis_url: str,
        master_key: str,
        sink_port: int,
        arguments: tuple[str, ...] = (),
        code: Path | str = ROOT,
        **settings: str,
    ) -> None:
        self.folder = folder
        self._code = code
        self.sip_port, self.api_port, self.media_port = free_ports(3)
        self.recordings = folder / "recordings"
        self.sink_port = sink_port
        self.environment = {
            **os.environ,
            "PLATFORM_DATABASE_URL": platform_url,
            "REDIS_URL": redis_url,
            "MASTER_KEY": master_key,
            "K_SINK": f"http://127.0.0.1:{sink_port}",
            "BRIDGE_NODE_ID": "edge-test",
            "SIP_BIND_ADDRESS": "127.0.0.1",
            "SIP_PORT": str(self.sip_port),
            # Below what free_port gives: a port that a bridge keeps ready is nobody's SIP port.
            "RTP_PORT_MIN": str(10_000 + 600 * (self.sip_port % 10)),
            "RTP_PORT_MAX": str(10_599 + 600 * (self.sip_port % 10)),
            "SIP_PEERS": "127.0.0.0/8",
            "MEDIA_BIND_ADDRESS": "127.0.0.1",
            "MEDIA_PORT": str(self.media_port),
            "API_BIND_ADDRESS": "127.0.0.1",
            "API_PORT": str(self.api_port),
            # aiohttp reads every authority of the machine when it is imported, and only Kubernetes is asked by HTTPS.
            **({} if "KUBECONFIG" in settings else {"SSL_CERT_FILE": os.devnull}),
            "RECORDINGS_DIR": str(self.recordings),
            "HANDLER_WAIT_S": "2",
            "DRAIN_S": "5",
            **settings,
        }
        self._arguments = arguments
        self._log = (folder / "bridge.log").open("ab")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def target(self) -> tuple[str, int]:
        return ("127.0.0.1", self.sip_port)

    def start(self, *, wait: bool = True) -> "BridgeProcess":
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge_bridge", *self._arguments],
            env=self.environment,
            stderr=self._log,
            stdout=self._log,
            cwd=self._code,
        )
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, ignoring: tuple[str, ...] = ("sink",)) -> None:
        """Until nothing is missing but ``ignoring``. Raises AssertionError with the log's end."""
        end = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < end:
            missing = self.missing()
            if missing is not None and not set(missing) - set(ignoring):
                return
            time.sleep(0.05)
        raise AssertionError(f"the bridge did not get ready, {self.missing()}: {self.log_text()[-3000:]}")

    def missing(self) -> dict[str, str] | None:
        """What ``/health/ready`` says is missing; None while nothing answers."""
        try:
            return dict(json.loads(self.get("/health/ready"))["missing"])
        except OSError:
            return None

    def get(self, path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.api_port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def metric(self, name: str) -> float:
        """The sum of a metric's samples, as last reported."""
        lines = [line for line in self.get("/metrics").splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def stop(self, number: int = signal.SIGTERM, within_s: float = 10.0) -> int:
        """End it; gives the exit status. Raises subprocess.TimeoutExpired."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(within_s)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(5)
            self._log.close()

    def sessions(self) -> list[int]:
        """The session processes' ids."""
        return self._forked("session")

    def signallers(self) -> list[int]:
        """The signaller processes' ids, the oldest first."""
        return self._forked("signaller")

    def nurseries(self) -> list[int]:
        """The nursery processes' ids."""
        return self._running("edge_bridge.nursery")

    def gates(self) -> list[int]:
        """The gate processes' ids."""
        return self._running("edge_bridge.entrances.sip.gate")

    def processes(self) -> list[int]:
        """All but the supervisor."""
        return [*self.gates(), *self.nurseries(), *self.sessions(), *self.signallers()]

    def kill(self, pids: list[int]) -> None:
        """By ``kill -9``."""
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    def _forked(self, name: str) -> list[int]:
        """By the names that they give themselves. They are the nursery's children, or those of one that died."""
        assert self.process is not None
        parents = [self.process.pid, *_children(self.process.pid)]
        return sorted({pid for parent in parents for pid in _children(parent) if _name(pid).split(" ")[0] == name})

    def _running(self, module: str) -> list[int]:
        assert self.process is not None
        # A fork has its nursery's command line, and another name.
        return [
            pid
            for pid in _children(self.process.pid)
            if module in _command(pid) and _name(pid).split(" ")[0] not in ("session", "signaller")
        ]

    def log_text(self) -> str:
        return (self.folder / "bridge.log").read_text(errors="replace")


def _children(pid: int) -> list[int]:
    try:
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except OSError:
        return []


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return []
