"""What a migration may do while the version before still runs: add, and take nothing away.

A deployment is two versions on one schema for as long as the last call of the old one takes. So a file only expands;
what nothing uses any more is taken away by a later release's file, which says so in its first line:

    -- contract: call_log.notes, unused since 0046

Tables and functions that the file makes itself are nobody's yet, and may be made as one likes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

FIRST = "0046"  # what is before was applied when there was one version at a time
CONTRACT = re.compile(r"\A-- contract: \S.* unused since \d{4}\n")

_QUIET = re.compile(r"--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'", re.DOTALL)
_MADE = re.compile(r"\bcreate (?:table (?:if not exists )?|function )(\w+)")
_OF = re.compile(
    r"\balter table (?:if exists )?(?:only )?(\w+)"
    r"|\bcreate unique index .*?\bon (?:only )?(\w+)"
    r"|\brevoke .*?\bon (?:table |function )?(\w+)"
)
_FILLED = r"\b(default|generated)\b"
_REQUIRED = re.compile(rf"\badd (column )?(if not exists )?\w+ (?:(?!{_FILLED}).)*\bnot null\b(?!.*{_FILLED})")
_TIGHTER = "refuses what the version before writes"
_GONE = "is what the version before uses"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\bdrop (table|column|view|materialized view|function|procedure|type|schema|role|policy)\b"), _GONE),
    (re.compile(r"\brename\b"), _GONE),
    (re.compile(r"\brevoke\b"), _GONE),
    (re.compile(r"\balter (column )?\w+ (set data )?type\b"), _GONE),
    (re.compile(r"\bdrop default\b"), _TIGHTER),
    (re.compile(r"\bset not null\b"), _TIGHTER),
    (_REQUIRED, _TIGHTER),
    (re.compile(r"\badd (constraint \w+ )?(check|unique|primary key|foreign key|exclude)\b"), _TIGHTER),
    (re.compile(r"\bcreate unique index\b"), _TIGHTER),
)


def faults(name: str, sql: str) -> Iterator[str]:
    """A line each for what the version before would not survive; none for a file that says that it contracts."""
    if name < FIRST or CONTRACT.match(sql):
        return
    text = " ".join(_QUIET.sub(" ", sql).lower().split())
    made = set(_MADE.findall(text))
    for statement in text.split(";"):
        of = _OF.search(statement)
        if of is not None and not made.isdisjoint(of.groups()):
            continue
        for part in _actions(statement):
            for pattern, why in _RULES:
                found = pattern.search(part)
                if found is not None:
                    yield f"{name}: {found.group(0)[:60]} {why}"
                    break


def _actions(statement: str) -> Iterator[str]:
    """Of ``alter table``, one after the other: commas within parentheses part nothing."""
    depth, begin = 0, 0
    for place, sign in enumerate(statement):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            yield statement[begin:place]
            begin = place + 1
    yield statement[begin:]
