"""Dividing an amount of cents so that the parts sum to it."""

from __future__ import annotations

from collections.abc import Sequence


def divided(total_cents: int, weights: Sequence[int]) -> tuple[int, ...]:
    """``total_cents`` in proportion to ``weights``, to the cent: what rounding leaves goes to the largest remainders.

    Of two with one remainder the first has it. Without any weight all count the same. Raises ValueError for a
    negative amount or weight, or when there is nothing to divide it by.
    """
    if total_cents < 0 or not weights or min(weights) < 0:
        raise ValueError("cents and weights must not be negative, and there must be a weight")
    used = list(weights) if any(weights) else [1] * len(weights)
    whole = sum(used)
    shares = [total_cents * weight // whole for weight in used]
    rest = total_cents - sum(shares)
    by_remainder = sorted(range(len(used)), key=lambda at: (-(total_cents * used[at] % whole), at))
    for at in by_remainder[:rest]:
        shares[at] += 1
    return tuple(shares)
