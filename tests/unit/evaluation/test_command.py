"""``alloresto eval`` before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import app

pytestmark = pytest.mark.unit


def test_a_file_with_a_fault_ends_it_at_once_with_the_field(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("scenarios: [{id: one-pizza, menu: harbour-pizza}]", "utf-8")
    done = CliRunner().invoke(app, ["eval", "--file", str(file)], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert "mine.yaml: scenarios[0]" in done.output and "`persona`; add it" in done.output


def test_words_that_no_scenario_has_end_it_at_once() -> None:
    done = CliRunner().invoke(app, ["eval", "--only", "penguins"], env={"COLUMNS": "200"})
    assert done.exit_code == 2 and "no scenario is called so" in done.output
