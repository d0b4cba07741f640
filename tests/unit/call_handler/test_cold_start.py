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
    loaded = modules_after("import functions.call_handler.__main__, functions.call_handler.app, process.asgi, uvicorn")

    assert not loaded & {"picows", "asyncpg", "redis", "prometheus_client", "domain", "stores", "eventing", "openai"}


def test_a_whole_call_never_loads_redis_py_or_the_openai_package() -> None:
    modules = "from functions.call_handler.warmup import STAGES, importlib\n"
    loaded = modules_after(
        modules + "for stage in STAGES.values():\n    for name in stage: importlib.import_module(name)"
    )

    assert {"picows", "asyncpg", "functions.call_handler.call"} <= loaded
    assert not loaded & {"redis", "valkey", "openai", "pydantic", "prometheus_client", "websockets"}


def test_both_sockets_are_dialled_before_the_domain_is_loaded() -> None:
    loaded = modules_after("import eventing.cloudevents, functions.call_handler.lane, functions.call_handler.dialling")

    assert "picows" in loaded
    assert not loaded & {"domain.tools", "domain.carts", "stores.cache", "asyncpg"}
