"""A small SIP registrar with digest authentication, on a real socket: what a trunk does with a REGISTER."""

import asyncio
import hashlib
import re
import secrets
from typing import cast

REALM = "trunk.test"
_PARAMETER = re.compile(r'(\w+)="?([^",]+)"?')


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class SipRegistrar(asyncio.DatagramProtocol):
    """``passwords`` by username. ``bindings`` holds the newest Contact URI of each user that is registered now,
    ``contacts`` all of them.

    ``granted_s``: what it grants at most. ``algorithm`` is that of its challenges. With ``refusing``, such as
    ``503 Service Unavailable``, that is the answer to everything, with ``retry_after_s`` when set. ``taken_at`` are
    the loop's times of each user's accepted REGISTERs, ``asked_at`` of all REGISTERs.
    """

    def __init__(
        self, passwords: dict[str, str], *, granted_s: int = 3600, algorithm: str = "MD5", host: str = "127.0.0.1"
    ) -> None:
        self.passwords = passwords
        self._host = host
        self.granted_s = granted_s
        self.algorithm = algorithm
        self.refusing = ""
        self.retry_after_s = 0
        self.bindings: dict[str, str] = {}
        self.contacts: dict[str, set[str]] = {}
        self.taken_at: dict[str, list[float]] = {}
        self.asked_at: list[float] = []
        self.refused = 0
        self.silent = False
        self._nonces: set[str] = set()
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> "SipRegistrar":
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(self._host, 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._transport is not None:
            self._transport.close()

    @property
    def domain(self) -> str:
        """``host:port``, as a phone line's SIP domain."""
        assert self._transport is not None
        host, port = self._transport.get_extra_info("sockname")[:2]
        return f"{host}:{port}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        head, *lines = data.decode().partition("\r\n\r\n")[0].split("\r\n")
        if self.silent or not head.startswith("REGISTER "):
            return
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        vias = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("via:")]
        headers["via"] = "\r\nVia: ".join(vias)  # of each proxy on the way
        now = asyncio.get_running_loop().time()
        self.asked_at.append(now)
        if self.refusing:
            wait = f"Retry-After: {self.retry_after_s}\r\n" if self.retry_after_s else ""
            self._answer(self.refusing, headers, source, wait)
            return
        user = self._authenticated(headers.get("authorization", ""))
        if user is None:
            self._challenge(headers, source)
            return
        expires = min(int(headers.get("expires", "0")), self.granted_s)
        contact = headers.get("contact", "").partition("<")[2].partition(">")[0]
        self.taken_at.setdefault(user, []).append(now)
        there = self.contacts.setdefault(user, set())
        if expires:
            there.add(contact)
            self.bindings[user] = contact
        else:
            there.discard(contact)
            if self.bindings.get(user) == contact:
                self.bindings.pop(user)
        extra = f"Contact: <{contact}>;expires={expires}\r\nExpires: {expires}\r\n"
        self._answer("200 OK", headers, source, extra)

    def _authenticated(self, authorization: str) -> str | None:
        given: dict[str, str] = dict(_PARAMETER.findall(authorization))
        user = given.get("username", "")
        if given.get("nonce") not in self._nonces or user not in self.passwords:
            self.refused += bool(authorization)
            return None
        secret = _md5(f"{user}:{REALM}:{self.passwords[user]}")
        asked = _md5(f"REGISTER:{given['uri']}")
        middle = f"{given['nc']}:{given['cnonce']}:{given['qop']}:" if "qop" in given else ""
        if given["response"] == _md5(f"{secret}:{given['nonce']}:{middle}{asked}"):
            return user
        self.refused += 1
        return None

    def _challenge(self, headers: dict[str, str], source: tuple[str, int]) -> None:
        nonce = secrets.token_hex(8)
        self._nonces.add(nonce)
        challenge = (
            f'WWW-Authenticate: Digest realm="{REALM}", nonce="{nonce}", algorithm={self.algorithm}, qop="auth"\r\n'
        )
        self._answer("401 Unauthorized", headers, source, challenge)

    def _answer(self, status: str, headers: dict[str, str], source: tuple[str, int], extra: str) -> None:
        assert self._transport is not None
        answer = (
            f"SIP/2.0 {status}\r\nVia: {headers['via']}\r\nFrom: {headers['from']}\r\n"
            f"To: {headers['to']};tag=registrar\r\nCall-ID: {headers['call-id']}\r\nCSeq: {headers['cseq']}\r\n"
            f"{extra}Content-Length: 0\r\n\r\n"
        )
        self._transport.sendto(answer.encode(), source)
