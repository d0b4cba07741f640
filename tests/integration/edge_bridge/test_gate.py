"""What reaches pjsip and what does not, over real sockets."""

import asyncio
import signal
import time

import pytest

from devstack.edge.handler_app import HandlerApp
from devstack.edge.raw_sip import RawSip, offer
from edge_bridge.entrances.sip.gate.message import Message, parse
from softphone.caller import Caller
from tests.conftest import Database
from tests.integration.edge_bridge.conftest import BUSY, MESSAGE, Scene, Start, until_it_drains
from tests.integration.edge_bridge.missed_calls import missed
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

UNKNOWN = "+33999999999"
MULTIPART = "--b\r\nContent-Type: application/isup\r\n\r\nxx\r\n--b--\r\n"


# --- Cases 1 and 2: what pjsip may choke on ----------------------------------------------------------------------


@pytest.mark.parametrize("body", ["", MULTIPART])
def test_an_invite_without_an_offer_that_is_refused_touches_no_worker(scene: Scene, body: str) -> None:
    processes = scene.bridge.processes()
    with RawSip(scene.bridge.target) as phone:
        for _ in range(5):
            phone.new_call()
            status = phone.ask("INVITE", UNKNOWN, body=body, content_type="multipart/mixed;boundary=b")
            assert status == (415 if body else 404)
    assert set(processes) <= set(scene.bridge.processes())


def test_a_stranger_is_answered_once_and_then_no_more(scene: Scene, start: Start, seeded: Database) -> None:
    bridge = start(SIP_PEERS="127.0.0.9/32")
    with RawSip(bridge.target) as stranger, RawSip(bridge.target, "127.0.0.9") as peer:
        assert stranger.ask("INVITE", BUSY, body=offer("127.0.0.1", 40_000)) == 403
        for method in ("INVITE", "OPTIONS", "SUBSCRIBE", "REGISTER"):
            stranger.new_call()
            stranger.send(stranger.request(method, BUSY))
        assert stranger.receive(0.3) is None
        assert peer.call(BUSY) == 200


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_second_offer_with_many_media_lines_has_one_taken_or_gets_488_and_the_call_goes_on(
    scene: Scene, method: str
) -> None:
    """pjsip reads sixteen lines, and aborts where too many of them want sockets."""
    processes = scene.bridge.processes()
    one, sixteen, seventeen = (offer("127.0.0.1", 40_000, media_lines=count) for count in (1, 16, 17))
    with RawSip(scene.bridge.target) as phone:
        assert phone.call(BUSY) == 200
        statuses = [phone.ask(method, phone.remote_uri, body=body) for body in (sixteen, seventeen, one) * 8]
        assert phone.ask("BYE", phone.remote_uri) == 200
    assert statuses == [200, 488, 200] * 8
    assert set(processes) <= set(scene.bridge.processes())


@pytest.mark.parametrize("audio_at", [0, 2, 5])
def test_of_many_media_lines_the_audio_is_taken_and_the_others_are_refused(scene: Scene, audio_at: int) -> None:
    processes = scene.bridge.processes()
    others = ["m=video 40010 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n", "m=application 9 UDP/BFCP *\r\n"] * 3
    session, audio = offer("127.0.0.1", 40_000).split("m=")
    lines = [*others[:audio_at], f"m={audio}", *others[audio_at:5]]
    with RawSip(scene.bridge.target) as phone:
        phone.new_call()
        invite = phone.request("INVITE", BUSY, body=session + "".join(lines))
        phone.send(invite)
        answer = phone.final("INVITE")
        assert answer is not None
        phone.acknowledge(BUSY, invite, answer)
        phone.to_tag, phone.remote_uri = answer.to_tag, answer.first("contact").strip("<>")
        phone.ask("BYE", phone.remote_uri)
    answered = [line.split(" ")[:2] for line in answer.body.decode().split("\r\n") if line.startswith("m=")]
    assert (answer.status, len(answered)) == (200, len(lines))
    assert [at for at, (_, port) in enumerate(answered) if port != "0"] == [audio_at]
    assert [kind for kind, _ in answered] == [line.split(" ")[0] for line in lines]
    assert set(processes) <= set(scene.bridge.processes())


def test_a_body_over_the_limit_gets_413(scene: Scene) -> None:
    with RawSip(scene.bridge.target) as phone:
        assert phone.call(BUSY, body=offer("127.0.0.1", 40_000) + "a=x:" + "y" * 7000) == 413


def test_an_offer_beside_a_trunks_isup_is_answered(scene: Scene) -> None:
    isup = "--b\r\nContent-Type: application/isup\r\n\r\n\x01\x00\r\x0a\r\n"
    body = f"{isup}--b\r\nContent-Type: application/sdp\r\n\r\n{offer('127.0.0.1', 40_000)}\r\n--b--\r\n"
    with RawSip(scene.bridge.target) as phone:
        assert phone.call(BUSY, body=body, content_type='multipart/mixed; boundary="b"') == 200
        assert phone.ask("BYE", phone.remote_uri) == 200


def test_headers_that_a_worker_has_no_use_for_may_be_long_and_others_get_513(scene: Scene) -> None:
    """pjsip reads 4000 bytes and takes an INVITE whose offer is beyond them for one without."""
    with RawSip(scene.bridge.target) as phone:
        assert phone.call(BUSY, *[f"Identity: {'x' * 3000}"] * 3) == 200
        assert phone.ask("BYE", phone.remote_uri) == 200
        assert phone.call(BUSY, f"User-Agent: {'x' * 3500}") == 513


def test_an_offer_with_more_candidates_than_pjsip_reads_is_answered_by_all_of_its_lines(scene: Scene) -> None:
    candidates = "".join(f"a=candidate:{n} 1 UDP 2130706431 192.0.2.{n} 40000 typ host\r\n" for n in range(90))
    body = offer("127.0.0.1", 40_000) + candidates + "m=video 40002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    with RawSip(scene.bridge.target) as phone:
        phone.new_call()
        invite = phone.request("INVITE", BUSY, body=body)
        phone.send(invite)
        answer = phone.final("INVITE")
        assert answer is not None
        phone.acknowledge(BUSY, invite, answer)
        phone.to_tag, phone.remote_uri = answer.to_tag, answer.first("contact").strip("<>")
        assert phone.ask("BYE", phone.remote_uri) == 200
    assert (answer.status, answer.body.count(b"m=audio"), answer.body.count(b"m=video 0 ")) == (200, 1, 1)


# --- Case 3: floods ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [40, 500])
async def test_real_callers_are_answered_while_strangers_send_invites(
    start: Start, seeded: Database, rate: int
) -> None:
    bridge = await asyncio.to_thread(start, SIP_PEERS="127.0.0.9/32")
    with RawSip(bridge.target) as stranger:
        invites = []
        for _ in range(50):
            stranger.new_call()
            invites.append(stranger.request("INVITE", BUSY, body=offer("127.0.0.1", 40_000, media_lines=16)))
        sent = 0

        async def flood() -> None:
            nonlocal sent
            began = time.monotonic()
            while True:
                while sent < (time.monotonic() - began) * rate:
                    stranger.send(invites[sent % len(invites)])
                    sent += 1
                await asyncio.sleep(0.005)

        flooding = asyncio.create_task(flood())
        statuses = []
        for _ in range(5):
            async with Caller(bridge.target, BUSY, local_ip="127.0.0.9") as caller:
                statuses.append((await caller.invite()).status)
                await asyncio.sleep(0.3)
        flooding.cancel()
    assert statuses == [200] * 5
    assert sent > rate


# --- Cases 11 and 12: numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    [
        BUSY[1:],
        f"00{BUSY[1:]}",
        f"0{BUSY[3:]}",
        f"tel:{BUSY}",
        f"sips:{BUSY}@{{host}}",
        f"sip:{BUSY};npdi@{{host}}",
        f"sip:{BUSY};rn=+33999;npdi@{{host}};user=phone",
    ],
)
def test_the_line_is_found_however_its_number_is_written(scene: Scene, uri: str) -> None:
    with RawSip(scene.bridge.target) as phone:
        assert phone.call(uri.format(host="127.0.0.1")) == 200
        assert phone.ask("BYE", phone.remote_uri) == 200


def test_a_number_that_only_to_names_is_found_unless_the_call_was_diverted(scene: Scene) -> None:
    to = f"To: <sip:{BUSY}@127.0.0.1>"
    with RawSip(scene.bridge.target) as phone:
        assert phone.call("sip:trunk-7@127.0.0.1", to_header=to) == 200
        assert phone.ask("BYE", phone.remote_uri, to_header=to) == 200
        assert phone.call("sip:trunk-7@127.0.0.1", f"Diversion: <sip:{BUSY}@trunk.test>", to_header=to) == 404


@pytest.mark.parametrize(
    ("trusted", "header", "from_header", "caller"),
    [
        ("all", "P-Asserted-Identity: <sip:+33611100021@trunk.test>", "", "+33611100021"),
        ("all", "Remote-Party-ID: <sip:+33611100022@trunk.test>;party=calling", "", "+33611100022"),
        ("all", "X-Edge-Source: 10.9.9.9:5060", "From: <tel:+33611100024>", "+33611100024"),
        ("all", "User-Agent: x", "From: <sip:0611100025;phone-context=+33@x;user=phone>", "+33611100025"),
        ("none", "P-Asserted-Identity: <sip:+33611100023@trunk.test>", "", "+33612345678"),
    ],
)
async def test_the_handler_is_told_the_caller_whom_a_trusted_source_asserts(
    standing: Start, seeded: Database, trusted: str, header: str, from_header: str, caller: str
) -> None:
    bridge = await asyncio.to_thread(standing, TRUSTED_IDENTITY=trusted)
    async with HandlerApp(bridge.sink_port) as handler:
        with RawSip(bridge.target) as phone:
            assert await asyncio.to_thread(lambda: phone.call(BUSY, header, from_header=from_header)) == 200
            call = await handler.call(1)
            await asyncio.to_thread(lambda: phone.ask("BYE", phone.remote_uri, from_header=from_header))
    assert call.event.caller == caller


# --- Cases 13 and 14: other methods ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("SUBSCRIBE", 405),
        ("MESSAGE", 405),
        ("REFER", 405),
        ("REGISTER", 405),
        ("PUBLISH", 405),
        ("FROBNICATE", 405),
        ("BYE", 481),
        ("INFO", 481),
        ("OPTIONS", 200),
    ],
)
def test_a_request_outside_of_every_dialog_gets_one_answer(scene: Scene, method: str, status: int) -> None:
    with RawSip(scene.bridge.target) as phone:
        request = phone.request(method, BUSY, "Event: presence", "Expires: 60", "Refer-To: <sip:x@y>")
        phone.send(request)
        answers = [phone.receive(), phone.receive(0.3)]
    assert [answer.status if answer else 0 for answer in answers] == [status, 0]
    assert answers[0] is not None
    assert answers[0].to_tag
    assert ("allow" in dict(answers[0].headers)) == (status in (405, 200))


async def test_a_key_told_by_info_reaches_the_handler_and_other_info_gets_415(
    scene: Scene, handler: HandlerApp
) -> None:
    with RawSip(scene.bridge.target) as phone:

        def talk() -> list[int]:
            uri = phone.remote_uri
            return [
                phone.ask("INFO", uri, body="5", content_type="application/dtmf"),
                phone.ask("INFO", uri, body="Signal=11\r\nDuration=250\r\n", content_type="application/dtmf-relay"),
                phone.ask("INFO", uri, body="<xml/>", content_type="application/media_control+xml"),
                phone.ask("INFO", uri),
                phone.ask("OPTIONS", uri),
                phone.ask("SUBSCRIBE", uri, "Event: presence"),
            ]

        assert await asyncio.to_thread(lambda: phone.call(BUSY)) == 200
        call = await handler.call(1)
        async with asyncio.timeout(PATIENCE_S):
            while not call.start:  # its media stream is open: a key pressed before reaches no handler
                await asyncio.sleep(0.02)
        statuses = await asyncio.to_thread(talk)
        async with asyncio.timeout(PATIENCE_S):
            while len(call.digits) < 2:
                await asyncio.sleep(0.02)
        await asyncio.to_thread(lambda: phone.ask("BYE", phone.remote_uri))
    assert statuses == [200, 200, 415, 200, 200, 405]
    assert call.digits == ["5", "#"]


# --- Case 15: repeated requests ----------------------------------------------------------------------------------


def test_an_invite_that_is_repeated_after_its_ack_is_no_second_call(scene: Scene) -> None:
    with RawSip(scene.bridge.target) as phone:
        phone.new_call()
        invite = phone.request("INVITE", BUSY, body=offer("127.0.0.1", 40_000))
        phone.send(invite)
        answer = phone.final("INVITE")
        assert answer is not None
        phone.send(invite)  # before the ACK: the same answer
        again = phone.final("INVITE")
        phone.acknowledge(BUSY, invite, answer)
        phone.to_tag, phone.remote_uri = answer.to_tag, answer.first("contact").strip("<>")
        time.sleep(0.1)
        while phone.receive(0.05):
            pass
        phone.send(invite)
        assert phone.receive(0.4) is None
        other_way = phone.request("INVITE", BUSY, body=offer("127.0.0.1", 40_000), sequence=answer.sequence)
        phone.send(other_way.replace(f";tag={answer.to_tag}".encode(), b""))
        merged = phone.final("INVITE")
        bye = phone.request("BYE", phone.remote_uri)
        phone.send(bye)
        ended = phone.final("BYE")
        phone.send(bye)
        ended_again = phone.final("BYE")
        phone.send(invite)
        assert phone.receive(0.4) is None
    assert again is not None
    assert [answer.status for answer in (ended, ended_again) if answer] == [200, 200]
    assert (again.status, again.to_tag) == (200, answer.to_tag)
    assert merged is not None
    assert merged.status == 482


def test_a_repeated_refused_invite_gets_the_same_answer(scene: Scene) -> None:
    with RawSip(scene.bridge.target) as phone:
        invite = phone.request("INVITE", UNKNOWN, body=offer("127.0.0.1", 40_000))
        answers: list[Message | None] = []
        for _ in range(2):
            phone.send(invite)
            answers.append(phone.final("INVITE"))
    first, second = answers
    assert first is not None
    assert second is not None
    assert (first.status, first.to_tag) == (second.status, second.to_tag) == (404, first.to_tag)


def test_loops_and_requests_that_went_too_far_are_refused(scene: Scene) -> None:
    host, port = scene.bridge.target
    with RawSip(scene.bridge.target) as phone:
        looped = phone.request("INVITE", BUSY, f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bKown", body="v=0")
        phone.send(looped)
        loop = phone.final("INVITE")
        phone.new_call()
        phone.send(phone.request("INVITE", BUSY, body="v=0").replace(b"Max-Forwards: 70", b"Max-Forwards: 0"))
        far = phone.final("INVITE")
    assert [answer.status for answer in (loop, far) if answer] == [482, 483]


# --- Case 17: no free place --------------------------------------------------------------------------------------


async def test_a_caller_without_a_free_place_is_told_when_to_come_back_and_the_restaurant_of_the_number(
    start: Start, seeded: Database
) -> None:
    bridge = await asyncio.to_thread(start, MAX_CALLS="1", BUSY_PLACES="0", SIP_FULL_WAIT_S="0")
    async with Caller(bridge.target, BUSY) as first:
        assert (await first.invite()).status == 200
        with RawSip(bridge.target) as second:
            second.new_call()
            from_header = "From: <sip:+33611100017@127.0.0.1>"
            second.send(second.request("INVITE", MESSAGE, body=offer("127.0.0.1", 40_000), from_header=from_header))
            answer = await asyncio.to_thread(second.final, "INVITE")
        found = await missed(seeded, "+33611100017")
        assert not first.hung_up.is_set()
    assert answer is not None
    assert (answer.status, answer.first("retry-after")) == (486, "5")
    assert [event["reason"] for event in found] == ["node_full"]


async def test_a_draining_node_says_when_to_come_back(start: Start, seeded: Database) -> None:
    bridge = await asyncio.to_thread(start)
    async with Caller(bridge.target, BUSY) as caller:
        assert (await caller.invite()).status == 200
        assert bridge.process is not None
        bridge.process.send_signal(signal.SIGTERM)
        await until_it_drains(bridge)
        with RawSip(bridge.target) as phone:
            phone.send(phone.request("INVITE", BUSY))
            answer = await asyncio.to_thread(phone.final, "INVITE")
    assert answer is not None
    assert (answer.status, answer.first("retry-after")) == (503, "5")


# --- What can't be read ------------------------------------------------------------------------------------------


def test_a_peer_learns_that_its_request_can_not_be_read(scene: Scene) -> None:
    with RawSip(scene.bridge.target) as phone:
        phone.new_call()
        invite = phone.request("INVITE", BUSY, body=offer("127.0.0.1", 40_000))
        phone.send(invite.replace(b"Content-Length: ", b"Content-Length: 9"))
        answer = phone.final("INVITE")
        assert answer is not None
        assert (answer.status, answer.call_id, answer.from_tag) == (400, phone.call_id, phone.from_tag)


NOBODY = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"


@pytest.mark.parametrize(
    ("uri", "changed", "status"),
    [
        ("sip:a?b@127.0.0.1", {"to_header": f"To: <sip:{BUSY}@127.0.0.1>"}, 200),
        ("sip:a?b@127.0.0.1", {}, 404),
        (BUSY, {"from_header": "From: <sip:a?b@127.0.0.1>", "to_header": "To: <sip:a?b@127.0.0.1>"}, 200),
        (BUSY, {"from_header": f"From: <{NOBODY}>", "to_header": "To: <urn:service:sos>"}, 200),
        (BUSY, {"from_header": f"From: {NOBODY}", "to_header": "To: urn:service:sos"}, 200),
        (BUSY, {"from_header": "From: <urn:x{>"}, 400),
        ("urn:service:sos", {}, 416),
        (BUSY, {"content_type": "application / sdp ; charset = utf-8"}, 200),
        (BUSY, {"content_type": "application sdp"}, 400),
    ],
)
def test_odd_uris_and_spaces_are_read_as_the_rfc_says_or_refused_at_once(
    scene: Scene, uri: str, changed: dict[str, str], status: int
) -> None:
    with RawSip(scene.bridge.target) as phone:
        assert phone.call(uri, **changed) == status
        if status == 200:
            assert phone.ask("BYE", phone.remote_uri, **changed) == 200  # type: ignore[arg-type]


# --- What the outside sees ---------------------------------------------------------------------------------------


def test_the_outside_sees_the_public_address_only(scene: Scene) -> None:
    host, port = scene.bridge.target
    with RawSip(scene.bridge.target) as phone:
        phone.new_call()
        invite = phone.request("INVITE", BUSY, body=offer("127.0.0.1", 40_000))
        phone.send(invite)
        answer = phone.final("INVITE")
        assert answer is not None
        phone.acknowledge(BUSY, invite, answer)
        phone.to_tag = answer.to_tag
        assert phone.ask("BYE", answer.first("contact").strip("<>")) == 200
    assert answer.values("record-route") == []
    assert [via.branch for via in answer.vias] == [parse(invite).vias[0].branch]
    assert answer.first("contact") == f"<sip:{host}:{port}>"


def test_what_was_refused_is_counted_by_reason(scene: Scene) -> None:
    with RawSip(scene.bridge.target) as phone:
        phone.ask("SUBSCRIBE", BUSY)
        phone.send(b"nonsense\r\n\r\n")
        end = time.monotonic() + 5
        while time.monotonic() < end and 'dropped_total{reason="malformed"}' not in scene.bridge.get("/metrics"):
            time.sleep(0.05)
    assert 'sip_gate_refused_total{reason="method"}' in scene.bridge.get("/metrics")
    assert 'sip_gate_dropped_total{reason="malformed"}' in scene.bridge.get("/metrics")
