"""Prometheus and Alertmanager beside the stack: the same rules and routes as on a cluster, and nobody is told.

Debian's programs, where they are here. What is scraped comes from the runtime, which knows each pod's port, and has the
labels that PodMonitors give it. The receivers are those of a cluster by name and send nothing. There is no Grafana in
Debian, so its dashboards are written as files to be imported where there is one.
"""

from __future__ import annotations

import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import yaml

from devstack.servers.embedded_server import EmbeddedServer, EmbeddedServerError, write_private
from devstack.servers.ports import free_port
from ops.monitoring import dashboards, rules

PROGRAMS = {"prometheus": "prometheus", "prometheus-alertmanager": "prometheus-alertmanager"}
"""By their names; the Debian package that brings each."""

# Often, as one machine has few targets: what is broken here is seen within seconds.
SCRAPE_EVERY_S = 5
KEPT = "2d"
READY_WITHIN_S = 2.0


class _Watcher(EmbeddedServer):
    """One of the two, ready when ``/-/ready`` says so."""

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=READY_WITHIN_S) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.HTTPError):
            return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _run(self, log: IO[bytes], arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        program = shutil.which(self.name)
        if program is None:
            raise EmbeddedServerError(missing())
        return subprocess.Popen(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=self.data_dir,
            pass_fds=self._inherited(),
            start_new_session=True,
            preexec_fn=self._before_exec(),
        )


class EmbeddedAlertmanager(_Watcher):
    """The routes of a cluster; its receivers are names."""

    name = "prometheus-alertmanager"

    def _prepare(self) -> None:
        routes = yaml.safe_load((rules.ALERTMANAGER / "alertmanager.yaml").read_text())
        kept = {"route": routes["route"], "inhibit_rules": routes["inhibit_rules"]}
        kept["receivers"] = [{"name": one["name"]} for one in routes["receivers"]]
        write_private(self.data_dir / "alertmanager.yaml", yaml.safe_dump(kept).encode())

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        arguments = [f"--config.file={self.data_dir / 'alertmanager.yaml'}", f"--storage.path={self.data_dir / 'data'}"]
        # No cluster: it would listen on every address.
        return self._run(log, [*arguments, f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="])


class EmbeddedPrometheus(_Watcher):
    """``targets_url`` tells in Prometheus' form what to scrape, ``alertmanager`` gets the alerts."""

    name = "prometheus"

    def __init__(self, data_dir: Path, targets_url: str, alertmanager: str, rule_folder: Path) -> None:
        super().__init__(data_dir, free_port())
        self._targets_url = targets_url
        self._alertmanager = alertmanager
        self._rules = rule_folder

    def _prepare(self) -> None:
        every = f"{SCRAPE_EVERY_S}s"
        config = {
            "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
            "rule_files": [f"{self._rules}/*.yaml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [self._alertmanager]}]}]},
            "scrape_configs": [
                {"job_name": "runtime", "http_sd_configs": [{"url": self._targets_url, "refresh_interval": every}]}
            ],
        }
        write_private(self.data_dir / "prometheus.yaml", yaml.safe_dump(config).encode())

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        files = [f"--config.file={self.data_dir / 'prometheus.yaml'}", f"--storage.tsdb.path={self.data_dir / 'data'}"]
        kept = f"--storage.tsdb.retention.time={KEPT}"
        return self._run(log, [*files, kept, f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"])


class Monitoring:
    """``rule_folder`` is another than the product's in tests."""

    def __init__(self, state_dir: Path, rule_folder: Path = rules.RULES) -> None:
        self._state_dir = state_dir
        self._rules = rule_folder
        self._alertmanager = EmbeddedAlertmanager(state_dir / "alertmanager", free_port())
        self._prometheus: EmbeddedPrometheus | None = None

    @property
    def alertmanager_url(self) -> str:
        return self._alertmanager.url

    @property
    def prometheus_url(self) -> str:
        return "" if self._prometheus is None else self._prometheus.url

    @property
    def dashboards(self) -> Path:
        return self._state_dir / "dashboards"

    def start(self, runtime_url: str) -> None:
        """Raises EmbeddedServerError."""
        self._alertmanager.start()
        targets, told = f"{runtime_url}/runtime/scrape-targets", f"127.0.0.1:{self._alertmanager.port}"
        self._prometheus = EmbeddedPrometheus(self._state_dir / "prometheus", targets, told, self._rules)
        self._prometheus.start()
        self.dashboards.mkdir(exist_ok=True)
        for dashboard in dashboards.DASHBOARDS:
            (self.dashboards / f"{dashboard.uid}.json").write_text(dashboards.as_json(dashboard))

    def stop(self) -> None:
        """Safe to call again."""
        if self._prometheus is not None:
            self._prometheus.stop()
        self._alertmanager.stop()


def missing() -> str:
    """What is not here, with the command that brings it; empty when all is."""
    packages = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if not packages:
        return ""
    wanted = " ".join(packages)
    return f"--monitoring needs Debian's {wanted}: apt-get install {wanted} (their services are not needed)"
