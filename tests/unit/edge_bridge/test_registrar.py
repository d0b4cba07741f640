import asyncio
from dataclasses import replace

import pytest

from domain.restaurant import Restaurant
from edge_bridge.entrances.sip.signals import Registration
from edge_bridge.lines.directory import LineEntry
from edge_bridge.lines.greetings import GreetingClip
from edge_bridge.lines.registrar import LONGEST_RETRY_S, DirectRegistrar, backoff_s
from stores.lines import RegistrationStatus

pytestmark = pytest.mark.unit

RESTAURANT = Restaurant("r1", "Chez Test", "fr", "EUR", "Europe/Paris")


def line(name: str) -> LineEntry:
    return LineEntry(name, RESTAURANT, f"+33{name}", GreetingClip((), ""), "trunk.test", name, "secret")


class Endpoint:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.dropped: list[str] = []

    def register(self, line: Registration) -> None:
        self.asked.append(line.line_id)

    def unregister(self, line_id: str) -> None:
        self.dropped.append(line_id)


@pytest.fixture
async def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
async def told() -> list[tuple[str, RegistrationStatus, str]]:
    return []


@pytest.fixture
async def registrar(endpoint: Endpoint, told: list[tuple[str, RegistrationStatus, str]]) -> DirectRegistrar:
    return DirectRegistrar(endpoint, "unit-node", lambda *what: told.append(what))


async def test_new_lines_are_registered_once_and_old_ones_let_go(
    registrar: DirectRegistrar, endpoint: Endpoint
) -> None:
    registrar.sync([line("1"), line("2")])
    registrar.sync([line("2"), line("3")])
    assert endpoint.asked == ["1", "2", "3"]
    assert endpoint.dropped == ["1"]


async def test_a_changed_password_registers_again(registrar: DirectRegistrar, endpoint: Endpoint) -> None:
    registrar.sync([line("1")])
    registrar.sync([replace(line("1"), sip_password="new")])
    assert endpoint.asked == ["1", "1"]
    assert endpoint.dropped == ["1"]


async def test_a_line_without_an_account_is_not_registered(registrar: DirectRegistrar, endpoint: Endpoint) -> None:
    registrar.sync([replace(line("1"), sip_domain="")])
    assert endpoint.asked == []


async def test_the_ninth_line_is_left_out(registrar: DirectRegistrar, endpoint: Endpoint) -> None:
    registrar.sync([line(str(number)) for number in range(9)])
    assert len(endpoint.asked) == 8


async def test_answers_are_told_and_counted(
    registrar: DirectRegistrar, told: list[tuple[str, RegistrationStatus, str]]
) -> None:
    registrar.sync([line("1")])
    registrar.answered("1", 200, 120)
    assert registrar.registered == {"1"}
    registrar.answered("1", 403, 0)
    assert registrar.registered == frozenset()
    assert told == [("1", "registered", ""), ("1", "error", "REGISTER answered 403")]
    registrar.sync([])


async def test_an_answer_for_a_line_that_is_gone_is_ignored(
    registrar: DirectRegistrar, told: list[tuple[str, RegistrationStatus, str]]
) -> None:
    registrar.answered("nobody", 200, 120)
    assert told == []


async def test_a_failure_is_tried_again_until_the_line_is_let_go(
    registrar: DirectRegistrar, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_bridge.lines.registrar.FIRST_RETRY_S", 0.01)
    registrar.sync([line("1")])
    registrar.answered("1", 503, 0)
    await asyncio.sleep(0.1)
    assert endpoint.asked == ["1", "1"]
    registrar.answered("1", 503, 0)
    registrar.sync([])
    await asyncio.sleep(0.1)
    assert endpoint.asked == ["1", "1"]


def test_retries_get_rarer_and_never_stop() -> None:
    pauses = [backoff_s(failures) for failures in range(1, 20)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 2.0
    assert pauses[-1] == LONGEST_RETRY_S
