"""The contract's page and its tests hold each other: every fact has a test or says why not, every number exists."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "knative-contract.md").read_text()
ROW = re.compile(r"^\| (K\d+) \| (.*) \| (.*) \|$", re.MULTILINE)
FACTS = {number: local for number, _, local in ROW.findall(PAGE)}
WITHOUT_TEST = {number for number, local in FACTS.items() if "*No test*" in local}
FOLDERS = ("tests/unit/knative", "tests/integration/knative")


def docstrings(pattern: str) -> Iterator[tuple[str, str]]:
    """``(name, docstring)`` of every test in files of that name."""
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).glob(pattern)):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                    yield f"{file.name}::{node.name}", ast.get_docstring(node) or ""


def held() -> dict[str, set[str]]:
    """Each fact that tests name → those tests."""
    facts: dict[str, set[str]] = {}
    for name, docstring in docstrings("test_*.py"):
        for number in re.findall(r"\bK\d+\b", docstring):
            facts.setdefault(number, set()).add(name)
    return facts


def test_the_facts_are_numbered_without_gaps() -> None:
    assert list(FACTS) == [f"K{number}" for number in range(1, len(FACTS) + 1)]
    assert len(ROW.findall(PAGE)) == len(FACTS) > 50


def test_every_fact_has_a_test_or_says_why_not() -> None:
    assert set(FACTS) - set(held()) == WITHOUT_TEST
    for number in WITHOUT_TEST:
        assert re.search(r"\*No test\*( here)?: \w+", FACTS[number]), number


def test_every_number_that_a_test_names_is_a_fact() -> None:
    assert {number: names for number, names in held().items() if number not in FACTS} == {}


def test_every_contract_test_names_its_fact() -> None:
    assert [name for name, docstring in docstrings("test_*_contract.py") if not re.search(r"\bK\d+\b", docstring)] == []


def test_the_page_refers_to_nothing_outside_the_repository() -> None:
    assert "../" not in PAGE


def test_every_file_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`((?:tests|manifests|local)/[\w./-]+)`", PAGE))
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    named_tests = set(re.findall(r"`(test_\w+\.py)`", PAGE))
    assert [name for name in named_tests if not any((ROOT / folder / name).exists() for folder in FOLDERS)] == []
