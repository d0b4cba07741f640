import base64

import pytest

from domain.trunks import Srtp
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


KEY = base64.b64encode(bytes(range(30))).decode()


def secure_answer(tag: str = "1", suite: str = "AES_CM_128_HMAC_SHA1_80", transport: str = "RTP/SAVP") -> str:
    return SESSION + f"m=audio 40000 {transport} 8\r\na=crypto:{tag} {suite} inline:{KEY}\r\n"


def dialling(settled: list[Agreement], use: Srtp = "required") -> Description:
    return Description("192.0.2.1", 10_000, IceLite("a", "b"), settled.append, lambda: None, use)


def test_a_call_of_ours_that_needs_srtp_offers_a_key_and_reads_theirs_in_the_answer() -> None:
    settled: list[Agreement] = []
    side = dialling(settled)
    offer = side.describe("")
    again = side.describe("")
    assert "m=audio 10000 RTP/SAVP 0 8 101" in offer
    assert side.agreed_in(secure_answer()) == "PCMA"
    (agreement,) = settled
    assert agreement.keys is not None
    assert agreement.keys.theirs == bytes(range(30))
    assert agreement.keys.sdp() in offer
    assert agreement.keys.sdp() in again, "a repeated offer goes on with its key"
    assert agreement.remote == ("198.51.100.7", 40_000)


@pytest.mark.parametrize(
    "answer",
    [
        secure_answer(tag="2"),
        secure_answer(suite="AES_CM_128_HMAC_SHA1_32"),
        SESSION + "m=audio 40000 RTP/SAVP 8\r\n",
        SESSION + "m=audio 0 RTP/SAVP 8\r\n",
        "m=",
    ],
)
def test_an_answer_without_our_key_settles_nothing(answer: str) -> None:
    settled: list[Agreement] = []
    side = dialling(settled)
    side.describe("")
    assert side.agreed_in(answer) == ""
    assert settled == []


@pytest.mark.parametrize("use", ["off", "optional"])
def test_a_call_of_ours_that_may_be_plain_offers_no_key(use: Srtp) -> None:
    settled: list[Agreement] = []
    side = dialling(settled, use)
    assert "RTP/AVP 0" in side.describe("")
    assert side.agreed_in(OFFER.format(types="8 110", more="a=rtpmap:110 telephone-event/8000\r\n")) == "PCMA"
    (agreement,) = settled
    assert (agreement.remote, agreement.event_type, agreement.keys) == (("198.51.100.7", 40_000), 110, None)
    assert side.agreed_in(secure_answer()) == ""


def test_a_later_offer_in_a_secure_call_goes_on_with_its_keys_whatever_the_line_requires() -> None:
    settled: list[Agreement] = []
    side = dialling(settled, "optional")
    crypto = f"a=crypto:7 AES_CM_128_HMAC_SHA1_32 inline:{KEY}\r\n"
    ours = side.describe(SESSION + f"m=audio 40000 RTP/SAVP 0\r\n{crypto}")
    side.agreed()
    assert settled[0].keys is not None
    offer = side.describe("")
    assert "m=audio 10000 RTP/SAVP 0 8 101" in offer
    assert settled[0].keys.sdp() in ours and settled[0].keys.sdp() in offer
    assert side.agreed_by("198.51.100.8", 40_010, 0, False) == "PCMU"
    assert (settled[1].keys, settled[1].remote) == (settled[0].keys, ("198.51.100.8", 40_010))
    assert side.agreed_in(secure_answer("7", "AES_CM_128_HMAC_SHA1_32")) == "PCMA"


def test_over_ipv6_the_address_stays_that_pjsip_cannot_tell() -> None:
    settled: list[Agreement] = []
    side = Description("2001:db8::1", 10_000, IceLite("a", "b"), settled.append, lambda: None)
    assert "a=x-edge-c:2001:db8::1" in side.describe("")
    answer = SESSION.replace("198.51.100.7\r\nt=", "127.0.0.1\r\na=x-edge-c:2001:db8::7\r\nt=")
    assert side.agreed_in(f"{answer}m=audio 40000 RTP/AVP 0\r\n") == "PCMU"
    side.describe("")
    assert side.agreed_by("127.0.0.1", 40_010, 0, False) == "PCMU"
    assert [one.remote for one in settled] == [("2001:db8::7", 40_000), ("2001:db8::7", 40_010)]


def test_audio_at_addresses_of_another_family_than_ours_is_declined() -> None:
    lines = "m=audio 40002 RTP/AVP 0\r\nc=IN IP4 127.0.0.1\r\na=x-edge-c:2001:db8::7\r\nm=audio 40000 RTP/AVP 8\r\n"
    for host, port in (("192.0.2.1", 40_000), ("2001:db8::1", 40_002)):
        settled: list[Agreement] = []
        side = Description(host, 10_000, IceLite("a", "b"), settled.append, lambda: None)
        side.describe(SESSION + lines)
        side.agreed()
        assert [one.remote and one.remote[1] for one in settled] == [port]
