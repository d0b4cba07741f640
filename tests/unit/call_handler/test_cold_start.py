"""What is imported when: a cold start is a caller's wait."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit


def modules_after(statement: str) -> set[str]:
    script = f"{statement}\nimport sys; print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_a_handler_listens_before_anything_heavy_is_loaded() -> None:
    loaded = modules_after(
        "import functions.call_handler.__main__, functions.call_handler.serving.app, process.asgi as asgi\n"
        "import asyncio, signal\n"
        "from process.health import Health\n"
        "async def ending(): asyncio.get_running_loop().call_later(0.1, signal.raise_signal, signal.SIGTERM)\n"
        "app = asgi.App(Health('test'))\n"
        "app.startup.append(ending)\n"
        "signal.signal(signal.SIGTERM, lambda *_: None)\n"  # uvicorn raises it again when it has ended
        "asyncio.run(asgi.serve(app, '127.0.0.1', 0))"
    )

    assert {"uvicorn.server", "uvicorn.lifespan.on"} <= loaded
    assert not loaded & {
        "click",
        "uvicorn.main",
        "picows",
        "asyncpg",
        "redis",
        "prometheus_client",
        "domain",
        "stores",
        "eventing",
        "openai",
    }


def test_a_whole_call_never_loads_redis_py_or_the_openai_package() -> None:
    modules = "from functions.call_handler.warmup import STAGES, importlib\n"
    loaded = modules_after(
        modules + "for stage in STAGES.values():\n    for name in stage: importlib.import_module(name)"
    )

    assert {"picows", "asyncpg", "functions.call_handler.call"} <= loaded
    assert not loaded & {"redis", "valkey", "openai", "pydantic", "prometheus_client", "websockets"}


def test_no_engine_loads_an_http_package_and_grpc_is_googles_alone() -> None:
    engines = "functions.call_handler.engines"
    loaded = modules_after(f"import {engines}.cascade, {engines}.live, {engines}.fixtures")

    assert f"{engines}.lean_http" in loaded
    assert not loaded & {"aiohttp", "httpx", "httpx2", "requests", "urllib3", "openai", "grpc"}


def test_both_sockets_are_dialled_before_the_domain_is_loaded() -> None:
    loaded = modules_after(
        "import eventing.cloudevents, functions.call_handler.serving.lane, functions.call_handler.talking.dialling"
    )

    assert "picows" in loaded
    assert not loaded & {"domain.tools", "domain.carts", "stores.cache", "asyncpg"}
