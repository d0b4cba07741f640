"""The event types' JSON schemas as files, ``<type>.json``: committed beside this module for integrators.

``python -m eventing.schemas [DIR]`` writes them again; a test says when the committed ones are stale.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eventing import catalogue

COMMITTED = Path(__file__).parent


def write(directory: Path) -> list[Path]:
    """Write every schema, take away those of types that are gone, and return what was written."""
    directory.mkdir(parents=True, exist_ok=True)
    for stale in set(directory.glob("com.alloresto.*.json")):
        if stale.stem not in catalogue.BY_TYPE:
            stale.unlink()
    written = []
    for event_type, schema in catalogue.schemas().items():
        path = directory / f"{event_type}.json"
        path.write_text(render(schema), encoding="utf-8")
        written.append(path)
    return written


def render(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
