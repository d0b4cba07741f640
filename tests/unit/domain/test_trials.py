import uuid

import pytest

from domain.trials import Tally, is_worse, takes_candidate

RELEASE = "6b6f8f57-3a6a-4f42-9d5d-0c6b3a5d1f0e"
RESTAURANTS = [str(uuid.UUID(int=number)) for number in range(2000)]


def taken(share: int, release: str = RELEASE) -> set[str]:
    return {one for one in RESTAURANTS if takes_candidate(release, one, share)}


def test_a_share_is_that_of_the_restaurants() -> None:
    assert taken(0) == set()
    assert taken(100) == set(RESTAURANTS)
    assert 0.03 < len(taken(5)) / len(RESTAURANTS) < 0.07


def test_who_is_in_stays_in_while_the_share_grows() -> None:
    assert taken(5) < taken(25) < taken(60)


def test_each_release_begins_with_other_restaurants() -> None:
    assert len(taken(5) & taken(5, str(uuid.UUID(int=7)))) < len(taken(5)) / 2


@pytest.mark.parametrize(
    ("candidate", "stable", "worse"),
    [
        (Tally(3, 3), Tally(0, 0), True),  # broken altogether
        (Tally(2, 2), Tally(1000, 0), False),  # too few to tell
        (Tally(20, 4), Tally(400, 2), True),
        (Tally(20, 2), Tally(400, 2), False),
        (Tally(1000, 20), Tally(19_000, 19), False),  # tolerated
        (Tally(1000, 45), Tally(19_000, 19), True),
        (Tally(20, 12), Tally(400, 240), False),  # the model is away for both
        (Tally(20, 20), Tally(400, 240), True),
        (Tally(3, 3), Tally(1, 1), True),  # one unlucky call of the stable one excuses nothing
        (Tally(5000, 5000), Tally(90_000, 90_000), False),
    ],
)
def test_a_candidate_goes_back_for_what_chance_does_not_explain(candidate: Tally, stable: Tally, worse: bool) -> None:
    assert is_worse(candidate, stable) is worse
