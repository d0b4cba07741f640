"""A trunk as the bridge sees it: a caller comes from it, and whom the bridge dials is behind it."""

import asyncio
import random
import re

from edge_bridge.entrances.sip.gate.message import Message, Via, parse, uri_of
from softphone.caller import Caller
from softphone.media import PCMA, PCMU, TELEPHONE_EVENT, RtpStream


class HumanRtp(RtpStream):
    """Counts the DTMF packets, too."""

    keys = 0

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        self.keys += len(data) > 12 and data[1] & 0x7F == TELEPHONE_EVENT
        super().datagram_received(data, source)


class Human:
    """The phone that the bridge dials. ``status`` is its answer: 0 for none at all, 180 to ring until it is cancelled.

    Once it is answered, ``rtp`` is its audio. ``rings_elsewhere``: another phone, with a tag of its own, rings first.
    ``heard_from`` are the ports that its ACK and BYE came from.
    """

    def __init__(self, status: int = 200, codec: int = PCMU, refusal_body: str = "") -> None:
        self.status = status
        self.refusal_body = refusal_body
        self.codec = codec
        self.challenge = ""  # of the first INVITE, a Proxy-Authenticate
        self.rings_elsewhere = False
        self.heard_from: set[int] = set()
        self.rtp = HumanRtp()
        self.invites: list[Message] = []
        self.invited = asyncio.Event()
        self.answered = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.hung_up = asyncio.Event()  # by the bridge
        self.tag = f"{random.getrandbits(32):x}"


class Trunk(Caller):
    """The caller, and at the same address whom the bridge dials."""

    def __init__(self, target: tuple[str, int], to_user: str, human: Human, **more: object) -> None:
        super().__init__(target, to_user, **more)  # type: ignore[arg-type]
        self.human = human
        self.bridge = target
        self.human_sequence = 0
        self.statuses: list[int] = []  # of the bridge's answers to the human's phone

    async def __aenter__(self) -> "Trunk":
        await super().__aenter__()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self.human.rtp, local_addr=("127.0.0.1", 0))
        self.human_rtp_port = transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *of: object) -> None:
        await super().__aexit__(*of)
        await self.human.rtp.stop()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def aim(self, target: tuple[str, int]) -> None:
        """At a bridge that was not there before."""
        self._target = target

    def other_call(self, data: bytes, source: tuple[str, int]) -> None:
        message, human = parse(data), self.human
        if message.status:
            self.statuses.append(message.status)
            if message.status >= 200 and message.sequence_method == "INVITE":
                self.human_asks("ACK")
        if message.method in ("ACK", "BYE"):
            human.heard_from.add(source[1])
        match message.method:
            case "INVITE":
                self._invited(message, source)
            case "REGISTER":
                contact = message.first("contact")
                self.send(self._reply_to(message, "200 OK", f"Contact: {contact};expires=120"), source)
            case "CANCEL":
                human.cancelled.set()
                self.send(self._reply_to(message, "200 OK"), source)
                self.send(self._reply_to(human.invites[-1], "487 Request Terminated"), source)
            case "BYE":
                human.hung_up.set()
                self.send(self._reply_to(message, "200 OK"), source)
            case "ACK" if human.answered.is_set() or human.status == 200:
                human.answered.set()

    def _invited(self, message: Message, source: tuple[str, int]) -> None:
        human = self.human
        if human.invites and message.sequence == human.invites[-1].sequence:
            return
        human.invites.append(message)
        human.invited.set()
        self.bridge = source
        if human.challenge and not message.first("proxy-authorization"):
            needed = "407 Proxy Authentication Required"
            self.send(self._reply_to(message, needed, f"Proxy-Authenticate: {human.challenge}"), source)
            return
        if human.status:
            self.send(self._reply_to(message, "180 Ringing"), source)
        if human.rings_elsewhere:
            human.tag = f"{human.tag}-fork"
        if human.status == 200:
            self.pick_up()
        elif human.status > 200:
            kind = ("Content-Type: text/plain",) if human.refusal_body else ()
            self.send(self._reply_to(message, f"{human.status} No", *kind, body=human.refusal_body), source)

    def pick_up(self) -> None:
        """Answer the last INVITE."""
        human, invite = self.human, self.human.invites[-1]
        offer = invite.body.decode()
        address = re.search(r"^c=IN IP4 (\S+)", offer, re.MULTILINE)
        port = re.search(r"^m=audio (\d+)", offer, re.MULTILINE)
        assert address
        assert port
        body = self.human_offer("sendrecv")
        self.send(self._reply_to(invite, "200 OK", "Content-Type: application/sdp", body=body), self.bridge)
        human.rtp.start((address[1], int(port[1])), human.codec)

    def human_offer(self, direction: str) -> str:
        codec = self.human.codec
        lines = ["v=0", "o=- 7 7 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
        lines.append(f"m=audio {self.human_rtp_port} RTP/AVP {codec} {TELEPHONE_EVENT}")
        lines.append(f"a=rtpmap:{codec} {'PCMA' if codec == PCMA else 'PCMU'}/8000")
        lines += [f"a=rtpmap:{TELEPHONE_EVENT} telephone-event/8000", f"a={direction}"]
        return "\r\n".join(lines) + "\r\n"

    def notify(self, status: str) -> None:
        """What became of a REFER that was taken long ago."""
        self._send_request(
            "NOTIFY",
            f"SIP/2.0 {status}\r\n",
            content_type="message/sipfrag;version=2.0",
            extra="Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n",
        )

    def human_asks(self, method: str, body: str = "") -> None:
        """A request of the human's phone within the dialog, such as BYE."""
        self.human_sequence += method != "ACK"
        invite = self.human.invites[-1]
        contact = uri_of(invite.values("contact")[0])
        headers = [("max-forwards", "70"), ("from", f"{invite.first('to')};tag={self.human.tag}")]
        headers += [
            ("to", invite.first("from")),
            ("call-id", invite.call_id),
            ("cseq", f"{self.human_sequence} {method}"),
        ]
        headers.append(("contact", f"<sip:human@127.0.0.1:{self._port}>"))
        if body:
            headers.append(("content-type", "application/sdp"))
        headers += [("route", route) for route in invite.values("record-route")]
        via = Via("UDP", "127.0.0.1", self._port, {"branch": f"z9hG4bK{random.getrandbits(64):x}"})
        request = Message(headers, body.encode(), method=method, uri=contact, call_id=invite.call_id, vias=[via])
        self.send(request.render(), self.bridge)

    def _reply_to(self, request: Message, status: str, *headers: str, body: str = "") -> bytes:
        lines = [f"SIP/2.0 {status}", *(f"Via: {via.text()}" for via in request.vias)]
        to = request.first("to")
        tag = "" if request.to_tag else f";tag={self.human.tag}"
        lines += [f"From: {request.first('from')}", f"To: {to}{tag}", f"Call-ID: {request.call_id}"]
        lines += [f"CSeq: {request.sequence} {request.sequence_method}"]
        lines += [f"Record-Route: {route}" for route in request.values("record-route")]
        lines += [f"Contact: <sip:human@127.0.0.1:{self._port}>", *headers, f"Content-Length: {len(body)}"]
        return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode()
