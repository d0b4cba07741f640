import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.restaurant import Restaurant
from domain.trunks import TrunkOptions
from edge_bridge.entrances.sip.signals import RegisterAnswer, Registration
from edge_bridge.lines.directory import LineEntry
from edge_bridge.lines.greetings import GreetingClip
from edge_bridge.lines.registrar import LONGEST_RETRY_S, DirectRegistrar, backoff_s, in_words, refresh_s
from stores.lines import RegistrationStatus

pytestmark = pytest.mark.unit

RESTAURANT = Restaurant("r1", "Chez Test", "fr", "EUR", "Europe/Paris")


def line(name: str) -> LineEntry:
    return LineEntry(
        name, RESTAURANT, f"+33{name}", GreetingClip((), ""), "trunk.test", name, "secret", held=True, generation=1
    )


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
async def told() -> list[tuple[str, int, RegistrationStatus, str]]:
    return []


@pytest.fixture
async def registrar(endpoint: Endpoint, told: list[tuple[str, int, RegistrationStatus, str]]) -> DirectRegistrar:
    return DirectRegistrar(endpoint, "unit-node", lambda *what: told.append(what), max_lines=8, transports={"udp"})


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


async def test_a_line_beyond_max_lines_is_left_out_and_its_status_says_why(
    registrar: DirectRegistrar, endpoint: Endpoint, told: list[tuple[str, int, RegistrationStatus, str]]
) -> None:
    nine = [line(str(number)) for number in range(9)]
    registrar.sync(nine)
    registrar.sync(nine)
    assert len(endpoint.asked) == 8
    assert told == [("8", 1, "error", "this node has 8 lines, its MAX_LINES")]


async def test_a_line_of_another_node_is_not_registered_here(registrar: DirectRegistrar, endpoint: Endpoint) -> None:
    registrar.sync([replace(line("1"), held=False)])
    assert endpoint.asked == []


async def test_a_line_whose_password_cannot_be_read_says_so_once(
    registrar: DirectRegistrar, endpoint: Endpoint, told: list[tuple[str, int, RegistrationStatus, str]]
) -> None:
    sealed = replace(line("1"), sip_password="", problem="unreadable")
    registrar.sync([sealed])
    registrar.sync([sealed])
    assert endpoint.asked == []
    assert told == [("1", 1, "error", "unreadable")]


async def test_a_line_that_came_back_meanwhile_is_told_of_again_without_a_register(
    registrar: DirectRegistrar, endpoint: Endpoint, told: list[tuple[str, int, RegistrationStatus, str]]
) -> None:
    registrar.sync([line("1")])
    registrar.answered(RegisterAnswer("1", 200, 120))
    registrar.sync([replace(line("1"), generation=3)])
    assert endpoint.asked == ["1"]
    assert told == [("1", 1, "registered", ""), ("1", 3, "registered", "")]
    registrar.sync([])


@pytest.mark.parametrize(
    ("granted", "pause"), [(20, 10.0), (30, 15.0), (60, 30.0), (120, 60.0), (3600, 60.0), (1, 2.0)]
)
def test_a_grant_is_refreshed_at_half_and_never_in_a_storm(granted: int, pause: float) -> None:
    assert refresh_s(granted) == pause


async def test_a_registrar_that_asks_to_wait_is_left_alone_for_so_long(
    registrar: DirectRegistrar, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_bridge.lines.registrar.FIRST_RETRY_S", 0.01)
    registrar.sync([line("1")])
    registrar.answered(RegisterAnswer("1", 503, retry_after_s=1))
    asked = asyncio.get_running_loop().time()
    async with asyncio.timeout(3):
        while endpoint.asked == ["1"]:
            await asyncio.sleep(0.01)
    assert asyncio.get_running_loop().time() - asked >= 1.0
    registrar.sync([])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (RegisterAnswer("1", 401, algorithms=frozenset({"SHA-3"})), "takes only SHA-3 digest"),
        (RegisterAnswer("1", 401, algorithms=frozenset({"SHA-256"})), "refuses the username or the password (401)"),
        (RegisterAnswer("1", 403), "forbids the registration"),
        (RegisterAnswer("1", 404), "does not know the username (404)"),
        (RegisterAnswer("1", 407, algorithms=frozenset({"MD5-SESS"})), "proxy refuses the username"),
        (RegisterAnswer("1", 408), "does not answer (408)"),
        (RegisterAnswer("1", 503, retry_after_s=9), "asks to wait 9 s (503)"),
        (RegisterAnswer("1", 503), "out of service for now (503)"),
        (RegisterAnswer("1", 500), "a fault of its own and is asked again (500)"),
        (RegisterAnswer("1", 606), "refuses the line everywhere (606)"),
        (RegisterAnswer("1", 302, problem="sent on"), "sent on"),
        (RegisterAnswer("1", 0), "could not be sent"),
        (RegisterAnswer("1", 200), "grants it no time (200)"),
    ],
)
def test_each_answer_of_a_trunk_is_said_in_words(answer: RegisterAnswer, words: str) -> None:
    assert words in in_words(answer)


async def test_a_line_over_tls_is_refused_in_words_where_only_udp_is_spoken(
    registrar: DirectRegistrar, endpoint: Endpoint, told: list[tuple[str, int, RegistrationStatus, str]]
) -> None:
    registrar.sync([replace(line("1"), trunk=TrunkOptions(transport="tls"))])
    assert endpoint.asked == []
    assert told == [
        ("1", 1, "error", "the line's transport is tls, which this node speaks with REGISTRAR=kamailio only")
    ]


async def test_a_line_over_tcp_is_refused_in_words_where_tcp_is_off(
    endpoint: Endpoint, told: list[tuple[str, int, RegistrationStatus, str]]
) -> None:
    registrar = DirectRegistrar(endpoint, "unit-node", lambda *what: told.append(what), 8, {"udp", "tls"})
    registrar.sync([replace(line(transport), trunk=TrunkOptions(transport=transport)) for transport in ("tcp", "tls")])
    assert endpoint.asked == ["tls"]
    why = "the line's transport is tcp, which this node speaks with SIP_TCP=on only"
    assert told == [("tcp", 1, "error", why)]


async def test_what_a_trunk_does_by_tls_says_nothing_of_its_lines_by_udp(
    endpoint: Endpoint, told: list[tuple[str, int, RegistrationStatus, str]]
) -> None:
    registrar = DirectRegistrar(endpoint, "unit-node", lambda *what: told.append(what), 8, {"udp", "tls"})
    registrar.sync([replace(line("1"), trunk=TrunkOptions(transport="tls")), line("2")])
    registrar.answered(RegisterAnswer("1", 408))
    registrar.answered(RegisterAnswer("2", 200, 60))
    assert endpoint.asked == ["1", "2"]
    assert "SIP_TLS_CA" in told[0][3]


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 405, 416, 420, 423, 488, 603])
async def test_a_line_that_is_refused_is_asked_for_again_slowly(registrar: DirectRegistrar, status: int) -> None:
    registrar.sync([line("1")])
    registrar.answered(RegisterAnswer("1", status))
    timer = registrar._held["1"].next
    assert timer is not None and timer.when() - asyncio.get_running_loop().time() > 20
    registrar.sync([])


async def test_of_a_trunk_that_fails_one_line_asks_on_and_all_follow_when_it_is_back(
    registrar: DirectRegistrar, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_bridge.lines.registrar.PROBE_S", 0.01)
    registrar.sync([line(str(number)) for number in range(5)])
    for number in range(5):
        registrar.answered(RegisterAnswer(str(number), 503))
    endpoint.asked.clear()
    await asyncio.sleep(0.1)
    assert endpoint.asked == ["0"]
    registrar.answered(RegisterAnswer("0", 200, 120))
    assert endpoint.asked == ["0", "1", "2", "3", "4"]
    registrar.sync([])


async def test_a_line_that_fails_by_itself_is_not_asked_for_whenever_another_is_registered(
    registrar: DirectRegistrar, endpoint: Endpoint
) -> None:
    registrar.sync([line("broken"), line("fine")])
    for _ in range(10):
        registrar.answered(RegisterAnswer("broken", 500))
        registrar.answered(RegisterAnswer("fine", 200, 120))
    assert endpoint.asked.count("broken") == 2
    registrar.sync([])


async def test_answers_are_told_and_counted(
    registrar: DirectRegistrar, told: list[tuple[str, int, RegistrationStatus, str]]
) -> None:
    registrar.sync([line("1")])
    registrar.answered(RegisterAnswer("1", 200, 120))
    assert registrar.registered == {"1"}
    registrar.answered(RegisterAnswer("1", 403))
    assert registrar.registered == frozenset()
    registrar.sync([])
    assert told == [
        ("1", 1, "registered", ""),
        ("1", 1, "error", in_words(RegisterAnswer("1", 403))),
        ("1", 1, "unregistered", ""),
    ]


async def test_an_answer_for_a_line_that_is_gone_is_ignored(
    registrar: DirectRegistrar, told: list[tuple[str, int, RegistrationStatus, str]]
) -> None:
    registrar.answered(RegisterAnswer("nobody", 200, 120))
    assert told == []


async def test_a_failure_is_tried_again_until_the_line_is_let_go(
    registrar: DirectRegistrar, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_bridge.lines.registrar.PROBE_S", 0.01)
    registrar.sync([line("1")])
    registrar.answered(RegisterAnswer("1", 503))
    await asyncio.sleep(0.1)
    assert endpoint.asked == ["1", "1"]
    registrar.answered(RegisterAnswer("1", 503))
    registrar.sync([])
    await asyncio.sleep(0.1)
    assert endpoint.asked == ["1", "1"]


def test_retries_get_rarer_and_never_stop() -> None:
    pauses = [backoff_s(failures) for failures in range(1, 20)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 2.0
    assert pauses[-1] == LONGEST_RETRY_S


async def test_a_trunk_that_somebody_wants_asked_is_asked_at_once_and_once(
    registrar: DirectRegistrar, endpoint: Endpoint
) -> None:
    registrar.sync([line("1"), line("2")])
    registrar.answered(RegisterAnswer("1", 401))
    wanted = replace(line("1"), asked_at=datetime(2026, 1, 1, tzinfo=UTC))

    registrar.sync([wanted, line("2")])
    registrar.sync([wanted, line("2")])

    assert endpoint.asked == ["1", "2", "1"]
    assert endpoint.dropped == []
