"""A Dockerfile as data, as far as ours uses it (anything else is an error), and the folder that it builds from."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from string import Template

KEYWORDS = frozenset(
    ("ARG", "FROM", "COPY", "RUN", "ENV", "WORKDIR", "USER", "EXPOSE", "CMD", "ENTRYPOINT", "LABEL", "STOPSIGNAL")
)
_FLAG = re.compile(r"--(?P<name>[a-z]+)=(?P<value>\S+)\s+")


class DockerfileError(ValueError):
    """The message names the file and the line."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """``words`` is the exec form's list, or the shell form split as a shell does; flags stand apart."""

    keyword: str
    words: tuple[str, ...]
    flags: dict[str, str]
    line: int

    @property
    def commands(self) -> list[list[str]]:
        """A RUN's commands, which ``&&`` joins."""
        commands: list[list[str]] = [[]]
        for word in self.words:
            if word == "&&":
                commands.append([])
            else:
                commands[-1].append(word)
        return commands

    @property
    def pairs(self) -> dict[str, str]:
        """An ENV's, ARG's or LABEL's variables; those of ARG without a default are left out."""
        return dict(word.split("=", 1) for word in self.words if "=" in word)


@dataclass(frozen=True, slots=True)
class Stage:
    """``base`` is another stage's name, or an image that is none of ours."""

    name: str
    base: str
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """``arguments`` are those before the first stage that have a default."""

    stages: dict[str, Stage]
    arguments: dict[str, str] = field(default_factory=dict)

    def base(self, target: str) -> str:
        """The image that ``target`` stands on in the end."""
        base = self.stage(target).base
        return self.base(base) if base in self.stages else Template(base).safe_substitute(self.arguments)

    def stage(self, name: str) -> Stage:
        if name not in self.stages:
            raise DockerfileError(f"Dockerfile: no stage {name!r}; there is {', '.join(self.stages)}")
        return self.stages[name]

    def instructions(self, target: str) -> Iterator[Instruction]:
        """Everything that makes ``target``, the stages it stands on first."""
        stage = self.stage(target)
        if stage.base in self.stages:
            yield from self.instructions(stage.base)
        yield from stage.instructions

    def entry(self, target: str) -> tuple[list[str], list[str]]:
        """ENTRYPOINT and CMD, as the last of each says."""
        last = {one.keyword: list(one.words) for one in self.instructions(target)}
        return last.get("ENTRYPOINT", []), last.get("CMD", [])


def read(file: Path) -> Dockerfile:
    """Raises DockerfileError for what is not understood."""
    stages: dict[str, Stage] = {}
    arguments: dict[str, str] = {}
    name, base, gathered = "", "", list[Instruction]()
    for line, text in _logical_lines(file.read_text()):
        one = _instruction(text, f"{file.name}:{line}", line)
        if one.keyword != "FROM":
            gathered.append(one)
            continue
        if name:
            stages[name] = Stage(name, base, tuple(gathered))
        else:
            arguments = {key: value for one in gathered if one.keyword == "ARG" for key, value in one.pairs.items()}
        if len(one.words) != 3 or one.words[1].upper() != "AS":
            raise DockerfileError(f"{file.name}:{line}: every stage needs a name: FROM … AS name")
        base, _, name = one.words
        gathered = []
    if not name:
        raise DockerfileError(f"{file.name}: no stage; it needs FROM … AS name")
    return Dockerfile(stages | {name: Stage(name, base, tuple(gathered))}, arguments)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """``(number, text)``, continued lines joined and comments gone (they may stand between continued lines)."""
    gathered, first = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("#") or not (gathered or line.strip()):
            continue
        first = first if gathered else number
        if line.rstrip().endswith("\\"):
            gathered += line.rstrip()[:-1] + " "
        else:
            yield first, gathered + line
            gathered = ""


def _instruction(text: str, where: str, line: int) -> Instruction:
    keyword, _, rest = text.strip().partition(" ")
    keyword, rest = keyword.upper(), rest.strip()
    if keyword not in KEYWORDS:
        raise DockerfileError(f"{where}: {keyword} is not understood here; use one of {', '.join(sorted(KEYWORDS))}")
    flags = {}
    while keyword in ("COPY", "RUN") and (flag := _FLAG.match(rest)):
        flags[flag["name"]] = flag["value"]
        rest = rest[flag.end() :]
    try:
        words = json.loads(rest) if rest.startswith("[") else shlex.split(rest)
    except ValueError as error:
        raise DockerfileError(f"{where}: {keyword}: {error}") from None
    return Instruction(keyword, tuple(words), flags, line)


class BuildContext:
    """The folder that a build copies from."""

    def __init__(self, root: Path) -> None:
        self.root = root
        lines = (line.strip() for line in (root / ".dockerignore").read_text().splitlines())
        self._rules = [
            (_pattern(line.removeprefix("!")), line.startswith("!")) for line in lines if line and line[0] != "#"
        ]

    def allows(self, path: PurePosixPath) -> bool:
        """Whether ``path``, relative to the root, or a folder that it is in, is let through by its last rule."""
        allowed = True
        for pattern, lets_through in self._rules:
            if any(pattern.fullmatch(str(part)) for part in (path, *path.parents)):
                allowed = lets_through
        return allowed

    def files(self, source: str) -> list[PurePosixPath]:
        """The files of ``source`` (a file or a folder) that a build sees, relative to the root."""
        found = self.root / source
        everything = [found] if found.is_file() else sorted(path for path in found.rglob("*") if path.is_file())
        paths = (PurePosixPath(path.relative_to(self.root)) for path in everything)
        return [path for path in paths if self.allows(path)]

    def copy(self, source: str, destination: Path) -> None:
        """As COPY does: a folder's contents into ``destination``. Raises FileNotFoundError when nothing is there."""
        files = self.files(source)
        if not files:
            raise FileNotFoundError(f"COPY {source}: there is nothing, or .dockerignore keeps it back")
        folder = (self.root / source).is_dir()
        for file in files:
            to = destination / file.relative_to(source) if folder else destination / file.name
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.root / file, to)


def _pattern(line: str) -> re.Pattern[str]:
    """``**`` any number of folders, ``*`` and ``?`` within one name, as moby's matcher has them."""
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", line.strip("/"))
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(known.get(piece, re.escape(piece)) for piece in pieces))
