import pytest

from ops.trunks.places import Trunk

pytestmark = pytest.mark.unit


def test_a_trunk_to_be_examined_is_a_host_or_host_and_port() -> None:
    assert Trunk.parse("sip.trunk.test:5070") == Trunk("sip.trunk.test", 5070)
    assert Trunk.parse("[2001:db8::1]") == Trunk("2001:db8::1", 0)


@pytest.mark.parametrize("text", ["", "a b", "127.1", "0x7f000001:5060", "[::ffff:127.0.0.1]", "host:99999"])
def test_what_no_line_may_have_for_its_trunk_is_not_examined(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected a host|the port is none"):
        Trunk.parse(text)
