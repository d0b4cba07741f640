"""Settings come from the environment, are cast once at start, and fail closed.

A process declares a frozen ``msgspec.Struct``; each field is read from the environment variable of the
same name in upper case. msgspec does the casting (pydantic-settings costs 300 ms of import on every cold
start, see docs/decisions/0003). Nothing has a default secret: a missing secret is an error that names
the variable and the fix.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, TypeVar

import msgspec

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]

S = TypeVar("S", bound=msgspec.Struct)


class SettingsError(SystemExit):
    """A setting is missing or wrong. Carries one line per setting; exits with status 2 when not caught."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(2)

    def __str__(self) -> str:
        return "\n".join(self.problems)


def load(kind: type[S], environ: Mapping[str, str] | None = None) -> S:
    """Build ``kind`` from ``environ`` (the process's own by default).

    Raises SettingsError, and prints nothing itself, with every problem at once: one line each, naming the
    variable, what is wrong and what is expected. Empty variables count as unset, as in Kubernetes
    manifests where a key of an optional Secret may be blank.
    """
    source = os.environ if environ is None else environ
    problems: list[str] = []
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        variable = field.name.upper()
        raw = source.get(variable, "")
        if raw == "":
            if field.required:
                problems.append(f"{variable}: not set; {kind.__name__} needs it")
            continue
        try:
            values[field.name] = msgspec.convert(raw, field.type, strict=False)
        except msgspec.ValidationError as error:
            problems.append(f"{variable}: {error}")
    if problems:
        raise SettingsError(problems)
    return kind(**values)


def load_or_exit(kind: type[S]) -> S:
    """``load`` for a process's ``__main__``: problems go to stderr, one line each, and the exit status is 2."""
    import sys

    try:
        return load(kind)
    except SettingsError as error:
        print(error, file=sys.stderr)
        raise
