"""From an endpoint in the settings to its engine."""

import asyncio
import importlib

from functions.call_handler.engines.base import Engine
from functions.call_handler.engines.realtime import RealtimeEngine
from functions.call_handler.settings import CascadeEndpoint, Endpoint, EngineSettings


async def make_engine(endpoint: Endpoint, settings: EngineSettings) -> Engine:
    """Not connected yet. The code of any but the Realtime engine is loaded when it is first wanted.

    Raises ImportError for a package that is not installed.
    """
    if isinstance(endpoint, CascadeEndpoint):
        module, *_ = [await asyncio.to_thread(importlib.import_module, name) for name in endpoint.modules()]
        engine: Engine = module.CascadeEngine(endpoint, settings)
        return engine
    return RealtimeEngine(endpoint, settings)
