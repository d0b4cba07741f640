"""Scenarios made of public data that a user has downloaded: ``alloresto eval import``.

The data are not ours and nothing of them is in the repository: a file is read where it lies, and what is made of it is
written to a folder of the user's, with the licence at its head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import yaml

Made = dict[str, Any]


class DataError(ValueError):
    """A file that is not what was said; the message names the file and what it should be."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Scenarios, as they stand in YAML; ``menu`` is a restaurant made for them, ``left_out`` what had no clear end."""

    scenarios: list[Made]
    menu: Made | None = None
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """A public set: what it is called, whose it is, where it is had, and how it is read."""

    name: str
    title: str
    licence: str
    place: str
    draw: Callable[[Any, int], Drawn] = field(repr=False)


def make(source: Source, file: Path, out: Path, limit: int) -> tuple[Path, Drawn]:
    """Write what ``source`` draws from ``file`` to ``out``: the scenarios' file. Raises DataError, OSError."""
    try:
        content = msgspec.json.decode(file.read_bytes())
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}; give the file that you downloaded from {source.place}") from None
    except msgspec.DecodeError as error:
        raise DataError(f"{file}: not JSON ({error}); {source.title} is had from {source.place}") from None
    try:
        drawn = source.draw(content, limit)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        message = f"{file}: not {source.title} as published ({type(error).__name__}: {error}); see {source.place}"
        raise DataError(message) from None
    if not drawn.scenarios:
        raise DataError(f"{file}: nothing in it can be held against a database; see {source.place}")
    out.mkdir(parents=True, exist_ok=True)
    if drawn.menu is not None:
        _write(out / f"{source.name}-menu.yaml", source, file, drawn.menu)
    scenarios = out / f"{source.name}.yaml"
    _write(scenarios, source, file, {"scenarios": drawn.scenarios})
    return scenarios, drawn


def _write(target: Path, source: Source, file: Path, content: Made) -> None:
    head = f"# Made of {source.title}, {source.licence}, from {file.name}. {source.place}\n"
    target.write_text(head + yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=120), "utf-8")
