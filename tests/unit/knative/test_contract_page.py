"""The contract's page and its tests name each other."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "knative-contract.md").read_text()
NAMED = set(re.findall(r"\b[SEWAMP] ([a-z0-9_]{12,})", PAGE))


def named_in(*patterns: str) -> set[str]:
    files = [file for pattern in patterns for file in (ROOT / "tests").glob(pattern)]
    return {name for file in files for name in re.findall(r"def test_(\w+)", file.read_text())}


def test_every_test_that_the_page_names_is_there() -> None:
    assert NAMED
    assert named_in("unit/knative/test_*.py", "integration/knative/test_*.py") >= NAMED


def test_every_contract_test_is_on_the_page() -> None:
    assert named_in("integration/knative/test_*_contract.py") <= NAMED


def test_the_page_refers_to_nothing_outside_the_repository() -> None:
    assert "../" not in PAGE
