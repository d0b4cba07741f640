"""A booking's deposit: its states, whatever is told, in every order."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from domain import deposits
from domain.deposits import State
from domain.payments import Fate
from domain.reservations import Rules

NOW = datetime(2026, 11, 28, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "fate", "stands", "after"),
    [
        ("awaited", "paid", True, "paid"),
        ("closing", "paid", True, "paid"),  # in the last second
        ("awaited", "expired", True, "lapsed"),
        ("closing", "expired", True, "lapsed"),
        ("paid", "expired", True, "paid"),
        ("lapsed", "paid", False, "refund_due"),
        ("closed", "paid", True, "refund_due"),  # the booking has another one
        ("waived", "paid", True, "paid"),
        ("paid", "paid", False, "paid"),  # told again, once the guest has cancelled: whether it goes back is not asked
        ("awaited", "paid", False, "refund_due"),
        ("waived", "expired", True, "waived"),
        ("refund_due", "paid", False, "refund_due"),
        ("refund_due", "refunded", False, "refunded"),
        ("refunded", "paid", False, "refunded"),
    ],
)
def test_what_is_told_of_a_deposit(state: State, fate: Fate, stands: bool, after: State) -> None:
    assert deposits.after(state, fate, stands=stands) == after


@pytest.mark.parametrize("told", sorted(set(permutations(("paid", "expired", "paid", "expired")))))
def test_who_has_paid_and_has_a_table_or_has_it_back(told: tuple[Fate, ...]) -> None:
    """In whichever order: either paid with the table, or due back without it."""
    state: State = "awaited"
    for fate in told:
        state = deposits.after(state, fate, stands=state != "lapsed" and state != "refund_due")
    assert state == ("paid" if told[0] == "paid" else "refund_due")


def test_a_deposit_is_asked_of_large_parties_for_each_guest() -> None:
    rules = Rules(deposit_cents=1500, deposit_from_covers=6)
    assert [rules.deposit(covers) for covers in (5, 6, 8)] == [0, 9000, 12000]
    assert Rules().deposit(8) == 0


def test_a_page_is_closed_before_the_table_goes_and_one_that_never_came_costs_nobody_a_table() -> None:
    assert deposits.when_due("awaited", has_page=True) == "closing"
    assert deposits.when_due("closing", has_page=True) == "lapsed"
    assert deposits.when_due("awaited", has_page=False) == "waived"


def test_who_waited_for_the_link_has_the_whole_time() -> None:
    due, ends = NOW + timedelta(minutes=30), NOW + timedelta(hours=1)
    assert deposits.due_after_page(due, NOW + timedelta(minutes=20), 30, ends) == NOW + timedelta(minutes=50)
    assert deposits.due_after_page(due, NOW, 20, ends) == due
    assert deposits.due_after_page(due, NOW + timedelta(minutes=29), 30, ends) == NOW + timedelta(minutes=50)


@pytest.mark.parametrize(("starts_in", "given"), [(24 * 60, 30), (20, 20), (3, 10), (-5, 10)])
def test_a_deposit_is_paid_before_its_guests_come(starts_in: int, given: int) -> None:
    assert deposits.minutes_for(30, NOW, NOW + timedelta(minutes=starts_in)) == given


def test_a_page_is_asked_for_as_long_as_there_is_time_left_to_pay_on_it() -> None:
    due = NOW + timedelta(minutes=30)

    assert deposits.page_useful_until(due, NOW + timedelta(days=1)) == due + timedelta(minutes=80)
    assert deposits.page_useful_until(due, NOW + timedelta(minutes=50)) == NOW + timedelta(minutes=50)
    assert deposits.page_useful_until(due, NOW) == due
