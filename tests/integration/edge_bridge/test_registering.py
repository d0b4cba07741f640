"""REGISTER as trunks take it, refuse it, and answer it oddly: the client through a real gate, registrars on sockets."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from devstack.edge.registering_node import RegisteringNode, registering_node
from devstack.edge.sip_registrar import SipRegistrar
from edge_bridge.entrances.sip.registering import client as clients
from edge_bridge.entrances.sip.registering.dns import Srv, SrvQuestions
from edge_bridge.entrances.sip.signals import Registration
from tests.fakes.dns_server import DnsServer

pytestmark = pytest.mark.integration

DOMAIN = "trunk.test"
SERVICE = f"_sip._udp.{DOMAIN}"
SOON_S = 10.0  # on a busy machine; `bench edge` says how soon


@pytest.fixture
async def node() -> AsyncIterator[RegisteringNode]:
    async with registering_node() as made:
        yield made


def line(
    trunk: str,
    name: str = "anna",
    *,
    line_id: str = "",
    password: str = "secret",
    auth_username: str = "",
    outbound_proxy: str = "",
) -> Registration:
    return Registration(line_id or f"line-{name}", trunk, name, password, auth_username, outbound_proxy)


# --- Digest ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("qop", ["auth", ""])
@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256"])
@pytest.mark.parametrize("proxy_asks", [False, True])
async def test_each_digest_is_answered_from_registrar_and_proxy(
    node: RegisteringNode, algorithm: str, qop: str, proxy_asks: bool
) -> None:
    async with SipRegistrar({"anna": "secret"}, algorithm=algorithm, qop=qop) as trunk:
        trunk.proxy_asks = proxy_asks
        answer = await node.register(line(trunk.domain))
        assert (answer.status, answer.expires_s, answer.registrar_host) == (200, 120, "127.0.0.1")
        assert trunk.refused == 0
        assert trunk.bindings["anna"].startswith("sip:line-anna@127.0.0.1:")


async def test_of_several_digests_the_strongest_is_taken(node: RegisteringNode) -> None:
    offered = ("MD5", "SHA-256", "AKAv1-MD5", "SHA-512-256")
    async with SipRegistrar({"anna": "secret"}, algorithms=offered) as trunk:
        assert (await node.register(line(trunk.domain))).status == 200
        assert "algorithm=SHA-512-256" in trunk.requests[-1]["authorization"]


async def test_a_refresh_sends_its_credentials_at_once(node: RegisteringNode) -> None:
    async with SipRegistrar({"anna": "secret"}) as trunk:
        for _ in range(3):
            await node.register(line(trunk.domain))
        assert trunk.statuses == {401: 1, 200: 3}
        assert "nc=00000003" in trunk.requests[-1]["authorization"]
        assert len({request["call-id"] for request in trunk.requests}) == 1


async def test_a_nonce_that_went_stale_is_followed_by_the_next(node: RegisteringNode) -> None:
    async with SipRegistrar({"anna": "secret"}) as trunk:
        trunk.nonce_uses = 1
        for _ in range(3):
            assert (await node.register(line(trunk.domain))).status == 200
        assert trunk.statuses == {401: 3, 200: 3}


async def test_the_next_nonce_that_a_registrar_names_is_used(node: RegisteringNode) -> None:
    async with SipRegistrar({"anna": "secret"}) as trunk:
        trunk.next_nonce = True
        for _ in range(3):
            assert (await node.register(line(trunk.domain))).status == 200
        assert trunk.statuses == {401: 1, 200: 3}


async def test_a_wrong_password_is_told_after_one_try(node: RegisteringNode) -> None:
    async with SipRegistrar({"anna": "secret"}) as trunk:
        assert (await node.register(line(trunk.domain, password="wrong"))).status == 401
        assert trunk.statuses == {401: 2}
        assert (await node.register(line(trunk.domain))).status == 200


async def test_digests_user_may_be_another_than_the_registrations(node: RegisteringNode) -> None:
    async with SipRegistrar({"account-17": "secret"}) as trunk:
        assert (await node.register(line(trunk.domain, "+33465710042", auth_username="account-17"))).status == 200
        assert trunk.requests[-1]["to"].startswith("<sip:+33465710042@127.0.0.1>")


# --- Grants ------------------------------------------------------------------------------------------------------


async def test_a_time_that_is_too_brief_is_followed_by_the_least_that_is_taken(node: RegisteringNode) -> None:
    async with SipRegistrar({"anna": "secret"}) as trunk:
        trunk.least_s = 900
        assert (await node.register(line(trunk.domain))).expires_s == 900
        assert (await node.register(line(trunk.domain))).expires_s == 900
        assert trunk.statuses == {401: 1, 423: 1, 200: 2}


async def test_our_own_contacts_time_goes_before_others_and_before_the_header(node: RegisteringNode) -> None:
    async with SipRegistrar({"anna": "secret"}, granted_s=20) as trunk:
        trunk.others = ("<sip:other@192.0.2.1>;expires=7", '"A, B" <sip:third@192.0.2.2;expires=8>;q=0.5')
        assert (await node.register(line(trunk.domain))).expires_s == 20


async def test_a_registrar_that_asks_to_wait_is_quoted(node: RegisteringNode) -> None:
    async with SipRegistrar({}) as trunk:
        trunk.refusing, trunk.retry_after_s = "503 Service Unavailable", 17
        answer = await node.register(line(trunk.domain))
        assert (answer.status, answer.retry_after_s) == (503, 17)


# --- Off and on --------------------------------------------------------------------------------------------------


async def test_a_line_that_is_let_go_is_taken_back_at_the_registrar(node: RegisteringNode) -> None:
    async with SipRegistrar({"anna": "secret"}) as trunk:
        await node.register(line(trunk.domain))
        node.client.unregister("line-anna")
        await node.until(lambda: not trunk.bindings)
        assert trunk.requests[-1]["expires"] == "0"
        assert len(node.answers["line-anna"]) == 1


async def test_a_line_switched_off_and_on_is_there_in_the_end(node: RegisteringNode) -> None:
    async with SipRegistrar({"anna": "secret"}) as trunk:
        await node.register(line(trunk.domain))
        for _ in range(5):
            node.client.unregister("line-anna")
            await asyncio.sleep(0.002)
            await node.register(line(trunk.domain))
        assert trunk.bindings.keys() == {"anna"}
        assert {request["expires"] for request in trunk.requests} == {"120", "0"}


async def test_lines_are_taken_back_before_the_client_closes() -> None:
    async with SipRegistrar({f"user-{number}": "secret" for number in range(100)}) as trunk:
        async with registering_node() as node:
            for user in trunk.passwords:
                node.client.register(line(trunk.domain, user))
            await node.until(lambda: len(trunk.bindings) == 100)
            for user in trunk.passwords:
                node.client.unregister(f"line-{user}")
        assert trunk.bindings == {}


# --- Silence -----------------------------------------------------------------------------------------------------


async def test_a_registrar_that_says_nothing_is_asked_again_and_then_given_up(
    node: RegisteringNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "TIMER_F_S", 2.0)
    async with SipRegistrar({}) as trunk:
        trunk.silent = True
        assert (await node.register(line(trunk.domain))).status == 408
        assert 2 <= len(trunk.asked_at) <= 3  # at 0, 0.5 and 1.5 s, of which a busy machine may miss the last


async def test_all_lines_are_back_soon_after_an_outage(node: RegisteringNode) -> None:
    async with SipRegistrar({f"user-{number}": "secret" for number in range(200)}) as trunk:
        trunk.silent = True
        for user in trunk.passwords:
            node.client.register(line(trunk.domain, user))
        await asyncio.sleep(6.0)
        trunk.silent = False
        assert await node.until(lambda: len(trunk.bindings) == 200) < SOON_S


async def test_a_gate_that_dies_costs_a_repetition(node: RegisteringNode) -> None:
    async with SipRegistrar({"anna": "secret"}) as trunk:
        await node.register(line(trunk.domain))
        assert node.gate.process is not None
        node.gate.process.kill()
        assert (await node.register(line(trunk.domain))).status == 200


# --- Where a trunk is --------------------------------------------------------------------------------------------


async def test_an_outbound_proxy_gets_what_asks_for_the_domain(node: RegisteringNode) -> None:
    async with SipRegistrar({"anna": "secret"}) as proxy:
        answer = await node.register(line(DOMAIN, outbound_proxy=proxy.domain))
        assert answer.status == 200
        assert proxy.uris == [f"sip:{DOMAIN}"] * 2
        assert proxy.requests[-1]["route"] == f"<sip:{proxy.domain};lr>"
        assert f'uri="sip:{DOMAIN}"' in proxy.requests[-1]["authorization"]
        assert "x-edge-target" not in proxy.requests[-1]


async def test_a_domain_is_found_by_its_srv_records_and_the_next_serves_when_the_first_is_silent() -> None:
    users = {"anna": "secret", "bert": "secret"}
    async with SipRegistrar(users) as first, SipRegistrar(users) as second:
        records = {SERVICE: (Srv(10, 0, first.port, "localhost"), Srv(20, 0, second.port, "localhost"))}
        async with DnsServer(records) as dns, registering_node(SrvQuestions((dns.address,))) as node:
            assert (await node.register(line(DOMAIN))).status == 200
            assert first.bindings.keys() == {"anna"} and first.uris[0] == f"sip:{DOMAIN}"
            first.silent = True
            assert (await node.register(line(DOMAIN), within_s=6.0)).status == 200
            assert second.bindings.keys() == {"anna"}
            tries = len(first.asked_at)
            assert (await node.register(line(DOMAIN, "bert"))).status == 200
            assert second.bindings.keys() == {"anna", "bert"}
            assert len(first.asked_at) == tries
            assert dns.asked == [SERVICE]
            assert await node.names.hosts(DOMAIN) >= {"127.0.0.1"}


async def test_the_next_target_serves_when_the_first_is_out_of_service() -> None:
    users = {"anna": "secret"}
    async with SipRegistrar(users) as first, SipRegistrar(users) as second:
        first.refusing = "503 Service Unavailable"
        records = {SERVICE: (Srv(10, 0, first.port, "localhost"), Srv(20, 0, second.port, "localhost"))}
        async with DnsServer(records) as dns, registering_node(SrvQuestions((dns.address,))) as node:
            dns.truncates = True
            assert (await node.register(line(DOMAIN))).status == 200
            assert second.bindings.keys() == {"anna"}
            second.refusing, second.retry_after_s = "503 Service Unavailable", 5
            assert (await node.register(line(DOMAIN))).status == 503


async def test_a_name_that_leads_nowhere_is_told_in_words(node: RegisteringNode) -> None:
    answer = await node.register(line("nowhere.invalid"))
    assert (answer.status, answer.problem) == (0, "the trunk's name nowhere.invalid leads to no address of IPv4")


async def test_a_registrar_may_send_a_line_on_within_its_own_domain(node: RegisteringNode) -> None:
    users = {"anna": "secret"}
    async with SipRegistrar(users) as first, SipRegistrar(users) as second:
        first.refusing = "302 Moved Temporarily"
        first.refusal_headers = f"Contact: <sip:anna@{second.domain};transport=udp>\r\n"
        assert (await node.register(line(first.domain))).status == 200
        assert second.uris[-1] == f"sip:{second.domain}"


@pytest.mark.parametrize(
    ("contact", "words"),
    [
        ("<sip:192.0.2.1>", "to 192.0.2.1, which is not of its domain"),
        ("<sip:127.0.0.1;transport=tcp>", "or to another transport"),
        ("<tel:+33465710042>", "without saying where to"),
    ],
)
async def test_a_line_that_is_sent_to_another_domain_stays_and_says_so(
    node: RegisteringNode, contact: str, words: str
) -> None:
    async with SipRegistrar({}) as trunk:
        trunk.refusing, trunk.refusal_headers = "302 Moved Temporarily", f"Contact: {contact}\r\n"
        answer = await node.register(line(trunk.domain))
        assert answer.status == 302
        assert words in answer.problem


# --- Many --------------------------------------------------------------------------------------------------------


async def test_a_thousand_lines_are_registered_from_cold_for_two_seconds_of_a_core() -> None:
    """Client and registrar together; in time that is about a second, where nobody else has the machine."""
    users = {f"user-{number}": "secret" for number in range(1000)}
    async with SipRegistrar(users) as trunk, registering_node() as node:
        began = time.process_time()
        for user in users:
            node.client.register(line(trunk.domain, user))
        await node.until(lambda: len(trunk.bindings) == 1000, 30.0)
        took = time.process_time() - began
    assert took < 2.0
    assert sum(trunk.statuses.values()) < 1.1 * 2000  # little had to be sent twice


async def test_no_address_has_more_under_way_than_is_set() -> None:
    async with SipRegistrar({}) as trunk:
        trunk.silent = True
        async with registering_node(at_once=7) as node:
            for number in range(50):
                node.client.register(line(trunk.domain, f"user-{number}"))
            await node.until(lambda: trunk.most_under_way == 7)
            trunk.passwords = {f"user-{number}": "secret" for number in range(50)}
            trunk.silent = False
            await node.until(lambda: len(trunk.bindings) == 50)
        assert trunk.most_under_way == 7
