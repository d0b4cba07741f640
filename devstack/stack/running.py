"""What runs in the background: its description in ``running.json``, read by every command that talks to it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import psutil

FILE = "running.json"


class DialableLine(msgspec.Struct, frozen=True):
    """One phone line that can be rung."""

    restaurant: str
    restaurant_id: str
    language: str
    line_id: str
    number: str


class Running(msgspec.Struct, frozen=True):
    """What ``running.json`` holds; only its owner can read it."""

    pid: int
    created: float
    sip: str
    web_url: str
    runtime_url: str
    redis_url: str
    admin_email: str
    admin_password: str
    engine: str
    lines: tuple[DialableLine, ...]
    platform_database_url: str = ""
    prometheus_url: str = ""
    alertmanager_url: str = ""
    stand_ins: dict[str, str] = {}
    """Addresses of what a restaurant can connect, by the provider that they stand for."""


def read_running(state_dir: Path) -> Running | None:
    """What runs from ``state_dir`` now, or None."""
    try:
        running = msgspec.json.decode((state_dir / FILE).read_bytes(), type=Running)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
    return running if process_of(running) is not None else None


def process_of(running: Running) -> psutil.Process | None:
    """The process, or None when it has ended.

    A zombie has ended, too: it was orphaned by the command that started it, and as PID 1 of a container there may be
    a program that never waits for it.
    """
    try:
        process = psutil.Process(running.pid)
        same = abs(process.create_time() - running.created) < 1
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None
