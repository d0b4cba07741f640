"""What a kitchen's ticket says at the top."""

from datetime import UTC, datetime

import pytest

from domain.errands import PrintTicket, TicketLine
from integrations.printers.tickets import rows

pytestmark = pytest.mark.unit

AT = datetime(2026, 11, 20, 19, 0, tzinfo=UTC)


@pytest.mark.parametrize(("language", "words"), [("fr", "* REMPLACE N° 12 *"), ("en", "* INSTEAD OF N° 12 *")])
def test_a_changed_order_says_which_ticket_it_is_instead_of(language: str, words: str) -> None:
    ticket = PrintTicket(
        order_id="o",
        number=13,
        occasion="new",
        fulfilment="pickup",
        lines=(TicketLine(item_id="i", name="Margherita", size="", quantity=1, unit_cents=900),),
        confirmed_at=AT,
        promised_at=AT,
        zone="Europe/Paris",
        language=language,
        replaces=12,
    )

    assert words in [row.text for row in rows(ticket, "key", 48)]
