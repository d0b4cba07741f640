"""Digest authentication (RFC 3261, 22; RFC 7616; RFC 8760): what a registrar or a proxy wants to see, from a password.

A challenge stays good until the other side says otherwise, so each one counts how often its nonce was used.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from edge_bridge.entrances.sip.gate.message import Message, split_values

# The strongest first. The last is also what a challenge without an algorithm means.
HASHES = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}
SESSION = "-SESS"
LONGEST = 1024

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9-]*)[ \t]+(?=[A-Za-z])")
_PARAMETER = re.compile(r'^([A-Za-z][A-Za-z0-9-]*)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s",]*))$', re.DOTALL)


@dataclass(slots=True)
class Challenge:
    """``qop`` is what we chose of what is offered, "" for none (RFC 2069's way). ``uses`` counts the nonce's."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: str = ""
    opaque: str | None = None
    stale: bool = False
    proxy: bool = False  # it asks for Proxy-Authorization
    names_algorithm: bool = False  # a challenge that says nothing of it is answered so, too
    uses: int = field(default=0, compare=False)
    cnonce: str = field(default_factory=lambda: secrets.token_hex(12), compare=False)

    @property
    def key(self) -> tuple[bool, str]:
        return self.proxy, self.realm

    def renewed(self, nonce: str) -> None:
        """The other side's ``nextnonce``."""
        if nonce != self.nonce:
            self.nonce, self.uses, self.cnonce = nonce, 0, secrets.token_hex(12)

    def answer(self, method: str, uri: str, username: str, password: str) -> tuple[str, str]:
        """The header that goes into the next request."""
        self.uses += 1
        count = f"{self.uses:08x}"
        given = {"username": username, "realm": self.realm, "nonce": self.nonce, "uri": uri}
        given["response"] = self._response(method, uri, username, password, count)
        text = ", ".join(f'{name}="{_quoted(value)}"' for name, value in given.items())
        if self.names_algorithm:
            text += f", algorithm={_written(self.algorithm)}"
        if self.qop:
            text += f', cnonce="{self.cnonce}", qop={self.qop}, nc={count}'
        elif self.algorithm.endswith(SESSION):
            text += f', cnonce="{self.cnonce}"'
        if self.opaque is not None:
            text += f', opaque="{_quoted(self.opaque)}"'
        return ("proxy-authorization" if self.proxy else "authorization"), f"Digest {text}"

    def _response(self, method: str, uri: str, username: str, password: str, count: str) -> str:
        def digest(text: str) -> str:
            name = HASHES[self.algorithm.removesuffix(SESSION)]
            return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()

        secret = digest(f"{username}:{self.realm}:{password}")
        if self.algorithm.endswith(SESSION):
            secret = digest(f"{secret}:{self.nonce}:{self.cnonce}")
        asked = f"{method}:{uri}"
        if self.qop == "auth-int":
            asked += ":" + digest("")  # REGISTER has no body
        middle = f"{count}:{self.cnonce}:{self.qop}:" if self.qop else ""
        return digest(f"{secret}:{self.nonce}:{middle}{digest(asked)}")


@dataclass(frozen=True, slots=True)
class Offered:
    """``best`` is the strongest challenge of each realm that we know how to answer; ``algorithms`` are all that were
    named, in upper case."""

    best: tuple[Challenge, ...]
    algorithms: frozenset[str]


def challenges(message: Message) -> Offered:
    """What a 401 or a 407 asks for."""
    best: dict[tuple[bool, str], Challenge] = {}
    named: set[str] = set()
    for proxy, header in ((False, "www-authenticate"), (True, "proxy-authenticate")):
        for parameters in _digests(value for name, value in message.headers if name == header):
            algorithm = (parameters.get("algorithm") or "MD5").upper()
            named.add(algorithm)
            found = _challenge(parameters, algorithm, proxy)
            if found is not None and (found.key not in best or _strength(found) > _strength(best[found.key])):
                best[found.key] = found
    return Offered(tuple(best.values()), frozenset(named))


def next_nonce(message: Message) -> str:
    """Of Authentication-Info; "" when it says none."""
    return next((value for part in message.values("authentication-info") for value in _next(part)), "")


def _next(part: str) -> Iterable[str]:
    match = _PARAMETER.match(part)
    if match is not None and match[1].lower() == "nextnonce":
        yield _value(match)


def _challenge(parameters: dict[str, str], algorithm: str, proxy: bool) -> Challenge | None:
    if algorithm.removesuffix(SESSION) not in HASHES or not parameters.get("nonce"):
        return None
    offered = {one.strip().lower() for one in parameters.get("qop", "").split(",")} - {""}
    qop = next((one for one in ("auth", "auth-int") if one in offered), "")
    if offered and not qop:
        return None
    return Challenge(
        realm=parameters.get("realm", ""),
        nonce=parameters["nonce"],
        algorithm=algorithm,
        qop=qop,
        opaque=parameters.get("opaque"),
        stale=parameters.get("stale", "").lower() == "true",
        proxy=proxy,
        names_algorithm="algorithm" in parameters,
    )


def _strength(challenge: Challenge) -> tuple[int, bool, bool]:
    plain = challenge.algorithm.removesuffix(SESSION)
    return -list(HASHES).index(plain), challenge.algorithm != plain, bool(challenge.qop)


def _digests(values: Iterable[str]) -> Iterable[dict[str, str]]:
    """The parameters of each Digest challenge. One header may hold several, as commas part them and their parameters
    alike."""
    for value in values:
        if len(value) > 4 * LONGEST:
            continue
        scheme, parameters = "", dict[str, str]()
        for part in split_values(value):
            begins = _SCHEME.match(part)
            if begins is not None:
                if scheme == "digest":
                    yield parameters
                scheme, parameters = begins[1].lower(), {}
                part = part[begins.end() :]
            match = _PARAMETER.match(part)
            if match is not None:
                parameters.setdefault(match[1].lower(), _value(match))
        if scheme == "digest":
            yield parameters


def _value(match: re.Match[str]) -> str:
    quoted = match[2]
    return str(match[3])[:LONGEST] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)[:LONGEST]


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _written(algorithm: str) -> str:
    return algorithm.replace(SESSION, "-sess")
