import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from bench.report import Figure, percentile, show, write

pytestmark = pytest.mark.unit


def test_a_percentile_is_a_sample_by_nearest_rank() -> None:
    samples = [float(n) for n in range(1, 101)]
    assert percentile(samples, 50) == 50
    assert percentile(samples, 99) == 99
    assert percentile([7.0], 99) == 7


def test_no_samples_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        percentile([], 50)


@pytest.mark.parametrize(
    ("value", "reach", "ok"),
    [(15, "≤ 15", True), (15.1, "≤ 15", False), (2, "≥ 3", False), (0, "= 0", True), (1, "= 0", False)],
)
def test_a_figure_knows_whether_it_reached_what_it_must(value: float, reach: str, ok: bool) -> None:
    assert Figure("x", value, "ms", reach).ok is ok


def test_the_json_is_a_list_of_figures_and_then_the_conditions(tmp_path: Path) -> None:
    write(
        tmp_path / "out.json", [Figure("a", 1.5, "ms", "≤ 2"), Figure("b", 3, "s", cluster="2.2 s")], {"cluster": "one"}
    )
    rows = json.loads((tmp_path / "out.json").read_text())
    assert rows[:2] == [
        {"figure": "a", "value": 1.5, "unit": "ms", "reach": "≤ 2", "cluster": "", "ok": True},
        {"figure": "b", "value": 3, "unit": "s", "reach": "", "cluster": "2.2 s", "ok": True},
    ]
    told = {row["figure"]: row["value"] for row in rows[2:]}
    assert {"condition: cores", "condition: python", "condition: pjsua2-python"} <= told.keys()
    assert told["condition: cluster"] == "one"


def shown(*figures: Figure) -> str:
    console = Console(record=True, width=120, file=io.StringIO())
    show("a bench", list(figures), console, {})
    return console.export_text()


def test_a_missed_reach_is_marked() -> None:
    assert "missed" in shown(Figure("cut", 1, "calls", "= 0"))
    assert "missed" not in shown(Figure("cut", 0, "calls", "= 0"))


def test_a_clusters_numbers_have_a_column_where_there_are_any() -> None:
    assert "on the cluster" in shown(Figure("a", 1, "s", cluster="2.2 s"), Figure("b", 2, "s"))
    assert "on the cluster" not in shown(Figure("a", 1, "s"))
