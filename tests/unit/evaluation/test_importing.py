"""Scenarios made of public data: the shapes are the publishers', the sentences are made up here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import app
from evaluation.files import read
from evaluation.importing import DataError, make
from evaluation.importing.sources import SOURCES

pytestmark = pytest.mark.unit


def call(name: str, request: Any, response: Any) -> list[dict[str, str]]:
    pairs = (("api_call", name), ("request", json.dumps(request)), ("api_response", name))
    return [{"name": kind, "value": value} for kind, value in (*pairs, ("response", json.dumps(response)))]


def coffee_order(text: str = "Two oat flat whites.", **more: Any) -> dict[str, Any]:
    milk = [{"attribute_id": "milk-options", "option": "oat milk"}]
    item = {"order_item_id": "7", "menu_item_id": "flat-white-1234", "menu_item_name": "var_drink"}
    shown = {"menu_items": [item | {"attributes": milk} | more]}
    listed = {"attributes": [{"attribute_id": "milk-options", "options": ["Oat Milk", "2% Milk"]}]}
    asked = call("get_addons", {"query": "oat"}, listed)
    asked += call("add_order_item", {"quantity": "2"}, {"order_item_id": "7"})
    first = {
        "speaker": "user",
        "text": text,
        "annotations": [*asked, *call("get_order_details", {}, shown)],
    }
    return {"utterances": [first, {"speaker": "user", "text": "Yes.", "annotations": []}]}


def booking(text: str, requested: list[str] | None = None, **slots: str) -> dict[str, Any]:
    labels = []
    for slot, words in slots.items():
        start = text.index(words)
        labels.append({"slot": slot, "valueSpan": {"startIndex": start, "endIndex": start + len(words)}})
    return {"userInput": {"text": text}, "context": {"requestedSlots": requested or []}, "labels": labels}


def made(name: str, content: Any, folder: Path) -> list[Any]:
    file = folder / "data.json"
    file.write_text(json.dumps(content), "utf-8")
    written, _ = make(SOURCES[name], file, folder / "out", 10)
    assert SOURCES[name].licence in written.read_text("utf-8").splitlines()[0]
    return [case.scenario for case in read([written])]


def test_a_coffee_order_becomes_a_scenario_with_a_menu_of_its_own(tmp_path: Path) -> None:
    slips: list[dict[str, Any]] = [
        coffee_order(menu_item_id="flat-wite-99"),
        coffee_order(attributes=[{"attribute_id": "milk-options", "option": "oat mylk"}]),
        coffee_order(notes="in a big mug"),
    ]
    [scenario, named, here, served] = made(
        "taskmaster-4",
        [
            coffee_order(),
            coffee_order("Two, my name is Dan."),
            coffee_order("Two oat flat whites for here."),
            coffee_order("Two oat flat whites for Sam."),
            {"utterances": []},
            *slips,
        ],
        tmp_path,
    )
    [line] = scenario.expect[0].order.lines
    assert (line.item, line.quantity, line.options) == ("Flat White", 2, ("Oat Milk",))
    assert scenario.say == ("Two oat flat whites.",) and scenario.expect[0].order.total_cents == 600
    assert (named.expect[0].order.name, named.answers["name"]) == ("Dan", "Dan.")
    assert served.expect[0].order.name == "Sam"
    assert here.expect[0].order.fulfilment == "dine_in"


def test_a_booking_becomes_a_table_where_its_end_is_clear(tmp_path: Path) -> None:
    turns = [
        booking("A table for four tomorrow at 7:30 pm please.", people="four", time="7:30 pm", date="tomorrow"),
        booking("For three people.", people="three"),
        booking("For three on Friday.", people="three", date="Friday"),  # which Friday nobody knows
        booking("At half past six.", time="half past six"),  # in the morning or in the evening
        booking("Six.", ["people"], people="Six"),  # an answer to a question
    ]
    first, second = made("restaurants-8k", turns, tmp_path)
    assert (first.expect[0].table.covers, first.expect[0].table.at) == (4, "19:30")
    assert (second.expect[0].table.covers, second.expect[0].table.at) == (3, "20:00")


def test_sentences_for_another_assistant_have_to_end_with_nothing(tmp_path: Path) -> None:
    content = {"oos_test": [["how tall is a giraffe", "oos"]], "test": [["set an alarm", "alarm"]]}
    [scenario] = made("clinc150", content, tmp_path)
    assert scenario.say == ("How tall is a giraffe.",) and scenario.expect[0].nothing


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_a_file_that_is_something_else_is_refused_with_where_the_right_one_is(name: str, tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    for text in ("[1, 2]", "{}", "no JSON"):
        file.write_text(text, "utf-8")
        with pytest.raises(DataError, match=r"github\.com"):
            make(SOURCES[name], file, tmp_path / "out", 10)


def test_the_command_says_the_licence_and_what_to_run_next(tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text(json.dumps([coffee_order()] * 2), "utf-8")
    arguments = ["eval", "import", "taskmaster-4", str(file), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "300"})
    assert done.exit_code == 0, done.output
    assert "CC BY 4.0: 2 scenarios" in done.output and "eval --file" in done.output


def test_what_was_written_as_a_note_and_is_an_option_is_that_option_and_another_dish_s_order_is_left_out(
    tmp_path: Path,
) -> None:
    other = {"menu_item_id": "cortado-77", "attributes": []}
    noted = coffee_order("A flat white with oat milk for Jay-jay.", attributes=[], notes="oat milk")
    slip = coffee_order("One flat white, please.", **other)
    cortados = [coffee_order("One cortado.", **other), coffee_order("Another cortado.", **other)]
    scenarios = made("taskmaster-4", [coffee_order(), noted, *cortados, slip], tmp_path)
    assert [one.expect[0].order.lines[0].item for one in scenarios] == [
        "Flat White",
        "Flat White",
        "Cortado",
        "Cortado",
    ]
    first = scenarios[1].expect[0].order
    assert first.name == "Jay-jay" and first.lines[0].options == ("Oat Milk",) and first.lines[0].note == ""
