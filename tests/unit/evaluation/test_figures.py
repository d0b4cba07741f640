"""The figures of an evaluation."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from evaluation.figures import compared, figures, turn_taking_mark
from evaluation.outcome import Outcome, Run
from evaluation.repeating import REPEATS, outcome_of
from evaluation.text.unguided import unguided
from evaluation.verdict import Status, Verdict
from tests.unit.evaluation.places import case, record

pytestmark = pytest.mark.unit


def run(status: Status, wrong_order: bool = False) -> Run:
    return Run(record(), Verdict(status, (), wrong_order))


def told(*outcomes: Outcome) -> dict[str, float]:
    return {one.figure: one.value for one in figures(outcomes, "the local engine")}


def test_the_share_is_of_all_scenarios_and_pending_ones_count_as_missed() -> None:
    statuses: tuple[Status, ...] = ("passed", "pending", "caller", "failed")
    found = told(*(Outcome(case(), "text", (run(one),)) for one in statuses))
    assert found["by text, the local engine: ended exactly right (1 of 4)"] == 25
    assert found["by text: known to miss"] == 1
    assert found["by text: not told, the caller misbehaved"] == 1


def test_wrong_orders_are_counted_once_a_scenario() -> None:
    found = told(
        Outcome(case(), "text", (run("failed", True), run("failed", True))), Outcome(case(), "text", (run("passed"),))
    )
    assert found["by text: wrong orders committed"] == 1


def test_by_audio_each_language_has_its_own_share() -> None:
    wanted = {"lines": [{"item": "Reine", "size": "Grande"}], "total_cents": 1500, "fulfilment": "pickup"}
    french = case("chez-margot", expect=[{"order": wanted}])
    found = told(Outcome(case(), "audio", (run("passed"),)), Outcome(french, "audio", (run("failed"),)))
    assert found["by audio over SIP, English: ended exactly right (1 of 1)"] == 100
    assert found["by audio over SIP, French: ended exactly right (0 of 1)"] == 0


@pytest.mark.parametrize(
    ("ms", "after_tools", "mark"),
    [
        (500, False, 1),
        (2000, False, 1),
        (2750, False, 0.5),
        (3500, False, 0),
        (250, False, 0.5),
        (3000, True, 1),
        (4000, True, 0.5),
    ],
)
def test_an_answer_neither_too_soon_nor_too_late_has_the_full_mark(ms: float, after_tools: bool, mark: float) -> None:
    assert turn_taking_mark(ms, after_tools=after_tools) == pytest.approx(mark)


async def made(runs: int, *statuses: Status) -> Outcome:
    left = list(statuses)

    async def once() -> Run:
        return run(left.pop(0))

    return await outcome_of(case(), "text", runs, once)


async def test_all_runs_have_to_pass() -> None:
    assert (await made(3, "passed", "passed", "passed")).status == "passed"
    assert (await made(3, "passed", "failed")).status == "failed"


async def test_a_run_whose_caller_misbehaved_is_repeated_and_at_last_reported_apart() -> None:
    repeated = await made(1, "caller", "passed")
    assert repeated.status == "passed" and repeated.repeated == 1
    lasting: Any = ["caller"] * (REPEATS + 1)
    outcome = await made(1, *lasting)
    assert outcome.status == "caller" and outcome.repeated == REPEATS


def test_with_and_without_guidance_stand_side_by_side() -> None:
    guided = [Outcome(case(), "text", (run("passed"),)), Outcome(case(), "text", (run("failed"),))]
    unguided = [Outcome(case(), "text", (run("failed", True),)), Outcome(case(), "text", (run("failed"),))]

    found = {one.figure: one.value for one in compared(guided, unguided)}

    assert found["by text, with guidance in tool results: ended exactly right (1 of 2)"] == 50
    assert found["by text, without guidance in tool results: ended exactly right (0 of 2)"] == 0
    assert found["by text, without guidance: wrong orders committed"] == 1
    assert compared(guided, []) == []


def test_a_result_without_guidance_keeps_its_own_answer_and_an_errors_code() -> None:
    error = {"code": "size_needed", "message": "Ask for the size.", "allowed": ["Small"]}
    told = {"ok": False, "error": error, "say": "Which size?", "cart": {}, "missing": ["name"], "next": {"ask": "?"}}

    bare = msgspec.json.decode(unguided(msgspec.json.encode(told).decode()))

    assert bare == {"ok": False, "error": {"code": "size_needed"}, "say": "Which size?"}
