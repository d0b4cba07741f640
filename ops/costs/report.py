"""The cost model, as tables and as figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ops.costs import assumptions
from ops.costs.model import Cost, Month, month
from ops.figures import Figure, write


def run(restaurants: Sequence[int], file: Path | None, json_file: Path | None, *, overlay: bool = False) -> int:
    """Print a month for each number of restaurants. Status 0: within the target, 1: over it, 2: unusable file."""
    console = Console()
    try:
        assumed = assumptions.load(file or assumptions.DEFAULT)
    except assumptions.AssumptionsError as error:
        console.print(f"error: {error}", soft_wrap=True, markup=False)
        return 2
    months = [month(assumed, count, edge_as_in_overlay=overlay) for count in restaurants]
    for one in months:
        _show(console, one, assumed.target_euros)
    found = [figure for one in months for figure in figures(one, assumed.target_euros)]
    if json_file is not None:
        write(json_file, found, {"assumptions": (file or assumptions.DEFAULT).name})
    return 0 if all(figure.ok for figure in found) else 1


def figures(told: Month, target_euros: float) -> list[Figure]:
    of = f"of {told.restaurants} restaurants"
    return [
        Figure(f"fixed, {of}", sum(cost.euros for cost in told.fixed), "€ a month"),
        Figure(f"variable, {of}", sum(cost.euros for cost in told.variable), "€ a month"),
        Figure(f"before trunk and model, {of}", told.per_restaurant, "€ each and month", f"≤ {target_euros:g}"),
        Figure(f"trunk, {of}", told.trunk_euros, "€ each and month"),
        *(Figure(f"model {one.model}, {of}", one.per_restaurant, "€ each and month") for one in told.models),
    ]


def _show(console: Console, told: Month, target_euros: float) -> None:
    table = Table(title=f"{told.restaurants:,} restaurants, a month", title_justify="left", caption_justify="left")
    for heading in ("", "how many", "€", "€ a restaurant"):
        table.add_column(heading, justify="left" if not heading else "right")
    for kind, costs in (("fixed", told.fixed), ("variable", told.variable)):
        for cost in costs:
            _row(table, f"{kind}: {cost.name}", cost, told.restaurants)
    mark = "[green]ok[/]" if told.per_restaurant <= target_euros else "[red]over[/]"
    table.add_section()
    table.add_row(
        f"before trunk and model ({target_euros:g} € at most)",
        "",
        f"{told.platform_euros:,.0f}",
        f"{told.per_restaurant:.3f} {mark}",
    )
    table.add_section()
    table.add_row("trunk", "", f"{told.trunk_euros * told.restaurants:,.0f}", f"{told.trunk_euros:.2f}")
    for one in told.models:
        name, each = f"or model {one.model}", f"{one.per_call:.3f} € a call"
        table.add_row(name, each, f"{one.per_restaurant * told.restaurants:,.0f}", f"{one.per_restaurant:.2f}")
    console.print(table)


def _row(table: Table, name: str, cost: Cost, restaurants: int) -> None:
    table.add_row(name, f"{cost.count:,.3g}", f"{cost.euros:,.0f}", f"{cost.euros / restaurants:.3f}")
