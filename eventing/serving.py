"""How a small function's process starts: settings, logs, its App, until SIGTERM."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from process import asgi, logs
from process.asgi import App
from process.settings import Port, load_or_exit

GRACE_S = 28  # an effect may take EFFECT_TIMEOUT_S; Kubernetes kills after 30 s unless told otherwise


class ServingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where a function listens."""

    port: Port = 8080
    host: str = "0.0.0.0"


class FunctionSettings(ServingSettings, frozen=True, kw_only=True):
    """What a function reads that works for one restaurant at a time."""

    database_url: str
    redis_url: str


class PlatformSettings(ServingSettings, frozen=True, kw_only=True):
    """What a function reads that works for the platform, across restaurants."""

    platform_database_url: str


S = TypeVar("S", bound=ServingSettings)


def run(name: str, kind: type[S], build: Callable[[S], App]) -> None:
    """Serve ``build(settings)`` until SIGTERM. A missing setting ends the process with status 2 and its name."""
    settings = load_or_exit(kind)
    logs.configure(name)
    asgi.run(build(settings), settings.host, settings.port, grace_s=GRACE_S)
