"""Broken messages at Kamailio, from a peer and from a stranger, by UDP and by TCP: none of them ends it."""

import contextlib
import random
import socket

import pytest

from bench.fuzz.mutations import mutated
from devstack.edge.raw_sip import RawSip, offer
from tests.conftest import Database
from tests.integration.edge_bridge.conftest import BUSY, Start, needs_kamailio
from tests.integration.edge_bridge.test_kamailio import kamailios

pytestmark = [pytest.mark.integration, needs_kamailio]

MESSAGES = 250
UNKNOWN = "+33999999999"  # of no line: what the worker makes of it is the gate's own test


@pytest.mark.parametrize("seed", [1, 2])
def test_no_broken_message_ends_kamailio_or_the_gate(standing: Start, seeded: Database, seed: int) -> None:
    rates = {"SIP_REQUESTS_PER_S": "100000", "SIP_IN_DIALOG_PER_S": "100000", "SIP_STRANGER_MESSAGES": "100000"}
    bridge = standing(REGISTRAR="kamailio", SIP_PEERS="127.0.0.9/32", **rates)
    before, gates = kamailios(bridge), bridge.gates()
    chance = random.Random(seed)
    with RawSip(bridge.target, "127.0.0.9") as peer, RawSip(bridge.target) as stranger:
        for number in range(MESSAGES):
            for phone in (peer, stranger):
                phone.new_call()
                method = chance.choice(("INVITE", "OPTIONS", "ACK", "BYE", "CANCEL", "REGISTER", "SIP/2.0 200 OK\r\n"))
                message = mutated(phone.request(method, UNKNOWN, body=offer(phone.ip, 40_000)), chance)
                phone.send(message)
                if number % 5 == 0:
                    say_by_tcp(phone.ip, bridge.target, message)
        with RawSip(bridge.target, "127.0.0.9") as caller:
            assert caller.call(BUSY) == 200
            assert caller.ask("BYE", caller.remote_uri) == 200
    assert kamailios(bridge) == before
    assert bridge.gates() == gates


def say_by_tcp(ip: str, target: tuple[str, int], message: bytes) -> None:
    with contextlib.suppress(OSError), socket.create_connection(target, 2, (ip, 0)) as stream:
        stream.sendall(message)
