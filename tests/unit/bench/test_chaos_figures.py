"""What the campaign counts as lost, invented, doubled or untrue."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bench.chaos.accounts import Books
from bench.chaos.caller import Experience
from bench.chaos.campaign import Round
from bench.chaos.dialogue import ITEM, Wish
from bench.chaos.faults import FAULTS, Hit
from bench.chaos.figures import figures, missed
from bench.report import Figure
from stores.calls import LoggedCall
from stores.orders import Order, OrderLine

pytestmark = pytest.mark.unit

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
ORDER = Order(
    id="order-1",
    restaurant_id="r",
    number=1,
    call_id="call-1",
    status="confirmed",
    fulfilment="pickup",
    fee_cents=0,
    total_cents=1900,
    currency="EUR",
    confirmed_at=NOW,
    promised_at=NOW + timedelta(minutes=20),
    vat=(),
    lines=(OrderLine(1, "item", ITEM, "", 2, 950, 1900, (), ""),),
    customer_name="Anna Byrne",
    address=None,
)
ROW = LoggedCall(
    id="call-1",
    restaurant_id="r",
    started_at=NOW,
    outcome="order_confirmed",
    ended_at=NOW + timedelta(seconds=10),
    order_id="order-1",
    caller="+353209100001",
    usage={},
    cost_dollars=0.0,
)


def call(**changes: Any) -> Experience:
    told = Experience(Wish("Anna Byrne", 2, (1250, 1520)), "+353209100001", status=200, agreed_at=[9.0], ended_at=11.0)
    for name, value in changes.items():
        setattr(told, name, value)
    return told


def books(*orders: Order, row: LoggedCall | None = ROW, kept: tuple[str, ...] = (), leases: int = 0) -> Books:
    return Books(20.0, NOW + timedelta(seconds=10), orders, () if row is None else (row,), frozenset(kept), leases, 0)


def figure(rounds: list[Round], part: str) -> Figure:
    [found] = [one for one in figures(rounds) if part in one.figure]
    return found


def test_an_order_stored_as_agreed_misses_nothing() -> None:
    rounds = [Round(FAULTS["none"], [call()], books=books(ORDER))]
    assert all(one.ok for one in figures(rounds))
    assert list(missed(rounds)) == []


@pytest.mark.parametrize(
    "stored",
    [
        (),
        (ORDER, replace(ORDER, id="order-2")),
        (replace(ORDER, lines=(replace(ORDER.lines[0], quantity=3),)),),
        (replace(ORDER, call_id="call-2"),),
    ],
    ids=["lost", "twice", "another quantity", "under another's call"],
)
def test_an_agreed_order_that_is_lost_doubled_or_changed_is_told(stored: tuple[Order, ...]) -> None:
    rounds = [Round(FAULTS["handler-kill"], [call()], books=books(*stored))]
    assert figure(rounds, "stored exactly once").value == 0
    assert any(line.startswith("handler-kill: ") for line in missed(rounds))


def test_an_order_that_nobody_agreed_to_is_invented() -> None:
    rounds = [Round(FAULTS["none"], [call(agreed_at=[])], books=books(ORDER))]
    assert figure(rounds, "nobody agreed to").value == 1


def test_an_order_of_another_caller_under_this_call_is_invented() -> None:
    others = replace(ORDER, customer_name="Brian Doyle")
    assert figure([Round(FAULTS["none"], [call(agreed_at=[])], books=books(others))], "nobody agreed to").value == 1


def test_a_yes_cut_by_the_bridges_death_has_to_be_kept_for_the_restaurant() -> None:
    lost = replace(ROW, outcome="lost", order_id=None)
    cut = Round(FAULTS["signaller-kill"], [call()], hit=Hit(9.5), books=books(row=lost))
    assert not figure([cut], "not kept").ok
    cut.books = books(row=lost, kept=("call-1",))
    assert figure([cut], "not kept").ok
    assert figure([cut], "stored exactly once").ok


def test_a_campaign_without_any_agreement_shows_nothing() -> None:
    assert not figure([Round(FAULTS["none"], [call(agreed_at=[])], books=books())], "stored exactly once").ok


def test_a_yes_long_before_the_bridges_death_has_no_excuse() -> None:
    lost = replace(ROW, outcome="lost", order_id=None)
    rounds = [Round(FAULTS["signaller-kill"], [call()], hit=Hit(15.0), books=books(row=lost, kept=("call-1",)))]
    assert not figure(rounds, "stored exactly once").ok


@pytest.mark.parametrize(
    "row",
    [None, replace(ROW, outcome="in_progress"), replace(ROW, outcome="answered"), replace(ROW, order_id="order-9")],
    ids=["no row", "still open", "another outcome", "another order"],
)
def test_a_row_that_does_not_say_what_happened_is_untrue(row: LoggedCall | None) -> None:
    rounds = [Round(FAULTS["none"], [call()], books=books(ORDER, row=row))]
    assert figure(rounds, "truthful row").value == 1


def test_a_lease_that_is_left_is_told() -> None:
    assert figure([Round(FAULTS["none"], [call()], books=books(ORDER, leases=1))], "lease").value == 1


def test_the_silence_of_a_dead_bridge_explains_itself_and_another_does_not() -> None:
    dead = Round(FAULTS["signaller-kill"], [call(silence_s=12.0)], hit=Hit(3.0), books=books(ORDER))
    frozen = Round(FAULTS["handler-stop"], [call(silence_s=6.0)], books=books(ORDER))
    assert figure([dead], "silence").ok
    assert figure([dead, frozen], "silence").value == 6.0


def test_the_voice_after_a_handlers_death_is_not_what_was_still_in_the_buffers() -> None:
    told = call(voices=[4.9, 5.1, 5.2, 6.0])
    rounds = [Round(FAULTS["handler-kill"], [told], hit=Hit(5.0), books=books(ORDER))]
    assert figure(rounds, "voice again, longest").value == pytest.approx(1.0)


def test_an_order_agreed_to_in_an_outage_is_timed_from_its_end() -> None:
    one = Round(FAULTS["postgres-kill"], [call()], hit=Hit(8.0, back_at=14.0), books=books(ORDER))
    one.kitchen_at["Anna Byrne"] = 16.5
    assert figure([one], "in the kitchen").value == 2.5
    one.kitchen_at.clear()
    assert not figure([one], "in the kitchen").ok


def test_an_order_is_timed_from_the_yes_that_was_taken_and_not_from_one_that_was_not_understood() -> None:
    """An assistant who hears "hello?" reads out again: the caller's second yes made the order, 26 s later."""
    made = replace(ORDER, confirmed_at=NOW + timedelta(seconds=25.5))  # 35.5 by the caller's clock
    told = call(agreed_at=[9.0, 35.0])
    one = Round(FAULTS["postgres-kill"], [told], hit=Hit(8.0, back_at=14.0), books=books(made))
    one.kitchen_at["Anna Byrne"] = 36.5
    assert figure([one], "in the kitchen").value == 1.5
    one.books = books(ORDER)  # the first yes made it, at 10: the rest is the kitchen's wait
    assert figure([one], "in the kitchen").value == 22.5


def test_an_order_first_seen_by_the_last_account_is_in_the_kitchen() -> None:
    """The watcher is not asked again once the books are settled: it may have read just before."""
    one = Round(FAULTS["postgres-kill"], [call()], hit=Hit(8.0, back_at=14.0))
    one.note_kitchen(books())
    one.keep(books(ORDER))
    assert figure([one], "in the kitchen").value == 6.0
