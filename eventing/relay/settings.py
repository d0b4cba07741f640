"""The relay's environment."""

from __future__ import annotations

from typing import Annotated

import msgspec

from process.settings import Port


class Settings(msgspec.Struct, frozen=True):
    """``K_SINK`` and ``K_CE_OVERRIDES`` come from a SinkBinding; empty: it is not bound yet.

    ``RELAY_WORKERS``: events under way at a time.
    """

    platform_database_url: str
    k_sink: Annotated[str, msgspec.Meta(pattern="^https?://")] = ""
    k_ce_overrides: str = ""
    port: Port = 8080
    host: str = "0.0.0.0"
    relay_workers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 8
