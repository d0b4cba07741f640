"""Kamailio before the gate: the real one, on loopback."""

import pytest

from tests.conftest import Database
from tests.integration.edge_bridge.conftest import BUSY, Start
from tests.integration.edge_bridge.raw_sip import RawSip

pytestmark = pytest.mark.integration


def test_a_call_by_udp(start: Start, seeded: Database) -> None:
    bridge = start(REGISTRAR="kamailio")
    import time; time.sleep(1.5); print(bridge.log_text()); print(bridge.get("/metrics")[-2500:])
    with RawSip(bridge.target) as phone:
        assert phone.call(BUSY) == 200, bridge.log_text() + bridge.get("/metrics")[-5000:]
        assert phone.ask("BYE", phone.remote_uri) == 200, bridge.log_text() + bridge.get("/metrics")[-5000:]
    print(bridge.get("/metrics")[-3000:])
