"""A phone that sends what it is told to, well-formed or not, and hears what comes back."""

import random
import select
import socket
import time
from types import TracebackType

from edge_bridge.entrances.sip.gate.message import Message, parse

ANSWER_WITHIN_S = 20.0  # on a machine with much else to do
SENT_AGAIN_AFTER_S = 0.5  # and doubled (RFC 3261, T1): UDP may lose a request, and a full socket does


def offer(ip: str, port: int, *, media_lines: int = 1) -> str:
    lines = ["v=0", f"o=- 1 1 IN IP4 {ip}", "s=-", f"c=IN IP4 {ip}", "t=0 0"]
    for place in range(media_lines):
        lines += [f"m=audio {port + 2 * place} RTP/AVP 0", "a=rtpmap:0 PCMU/8000"]
    return "\r\n".join(lines) + "\r\n"


class RawSip:
    """One UDP socket at ``ip``, and the dialog of its last INVITE that was answered with a To tag."""

    def __init__(self, target: tuple[str, int], ip: str = "127.0.0.1", source_port: int = 0) -> None:
        self.target = target
        self.ip = ip
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((ip, source_port))
        self.port = self.socket.getsockname()[1]
        self.call_id = ""
        self.from_tag = ""
        self.to_tag = ""
        self.sequence = 0
        self.remote_uri = ""

    def __enter__(self) -> "RawSip":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.socket.close()

    def new_call(self) -> None:
        self.call_id, self.from_tag, self.to_tag = f"{random.getrandbits(64):x}", f"{random.getrandbits(32):x}", ""
        self.sequence, self.remote_uri = 0, ""

    def request(
        self,
        method: str,
        uri: str,
        *headers: str,
        body: str = "",
        content_type: str = "application/sdp",
        sequence: int = 0,
        branch: str = "",
        from_header: str = "",
        to_header: str = "",
    ) -> bytes:
        """A request of the dialog, or of a new call; with ``sequence`` 0 the next one."""
        if not self.call_id:
            self.new_call()
        if not sequence:
            self.sequence += 1
        user = uri if ":" in uri else f"sip:{uri}@{self.target[0]}:{self.target[1]}"
        lines = [
            f"{method} {user} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.ip}:{self.port};rport;branch={branch or f'z9hG4bK{random.getrandbits(64):x}'}",
            "Max-Forwards: 70",
            f"{from_header or f'From: <sip:+33612345678@{self.ip}>'};tag={self.from_tag}",
            f"{to_header or f'To: <{user}>'}{f';tag={self.to_tag}' if self.to_tag else ''}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {sequence or self.sequence} {method}",
            f"Contact: <sip:+33612345678@{self.ip}:{self.port}>",
            *headers,
            *([f"Content-Type: {content_type}"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode()

    def send(self, data: bytes) -> None:
        self.socket.sendto(data, self.target)

    def receive(self, timeout_s: float = ANSWER_WITHIN_S) -> Message | None:
        """The next message; None when there is none in time."""
        waiting = select.poll()
        waiting.register(self.socket, select.POLLIN)
        return parse(self.socket.recv(65_535)) if waiting.poll(timeout_s * 1000) else None

    def asked(self, method: str, timeout_s: float = ANSWER_WITHIN_S) -> Message | None:
        """The next request of ``method``; what else comes meanwhile, such as a second answer to what was sent twice, is
        passed over."""
        end = time.monotonic() + timeout_s
        while (left := end - time.monotonic()) > 0:
            message = self.receive(left)
            if message is not None and message.method == method:
                return message
        return None

    def final(self, method: str, timeout_s: float = ANSWER_WITHIN_S) -> Message | None:
        """The final response to the last request of ``method``; what else comes meanwhile is passed over."""
        end = time.monotonic() + timeout_s
        while (left := end - time.monotonic()) > 0:
            message = self.receive(left)
            if message is not None and message.status >= 200 and message.sequence_method == method:
                return message
        return None

    def ask(self, method: str, uri: str, *headers: str, within_s: float = ANSWER_WITHIN_S, **more: str) -> int:
        """The status of the final response to a request, which is sent again while there is none; 0 when there is none
        in time. An INVITE is acknowledged."""
        request = self.request(method, uri, *headers, **more)  # type: ignore[arg-type]
        answer = self._answer(request, method, time.monotonic() + within_s)
        if answer is None:
            return 0
        if method == "INVITE":
            if answer.status == 200:
                self.to_tag = answer.to_tag
                self.remote_uri = answer.first("contact").strip("<>")
            self.acknowledge(uri, request, answer)
        return answer.status

    def _answer(self, request: bytes, method: str, end: float) -> Message | None:
        wait_s, is_heard, sent = SENT_AGAIN_AFTER_S, False, (parse(request).sequence, method)
        while (left := end - time.monotonic()) > 0:
            if not is_heard:
                self.send(request)
            again = time.monotonic() + min(wait_s, left)
            while (left := again - time.monotonic()) > 0:
                message = self.receive(left)
                if message is not None and message.status and (message.sequence, message.sequence_method) == sent:
                    if message.status >= 200:
                        return message
                    is_heard = True
            wait_s *= 2
        return None

    def acknowledge(self, uri: str, request: bytes, answer: Message) -> None:
        kept, self.to_tag = self.to_tag, answer.to_tag
        branch = parse(request).vias[0].branch if answer.status >= 300 else ""
        self.send(self.request("ACK", self.remote_uri or uri, sequence=answer.sequence, branch=branch))
        self.to_tag = kept

    def call(self, uri: str, *headers: str, **more: str) -> int:
        """A new call with an offer; gives its final status."""
        self.new_call()
        body = more.pop("body", offer(self.ip, 40_000))
        return self.ask("INVITE", uri, *headers, body=body, **more)  # type: ignore[arg-type]

    def reply(self, request: Message, status: str = "200 OK") -> None:
        """Answer what the other side asked."""
        lines = [f"SIP/2.0 {status}", *(f"Via: {via.text()}" for via in request.vias)]
        lines += [f"{name}: {request.first(name)}" for name in ("from", "to", "call-id", "cseq")]
        self.send(("\r\n".join(lines) + "\r\nContent-Length: 0\r\n\r\n").encode())
