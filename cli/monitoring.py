"""``alloresto monitoring``: whether alerts, routes and dashboards hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Alerts, where they are told, and dashboards.")


@app.callback()
def group() -> None:
    """A command of its own for each, though there is one."""


@app.command()
def check(
    json: Annotated[Path | None, typer.Option("--json", help="Also write the result to this file, as JSON.")] = None,
) -> None:
    """Have promtool and amtool look at every rule, case, route and panel, and each series at the metrics there are.

    Exit status: 0 all holds, 1 something does not, 3 what could be examined holds.
    """
    from ops.monitoring import check as examination

    raise typer.Exit(examination.run(json))
