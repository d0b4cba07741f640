"""SDP: what offers are taken, how they are answered, what is refused."""

import random
import re

import pytest

from edge_bridge.media.rtp import sdp
from edge_bridge.media.rtp.families import hidden, is_ip6_alone, shown
from edge_bridge.media.rtp.ice import IceLite

pytestmark = pytest.mark.unit

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
AUDIO = "m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"


def answered(offer: str) -> tuple[sdp.Agreement, list[str]]:
    media = sdp.parse(offer)
    index, agreed = sdp.choose(media)
    return agreed, sdp.Speaker("198.51.100.2", 10_000).answer(media, index, agreed).split("\r\n")


def media_lines(answer: list[str]) -> list[str]:
    return [line for line in answer if line.startswith("m=")]


def test_an_ordinary_offer_is_answered_with_its_first_codec_and_its_keys() -> None:
    agreed, answer = answered(HEAD + AUDIO)
    assert agreed == sdp.Agreement("PCMU", 0, 101, ("192.0.2.1", 4000), ("192.0.2.1", 4001), rtcp_mux=False, held=False)
    assert media_lines(answer) == ["m=audio 10000 RTP/AVP 0 101"]
    assert "c=IN IP4 198.51.100.2" in answer
    assert "a=sendrecv" in answer
    assert "a=ptime:20" in answer


@pytest.mark.parametrize(
    ("media", "codec", "payload_type", "event_type"),
    [
        ("m=audio 4000 RTP/AVP 8 0\r\n", "PCMA", 8, None),
        ("m=audio 4000 RTP/AVP 18 9 0\r\n", "PCMU", 0, None),
        (
            "m=audio 4000 RTP/AVP 96 97\r\na=rtpmap:96 pcma/8000/1\r\na=rtpmap:97 Telephone-Event/8000\r\n",
            "PCMA",
            96,
            97,
        ),
        # Wideband keys are another clock's: not ours.
        ("m=audio 4000 RTP/AVP 0 110\r\na=rtpmap:110 telephone-event/48000\r\n", "PCMU", 0, None),
        ("m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 G729/8000\r\n", "PCMA", 8, None),
    ],
)
def test_payload_types_are_the_offers(media: str, codec: str, payload_type: int, event_type: int | None) -> None:
    agreed, _ = answered(HEAD + media)
    assert (agreed.codec, agreed.payload_type, agreed.event_type) == (codec, payload_type, event_type)


def test_video_first_is_declined_and_the_audio_after_it_taken() -> None:
    video = "m=video 5000 RTP/AVP 96\r\nc=IN IP4 192.0.2.99\r\na=rtpmap:96 H264/90000\r\na=inactive\r\n"
    agreed, answer = answered(HEAD + video + AUDIO)
    assert media_lines(answer) == ["m=video 0 RTP/AVP 96", "m=audio 10000 RTP/AVP 0 101"]
    assert agreed.remote == ("192.0.2.1", 4000)
    assert not agreed.held


def test_a_second_audio_line_is_declined() -> None:
    _, answer = answered(HEAD + AUDIO + "m=audio 4002 RTP/AVP 0\r\n")
    assert media_lines(answer)[1] == "m=audio 0 RTP/AVP 0"


@pytest.mark.parametrize(
    ("changed", "direction", "held"),
    [
        ("a=sendrecv", "sendrecv", False),
        ("a=sendonly", "recvonly", True),
        ("a=recvonly", "sendonly", False),
        ("a=inactive", "inactive", True),
        ("c=IN IP4 0.0.0.0", "inactive", True),
    ],
)
def test_hold_is_seen_and_answered(changed: str, direction: str, held: bool) -> None:
    agreed, answer = answered(f"{HEAD}{AUDIO}{changed}\r\n")
    assert agreed.held is held
    assert f"a={direction}" in answer
    assert (agreed.remote is None) is (changed == "c=IN IP4 0.0.0.0")


def test_a_direction_before_all_media_is_that_of_each() -> None:
    agreed, _ = answered(f"{HEAD}a=sendonly\r\n{AUDIO}")
    assert agreed.held
    agreed, _ = answered(f"{HEAD}a=sendonly\r\n{AUDIO}a=sendrecv\r\n")
    assert not agreed.held


@pytest.mark.parametrize(
    ("attributes", "rtcp", "muxed"),
    [
        ("a=rtcp:5001\r\n", ("192.0.2.1", 5001), False),
        ("a=rtcp:5001 IN IP4 192.0.2.9\r\n", ("192.0.2.9", 5001), False),
        ("a=rtcp:nonsense\r\n", ("192.0.2.1", 4001), False),
        ("a=rtcp:5001 IN\r\n", ("192.0.2.1", 5001), False),
        ("a=rtcp-mux\r\n", ("192.0.2.1", 4000), True),
    ],
)
def test_rtcp_goes_where_it_is_wanted(attributes: str, rtcp: sdp.Address, muxed: bool) -> None:
    agreed, answer = answered(HEAD + AUDIO + attributes)
    assert (agreed.rtcp, agreed.rtcp_mux) == (rtcp, muxed)
    assert ("a=rtcp-mux" in answer) is muxed


def test_ice_is_answered_by_a_lite_endpoint_with_its_one_address() -> None:
    ice = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\r\n"
    credentials = IceLite("frag", "password")
    for offer in (HEAD + AUDIO + ice, HEAD + ice + AUDIO):
        media = sdp.parse(offer)
        index, agreed = sdp.choose(media, credentials)
        answer = sdp.Speaker("198.51.100.2", 10_000).answer(media, index, agreed)
        assert agreed.ice == credentials
        assert "a=ice-lite\r\n" in answer.partition("m=")[0]
        assert "a=ice-ufrag:frag\r\na=ice-pwd:password\r\n" in answer
        assert "a=candidate:1 1 UDP 2130706431 198.51.100.2 10000 typ host\r\n" in answer
        assert "a=candidate:1 2 UDP 2130706430 198.51.100.2 10001 typ host\r\n" in answer
    _, plain = answered(HEAD + AUDIO)
    assert not [line for line in plain if "ice" in line or "candidate" in line]


def test_ipv6_is_spoken_on_both_sides() -> None:
    """pjsip, which has none of it, sees placeholders."""
    came = b"v=0\r\no=- 1 1 IN IP6 2001:db8::9\r\nc=IN IP6 2001:DB8:0::1\r\nt=0 0\r\n" + AUDIO.encode()
    seen = hidden(came + b"a=rtcp:4001 IN IP6 2001:db8::1\r\n").decode()
    assert "\r\nc=IN IP4 127.0.0.1\r\n" in seen
    assert "a=rtcp:4001\r\n" in seen
    assert is_ip6_alone(seen)
    media = sdp.parse(seen)
    index, agreed = sdp.choose(media)
    answer = sdp.Speaker("2001:db8::2", 10_000).answer(media, index, agreed)
    assert (agreed.remote, agreed.rtcp) == (("2001:db8::1", 4000), ("2001:db8::1", 4001))
    assert "IP6" not in answer
    told = shown(answer.encode())
    assert b"c=IN IP6 2001:db8::2\r\n" in told
    assert re.search(rb"o=- \d+ \d+ IN IP6 2001:db8::2\r\n", told)
    assert b"x-edge" not in told


def test_a_description_over_ipv4_is_told_as_it_is_and_nobody_else_names_an_address_in_our_way() -> None:
    plain = f"{HEAD}{AUDIO}".encode()
    assert hidden(plain) == shown(plain) == plain
    assert hidden(plain + b"a=x-edge-c:2001:db8::7\r\n") == plain
    assert not is_ip6_alone(plain.decode())


@pytest.mark.parametrize(
    "offer",
    [
        "",
        HEAD,
        HEAD + AUDIO * (sdp.MAX_MEDIA + 1),
        HEAD + AUDIO + "a=x\r\n" * sdp.MAX_LINES,
        HEAD + AUDIO + "a=" + "x" * sdp.MAX_BYTES,
        HEAD + "m=audio\r\n",
        HEAD + "m=audio 99999 RTP/AVP 0\r\n",
        HEAD + "m=audio x RTP/AVP 0\r\n",
        HEAD + "c=IN\r\n" + AUDIO,
        HEAD + "m=audio 0 RTP/AVP 0\r\n",
        HEAD + "m=audio 4000 RTP/SAVP 0\r\n",
        HEAD + "m=audio 4000 RTP/AVP 18\r\n",
        HEAD + "m=image 4000 udptl t38\r\n",
        "v=0\r\nc=IN IP4 example.com\r\n" + AUDIO,
        "v=0\r\n" + AUDIO,
    ],
)
def test_what_we_can_not_serve_is_refused(offer: str) -> None:
    with pytest.raises(sdp.SdpError):
        sdp.choose(sdp.parse(offer))


def test_no_text_whatever_does_worse_than_being_refused() -> None:
    dice = random.Random(3)
    whole = HEAD + AUDIO + "a=rtcp:5001 IN IP4 192.0.2.9\r\na=sendonly\r\n"
    taken = 0
    for _ in range(3000):
        text = list(whole)
        for _ in range(dice.randrange(1, 8)):
            text[dice.randrange(len(text))] = dice.choice("\r\n=: 09azé\0/")
        try:
            answered("".join(text))
            taken += 1
        except sdp.SdpError:
            pass
    assert 0 < taken < 3000


def test_our_own_offer_has_both_laws_and_keys_and_a_version_more_each_time() -> None:
    speaker = sdp.Speaker("198.51.100.2", 10_000)
    first, second = speaker.offer(), speaker.offer()
    (line,) = sdp.parse(first)
    assert line.codecs == [(0, "PCMU"), (8, "PCMA")]
    assert line.event_type == sdp.OUR_EVENT_TYPE
    versions = [int(text.split("\r\n")[1].split(" ")[2]) for text in (first, second)]
    assert versions[1] == versions[0] + 1
