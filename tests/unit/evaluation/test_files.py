"""Scenario files: our own are whole, and a fault is named with file, field and fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.files import ScenarioError, read

pytestmark = pytest.mark.unit

GOOD = """
scenarios:
  - id: one-pizza
    menu: harbour-pizza
    persona: calm
    goal: a pizza
    say: [One large pepperoni.]
    expect:
      - order:
          lines: [{item: Pepperoni, size: Large}]
          total_cents: 1500
          fulfilment: pickup
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "mine.yaml"
    file.write_text(text, "utf-8")
    return file


def test_our_own_scenarios_can_be_read() -> None:
    assert read()


def test_a_good_file_is_read(tmp_path: Path) -> None:
    [case] = read([written(tmp_path, GOOD)])
    assert case.scenario.id == "one-pizza" and case.language == "en"


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        (
            "harbour-piza",
            "menu: harbour-pizza",
            "(one-pizza).menu: there is no 'harbour-piza'; did you mean 'harbour-pizza'?",
        ),
        ("item: Peperoni", "item: Pepperoni", "lines[0].item: there is no 'Peperoni'; did you mean 'Pepperoni'?"),
        ("size: Lage", "size: Large", "lines[0].size: there is no 'Lage'; did you mean 'Large'?"),
        ("total_cents: 1400", "total_cents: 1500", "by the menu these lines come to 1500; write 1500"),
        ("sayd: [Hello.]\n    persona: calm", "persona: calm", "unknown field `sayd`; remove it"),
        ("fulfilment: drone", "fulfilment: pickup", "fulfilment: Invalid enum value 'drone'; use one of the values"),
        ("voice: ff_siwis\n    persona: calm", "persona: calm", "ff_siwis speaks fr, the caller en"),
        ("goal: [a", "goal: a pizza", "it is not YAML there"),
    ],
)
def test_a_fault_is_named_with_its_file_its_field_and_the_fix(
    tmp_path: Path, wrong: str, right: str, told: str
) -> None:
    wrong = f"menu: {wrong}" if right.startswith("menu") else wrong
    with pytest.raises(ScenarioError) as error:
        read([written(tmp_path, GOOD.replace(right, wrong))])
    assert str(error.value).startswith("mine.yaml: ") and told in str(error.value), str(error.value)


def test_two_scenarios_of_one_name_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD + GOOD.split("scenarios:\n")[1])
    with pytest.raises(ScenarioError, match=r"scenarios\[1\] \(one-pizza\)\.id: mine\.yaml has it, too"):
        read([file])


def test_an_end_is_exactly_one(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="give exactly one of order, table, transferred, nothing and cancelled"):
        read([written(tmp_path, GOOD.replace("      - order:", "      - nothing: true\n        order:"))])
