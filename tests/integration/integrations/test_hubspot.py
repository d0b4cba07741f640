"""Customer files: one contact for a number, one note for an errand, however often it is brought."""

from datetime import UTC, datetime

import pytest

from devstack.stand_ins.hubspot import HubSpot as HubSpotServer
from devstack.stand_ins.standing import Fault
from domain.errands import ForgetCustomer, NoteCustomer
from integrations.crm.hubspot import HubSpot
from integrations.network import Network
from integrations.tasks import Done, Later, Refused, Task
from tests.integration.integrations.conftest import Serve


def task(version: int = 0, attempt: int = 1) -> Task:
    work = NoteCustomer(
        reservation_id="r1",
        version=version,
        phone="+33612345678",
        name="Léa Martin",
        text="Réservation : 6 couverts",
        at=datetime(2026, 11, 28, tzinfo=UTC),
    )
    return Task("e1", "r1", work.key, attempt, work)


@pytest.fixture
async def at_hubspot(serve: Serve, network: Network) -> tuple[HubSpotServer, HubSpot]:
    server = HubSpotServer("pat-1")
    return server, HubSpot.open(network, {"url": await serve(server)}, {"token": "pat-1"})


@pytest.mark.parametrize("fault", ["failing", "rate_limited", "lost_answer"])
async def test_a_number_has_one_contact_and_an_errand_one_note(
    fault: Fault, at_hubspot: tuple[HubSpotServer, HubSpot]
) -> None:
    server, adapter = at_hubspot
    server.faults[fault] = 3

    attempt = 1
    while not isinstance(await adapter.perform(task(0, attempt)), Done):
        attempt += 1
    assert isinstance(await adapter.perform(task(1)), Done)

    (contact,) = server.objects["contacts"]
    assert server.objects["contacts"][contact]["firstname"] == "Léa"
    assert len(server.objects["notes"]) == 2
    assert server.associations == {(note, contact) for note in server.objects["notes"]}


async def test_a_contact_that_has_the_number_is_taken(at_hubspot: tuple[HubSpotServer, HubSpot]) -> None:
    server, adapter = at_hubspot
    server.objects["contacts"]["7"] = {"phone": "+33612345678", "email": "lea@x.example"}
    assert await adapter.perform(task()) == Done("7")
    assert len(server.objects["contacts"]) == 1


@pytest.mark.parametrize("fault", ["failing", "rate_limited", "lost_answer"])
async def test_who_is_forgotten_is_gone_for_good_with_the_notes_and_nobody_else(
    fault: Fault, at_hubspot: tuple[HubSpotServer, HubSpot]
) -> None:
    server, adapter = at_hubspot
    noted = await adapter.perform(task())
    assert isinstance(noted, Done)
    server.objects["contacts"][noted.reference]["phone"] = "changed there"
    server.objects["contacts"]["8"] = {"phone": "+33612345678"}
    server.objects["contacts"]["9"] = {"phone": "+33699999999"}
    work = ForgetCustomer(erasure_id="x1", phone="+33612345678", contacts=(noted.reference, "gone before"))
    server.faults[fault] = 2

    attempts = 1
    while not isinstance(await adapter.perform(Task("e2", "r1", work.key, attempts, work)), Done):
        attempts += 1

    assert attempts > 1 and server.objects == {"contacts": {"9": {"phone": "+33699999999"}}, "notes": {}}


async def test_a_refusal_quotes_nothing_and_a_wrong_token_is_the_connections_fault(
    serve: Serve, network: Network, at_hubspot: tuple[HubSpotServer, HubSpot]
) -> None:
    server, adapter = at_hubspot
    server.properties["contacts"].add("alloresto_id")
    server.faults["refusing"] = 1
    assert await adapter.perform(task()) == Refused("HubSpot: VALIDATION_ERROR")
    other = HubSpot.open(network, {"url": await serve(server)}, {"token": "old"})
    assert await other.perform(task()) == Later("HubSpot: answered 401")
