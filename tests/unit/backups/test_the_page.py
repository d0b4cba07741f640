"""docs/operators/disaster.md: what it has operators type is there."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer

from bench import BENCHES
from cli import app

pytestmark = pytest.mark.unit

PAGE = (Path(__file__).parents[3] / "docs" / "operators" / "disaster.md").read_text()
TYPED = sorted(set(re.findall(r"\./alloresto ([a-z][^`\n#]*[^`\n# ])", PAGE)))


@pytest.mark.parametrize("typed", TYPED)
def test_every_command_of_the_page_exists_with_its_options(typed: str) -> None:
    command: Any = typer.main.get_command(app)
    words = typed.split()
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]

    options = {option for parameter in command.params for option in parameter.opts}
    assert not hasattr(command, "commands") or command.invoke_without_command, f"{typed}: no such command"
    assert {word for word in words if word.startswith("--")} <= options
    if command.name == "bench":
        assert words[0] in BENCHES


def test_every_module_of_the_page_exists() -> None:
    modules = set(re.findall(r"python -m ([\w.]+)", PAGE))

    assert modules >= {"backups", "stores.rotation"}
    assert all(find_spec(module) for module in modules)
