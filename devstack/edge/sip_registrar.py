"""A small SIP registrar with digest authentication, on a real socket: what a trunk does with a REGISTER."""

import asyncio
import hashlib
import re
import secrets
from collections import Counter
from typing import cast

REALM = "trunk.test"
_PARAMETER = re.compile(r'(\w+)="?([^",]+)"?')
_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


def _hash(algorithm: str, text: str) -> str:
    name = _HASHES[algorithm.upper().removesuffix("-SESS")]
    return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()


class SipRegistrar(asyncio.DatagramProtocol):
    """``passwords`` by username. ``bindings`` holds the newest Contact URI of each user that is registered now,
    ``contacts`` all of them.

    ``granted_s``: what it grants at most; ``least_s`` what it wants to be asked for at least. ``algorithms`` are those
    of its challenges, ``qop`` what they offer. A nonce is good for ``nonce_uses`` requests, and stale after. With
    ``refusing``, such as ``503 Service Unavailable``, that is the answer to everything, with ``retry_after_s`` and
    ``refusal_headers`` when set. ``taken_at`` are the loop's times of each user's accepted REGISTERs, ``asked_at`` of
    all REGISTERs; ``requests`` holds the headers of each, ``statuses`` counts the answers.
    """

    def __init__(
        self,
        passwords: dict[str, str],
        *,
        granted_s: int = 3600,
        algorithm: str = "MD5",
        algorithms: tuple[str, ...] = (),
        qop: str = "auth",
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.passwords = passwords
        self._host, self._port = host, port
        self.granted_s = granted_s
        self.least_s = 0
        self.algorithms = algorithms or (algorithm,)
        self.qop = qop
        self.nonce_uses = 1_000_000
        self.next_nonce = False
        self.proxy_asks = False
        self.others: tuple[str, ...] = ()  # Contacts of the same user, told beside ours
        self.refusing = ""
        self.refusal_headers = ""
        self.retry_after_s = 0
        self.bindings: dict[str, str] = {}
        self.contacts: dict[str, set[str]] = {}
        self.taken_at: dict[str, list[float]] = {}
        self.asked_at: list[float] = []
        self.requests: list[dict[str, str]] = []
        self.uris: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.refused = 0
        self.silent = False
        self.most_under_way = 0
        self._under_way: set[str] = set()
        self._nonces: Counter[str] = Counter()
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> "SipRegistrar":
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(self._host, self._port))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._transport is not None:
            self._transport.close()

    @property
    def port(self) -> int:
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    @property
    def domain(self) -> str:
        """``host:port``, as a phone line's SIP domain."""
        return f"{self._host}:{self.port}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        head, *lines = data.decode().partition("\r\n\r\n")[0].split("\r\n")
        if not head.startswith("REGISTER "):
            return
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        headers["via"] = ", ".join(line.partition(":")[2].strip() for line in lines if line.lower().startswith("via:"))
        now = asyncio.get_running_loop().time()
        self.asked_at.append(now)
        self._under_way.add(headers["via"])
        self.most_under_way = max(self.most_under_way, len(self._under_way))
        if self.silent:
            return
        self.requests.append(headers)
        self.uris.append(head.split(" ")[1])
        if self.refusing:
            wait = f"Retry-After: {self.retry_after_s}\r\n" if self.retry_after_s else ""
            self._answer(self.refusing, headers, source, wait + self.refusal_headers)
            return
        given: dict[str, str] = dict(
            _PARAMETER.findall(headers.get("proxy-authorization" if self.proxy_asks else "authorization", ""))
        )
        user = self._authenticated(given)
        if user is None:
            self._challenge(headers, source, given)
            return
        self._take(user, headers, source, given)

    def _take(self, user: str, headers: dict[str, str], source: tuple[str, int], given: dict[str, str]) -> None:
        asked = int(headers.get("expires", "0"))
        if 0 < asked < self.least_s:
            self._answer("423 Interval Too Brief", headers, source, f"Min-Expires: {self.least_s}\r\n")
            return
        expires = min(asked, self.granted_s)
        contact = headers.get("contact", "").partition("<")[2].partition(">")[0]
        self.taken_at.setdefault(user, []).append(asyncio.get_running_loop().time())
        there = self.contacts.setdefault(user, set())
        if expires:
            there.add(contact)
            self.bindings[user] = contact
        else:
            there.discard(contact)
            if self.bindings.get(user) == contact:
                self.bindings.pop(user)
        told = ", ".join((*self.others, f"<{contact}>;expires={expires}"))
        extra = f"Contact: {told}\r\nExpires: {asked if self.others else expires}\r\n"
        if self.next_nonce:
            nonce = self._nonce()
            del self._nonces[given["nonce"]]
            extra += f'Authentication-Info: nextnonce="{nonce}", qop=auth\r\n'
        self._answer("200 OK", headers, source, extra)

    def _authenticated(self, given: dict[str, str]) -> str | None:
        user, nonce = given.get("username", ""), given.get("nonce", "")
        if user not in self.passwords or nonce not in self._nonces:
            self.refused += bool(given)
            return None
        algorithm = given.get("algorithm", "MD5")
        secret = _hash(algorithm, f"{user}:{REALM}:{self.passwords[user]}")
        if algorithm.lower().endswith("-sess"):
            secret = _hash(algorithm, f"{secret}:{nonce}:{given['cnonce']}")
        asked = _hash(algorithm, f"REGISTER:{given['uri']}")
        middle = f"{given['nc']}:{given['cnonce']}:{given['qop']}:" if "qop" in given else ""
        uses = int(given.get("nc", "1"), 16)
        right = given["response"] == _hash(algorithm, f"{secret}:{nonce}:{middle}{asked}")
        if right and self._nonces[nonce] < self.nonce_uses and (not middle or uses > self._nonces[nonce]):
            self._nonces[nonce] = uses if middle else self._nonces[nonce] + 1
            return user
        self.refused += 1
        return None

    def _nonce(self) -> str:
        nonce = secrets.token_hex(8)
        self._nonces[nonce] = 0
        return nonce

    def _challenge(self, headers: dict[str, str], source: tuple[str, int], given: dict[str, str]) -> None:
        used_up = self._nonces.get(given.get("nonce", ""), 0) >= self.nonce_uses
        name = "Proxy-Authenticate" if self.proxy_asks else "WWW-Authenticate"
        qop = f', qop="{self.qop}"' if self.qop else ""
        stale = ", stale=true" if used_up else ""
        asked = "".join(
            f'{name}: Digest realm="{REALM}", nonce="{self._nonce()}", algorithm={algorithm}{qop}{stale}\r\n'
            for algorithm in self.algorithms
        )
        status = "407 Proxy Authentication Required" if self.proxy_asks else "401 Unauthorized"
        self._answer(status, headers, source, asked)

    def _answer(self, status: str, headers: dict[str, str], source: tuple[str, int], extra: str) -> None:
        self.statuses[int(status[:3])] += 1
        self._under_way.discard(headers["via"])
        answer = (
            f"SIP/2.0 {status}\r\nVia: {headers['via']}\r\nFrom: {headers['from']}\r\n"
            f"To: {headers['to']};tag=registrar\r\nCall-ID: {headers['call-id']}\r\nCSeq: {headers['cseq']}\r\n"
            f"{extra}Content-Length: 0\r\n\r\n"
        )
        self._send(answer.encode(), source)

    def _send(self, answer: bytes, to: tuple[str, int]) -> None:
        assert self._transport is not None
        self._transport.sendto(answer, to)
