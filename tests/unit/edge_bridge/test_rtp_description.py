import pytest

from edge_bridge.media.rtp.description import Description
from edge_bridge.media.rtp.ice import IceLite
from edge_bridge.media.rtp.sdp import Agreement

pytestmark = pytest.mark.unit

SESSION = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
OFFER = SESSION + "m=audio 40000 RTP/AVP {types}\r\n{more}"


class Side:
    """A description, and what it has told."""

    def __init__(self) -> None:
        self.settled: list[Agreement] = []
        self.sdp = Description("192.0.2.1", 10_000, IceLite("abcd", "secret"), self.settled.append, lambda: None)


def test_an_answer_is_in_force_once_sip_says_so() -> None:
    side = Side()
    answer = side.sdp.describe(OFFER.format(types="8 0", more=""))
    assert "m=audio 10000 RTP/AVP 8" in answer
    assert side.settled == []
    assert side.sdp.agreed() == "PCMA"
    assert [one.remote for one in side.settled] == [("198.51.100.7", 40_000)]
    assert side.sdp.agreed() == "PCMA"
    assert len(side.settled) == 1


def test_a_hold_is_settled_and_gives_no_codec() -> None:
    side = Side()
    side.sdp.describe(OFFER.format(types="0", more="a=sendonly\r\n"))
    assert side.sdp.agreed() == ""
    assert side.sdp.in_force is not None
    assert side.sdp.in_force.held


@pytest.mark.parametrize("offer", [OFFER.format(types="96", more="a=rtpmap:96 opus/48000\r\n"), "m=", "nothing"])
def test_what_we_do_not_speak_is_declined(offer: str) -> None:
    side = Side()
    side.sdp.describe(offer)
    assert not side.sdp.accepts
    assert side.sdp.agreed() == ""
    assert side.settled == []


def test_a_refused_reinvite_leaves_the_agreement_as_it_was() -> None:
    side = Side()
    side.sdp.describe(OFFER.format(types="0", more=""))
    side.sdp.agreed()
    side.sdp.describe(OFFER.format(types="96", more="a=rtpmap:96 opus/48000\r\n"))
    assert side.sdp.agreed() == "PCMU"
    assert len(side.settled) == 1


def test_the_far_ends_answer_to_our_offer_settles_it() -> None:
    side = Side()
    assert "m=audio 10000 RTP/AVP 0 8 101" in side.sdp.describe("")
    assert side.sdp.agreed_by("198.51.100.7", 40_000, 8, False) == "PCMA"
    assert [(one.codec, one.remote) for one in side.settled] == [("PCMA", ("198.51.100.7", 40_000))]
