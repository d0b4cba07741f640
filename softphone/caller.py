"""A caller with a SIP phone: real INVITE, real RTP, for the demo, the tests and the bench.

A user agent client of its own on asyncio, and not a second pjsua2, so that both ends of a measured call do not share
their faults. One ``Caller`` is one call.
"""

import asyncio
import random
import re
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from softphone.media import PCMA, PCMU, TELEPHONE_EVENT, RtpStream

T1_S = 0.5  # RFC 3261's first retransmission
CODEC_NAMES = {PCMU: "PCMU/8000", 3: "GSM/8000", PCMA: "PCMA/8000", 9: "G722/8000", 18: "G729/8000"}
_TAG = re.compile(r";\s*tag=([^;>\s]+)")
_BRACKETED = re.compile(r"<([^>]+)>")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CallResult:
    """What the INVITE came to: final status (0: no answer), and ms from the INVITE to 180 and to the final answer."""

    status: int
    reason: str = ""
    ms_to_180: float | None = None
    ms_to_final: float | None = None

    @property
    def ms_to_200(self) -> float | None:
        return self.ms_to_final if self.status == 200 else None


@dataclass(slots=True)
class _SipMessage:
    first: str
    headers: dict[str, list[str]]
    body: str
    status: int = 0
    method: str = ""

    def header(self, name: str) -> str:
        values = self.headers.get(name)
        return values[0] if values else ""


def _parse(data: bytes) -> _SipMessage:
    head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), []).append(value.strip())
    if first.startswith("SIP/2.0"):
        return _SipMessage(first, headers, body, status=int(first.split()[1]))
    return _SipMessage(first, headers, body, method=first.split()[0] if first else "")


@dataclass
class _Transaction:
    """One request and the future of its final answer."""

    branch: str
    final: "asyncio.Future[_SipMessage]"
    provisional: list[tuple[int, float]] = field(default_factory=list)


class Caller(asyncio.DatagramProtocol):
    """Calls ``to_user`` at ``target`` (host, port). ``codecs`` are RTP payload types to offer, best first.
    ``rewrite`` changes the SDP of each offer.
    ``from_address`` is a whole From in place of ``from_user``'s; ``extra_headers`` are lines of the INVITE.

    Use as an async context manager: leaving it hangs up and closes the sockets.
    """

    def __init__(
        self,
        target: tuple[str, int],
        to_user: str,
        *,
        local_ip: str = "127.0.0.1",
        from_user: str = "+33612345678",
        codecs: tuple[int, ...] = (PCMU, PCMA),
        extra_media_lines: int = 0,
        from_address: str = "",
        extra_headers: tuple[str, ...] = (),
        rewrite: Callable[[str], str] = str,
    ) -> None:
        self.rtp = RtpStream()
        self.hung_up = asyncio.Event()  # by the other side
        self.asked: list[str] = []  # the methods of the other side's requests
        self.refer_to: str | None = None
        self.refer_status = 202  # the answer to a REFER; after 202, its NOTIFY carries notify_status; none for ""
        self.notify_status = "200 OK"
        self.notify_state = "Subscription-State: terminated;reason=noresource\r\n"
        self.invited_at = 0.0
        self.answered_at = 0.0
        self._target = target
        self._uri = f"sip:{to_user}@{target[0]}:{target[1]}"
        self._local_ip = local_ip
        self._from_user = from_user
        self._from_address = from_address or f"<sip:{from_user}@{local_ip}>"
        self._extra_headers = extra_headers
        self._codecs = codecs
        self._extra_media_lines = extra_media_lines
        self._rewrite = rewrite
        self.answer_sdp = ""
        self.sip_call_id = f"{random.getrandbits(96):x}@{local_ip}"
        self._from_tag = f"{random.getrandbits(32):x}"
        self._to_tag = ""
        self._remote_uri = self._uri
        self._routes: list[str] = []
        self._sequence = 0
        self._transactions: dict[str, _Transaction] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._port = 0
        self.rtp_port = 0
        self._up = False

    async def __aenter__(self) -> "Caller":
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(self._local_ip, 0))
        transport, _ = await loop.create_datagram_endpoint(lambda: self.rtp, local_addr=(self._local_ip, 0))
        self.rtp_port = transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.bye()
        await self.rtp.stop()
        if self._transport is not None:
            self._transport.close()

    # --- What a caller does ----------------------------------------------------------------------------------

    async def invite(self, timeout_s: float = 8.0) -> CallResult:
        """Ring, and when answered start to send and receive audio."""
        self.invited_at = time.monotonic()
        transaction = self._send_request("INVITE", self._offer("sendrecv"))
        answer = await self._final(transaction, timeout_s)
        at_180 = next((at for status, at in transaction.provisional if status == 180), None)
        ms_to_180 = None if at_180 is None else (at_180 - self.invited_at) * 1000
        if answer is None:
            return CallResult(0, "no answer", ms_to_180)
        took = (self.answered_at - self.invited_at) * 1000
        if answer.status == 200:
            self._up = True
            self.answer_sdp = answer.body
            address = re.search(r"^c=IN IP[46] (\S+)", answer.body, re.MULTILINE)
            media = re.search(r"^m=audio ([1-9]\d*) \S+ (\d+)", answer.body, re.MULTILINE)
            if address and media:
                self.rtp.start((address.group(1), int(media.group(1))), int(media.group(2)))
        return CallResult(answer.status, answer.first.split(" ", 2)[2], ms_to_180, took)

    async def reinvite(self, direction: str, timeout_s: float = 4.0) -> int:
        """Offer again, with ``sendonly`` or ``inactive`` to hold and ``sendrecv`` to resume. Gives the status."""
        answer = await self._final(self._send_request("INVITE", self._offer(direction)), timeout_s)
        self.answer_sdp = "" if answer is None else answer.body
        return 0 if answer is None else answer.status

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        """A datagram from this phone's SIP port."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, to)

    async def bye(self, timeout_s: float = 2.0) -> None:
        """Hang up; does nothing when the call is not up."""
        if not self._up:
            return
        self._up = False
        await self._final(self._send_request("BYE"), timeout_s)

    async def unless_hung_up(self, wait: Coroutine[Any, Any, T]) -> T | None:
        """What ``wait`` gives; None when the other side hung up before that. Raises what ``wait`` does."""
        waiting = asyncio.ensure_future(wait)
        hung_up = asyncio.ensure_future(self.hung_up.wait())
        either: set[asyncio.Future[Any]] = {waiting, hung_up}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            return waiting.result() if waiting.done() else None
        finally:
            waiting.cancel()
            hung_up.cancel()

    def say(self, ulaw: bytes) -> None:
        self.rtp.say(ulaw)

    def press(self, keys: str) -> None:
        self.rtp.press(keys)

    @property
    def first_voice_ms(self) -> float | None:
        """From the INVITE to the first packet with a voice in it."""
        first = self.rtp.first_voice_at
        return None if first is None else (first - self.invited_at) * 1000

    def write_wav(self, path: Path) -> None:
        """Both sides of the call, stereo: the caller left."""
        self.rtp.write_wav(path)

    def other_call(self, data: bytes, source: tuple[str, int]) -> None:
        """A message of another call than this one: a phone of one call has no use for it."""

    # --- SIP -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        self._port = transport.get_extra_info("sockname")[1]

    def error_received(self, _: Exception) -> None:
        """Nothing listens there (yet): the transaction's time-out says so."""

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        message = _parse(data)
        if message.header("call-id") != self.sip_call_id:
            self.other_call(data, source)
            return
        if message.status:
            self._answered(message)
        else:
            self._requested(message, source)

    def _answered(self, message: _SipMessage) -> None:
        now = time.monotonic()
        branch = message.header("via").partition("branch=")[2].partition(";")[0]
        transaction = self._transactions.get(branch)
        if transaction is None:
            return
        if message.status < 200:
            transaction.provisional.append((message.status, now))
            return
        if "INVITE" in message.header("cseq"):
            if not transaction.final.done() and not self._to_tag:
                self.answered_at = now
                if message.status < 300:
                    self._learn_dialog(message)
            # RFC 3261: the ACK of a 2xx is a transaction of its own, along the dialog's route (13.2.2.4); that of a
            # refusal belongs to the INVITE, with its branch and URI and the refusal's To tag (17.1.1.3).
            sequence = int(message.header("cseq").split()[0])
            if message.status < 300:
                self._write("ACK", self._remote_uri, _branch(), sequence)
            else:
                to_tag = _TAG.search(message.header("to"))
                self._write("ACK", self._uri, branch, sequence, to_tag=to_tag.group(1) if to_tag else "")
        if not transaction.final.done():
            transaction.final.set_result(message)

    def _learn_dialog(self, message: _SipMessage) -> None:
        """Tag, target and route set of the dialog that a 2xx makes (RFC 3261, 12.1.2)."""
        tag = _TAG.search(message.header("to"))
        self._to_tag = tag.group(1) if tag else ""
        contact = _BRACKETED.search(message.header("contact"))
        self._remote_uri = contact.group(1) if contact else self._uri
        self._routes = [part.strip() for value in message.headers.get("record-route", []) for part in value.split(",")][
            ::-1
        ]

    def _requested(self, message: _SipMessage, source: tuple[str, int]) -> None:
        self.asked.append(message.method)
        if message.method == "BYE":
            self._up = False
            self.hung_up.set()
            self._reply(message, source, "200 OK")
        elif message.method == "INVITE":
            self._reply(message, source, "200 OK", self._offer("sendrecv"))
        elif message.method == "REFER":
            self._referred(message, source)
        elif message.method != "ACK":
            self._reply(message, source, "200 OK")

    def _referred(self, message: _SipMessage, source: tuple[str, int]) -> None:
        target = _BRACKETED.search(message.header("refer-to"))
        self.refer_to = target.group(1) if target else message.header("refer-to")
        if self.refer_status != 202:
            self._reply(message, source, f"{self.refer_status} Declined")
            return
        self._reply(message, source, "202 Accepted")
        if not self.notify_status:
            return
        self._send_request(
            "NOTIFY",
            f"SIP/2.0 {self.notify_status}\r\n",
            content_type="message/sipfrag;version=2.0",
            extra=f"Event: refer\r\n{self.notify_state}",
        )

    def _reply(self, request: _SipMessage, source: tuple[str, int], status: str, body: str = "") -> None:
        lines = [f"SIP/2.0 {status}"]
        lines += [f"Via: {via}" for via in request.headers.get("via", [])]
        lines += [f"Record-Route: {route}" for route in request.headers.get("record-route", [])]
        lines += [f"From: {request.header('from')}", f"To: {request.header('to')}"]
        lines += [f"Call-ID: {self.sip_call_id}", f"CSeq: {request.header('cseq')}", self._contact()]
        if body:
            lines.append("Content-Type: application/sdp")
        lines += [f"Content-Length: {len(body)}", "", body]
        self._send("\r\n".join(lines), source)

    def _send_request(
        self, method: str, body: str = "", *, content_type: str = "application/sdp", extra: str = ""
    ) -> _Transaction:
        self._sequence += 1
        transaction = _Transaction(_branch(), asyncio.get_running_loop().create_future())
        self._transactions[transaction.branch] = transaction
        sent = self._write(
            method, self._remote_uri, transaction.branch, self._sequence, body, content_type=content_type, extra=extra
        )
        self._retransmit(transaction, sent, T1_S)
        return transaction

    def _retransmit(self, transaction: _Transaction, message: str, after_s: float) -> None:
        # RFC 3261, 17.1.1.2: the interval doubles from T1 until an answer comes. Its 32 s are cut short: nobody here
        # waits that long.
        def again() -> None:
            if not transaction.final.done() and not transaction.provisional and after_s < 5:
                self._send(message, self._target)
                self._retransmit(transaction, message, after_s * 2)

        asyncio.get_running_loop().call_later(after_s, again)

    @staticmethod
    async def _final(transaction: _Transaction, timeout_s: float) -> _SipMessage | None:
        try:
            return await asyncio.wait_for(asyncio.shield(transaction.final), timeout_s)
        except TimeoutError:
            return None

    def _write(
        self,
        method: str,
        uri: str,
        branch: str,
        sequence: int,
        body: str = "",
        *,
        to_tag: str = "",
        content_type: str = "application/sdp",
        extra: str = "",
    ) -> str:
        tag = to_tag or self._to_tag
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._local_ip}:{self._port};branch={branch};rport",
            "Max-Forwards: 70",
            *(f"Route: {route}" for route in self._routes),
            f"From: {self._from_address};tag={self._from_tag}",
            f"To: <{self._uri}>{f';tag={tag}' if tag else ''}",
            f"Call-ID: {self.sip_call_id}",
            f"CSeq: {sequence} {method}",
            self._contact(),
            *(self._extra_headers if method == "INVITE" else ()),
        ]
        if body:
            lines.append(f"Content-Type: {content_type}")
        message = "\r\n".join(lines) + f"\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}"
        self._send(message, self._target)
        return message

    def _send(self, message: str, to: tuple[str, int]) -> None:
        self.send(message.encode(), to)

    def _contact(self) -> str:
        return f"Contact: <sip:{self._from_user}@{self._local_ip}:{self._port}>"

    # --- SDP -------------------------------------------------------------------------------------------------

    def _offer(self, direction: str) -> str:
        types = [*self._codecs, TELEPHONE_EVENT]
        lines = ["v=0", f"o=- 1 {self._sequence + 1} IN IP4 {self._local_ip}", "s=-", f"c=IN IP4 {self._local_ip}"]
        lines += ["t=0 0", f"m=audio {self.rtp_port} RTP/AVP {' '.join(map(str, types))}"]
        lines += [f"a=rtpmap:{codec} {CODEC_NAMES[codec]}" for codec in self._codecs]
        lines += [f"a=rtpmap:{TELEPHONE_EVENT} telephone-event/8000", f"a=fmtp:{TELEPHONE_EVENT} 0-15"]
        lines += ["a=ptime:20", f"a={direction}"]
        lines += [f"m=audio {self.rtp_port + 2 + 2 * n} RTP/AVP 0" for n in range(self._extra_media_lines)]
        return self._rewrite("\r\n".join(lines) + "\r\n")


def _branch() -> str:
    return f"z9hG4bK{random.getrandbits(64):x}"
