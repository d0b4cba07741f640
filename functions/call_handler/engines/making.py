"""From an endpoint in the settings to its engine."""

import asyncio
import importlib

from functions.call_handler.engines.base import Engine
from functions.call_handler.engines.realtime import RealtimeEngine
from functions.call_handler.settings import CascadeEndpoint, Endpoint, EngineSettings
from functions.call_handler.warmup import CASCADE


async def make_engine(endpoint: Endpoint, settings: EngineSettings) -> Engine:
    """Not connected yet. A cascade's code is loaded when it is first wanted: its HTTP client costs 150 ms and 12 MB."""
    if isinstance(endpoint, CascadeEndpoint):
        module = await asyncio.to_thread(importlib.import_module, CASCADE)
        engine: Engine = module.CascadeEngine(endpoint, settings)
        return engine
    return RealtimeEngine(endpoint, settings)
