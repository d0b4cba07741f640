"""A new version of the call handler on trial: whose calls it takes, and when it is taken back. Pure."""

import hashlib
import math
from typing import Literal, NamedTuple

Failure = Literal["refused", "silent", "failed", "lost", "silence"]
"""What a handler's version is blamed for: it did not take the call, said nothing in time, gave up before or in the
conversation, died in it, or left its caller without a sound."""

TOLERATED = 0.02  # the share of failed calls that no version is taken back for
STABLE_WEIGHT = 20  # so many calls at TOLERATED are added to the stable version's, so that its first few decide nothing
LEAST_FAILURES = 3
CHANCE = 0.001  # that a version no worse than the stable one is taken back at one of the looks


class Tally(NamedTuple):
    """Calls that a version has had, and those of them that it failed."""

    calls: int
    failed: int


def takes_candidate(release_id: str, restaurant_id: str, share: int) -> bool:
    """Whether a restaurant's calls go to the candidate at ``share`` per cent.

    The same restaurants as long as the share is the same, and they stay in when it grows; others at each release.
    """
    digest = hashlib.sha256(f"{release_id}/{restaurant_id}".encode()).digest()
    return int.from_bytes(digest[:8]) % 100 < share


def is_worse(candidate: Tally, stable: Tally) -> bool:
    """Whether the candidate fails more calls than chance would have a version fail that is like the stable one.

    What both suffer from, such as a model that is away, is not the candidate's fault. Three failures of three are
    enough, one of a hundred is not.
    """
    if candidate.failed < LEAST_FAILURES:
        return False
    expected = (stable.failed + TOLERATED * STABLE_WEIGHT) / (stable.calls + STABLE_WEIGHT)
    return _at_least(candidate.failed, candidate.calls, max(expected, TOLERATED)) < CHANCE


def _at_least(failed: int, calls: int, probability: float) -> float:
    """How likely so many failures or more are; by logarithms, for the numbers of combinations have no end."""
    if probability >= 1.0:
        return 1.0
    fails, holds = math.log(probability), math.log1p(-probability)
    return sum(
        math.exp(_log_combinations(calls, number) + number * fails + (calls - number) * holds)
        for number in range(failed, calls + 1)
    )


def _log_combinations(calls: int, chosen: int) -> float:
    return math.lgamma(calls + 1) - math.lgamma(chosen + 1) - math.lgamma(calls - chosen + 1)
