import importlib

import pytest
from typer.testing import CliRunner

import bench
from cli import app

pytestmark = pytest.mark.unit


def test_without_a_name_each_measurement_is_told() -> None:
    done = CliRunner().invoke(app, ["bench"])
    assert done.exit_code == 0
    assert [line.split()[:3] for line in done.stdout.splitlines()] == [
        ["alloresto", "bench", name] for name in bench.BENCHES
    ]


def test_an_unknown_name_is_told_beside_the_known_ones() -> None:
    done = CliRunner().invoke(app, ["bench", "kubernetes"])
    assert done.exit_code == 2
    assert "kubernetes" in done.stdout and all(name in done.stdout for name in bench.BENCHES)


@pytest.mark.parametrize("name", bench.BENCHES)
def test_every_name_can_be_run_and_tells_its_conditions(name: str) -> None:
    measurement = importlib.import_module(f"bench.{name}")
    assert callable(measurement.run)
    assert all(isinstance(value, str) for value in measurement.CONDITIONS.values())
