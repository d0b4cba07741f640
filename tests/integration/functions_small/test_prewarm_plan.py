"""The prewarmer's day, shown without doing it, is what the function would do."""

import json
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from ops.prewarming import Rules, plan, report, show
from tests.conftest import Pools
from tests.integration.functions_small.test_prewarmer import PEAK, taught

pytestmark = pytest.mark.integration


async def test_the_plan_warms_a_quarter_ahead_of_the_peak_and_says_so(
    postgres: Pools, restaurant_id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await taught(postgres, restaurant_id)
    rules = Rules(cap=200, buffer=3, ahead=1, weeks=4)

    async with postgres.platform.platform() as connection:
        planned = await plan(connection, PEAK - timedelta(hours=1), rules)

    warm = [one for one in planned if one.pods]
    assert len(planned) == 96
    assert [(one.begins, one.pods) for one in warm] == [(PEAK - timedelta(minutes=15), 9), (PEAK, 9)]
    console = Console(width=200, record=True)
    show(console, planned)
    assert "… 0:45:00: nothing is warmed" in console.export_text()

    report(planned, tmp_path / "plan.json", tmp_path / "plan.html")

    figures = {one["figure"]: one["value"] for one in json.loads((tmp_path / "plan.json").read_text())}
    assert figures["pods that are kept ready, most"] == 9
    drawing = (tmp_path / "plan.html").read_text()
    drawing = drawing[drawing.index("<svg") : drawing.index("</svg>") + len("</svg>")]
    assert len(ElementTree.fromstring(drawing).findall("{http://www.w3.org/2000/svg}polyline")) == 2
