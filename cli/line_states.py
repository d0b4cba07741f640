"""``alloresto lines`` without a command: how each line stands."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from cli.calls import STATE_DIR, StateOption
from cli.database import use_running, with_postgres


def show_lines(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    state_dir: StateOption = STATE_DIR,
) -> None:
    """Without a command: each active line with its node, its state and since when, what its trunk last said, what to
    do."""
    if context.invoked_subcommand is not None:
        return
    from ops import line_states
    from stores import line_states as states

    use_running(Path(state_dir))
    found = with_postgres(states.all_of)
    if json:
        typer.echo(json_module.dumps(line_states.as_data(found), indent=2))
        return
    for line in line_states.lines(found):
        typer.echo(line)
    if not found:
        typer.echo("no active lines")
