"""What a target adds to its base, made in a folder: the Dockerfile's own lines, with ``/`` meaning that folder."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from ops.images.dockerfile import BuildContext, Dockerfile, DockerfileError, Instruction

INSTALLER = "installer"  # the stage that installs uv; here the project's own uv is used, from the same lock
VENV = "/opt/venv"
APP = "/app"
RUN_TIMEOUT_S = 600.0  # the first time everything is downloaded
# Of no meaning here: the cache is on this machine, so files may be linked to it.
LEFT_OUT = frozenset(("PATH", "UV_LINK_MODE"))


class BuildError(RuntimeError):
    """A line of the Dockerfile failed; the message names it and what it said."""


@dataclass(frozen=True, slots=True)
class Tree:
    """One target's folder. ``environment`` is all that its processes get: nothing of this machine but PATH."""

    target: str
    root: Path
    environment: dict[str, str]
    entrypoint: list[str]
    command: list[str]

    @property
    def venv(self) -> Path:
        return self.root / VENV.strip("/")

    @property
    def app(self) -> Path:
        return self.root / APP.strip("/")

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"


def build(dockerfile: Dockerfile, target: str, context: BuildContext, root: Path) -> Tree:
    """Make ``target`` in the empty folder ``root``. Raises BuildError, or DockerfileError for what it can't follow."""
    root.mkdir(parents=True, exist_ok=True)
    stage = _Stage(dockerfile, context, root)
    stage.follow(target)
    environment = {"PATH": stage.path, "HOME": "/nonexistent"}  # as under a uid that has no home
    entrypoint, command = dockerfile.entry(target)
    return Tree(target, root, environment | stage.variables, entrypoint, command)


@dataclass(slots=True)
class _Stage:
    """One stage and those it stands on; what it copies from others is made in the same folder, at the same path."""

    dockerfile: Dockerfile
    context: BuildContext
    root: Path
    workdir: str = "/"
    variables: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"{self._inside(VENV)}/bin:{os.environ.get('PATH', os.defpath)}"

    def follow(self, name: str) -> None:
        stage = self.dockerfile.stage(name)
        if stage.base in self.dockerfile.stages:
            self.follow(stage.base)
        for one in stage.instructions:
            match one.keyword:
                case "ENV":
                    self.variables |= {key: value for key, value in one.pairs.items() if key not in LEFT_OUT}
                case "ARG":
                    self.arguments |= one.pairs
                case "WORKDIR":
                    self.workdir = one.words[0]
                    self._inside(self.workdir).mkdir(parents=True, exist_ok=True)
                case "COPY" if name != INSTALLER:
                    self._copy(one)
                case "RUN" if one.commands[0][0] == "apt-get":
                    pass  # Debian's packages count as the base's, for which this machine stands in (see ``debian``)
                case "RUN" if name != INSTALLER:
                    for command in one.commands:
                        self._run(command, one.line)

    def _inside(self, path: str) -> Path:
        """Where ``path``, absolute or relative to the working directory, is in the folder."""
        return self.root / os.path.normpath(os.path.join(self.workdir, path)).lstrip("/")

    def _copy(self, one: Instruction) -> None:
        *sources, destination = one.words
        if "from" in one.flags:
            if sources != [destination]:
                raise DockerfileError(f"Dockerfile:{one.line}: COPY --from to another path can't be followed")
            _Stage(self.dockerfile, self.context, self.root).follow(one.flags["from"])
            return
        for source in sources:
            if (self.context.root / source).is_file() and not destination.endswith("/"):
                raise DockerfileError(f"Dockerfile:{one.line}: COPY of a file to a folder: end it with /")
            try:
                self.context.copy(source, self._inside(destination))
            except FileNotFoundError as error:
                raise BuildError(f"Dockerfile:{one.line}: {error}") from None

    def _run(self, command: list[str], line: int) -> None:
        program, *arguments = command
        known = {"uv": Path(sys.executable).parent / "uv", "python": self._inside(VENV) / "bin" / "python"}
        if program not in known:
            raise DockerfileError(f"Dockerfile:{line}: RUN {program} can't be followed; only {' and '.join(known)} can")
        words = [Template(word).safe_substitute(self.arguments) for word in arguments]
        moved = [str(self._inside(word)) if word.startswith("/") else word for word in words]
        environment = os.environ | self.variables | {"UV_PYTHON": sys.executable, "UV_NO_PROGRESS": "1"}
        said = ""
        for offline in ("1", "0"):  # what is in uv's cache needs no network, and no second of asking
            done = self._try([str(known[program]), *moved], environment | {"UV_OFFLINE": offline})
            if done.returncode == 0:
                return
            said = done.stderr.strip() or done.stdout.strip()
            if program != "uv":
                break
        raise BuildError(f"Dockerfile:{line}: RUN {' '.join(command)}: {said}")

    def _try(self, argv: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                argv,
                cwd=self._inside(self.workdir),
                env=environment,
                capture_output=True,
                text=True,
                timeout=RUN_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(argv, 1, "", f"not done after {RUN_TIMEOUT_S:g} s")
