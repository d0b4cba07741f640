"""Offers that a lenient parser reads otherwise than a strict one: pjsip takes a lone CR for the end of a line."""

import pytest

from devstack.edge.raw_sip import RawSip, offer
from tests.conftest import Database
from tests.integration.edge_bridge.conftest import BUSY, Start

pytestmark = pytest.mark.integration


def test_media_lines_behind_a_lone_carriage_return_are_counted(start: Start, seeded: Database) -> None:
    bridge = start()
    workers = bridge.workers()
    hidden = offer("127.0.0.1", 40_000) + ("a=x" + "\rm=audio 40000 RTP/AVP 0" * 15 + "\r\n") * 4
    with RawSip(bridge.target) as phone:
        statuses = [phone.call(BUSY, body=hidden) for _ in range(4)]
    assert bridge.workers() == workers
    assert statuses == [488] * 4
