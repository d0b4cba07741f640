"""Which series a PromQL expression names, and by which labels: enough to find a name that nothing tells.

No parser of the language; promtool is that, and sees every expression too.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""\s+ | \#[^\n]* | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`) | (?P<range>\[[^\]]*\])
    | (?P<number>0x[0-9a-fA-F]+|[0-9.]+(?:e[+-]?[0-9]+)?(?:ms|[smhdwy])?(?:[0-9]+(?:ms|[smhdwy]))*)
    | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*) | (?P<mark>=~|!~|!=|==|<=|>=|.)""",
    re.VERBOSE,
)
_AGGREGATIONS = frozenset(
    ("sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values", "bottomk", "topk", "quantile")
)
_WORDS = frozenset(("and", "or", "unless", "offset", "bool", "inf", "nan", "atan2", "start", "end"))
_LISTS = frozenset(("by", "without", "on", "ignoring", "group_left", "group_right"))


Token = tuple[str, str]
"""Its kind, which is a group's name of the pattern, and its text."""


@dataclass(frozen=True, slots=True)
class Selector:
    """One series in an expression, with the labels that its braces name."""

    name: str
    labels: frozenset[str]


@dataclass(frozen=True, slots=True)
class Named:
    """What an expression names. ``grouped`` are the labels of ``by``, ``on`` and their like."""

    selectors: tuple[Selector, ...]
    grouped: frozenset[str]


def named(expression: str) -> Named:
    tokens = [(match.lastgroup, match.group()) for match in _TOKEN.finditer(expression) if match.lastgroup]
    selectors: list[Selector] = []
    grouped: set[str] = set()
    at = 0
    while at < len(tokens):
        kind, text = tokens[at]
        after = tokens[at + 1][1] if at + 1 < len(tokens) else ""
        at += 1
        if kind != "name":
            continue
        if text in _LISTS:
            if after == "(":
                inside, at = _until(tokens, at + 1, ")")
                grouped.update(value for what, value in inside if what == "name")
        elif after == "{":
            inside, at = _until(tokens, at + 1, "}")
            selectors.append(Selector(text, frozenset(_matched(inside))))
        elif after != "(" and text not in _AGGREGATIONS and text not in _WORDS:
            selectors.append(Selector(text, frozenset()))
    return Named(tuple(selectors), frozenset(grouped))


def _until(tokens: list[Token], at: int, end: str) -> tuple[list[Token], int]:
    """What stands before ``end``, and the place behind it."""
    inside = []
    while at < len(tokens) and tokens[at][1] != end:
        inside.append(tokens[at])
        at += 1
    return inside, at + 1


def _matched(inside: list[Token]) -> Iterator[str]:
    for (kind, text), (_, mark) in itertools.pairwise(inside):
        if kind == "name" and mark in ("=", "!=", "=~", "!~"):
            yield text
