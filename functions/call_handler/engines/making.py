"""From an endpoint in the settings to its engine."""

from functions.call_handler.engines.base import Engine
from functions.call_handler.engines.realtime import RealtimeEngine
from functions.call_handler.settings import Endpoint, EngineSettings


def make_engine(endpoint: Endpoint, settings: EngineSettings) -> Engine:
    """Not connected yet."""
    return RealtimeEngine(endpoint, settings)
