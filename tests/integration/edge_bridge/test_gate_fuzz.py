"""Broken messages from a trusted peer: none of them ends the worker, or holds a place for ever."""

import random

import pytest

from devstack.edge.raw_sip import RawSip, offer
from tests.conftest import Database
from tests.integration.edge_bridge.conftest import BUSY, Start

pytestmark = pytest.mark.integration

MESSAGES = 250
ANSWER_WITHIN_S = 0.03
PIECES = (
    b"\r\n",
    b"\r\n\r\n",
    b"\x00",
    b"\xff\xfe",
    b";",
    b"<",
    b'"',
    b"%00",
    b"," * 50,
    b"m=audio 1 RTP/AVP 0\r\n" * 16,
)


def mutated(message: bytes, chance: random.Random) -> bytes:
    """One to three cuts, insertions, flips or doubled lines."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(message))
        lines = message.split(b"\r\n")
        line = chance.choice(lines)
        message = chance.choice(
            (
                message[:at] + message[at + chance.randrange(30) :],
                message[:at] + chance.choice(PIECES) + message[at:],
                message[:at] + bytes((chance.randrange(256),)) + message[at + 1 :],
                message.replace(line, line + b"\r\n" + line, 1),
                message.replace(line, line * 40, 1),
            )
        )
    return message[:60_000]


@pytest.mark.parametrize("seed", [1, 2])
def test_no_broken_message_of_a_peer_ends_the_worker(start: Start, seeded: Database, seed: int) -> None:
    bridge = start(SIP_REQUESTS_PER_S="100000", SIP_IN_DIALOG_PER_S="100000")
    workers, gates = bridge.workers(), bridge.gates()
    chance = random.Random(seed)
    with RawSip(bridge.target) as phone, RawSip(bridge.target) as talker:
        assert talker.call(BUSY) == 200
        for _ in range(MESSAGES):
            phone.new_call()
            invite = phone.request("INVITE", BUSY, body=offer("127.0.0.1", 40_000))
            phone.send(mutated(invite, chance))
            answer = phone.final("INVITE", ANSWER_WITHIN_S)
            if answer is not None:
                phone.call_id, phone.from_tag = answer.call_id, answer.from_tag
                phone.acknowledge(BUSY, invite, answer)
                phone.to_tag = answer.to_tag
                phone.send(phone.request("BYE", BUSY, sequence=answer.sequence + 1))
            method = chance.choice(("INVITE", "UPDATE", "INFO", "OPTIONS", "REFER", "NOTIFY", "PRACK", "ACK"))
            within = talker.request(method, talker.remote_uri, body=offer("127.0.0.1", 40_000))
            talker.send(mutated(within, chance))
        while talker.receive(0.1):
            pass
        # Above whatever CSeq a mutation has made.
        talker.send(talker.request("BYE", talker.remote_uri, sequence=2**31 - 1))
        ended = talker.final("BYE")
        phone.new_call()
        assert phone.call(BUSY) == 200
        assert phone.ask("BYE", phone.remote_uri) == 200
    assert ended is not None
    assert ended.status == 200
    assert bridge.workers() == workers
    assert bridge.gates() == gates
    assert "a SIP message was lost" not in bridge.log_text()
