from datetime import UTC, datetime, timedelta

import pytest

from edge_bridge.lines.line_book import UNRESOLVED
from ops.line_states import lines
from stores.line_states import LineState

pytestmark = pytest.mark.unit

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_a_line_whose_static_trunk_leads_nowhere_says_that_it_cannot_be_called_and_what_to_do() -> None:
    state = LineState(
        id="1",
        number="+33465710042",
        provider="sip",
        restaurant_name="Pizza",
        trunk="sip.trunk.test",
        looked_at=NOW,
        status="error",
        error=UNRESOLVED,
        node="a",
        node_status="healthy",
        since=NOW - timedelta(seconds=30),
    )
    _, stands, why, _, fix = lines((state,))
    assert "CANNOT BE CALLED for 30 s, node a, by the addresses of sip.trunk.test" in stands
    assert "leads to no address" in why
    assert "the line's domain, and the node's DNS" in fix
