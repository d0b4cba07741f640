"""Workers that take one file after the other have calls beside what needs a core, and nothing long at the end."""

import pytest

from tests.order import spread

pytestmark = pytest.mark.unit

CALLS = [f"tests/integration/edge_bridge/test_{n}.py::test" for n in range(4)]
PAGES = [f"tests/browser/test_{n}.py::test" for n in range(2)]
PARTS = [f"tests/integration/web/test_{n}.py::test_{m}" for n in range(2) for m in range(9)]
SHORT = [f"tests/unit/domain/test_{n}.py::test_{m}" for n in range(3) for m in range(2)]


def order(items: list[str]) -> list[str]:
    return spread(items, lambda item: item.partition("::")[0])


def test_nothing_is_lost_and_each_kind_keeps_its_order() -> None:
    items = [*SHORT, *PARTS, *PAGES, *CALLS]
    got = order(items)
    assert sorted(got) == sorted(items)
    assert [one for one in got if one in CALLS] == CALLS
    assert [one for one in got if one in PARTS] == PARTS


def test_calls_run_beside_pages_and_what_is_short_comes_last() -> None:
    got = order([*SHORT, *PARTS, *PAGES, *CALLS])
    assert got[-len(SHORT) :] == SHORT
    assert got.index(PAGES[1]) < got.index(CALLS[3])
    assert got.index(CALLS[1]) < got.index(PARTS[0])


def test_a_single_folder_stays_as_it_is() -> None:
    assert order(SHORT) == SHORT
    assert order(CALLS) == CALLS
