"""SIP that is none: from strangers, from a peer, in offers, and within a live dialog."""

from __future__ import annotations

import random
import re
import time

from bench.fuzz import torture
from bench.fuzz.mutations import PIECES, mutated
from bench.fuzz.scene import NUMBER, PEER_HOST, Budget, Scene, stranger
from devstack.edge.raw_sip import RawSip, offer
from edge_bridge.entrances.sip.gate.message import MAX_SEQUENCE, BadMessage, Message, parse

SIP_PER_S = 150.0
OFFERS_PER_S = 40.0
ANSWER_WITHIN_S = 0.03
STRANGER_WITHIN_S = 0.01
RUNG_WITHIN_S = 0.1
CALL_WITHIN_S = 2.0
MESSAGES_PER_STRANGER = 5
MESSAGES_PER_DIALOG = 25
METHODS = ("INVITE", "INVITE", "INVITE", "OPTIONS", "REGISTER", "CANCEL", "ACK", "BYE", "REFER", "INFO", "UPDATE")
MORE_METHODS = ("SUBSCRIBE", "NOTIFY", "MESSAGE", "PRACK", "PUBLISH", "RE%47IST")
EXTRA = (
    "Session-Expires: 90;refresher=uac",
    "Min-SE: 4294967296",
    "Require: timer, 100rel",
    "Require: replaces",
    "Replaces: 1@x;to-tag=1;from-tag=2",
    "Refer-To: <sip:+33899000000@premium.example>",
    "Referred-By: <sip:x@x>;ref=1",
    "RAck: 1 1 INVITE",
    "Event: refer",
    "Subscription-State: terminated;reason=x",
    "P-Asserted-Identity: <sip:+33800@x>, <tel:+33800>",
    "Privacy: id;header;;;",
    "Diversion: <sip:x@y>;reason=unknown",
    "X-Edge-Source: 127.0.0.1:5060",
    "Record-Route: <sip:127.0.0.1:9;lr>, <sip:[::1]:9;lr>",
    "Route: <sip:127.0.0.1:9;lr>",
    "Supported: 100rel, timer, replaces, norefersub, outbound",
    "Content-Encoding: gzip",
    "Retry-After: 999999999999",
)
_ICE = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"


def offers() -> tuple[str, ...]:
    """Good ones of different kinds, to break."""
    plain = offer(PEER_HOST, 40_000)
    return (
        plain,
        plain + "a=sendrecv\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n",
        plain + _ICE + "a=candidate:1 1 UDP 2130706431 127.0.0.2 40000 typ host\r\na=rtcp-mux\r\n",
        plain + "a=rtcp:40001 IN IP4 127.0.0.2\r\na=inactive\r\n",
        plain.replace("RTP/AVP 0", "RTP/SAVP 0 8") + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40 + "\r\n",
        plain.replace("RTP/AVP 0", "RTP/AVP " + " ".join(map(str, range(60)))),
        plain + "m=video 40002 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\n",
        plain.replace("IN IP4 127.0.0.2", "IN IP6 ::1"),
        plain.replace("c=IN IP4 127.0.0.2", "c=IN IP4 0.0.0.0"),
        plain.replace("m=audio 40000", "m=audio 0"),
    )


def sip(scene: Scene, chance: random.Random, budget: Budget) -> None:
    """The torture messages, then broken requests and responses: half of them of strangers, half of a peer."""
    budget.per_s = SIP_PER_S
    host = f"{scene.bridge.target[0]}:{scene.bridge.target[1]}"
    with scene.phone() as peer:  # one for all: what answers late is ended by whom it rings
        for name, message in torture.messages(host, NUMBER):
            if not budget.spend():
                break
            _sent(scene, peer, message, may_ring=name.endswith("aimed"))
            with scene.phone(stranger(chance)) as phone:
                _sent(scene, phone, message, may_ring=False)
        while budget.spend():
            if chance.random() < 0.5:
                _as_stranger(scene, chance, budget)
                continue
            peer.new_call()
            peer.send(_request(peer, chance))
            _settle(peer, ANSWER_WITHIN_S)
        _settle(peer, CALL_WITHIN_S)


def _sent(scene: Scene, phone: RawSip, message: bytes, *, may_ring: bool) -> None:
    phone.send(message)
    known = phone.ip == PEER_HOST
    got = _settle(phone, RUNG_WITHIN_S if known and may_ring else ANSWER_WITHIN_S if known else STRANGER_WITHIN_S)
    if phone.ip != PEER_HOST:
        _count_stranger(scene, len(message), got)


def _as_stranger(scene: Scene, chance: random.Random, budget: Budget) -> None:
    sent = got = 0
    with scene.phone(stranger(chance)) as phone:
        for number in range(MESSAGES_PER_STRANGER):
            if number and not budget.spend():
                break
            phone.new_call()
            message = _request(phone, chance)
            if chance.random() < 0.2:  # small ones: an answer has nowhere to hide
                message = (
                    b"OPTIONS sip:x SIP/2.0\nv:SIP/2.0/UDP x\nf:sip:a;tag=1\nt:sip:b\ni:%d\nCSeq:1 OPTIONS\n\n" % number
                )
            sent += len(message)
            phone.send(message)
        got = _settle(phone, ANSWER_WITHIN_S)
    _count_stranger(scene, sent, got)


def _count_stranger(scene: Scene, sent: int, got: int) -> None:
    scene.bytes_of_strangers += sent
    scene.bytes_to_strangers += got
    scene.worst_amplification = max(scene.worst_amplification, got / max(sent, 1))


def _request(phone: RawSip, chance: random.Random) -> bytes:
    method = chance.choice(METHODS + MORE_METHODS)
    headers = chance.sample(EXTRA, chance.randint(0, 3))
    body = chance.choice(offers()) if method in ("INVITE", "UPDATE") else ""
    request = phone.request(method, NUMBER, *headers, body=body)
    if chance.random() < 0.1:
        request = b"SIP/2.0 200 OK\r\n" + request.partition(b"\r\n")[2]
    return request if chance.random() < 0.1 else mutated(request, chance)


def with_body(request: bytes, body: bytes, kind: str = "application/sdp") -> bytes:
    """A request without a body, given one."""
    return request.replace(
        b"Content-Length: 0\r\n\r\n", f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    )


def sdp(scene: Scene, chance: random.Random, budget: Budget) -> None:
    """INVITEs of a peer that are in order but for their offers."""
    budget.per_s = OFFERS_PER_S
    with scene.phone() as peer:
        while budget.spend():
            peer.new_call()
            peer.send(with_body(peer.request("INVITE", NUMBER), _broken_offer(chance)))
            _settle(peer, ANSWER_WITHIN_S)


def _broken_offer(chance: random.Random) -> bytes:
    body = chance.choice(offers()).encode()
    kind = chance.random()
    if kind < 0.1:
        return body + b"m=audio 4000 RTP/AVP 0\r\n" * chance.choice((1, 2, 15, 16, 17, 200))
    if kind < 0.2:
        at = body.index(b"m=")
        return body[:at] + chance.choice(PIECES) + b"a=x\r" + body[at:]
    if kind < 0.3:
        return body + b"a=" + b"y" * chance.choice((500, 511, 512, 5_000)) + b"\r\n"
    return mutated(body, chance)


def reinvite(scene: Scene, chance: random.Random, budget: Budget) -> None:
    """Broken requests within a live dialog, of its caller and of strangers who know its tags."""
    budget.per_s = OFFERS_PER_S
    with scene.phone() as talker, scene.phone(stranger(chance)) as thief:
        while budget.spend():
            if not call(talker, offer(PEER_HOST, 40_000)):
                time.sleep(ANSWER_WITHIN_S)  # every place is taken; some end soon
                continue
            for _ in range(MESSAGES_PER_DIALOG):
                if not budget.spend():
                    break
                message = _within(talker, chance)
                (thief if chance.random() < 0.2 else talker).send(message)
                _settle(talker, ANSWER_WITHIN_S / 3)
            hang_up(talker)


def _within(talker: RawSip, chance: random.Random) -> bytes:
    method = chance.choice(
        ("INVITE", "INVITE", "UPDATE", "INFO", "REFER", "ACK", "CANCEL", "NOTIFY", "PRACK", "OPTIONS")
    )
    request = talker.request(method, talker.remote_uri, *chance.sample(EXTRA, chance.randint(0, 2)))
    if method == "INFO":
        digits = chance.choice((b"Signal=5\r\nDuration=160\r\n", b"Signal=99", b"Signal= \x00", b"x" * 3000))
        return with_body(request, digits, chance.choice(("application/dtmf-relay", "application/dtmf", "text/plain")))
    if method in ("INVITE", "UPDATE", "ACK", "PRACK"):
        request = with_body(request, _broken_offer(chance))
        return request if chance.random() < 0.6 else mutated(request, chance)
    return mutated(request, chance)


# --- A raw phone's calls -------------------------------------------------------------------------------------


def call(phone: RawSip, description: str) -> Message | None:
    """Ring; the 200, which is acknowledged, or None."""
    phone.new_call()
    request = phone.request("INVITE", NUMBER, body=description)
    phone.send(request)
    answer = phone.final("INVITE", CALL_WITHIN_S)
    if answer is None:
        return None
    phone.to_tag = answer.to_tag if answer.status == 200 else ""
    phone.remote_uri = answer.first("contact").strip("<>")
    phone.acknowledge(NUMBER, request, answer)
    return answer if answer.status == 200 else None


def hang_up(phone: RawSip) -> None:
    """Above whatever CSeq a mutation has made."""
    phone.send(phone.request("BYE", phone.remote_uri or NUMBER, sequence=MAX_SEQUENCE - 1))
    _settle(phone, ANSWER_WITHIN_S)


def media_port(answer: Message) -> int:
    found = re.search(rb"^m=audio ([0-9]+)", answer.body, re.MULTILINE)
    return int(found[1]) if found else 0


def _settle(phone: RawSip, within_s: float) -> int:
    """Read what comes for so long: end the calls that were taken, answer what is asked. Gives the bytes that came."""
    end = time.monotonic() + within_s
    got = 0
    while (left := end - time.monotonic()) > 0:
        try:
            message = phone.receive(left)
        except BadMessage:
            continue
        if message is None:
            break
        got += len(message.render())
        if not message.status:
            if message.method != "ACK":
                phone.reply(message)
        elif message.status >= 200 and message.sequence_method == "INVITE":
            _finish(phone, message)
        if message.status >= 300 or (message.status >= 200 and message.sequence_method != "INVITE"):
            break
    return got


def _finish(phone: RawSip, answer: Message) -> None:
    """Acknowledge an INVITE's final answer; a call that it begins is ended at once."""
    within = answer.to_tag == phone.to_tag
    kept = (phone.call_id, phone.from_tag, phone.to_tag, phone.sequence)
    phone.call_id, phone.from_tag, phone.to_tag = answer.call_id, answer.from_tag, answer.to_tag
    uri = answer.first("contact").strip("<>") or NUMBER
    try:
        parse(phone.request("ACK", uri, sequence=answer.sequence))
    except BadMessage:
        uri = NUMBER
    branch = answer.vias[0].branch if answer.status >= 300 else ""
    phone.send(phone.request("ACK", uri, sequence=answer.sequence, branch=branch))
    if answer.status < 300 and not within:
        phone.send(phone.request("BYE", uri, sequence=min(answer.sequence + 1, MAX_SEQUENCE - 1)))
    phone.call_id, phone.from_tag, phone.to_tag, phone.sequence = kept
