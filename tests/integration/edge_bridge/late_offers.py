"""A caller whose INVITE has no SDP: the offer comes with the other side's 200, the answer with our ACK."""

import random
import re
import socket

FINAL_WITHIN_S = 4.0
_TAG = re.compile(r"^To:.*;tag=(\S+)", re.MULTILINE | re.IGNORECASE)
_OF_INVITE = re.compile(r"^CSeq: *\d+ INVITE", re.MULTILINE | re.IGNORECASE)
_RECORDED = re.compile(r"^Record-Route: *(\S+)", re.MULTILINE | re.IGNORECASE)
_CONTACT = re.compile(r"^Contact:.*<([^>]+)>", re.MULTILINE | re.IGNORECASE)


class LateOffer:
    """One blocking call on sockets of its own; leaving the context hangs up."""

    def __init__(
        self, target: tuple[str, int], user: str, local_ip: str = "127.0.0.1", final_within_s: float = FINAL_WITHIN_S
    ) -> None:
        self.answer = ""
        self._target = target
        self._host, family, host = local_ip, socket.AF_INET, target[0]
        if ":" in local_ip:
            self._host, family, host = f"[{local_ip}]", socket.AF_INET6, f"[{target[0]}]"
        self._uri = f"sip:{user}@{host}:{target[1]}"
        self._remote_uri = self._uri
        self._sip = socket.socket(family, socket.SOCK_DGRAM)
        self._sip.bind((local_ip, 0))
        self._sip.settimeout(final_within_s)
        self._rtp = socket.socket(family, socket.SOCK_DGRAM)
        self._rtp.bind((local_ip, 0))
        self._ip = local_ip
        self._call = f"{random.getrandbits(64):x}"
        self._branch = f"z9hG4bK{self._call}"
        self._to_tag = ""
        self._up = False
        self._routes: list[str] = []

    def __enter__(self) -> "LateOffer":
        return self

    def __exit__(self, *_: object) -> None:
        if self._up:
            self._send("BYE", 2, f"{self._branch}b")
        self._sip.close()
        self._rtp.close()

    def invite(self) -> int:
        """The final status, acknowledged, with audio agreed on when it is 200; 0 when there was no answer."""
        self._send("INVITE", 1, self._branch)
        status = 0
        while status < 200:
            try:
                self.answer = self._sip.recv(65_535).decode()
            except TimeoutError:
                return 0
            if _OF_INVITE.search(self.answer):
                status = int(self.answer.split(" ", 2)[1])
        tag = _TAG.search(self.answer)
        self._to_tag = tag.group(1) if tag else ""
        if status != 200:
            self._send("ACK", 1, self._branch)
            return status
        contact = _CONTACT.search(self.answer)
        self._remote_uri = contact.group(1) if contact else self._uri
        self._routes = _RECORDED.findall(self.answer)[::-1]
        self._up = True
        self._send("ACK", 1, f"{self._branch}a", self._agree())
        return status

    def cancel(self) -> None:
        """Give up while ``invite`` waits, which then comes to 487."""
        self._send("CANCEL", 1, self._branch)

    def packets(self, count: int, timeout_s: float = 3.0) -> int:
        """How many RTP packets came, at most ``count``, with no pause over ``timeout_s``."""
        self._rtp.settimeout(timeout_s)
        for got in range(count):
            try:
                self._rtp.recv(2048)
            except TimeoutError:
                return got
        return count

    def _agree(self) -> str:
        port = self._rtp.getsockname()[1]
        at = f"IN {'IP6' if ':' in self._ip else 'IP4'} {self._ip}"
        return (
            f"v=0\r\no=- 1 1 {at}\r\ns=-\r\nc={at}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
        )

    def _send(self, method: str, sequence: int, branch: str, body: str = "") -> None:
        port = self._sip.getsockname()[1]
        lines = [
            f"{method} {self._remote_uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._host}:{port};branch={branch};rport",
            *(f"Route: {route}" for route in self._routes),
            "Max-Forwards: 70",
            f"From: <sip:+33612345678@{self._host}>;tag=late",
            f"To: <{self._uri}>{f';tag={self._to_tag}' if self._to_tag else ''}",
            f"Call-ID: {self._call}@{self._host}",
            f"CSeq: {sequence} {method}",
            f"Contact: <sip:+33612345678@{self._host}:{port}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self._sip.sendto(("\r\n".join(lines) + f"\r\n\r\n{body}").encode(), self._target)


def refused_late_offers(target: tuple[str, int], user: str, count: int, local_ip: str = "127.0.0.1") -> list[int]:
    """The statuses of so many INVITEs without SDP, one after the other; ends at the first that is not answered."""
    statuses: list[int] = []
    while len(statuses) < count and (not statuses or statuses[-1]):
        with LateOffer(target, user, local_ip) as call:
            statuses.append(call.invite())
    return statuses
