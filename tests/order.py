"""The order of test files, for workers that take one after the other: calls, which wait, beside what needs a core.

Short files come last, so that no worker is left with a long one when the others are done.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

WAITS = "tests/integration/edge_bridge/"
# About how many seconds a test takes, by folder.
SECONDS = {WAITS: 4.0, "tests/browser/": 6.0, "tests/integration/": 0.7}
SHORT_S = 0.02

T = TypeVar("T")


def seconds(path: str) -> float:
    """Of one test in the file ``path``."""
    return next((known for folder, known in SECONDS.items() if path.startswith(folder)), SHORT_S)


def spread(items: Iterable[T], path_of: Callable[[T], str]) -> list[T]:
    """``items`` with those of each file together: first what takes seconds, waiting and working side by side from
    beginning to end, then the short ones. Within a kind their order stays."""
    files: dict[str, list[T]] = {}
    for item in items:
        files.setdefault(path_of(item), []).append(item)
    long = [path for path in files if seconds(path) > SHORT_S]
    turns: dict[str, float] = {}
    for waits in (True, False):
        kind = sorted((path for path in long if path.startswith(WAITS) is waits), key=lambda path: -seconds(path))
        whole, done = sum(seconds(path) * len(files[path]) for path in kind), 0.0
        for path in kind:
            turns[path] = done / whole
            done += seconds(path) * len(files[path])
    return [item for path in sorted(files, key=lambda path: turns.get(path, 1.0)) for item in files[path]]
