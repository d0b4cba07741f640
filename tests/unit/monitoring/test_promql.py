"""Which series and labels an expression names."""

import pytest

from ops.monitoring.promql import Selector, named

pytestmark = pytest.mark.unit


def names(expression: str) -> list[str]:
    return [one.name for one in named(expression).selectors]


def test_functions_aggregations_and_words_are_no_series() -> None:
    expression = "sum by (le) (rate(a_bucket[5m])) > bool 2e3 and max without(pod) (b offset 1h) unless vector(1) or c"
    assert names(expression) == ["a_bucket", "b", "c"]


def test_labels_are_those_of_braces_and_of_groups() -> None:
    found = named('count by (engine) (a{job="x,y=z", code=~"5.."}) / on (pod) group_left (node) b')
    assert found.selectors == (Selector("a", frozenset({"job", "code"})), Selector("b", frozenset()))
    assert found.grouped == {"engine", "pod", "node"}


def test_what_stands_in_a_string_or_a_comment_is_no_series() -> None:
    assert names('a{what="rate(b[5m])"} # c\n+ d') == ["a", "d"]


def test_a_recorded_series_has_colons_in_its_name() -> None:
    assert names("slo:calls:ratio_rate5m > 14.4 * 0.0005") == ["slo:calls:ratio_rate5m"]
