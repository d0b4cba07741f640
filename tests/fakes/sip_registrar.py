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
    """``passwords`` by username. ``bindings`` holds the Contact URI of each user that is registered now."""

    def __init__(self, passwords: dict[str, str]) -> None:
        self.passwords = passwords
        self.bindings: dict[str, str] = {}
        self.refused = 0
        self.silent = False
        self._nonces: set[str] = set()
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> "SipRegistrar":
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
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
        user = self._authenticated(headers.get("authorization", ""))
        if user is None:
            self._challenge(headers, source)
            return
        expires = int(headers.get("expires", "0"))
        contact = headers.get("contact", "")
        if expires and contact != "*":
            self.bindings[user] = contact.partition("<")[2].partition(">")[0]
        else:
            self.bindings.pop(user, None)
        self._answer("200 OK", headers, source, f"Contact: {contact};expires={expires}\r\nExpires: {expires}\r\n")

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
        challenge = f'WWW-Authenticate: Digest realm="{REALM}", nonce="{nonce}", algorithm=MD5, qop="auth"\r\n'
        self._answer("401 Unauthorized", headers, source, challenge)

    def _answer(self, status: str, headers: dict[str, str], source: tuple[str, int], extra: str) -> None:
        assert self._transport is not None
        answer = (
            f"SIP/2.0 {status}\r\nVia: {headers['via']}\r\nFrom: {headers['from']}\r\n"
            f"To: {headers['to']};tag=registrar\r\nCall-ID: {headers['call-id']}\r\nCSeq: {headers['cseq']}\r\n"
            f"{extra}Content-Length: 0\r\n\r\n"
        )
        self._transport.sendto(answer.encode(), source)
