"""``alloresto costs``: the cost model, from its file of assumptions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def costs(
    restaurants: Annotated[
        list[int] | None, typer.Option(min=1, help="How many there are; may be repeated. Else 1,000 and 100,000.")
    ] = None,
    assumptions: Annotated[
        Path | None, typer.Option(help="Another file than ops/costs/assumptions.yaml, such as a changed copy.")
    ] = None,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Bridges as small as manifests/overlays/production has them.")
    ] = False,
    json: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """What a month costs: fixed, with the calls, for a restaurant; the trunk and each model beside it.

    Exit status: 0 within 0.28 € a restaurant before trunk and model, 1 over it, 2 the file cannot be used.
    """
    from ops.costs import report

    raise typer.Exit(report.run(restaurants or [1_000, 100_000], assumptions, json, overlay=overlay))
