"""Units as systemd would start them: the files that install.sh has written, read and executed beneath another root."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack.servers.embedded import map_root_to_nobody

FOLDERS = ("/etc/alloresto", "/opt/alloresto", "/var/lib/alloresto")
STOP_WITHIN_S = 20.0


@dataclass(frozen=True)
class Unit:
    """One service. Paths are already those beneath the root."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    state: Path | None

    def start(self, log: Path) -> subprocess.Popen[bytes]:
        """With the unit's environment and nothing of ours but what systemd gives: PATH and a locale.

        Without root's rights, in a user namespace: the users that install.sh makes may not enter a developer's home.
        """
        if self.state is not None:
            self.state.mkdir(parents=True, exist_ok=True)
        base = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8"}
        with log.open("ab") as output:
            return subprocess.Popen(
                self.command,
                env=base | dict(self.environment),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=map_root_to_nobody,
            )


def read(root: Path, name: str, programs: Mapping[str, str]) -> Unit:
    """``programs`` stand for those that Debian would bring. Raises KeyError for a unit without a command."""
    directives: dict[str, list[str]] = {}
    for line in (root / f"etc/systemd/system/alloresto-{name}.service").read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            directives.setdefault(key, []).append(value)
    environment: dict[str, str] = {}
    for value in directives.get("Environment", []):
        environment |= dict(one.split("=", 1) for one in shlex.split(value))
    for file in directives.get("EnvironmentFile", []):
        environment |= environment_file(Path(beneath(root, file)))
    [command] = directives["ExecStart"]
    credentials = root / "run/credentials" / name
    for one in directives.get("LoadCredential", []):
        loaded, _, source = one.partition(":")
        credentials.mkdir(parents=True, exist_ok=True)
        shutil.copy(beneath(root, source), credentials / loaded)
    command = command.replace("%d", str(credentials))
    words = [programs.get(word, beneath(root, word)) for word in shlex.split(command)]
    folder = beneath(root, directives.get("WorkingDirectory", ["/"])[0])
    state = directives.get("StateDirectory")
    return Unit(
        name,
        tuple(words),
        {key: beneath(root, value) for key, value in environment.items()},
        Path(folder),
        root / "var/lib" / state[0] if state else None,
    )


def beneath(root: Path, text: str) -> str:
    """A path of the server, beneath the root; anything else as it is."""
    return f"{root}{text}" if text.startswith(FOLDERS) else text


def environment_file(path: Path) -> dict[str, str]:
    """As systemd reads one, of lines without quotes."""
    lines = (line for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def stop(process: subprocess.Popen[bytes]) -> None:
    """As KillMode=mixed: SIGTERM to the first process, then SIGKILL to all that is left."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_WITHIN_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
