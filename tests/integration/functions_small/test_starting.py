import os
import subprocess
import sys

import pytest

from devstack.servers.embedded import EmbeddedPostgres
from eventing.catalogue import FaqChanged
from functions.__main__ import known
from tests.integration.functions_small.conftest import Eventually, Run

pytestmark = pytest.mark.integration


def start(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | settings
    return subprocess.run(
        [sys.executable, "-m", *arguments], env=environment, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize("arguments", [(), ("brew_coffee",), ("order_logger", "twice")])
def test_an_unknown_function_gets_one_line_with_the_known_names(arguments: tuple[str, ...]) -> None:
    ended = start("functions", *arguments)

    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    names = ("archiver", "cache_invalidator", "call_logger", "greeting_renderer", "line_assigner", "reconciler")
    for name in names:
        assert name in ended.stderr


@pytest.mark.parametrize(
    ("command", "settings", "missing"),
    [
        (("functions", "order_logger"), {}, ["DATABASE_URL", "REDIS_URL"]),
        (("functions", "greeting_renderer"), {"DATABASE_URL": "x", "REDIS_URL": "x"}, ["OPENAI_API_KEY"]),
        (("functions", "archiver"), {}, ["PLATFORM_DATABASE_URL"]),
        (("functions", "reconciler"), {"REDIS_URL": "x", "MASTER_KEY": "x"}, ["PLATFORM_DATABASE_URL"]),
        (("functions", "line_assigner"), {"REDIS_URL": "x"}, ["PLATFORM_DATABASE_URL"]),
        (("functions", "prewarmer"), {"PREWARM_CAP": "-1"}, ["PLATFORM_DATABASE_URL", "REDIS_URL", "PREWARM_CAP"]),
        (("functions", "dead_letter_keeper"), {}, ["PLATFORM_DATABASE_URL"]),
        (("functions", "reconciler"), {}, ["PLATFORM_DATABASE_URL", "REDIS_URL", "MASTER_KEY"]),
        (("eventing.relay",), {}, ["PLATFORM_DATABASE_URL"]),
        (("eventing.relay",), {"PLATFORM_DATABASE_URL": "x", "K_SINK": "broker"}, ["K_SINK"]),
        (
            ("eventing.relay",),
            {"PLATFORM_DATABASE_URL": "x", "K_SINK": "http://b", "K_CE_OVERRIDES": "x"},
            ["K_CE_OVERRIDES"],
        ),
    ],
)
def test_a_missing_or_wrong_setting_is_one_line_with_its_name(
    command: tuple[str, ...], settings: dict[str, str], missing: list[str]
) -> None:
    ended = start(*command, **settings)

    assert ended.returncode == 2
    assert [line.split(":")[0] for line in ended.stderr.splitlines()] == missing


def test_every_function_is_known_by_its_modules_or_folders_name() -> None:
    assert {"cache_invalidator", "call_logger", "greeting_renderer", "order_logger"} <= set(known())


async def test_a_function_started_before_postgres_waits_and_then_works(
    run: Run, redis_url: str, own_server: EmbeddedPostgres, eventually: Eventually
) -> None:
    own_server.stop()
    settings = {"DATABASE_URL": own_server.url("alloresto_app"), "REDIS_URL": redis_url}
    async with run("functions", "cache_invalidator", ready=False, **settings) as function:
        status, said = await function.readiness()
        refused, _, _ = await function.send(FaqChanged(restaurant_id="0b6e8a1e-7b1c-4c0e-9a53-4a40d9a3f001"))
        own_server.start()

        async def is_ready() -> bool:
            return (await function.readiness())[0] == 200

        await eventually(is_ready)
        served, _, _ = await function.send(FaqChanged(restaurant_id="0b6e8a1e-7b1c-4c0e-9a53-4a40d9a3f001"))

    assert (status, set(said["missing"]), refused) == (503, {"postgres"}, 503)
    assert served == 400, "there is no such restaurant, but Postgres was asked"
