"""What a guest reads in a mail: every dish with its allergens, and nothing that a program would run or fetch."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import get_args

import pytest

from domain.deposits import State
from domain.mails import BookingTemplate, OrderTemplate, booking_mail, order_mail
from domain.messages import Line, OrderFacts, ReservationFacts

pytestmark = pytest.mark.unit

FACTS = OrderFacts(
    restaurant="Chez Margot",
    number=12,
    lines=(
        Line(2, "Crêpe complète", ("gluten", "œufs")),
        Line(1, "Salade", ()),
        Line(1, "Menu du jour", None),
    ),
    total_cents=3250,
    currency="EUR",
    fulfilment="pickup",
    promised_at=datetime(2026, 12, 4, 18, 30, tzinfo=UTC),
    zone="Europe/Paris",
    link="https://admin.example.com/o/abc",
)

TABLE = ReservationFacts(
    "Chez Margot",
    6,
    datetime(2026, 12, 4, 18, 30, tzinfo=UTC),
    "Europe/Paris",
    "https://x.example/b/t",
    9000,
    "EUR",
    datetime(2026, 12, 3, 11, tzinfo=UTC),
)


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_confirmation_has_dishes_allergens_total_time_and_the_page() -> None:
    mail = order_mail("order_confirmed", "fr", FACTS, stop=f"{FACTS.link}/stop")

    assert mail.subject == "Chez Margot: Commande n° 12 confirmée"
    seen = " ".join(Tags(mail.html).words)
    for text in (mail.text, seen):
        for part in (
            "2 × Crêpe complète",
            "allergènes : gluten, œufs",
            "allergènes : aucun indiqué",
            "allergènes non indiqués par le restaurant",
            "32,50",
            "Retrait vers 19:30",
            FACTS.link,
            f"{FACTS.link}/stop",
        ):
            assert part in text


@pytest.mark.parametrize(
    ("template", "language", "said"),
    [
        ("order_ready", "en", "Order no. 12 is ready"),
        ("order_cancelled", "en", "Order no. 12 is cancelled"),
        ("order_ready", "fr", "La commande n° 12 est prête"),
        ("order_cancelled", "fr", "La commande n° 12 est annulée"),
        ("payment_link", "fr", "Payer 32,50"),
    ],
)
def test_later_news_are_short(template: OrderTemplate, language: str, said: str) -> None:
    mail = order_mail(template, language, FACTS)

    assert said in mail.text.replace("\u00a0", " ") and "Crêpe" not in mail.text + mail.html


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("state", [None, *get_args(State)])
@pytest.mark.parametrize("template", get_args(BookingTemplate))
def test_a_booking_has_its_day_time_party_and_deposit(
    template: BookingTemplate, state: State | None, language: str
) -> None:
    mail = booking_mail(template, language, TABLE, state, stop="https://x.example/b/t/stop")

    assert mail.subject.startswith("Chez Margot: ") and "{" not in mail.text + mail.html
    for part in (
        "04/12",
        "19:30",
        "table pour 6" if language == "fr" else "table for 6",
        TABLE.link,
        f"{TABLE.link}/stop",
    ):
        assert part in mail.text
    assert ("90" in mail.text) == (state in ("awaited", "closing", "paid", "refund_due", "refunded"))


def test_a_deposit_of_a_cancelled_booking_is_asked_about() -> None:
    assert "ask us about it" in booking_mail("reservation_cancelled", "en", TABLE, "paid").text
    assert "ask us about it" not in booking_mail("reservation_confirmed", "en", TABLE, "paid").text


def test_what_leaves_the_kitchen_is_said_so() -> None:
    assert "leaving the kitchen" in order_mail("order_ready", "en", FACTS._replace(fulfilment="delivery")).subject


def test_names_are_words_and_nothing_is_run_or_fetched() -> None:
    evil = FACTS._replace(
        restaurant='<img src=x onerror="a()">\r\nBcc: x@y.example', lines=(Line(1, "<script>a()</script>", ("<b>",)),)
    )
    mail = order_mail("order_confirmed", "en", evil, stop="https://x.example/stop")
    found = Tags(mail.html)

    assert found.tags <= {"html", "head", "meta", "title", "body", "h1", "p", "strong", "table", "tr", "td"} | {
        "br",
        "small",
        "hr",
        "a",
    }
    assert found.names <= {"lang", "charset", "role", "href"}
    assert "\n" not in mail.subject and "\r" not in mail.subject
