"""What of the repository a build may see: ``.dockerignore``, whose last matching line decides."""

from __future__ import annotations

import re
import shutil
from pathlib import Path, PurePosixPath


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
