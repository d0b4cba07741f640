import random
from typing import get_args

from domain import payments
from domain.payments import Fate, State


def test_what_is_told_in_any_order_and_however_often_ends_in_the_same_state() -> None:
    """300 random sets of notices, each told in a random order with repetitions; the same order of cancellation."""
    chance = random.Random(12)
    for _ in range(300):
        fates = chance.sample(get_args(Fate), chance.randint(1, 3))
        cancelled = chance.random() < 0.5
        ends: set[State] = set()
        for _ in range(5):
            state: State = "requested"
            for fate in chance.choices(fates, k=5) + chance.sample(fates, len(fates)):
                state = payments.after(state, fate, cancelled=cancelled)
            ends.add(state)
        best = next(fate for fate in ("refunded", "paid", "expired") if fate in fates)
        assert ends == {"refund_due" if best == "paid" and cancelled else best}


def test_what_was_paid_is_due_back_while_its_order_is_cancelled() -> None:
    assert payments.with_order("paid", cancelled=True) == "refund_due"
    assert payments.with_order("refund_due", cancelled=False) == "paid"
    for state in ("requested", "expired", "refunded"):
        assert payments.with_order(state, cancelled=True) == state
