"""A kitchen printer, by TCP, with all that happens to printers."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec
import pytest

from devstack.stand_ins.printer import Fault, Printer, picture
from domain.errands import PrintTicket, TicketLine
from domain.order import Address
from integrations.network import Network
from integrations.printers import escpos, tickets
from integrations.tasks import Done, Later, Outcome, Task

CONFIRMED_AT = datetime(2030, 5, 17, 16, 30, tzinfo=UTC)


@pytest.fixture
async def printer() -> AsyncIterator[Printer]:
    stand_in = Printer()
    await stand_in.start()
    yield stand_in
    await stand_in.stop()


@pytest.fixture
def work() -> PrintTicket:
    return PrintTicket(
        order_id="5b0f3c1e-64f5-4a33-9d0e-0f5a9b6d4b11",
        number=12,
        occasion="new",
        fulfilment="delivery",
        lines=(
            TicketLine(
                item_id="a",
                name="Crème brûlée à l’œuf",
                size="",
                quantity=2,
                unit_cents=650,
                modifiers=("sans sucre",),
                note="très froide",
            ),
            TicketLine(item_id="b", name="Margherita", size="Grande", quantity=1, unit_cents=1450),
        ),
        confirmed_at=CONFIRMED_AT,
        promised_at=CONFIRMED_AT + timedelta(minutes=45),
        zone="Europe/Paris",
        language="fr",
        customer="Margot",
        address=Address("12 rue Neuve", "75002", "Paris"),
        allergies="arachides, lait",
    )


async def perform(network: Network, printer: Printer, work: PrintTicket, doubtful: bool = False) -> Outcome:
    adapter = escpos.Printer(network, {"address": f"127.0.0.1:{printer.port}"}, {})
    return await adapter.perform(Task("errand", "restaurant", work.key, 1 + doubtful, work, doubtful))


async def test_a_ticket_has_what_the_kitchen_must_know(network: Network, printer: Printer, work: PrintTicket) -> None:
    assert await perform(network, printer, work) == Done()
    (ticket,) = printer.tickets
    texts = [row.text for row in ticket]
    assert texts[0] == "N° 12"
    assert texts[1].split() == ["Livraison", "Pour", "19:15"]
    assert "12 rue Neuve, 75002 Paris" in texts
    assert "2 x Crème brûlée à l?oeuf" not in texts and "2 x Crème brûlée à l'oeuf" in texts
    assert "    sans sucre" in texts and "    > très froide" in texts
    assert "1 x Margherita Grande" in texts
    assert "Commandé à 18:30" in texts
    assert "".join(row.text for row in ticket if row.small) == work.key
    assert [row.text.strip() for row in ticket if row.inverse] == ["ALLERGIES: arachides, lait"]
    assert all(len(row.text) * (2 if row.big else 1) <= 42 for row in ticket)
    assert picture(ticket).startswith(b"\x89PNG")


async def test_what_a_caller_says_is_no_command(network: Network, printer: Printer, work: PrintTicket) -> None:
    line = msgspec.structs.replace(work.lines[0], note="\x1dV\x00 cut \x1b@")
    assert await perform(network, printer, msgspec.structs.replace(work, lines=(line,))) == Done()
    assert len(printer.tickets) == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("no_paper", "it has no paper"),
        ("cover_open", "its cover is open"),
        ("silent", "the printer does not say how it is"),
    ],
)
async def test_a_printer_that_cannot_print_is_sent_nothing(
    network: Network,
    printer: Printer,
    work: PrintTicket,
    fault: Fault,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(escpos, "STATUS_TIMEOUT_S", 0.2)
    printer.fault = fault
    assert await perform(network, printer, work) == Later(reason, untouched=True)
    printer.fault = None
    assert await perform(network, printer, work) == Done()
    assert [len(printer.tickets), len(printer.torn)] == [1, 0]
    assert "RÉIMPRESSION" not in "".join(printer.texts())


@pytest.mark.parametrize("fault", ["breaks_in_ticket", "breaks_after_ticket", "paper_ends_in_ticket"])
async def test_a_ticket_that_may_be_in_the_kitchen_comes_again_marked(
    network: Network, printer: Printer, work: PrintTicket, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fault in get_args(Fault)
    monkeypatch.setattr(escpos, "PRINT_TIMEOUT_S", 0.3)
    printer.fault = fault
    outcome = await perform(network, printer, work)
    assert isinstance(outcome, Later) and not outcome.untouched
    if fault == "paper_ends_in_ticket":
        assert outcome.reason == "it stopped in a ticket: it has no paper"
    printer.fault = None
    assert await perform(network, printer, work, doubtful=True) == Done()
    assert printer.texts()[0] == "* RÉIMPRESSION *"
    assert "".join(row.text for row in printer.tickets[-1] if row.small) == work.key


async def test_a_printer_that_is_away_is_waited_for(network: Network, printer: Printer, work: PrintTicket) -> None:
    await printer.stop()
    assert await perform(network, printer, work) == Later("the printer can't be reached", untouched=True)


async def test_a_cancelled_order_and_a_reprint_say_so_at_the_top(
    network: Network, printer: Printer, work: PrintTicket
) -> None:
    await perform(network, printer, msgspec.structs.replace(work, occasion="cancelled"))
    await perform(network, printer, msgspec.structs.replace(work, occasion="again", copy=1, language="en"))
    assert printer.texts(0)[0] == "*** ANNULÉE ***"
    assert printer.texts(1)[0] == "* REPRINT *"


@pytest.mark.parametrize("page", escpos.CODE_PAGES)
def test_no_letter_of_any_script_is_a_command_on_any_code_page(page: str) -> None:
    everything = "".join(map(chr, range(0x110000)))
    assert not [byte for byte in escpos._encoded(tickets.printable(everything), page) if byte < 0x20]


@pytest.mark.parametrize(
    ("text", "printed"),
    [("⅓ pizza", " 1/3  pizza"), ("2⅔", "2 2/3 "), ("①②", " 1  2 "), ("½", "½"), ("ﬁn", "fin"), ("Ａ１", "A1")],
)
def test_numbers_that_a_page_lacks_stay_the_same_numbers(text: str, printed: str) -> None:
    assert escpos._encoded(text, "cp858").decode("cp858") == printed


async def test_what_cannot_be_printed_is_said_at_the_top(network: Network, printer: Printer, work: PrintTicket) -> None:
    for allergies in ("الفول السوداني", "арахис", "花生"):
        assert await perform(network, printer, msgspec.structs.replace(work, allergies=allergies)) == Done()
        assert next(row.text for row in printer.tickets[-1] if row.inverse).strip() == "ILLISIBLE ICI: LIRE L'ÉCRAN"
    await perform(network, printer, msgspec.structs.replace(work, customer="Zoë 🎉"))
    assert printer.texts(3)[0] == "N° 12"
