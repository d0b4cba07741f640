"""The admin's bench runs to its end; what it measures on a busy machine is nobody's fault."""

import math

import pytest

from bench import web

pytestmark = pytest.mark.integration


async def test_the_quick_form_tells_every_kind_of_figure() -> None:
    figures = await web.run(1, quick=True)

    told = {one.figure: one for one in figures}
    assert len(told) == 14 and all(math.isfinite(one.value) and one.value >= 0 for one in figures)
    assert told["live pages held beside 20 slow clients"].ok
    assert told["weight of a page, later"].ok and told["weight of a page, first visit"].ok
    assert told["queries of a page, most"].value > 1
    assert web.CONDITIONS["slowest page"]
