"""From an endpoint in the settings to its engine."""

import asyncio
import importlib

from functions.call_handler.engines.base import Engine
from functions.call_handler.engines.realtime import RealtimeEngine
from functions.call_handler.settings import CascadeEndpoint, Endpoint, EngineSettings, RealtimeEndpoint


async def make_engine(endpoint: Endpoint, settings: EngineSettings) -> Engine:
    """Not connected yet. The code of any but the Realtime engine is loaded when it is first wanted."""
    if isinstance(endpoint, RealtimeEndpoint):
        return RealtimeEngine(endpoint, settings)
    module, *_ = [await asyncio.to_thread(importlib.import_module, name) for name in endpoint.modules()]
    kind = module.CascadeEngine if isinstance(endpoint, CascadeEndpoint) else module.LiveEngine
    engine: Engine = kind(endpoint, settings)
    return engine
