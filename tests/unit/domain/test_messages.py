"""What a caller is told by text message."""

from datetime import UTC, datetime

import pytest

from domain import messages
from domain.messages import TEMPLATES, Line, OrderFacts, ReservationFacts

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)  # a Friday; 13:00 in Paris
LINES = (
    Line(2, "Pizza quatre fromages", ("Lait", "Gluten")),
    Line(1, "Salade niçoise", ("Poisson", "Œufs")),
)
ORDER = OrderFacts("Chez Margot", 12, LINES, 3350, "EUR", "pickup", NOON, "Europe/Paris", "https://r.example/o/t")


def test_a_confirmation_has_what_the_law_and_the_guest_ask_for() -> None:
    text = messages.order_text("order_confirmed", "fr", ORDER)

    assert "commande n" in text and "12 confirm" in text
    assert "2 Pizza quatre fromages, 1 Salade nicoise" in text
    assert "Total 33,50 €" in text and "Retrait vers 13:00" in text
    assert "Allergènes : lait, gluten, poisson, oeufs." in text
    assert text.endswith("Suivi : https://r.example/o/t")
    assert not messages.parts(text).unicode


def test_a_dish_of_which_nothing_is_listed_is_named_rather_than_called_safe() -> None:
    facts = ORDER._replace(lines=(Line(1, "Soup", None), Line(1, "Water", ())))
    text = messages.order_text("order_confirmed", "en", facts)

    assert "Allergens not listed for Soup: ask us." in text
    assert "Water:" not in text


def test_a_long_order_keeps_its_total_allergens_and_link() -> None:
    facts = ORDER._replace(lines=tuple(Line(1, f"Dish number {n} of a long list", ("Milk",)) for n in range(40)))
    text = messages.order_text("order_confirmed", "en", facts)

    assert messages.parts(text).number == messages.MOST_PARTS
    assert "more. Total" in text and "Allergens: milk." in text and text.endswith(ORDER.link)


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("listed", [None, ("Lait d’amande, noisette et pistache de Sicile",)])
def test_allergens_that_do_not_go_in_are_asked_for_and_never_cut(listed: tuple[str, ...] | None, language: str) -> None:
    lines = tuple(Line(1, f"Dish number {n} of a very long list", listed and (f"{n} {listed[0]}",)) for n in range(40))
    text = messages.order_text("order_confirmed", language, ORDER._replace(lines=lines))

    assert messages.parts(text).number <= messages.MOST_PARTS
    assert "ask us before you eat" in text or "demandez-nous avant de manger" in text
    assert "1 Dish number 0" in text and text.endswith(ORDER.link)


def test_quiet_hours_begin_by_the_clock_of_the_restaurant() -> None:
    for noon, begins in ((NOON, 19), (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), 18)):  # that night clocks go forward
        assert messages.quiet_from(noon, "Europe/Paris", "FR") == noon.replace(hour=begins, minute=0)
    assert messages.quiet_from(NOON, "Europe/Dublin", "IE") is None


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("template", TEMPLATES)
def test_each_template_is_filled_in_and_needs_no_unicode(template: messages.Template, language: str) -> None:
    table = ReservationFacts("Chez Margot", 4, NOON, "Europe/Paris", "https://r.example/p", 2000, "EUR")
    if template == "missed_call":
        text = messages.missed_call_text(language, "Chez Margot", "https://r.example/m")
    elif template.startswith(("reservation", "deposit")):
        text = messages.reservation_text(template, language, table)
    else:
        text = messages.order_text(template, language, ORDER)

    assert text.startswith("Chez Margot") and "{" not in text
    assert not messages.parts(text).unicode


@pytest.mark.parametrize(
    ("text", "count", "unicode"),
    [
        ("a" * 160, 1, False),
        ("a" * 161, 2, False),
        ("a" * 306, 2, False),
        ("a" * 307, 3, False),
        ("€" * 80, 1, False),
        ("€" * 81, 2, False),
        ("я" * 70, 1, True),
        ("я" * 71, 2, True),
        ("😀" * 35, 1, True),
    ],
)
def test_parts_are_counted_as_operators_bill_them(text: str, count: int, unicode: bool) -> None:
    assert messages.parts(text) == (count, unicode)


@pytest.mark.parametrize(
    ("template", "at", "country", "allowed"),
    [
        ("missed_call", datetime(2026, 11, 27, 18, 59, tzinfo=UTC), "FR", True),  # 19:59
        ("missed_call", datetime(2026, 11, 27, 19, 0, tzinfo=UTC), "FR", False),  # 20:00
        ("missed_call", datetime(2026, 11, 27, 6, 59, tzinfo=UTC), "FR", False),  # 7:59
        ("missed_call", datetime(2026, 11, 27, 7, 0, tzinfo=UTC), "FR", True),  # 8:00
        ("missed_call", datetime(2026, 11, 29, 12, 0, tzinfo=UTC), "FR", False),  # a Sunday
        ("missed_call", datetime(2026, 7, 14, 12, 0, tzinfo=UTC), "FR", False),  # a holiday, a Tuesday
        ("missed_call", datetime(2026, 3, 30, 6, 0, tzinfo=UTC), "FR", True),  # 8:00, of summer time since yesterday
        ("missed_call", datetime(2026, 10, 26, 6, 30, tzinfo=UTC), "FR", False),  # 7:30 again
        ("missed_call", datetime(2026, 11, 27, 23, 0, tzinfo=UTC), "IE", True),
        ("order_confirmed", datetime(2026, 11, 27, 23, 0, tzinfo=UTC), "FR", True),
    ],
)
def test_what_nobody_asked_for_waits_for_the_day(
    template: messages.Template, at: datetime, country: str, allowed: bool
) -> None:
    assert messages.may_be_sent(template, at, "Europe/Paris", country) is allowed


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ("STOP", "stop"),
        (" Stop. ", "stop"),
        ("« STOP » 🙏", "stop"),
        ("stop 36105", "stop"),
        ("ARRÊT", "stop"),
        ("start", "start"),
        ("please stop calling", ""),
        ("", ""),
    ],
)
def test_an_answer_of_one_word_ends_messages_or_begins_them(said: str, wish: str) -> None:
    assert messages.wish_of(said) == wish


@pytest.mark.parametrize(
    ("number", "can"),
    [
        ("+33612345678", True),
        ("+33765710042", True),
        ("+33465710042", False),
        ("+353861234567", True),
        ("200", False),
        ("", False),
        ("anonymous", False),
        ("+336123", False),
        ("+٣٣٦١٢٣٤٥٦٧٨", False),
        ("+0033612345678", False),
    ],
)
def test_a_landline_gets_no_text(number: str, can: bool) -> None:
    assert messages.can_receive(number) is can


def test_a_deposits_deadline_has_its_day() -> None:
    """It may be another one than today, and another one than the booking's."""
    at = datetime(2026, 11, 30, 19, tzinfo=UTC)
    facts = ReservationFacts("Margot", 6, at, "Europe/Paris", "https://x.example/b/1", 9000, "EUR")
    due = facts._replace(due_at=datetime(2026, 11, 28, 23, 30, tzinfo=UTC))
    assert "on 30/11 at 20:00" in messages.reservation_text("deposit_link", "en", due)
    assert "paid by 00:30 on 29/11" in messages.reservation_text("deposit_link", "en", due)
    assert "avant 00:30 le 29/11" in messages.reservation_text("deposit_link", "fr", due)
