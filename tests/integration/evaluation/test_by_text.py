"""Scenarios by text: a real call handler, the local engine, Postgres and Valkey; only the voices are missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devstack.stack.engines import EngineEndpoint
from evaluation import by_text, page
from evaluation.by_text import Servers, TextRun
from evaluation.figures import figures
from evaluation.files import Case, read
from evaluation.outcome import Outcome
from evaluation.text.typed_calls import Backends

pytestmark = pytest.mark.integration

FEW = ("en-two-sizes", "en-forget-it", "fr-two-sizes", "fr-forget-it")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineEndpoint]:
    with by_text.local_engine(tmp_path_factory.mktemp("speech")) as endpoint:
        yield endpoint


@pytest.fixture
def servers(database: Any, redis_url: str, master_key: str) -> Servers:
    return Servers(Backends(database.app_url, redis_url, master_key), database.platform_url)


async def outcomes(cases: list[Case], servers: Servers, engine: EngineEndpoint, folder: Path) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    how = TextRun(engine, folder, runs=1, silence_ms=20_000)  # a busy machine is not what this is about
    await by_text.run_cases(cases, how, servers, lambda one: found.update({one.case.scenario.id: one}))
    return found


async def test_a_few_orders_end_right_in_both_languages_and_others_are_told_as_wrong(
    servers: Servers, engine: EngineEndpoint, tmp_path: Path
) -> None:
    cases = [case for case in read() if case.scenario.id in FEW]
    two, nothing = cases[0].scenario, next(case.scenario for case in cases if case.scenario.id == "en-forget-it")
    # The same calls, with ends that they do not have.
    wrong = msgspec.structs.replace(two, id="wrongly-nothing", expect=nothing.expect)
    missing = msgspec.structs.replace(nothing, id="wrongly-an-order", expect=two.expect)
    cases += [Case(wrong, cases[0].place), Case(missing, cases[0].place)]

    found = await outcomes(cases, servers, engine, tmp_path)

    assert {name: found[name].worst.verdict.problems for name in FEW} == dict.fromkeys(FEW, ())
    assert found["wrongly-nothing"].status == "failed" and found["wrongly-nothing"].wrong_order
    assert not found["wrongly-an-order"].is_right and not found["wrongly-an-order"].wrong_order
    told = {one.figure: one.value for one in figures(list(found.values()), "the local engine")}
    assert told["by text, the local engine: ended exactly right (4 of 6)"] == pytest.approx(66.67, abs=0.01)
    assert told["by text: wrong orders committed"] == 1
    html = page.write(tmp_path / "report", list(found.values()), [], {"cores": "2"}).read_text("utf-8")
    assert "nobody wanted" in html and "The total is" in html and "confirm_order" in html
