"""A SIP message read within bounds and written anew (RFC 3261, 7 and 25).

What is written consists of unfolded headers with long names and a body as long as its Content-Length says: whatever
shape a sender gave its message, the next reader sees one shape only. ``parse`` raises ``BadMessage`` and nothing else.
"""

import re
from dataclasses import dataclass, field

MAX_HEAD = 16_384
MAX_HEADERS = 128
MAX_VALUE = 4096
MAX_ADDRESS = 1024  # of From, To, Contact and Route
MAX_VIAS = 32
MAX_SEQUENCE = 2**31

LONG_NAMES = {  # RFC 3261, 7.3.3 and the registry of header fields
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
ONLY_ONCE = ("from", "to", "call-id", "cseq")  # in every message
AT_MOST_ONCE = ("max-forwards", "content-length", "content-type")
WRITTEN = {"call-id": "Call-ID", "cseq": "CSeq", "www-authenticate": "WWW-Authenticate", "rseq": "RSeq", "rack": "RAck"}

_FOLD = re.compile(r"\r?\n[ \t]+")
_LINE = re.compile(r"\r?\n")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_NAME = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,64}")
_METHOD = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,48}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,15}:[^\s<>\"]{1,1024}")
_STATUS = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*))?")
_SEQUENCE = re.compile(r"([0-9]{1,10})[ \t]+(\S{1,48})")
_CALL_ID = re.compile(r"[!-~]{1,256}")
_VIA = re.compile(
    r"SIP\s*/\s*2\.0\s*/\s*(?P<transport>[A-Za-z-]{2,16})\s+"
    r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,255})\s*(?::\s*(?P<port>[0-9]{1,5}))?\s*(?P<rest>;.*)?",
    re.IGNORECASE,
)
_VIA_PARAMETERS = re.compile(r';((?:"(?:[^"\\]|\\.)*+"|[^;])*+)')
# A URI of another scheme that stands without brackets: pjsip takes the tag behind it for a part of it.
_OTHER_BARE = re.compile(r"(?!sips?:|tel:)([A-Za-z][A-Za-z0-9+.-]*:[^\s<>\",;?]+)(?=\s*(?:;|$))", re.IGNORECASE)
_TYPE_SLASH = re.compile(r"^([^\s/;]+)\s*/\s*(?=[^\s/;])")
_TAG = re.compile(r";\s*tag\s*=\s*([A-Za-z0-9.!%*_+`'~:@-]{1,256})\s*(?:;|$)", re.IGNORECASE)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAME_ADDRESS = re.compile(r'^(?:(?:"(?:[^"\\]|\\.)*"\s*|[^"<>,;]*)<(?P<bracketed>[^<>\s"]+)>|(?P<bare>[^<>\s",;?]+))')


class BadMessage(Exception):  # noqa: N818 - it says what the message is, as SipMessage would
    """Not a SIP message that may be read on. ``args[0]`` is a short reason without anything of the message in it."""


@dataclass(slots=True)
class Via:
    """One Via value. ``parameters`` keep their order; one without a value has None."""

    transport: str
    host: str
    port: int | None
    parameters: dict[str, str | None]

    @property
    def branch(self) -> str:
        return self.parameters.get("branch") or ""

    def text(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        rest = "".join(f";{name}" if value is None else f";{name}={value}" for name, value in self.parameters.items())
        return f"SIP/2.0/{self.transport} {self.host}{port}{rest}"


@dataclass(slots=True)
class Message:
    """A request has ``method`` and ``uri``, a response ``status``. Header names are long and in lower case."""

    headers: list[tuple[str, str]]
    body: bytes = b""
    method: str = ""
    uri: str = ""
    status: int = 0
    reason: str = ""
    sequence: int = 0
    sequence_method: str = ""
    call_id: str = ""
    from_tag: str = ""
    to_tag: str = ""
    vias: list[Via] = field(default_factory=list)

    def first(self, name: str) -> str:
        """The first value of a header; "" when it is not there."""
        return next((value for known, value in self.headers if known == name), "")

    def values(self, name: str) -> list[str]:
        """All values of a header that may hold several, separated by commas."""
        return [one for known, value in self.headers if known == name for one in split_values(value)]

    def drop_body(self) -> None:
        self.body = b""
        self.headers = [(name, value) for name, value in self.headers if name != "content-type"]

    def render(self) -> bytes:
        """As one sends it: Via from ``vias``, Content-Length of the body."""
        start = f"{self.method} {self.uri} SIP/2.0" if self.method else f"SIP/2.0 {self.status} {self.reason}"
        lines = [start, *(f"Via: {via.text()}" for via in self.vias)]
        lines += [f"{written_name(name)}: {value}" for name, value in self.headers if name not in _REWRITTEN]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode() + self.body


_REWRITTEN = frozenset(("via", "content-length"))


def written_name(name: str) -> str:
    return WRITTEN.get(name) or "-".join(part.capitalize() for part in name.split("-"))


def parse(data: bytes) -> Message:
    """One datagram. Raises BadMessage."""
    head, body = _parts(data)
    lines = _LINE.split(_FOLD.sub(" ", head))
    if len(lines) > MAX_HEADERS + 1:
        raise BadMessage("too many headers")
    if _CONTROL.search(head.replace("\r\n", "\n")):
        raise BadMessage("control characters")
    message = Message([_header(line) for line in lines[1:]])
    _read_start(message, lines[0])
    _read_identity(message)
    message.vias = [via_of(value) for value in message.values("via")[: MAX_VIAS + 1]]
    if not message.vias:
        raise BadMessage("no Via")
    if len(message.vias) > MAX_VIAS:
        raise BadMessage("too many Vias")
    message.body = _body(message, body)
    return message


def outline(data: bytes) -> Message | None:
    """What a refusal needs to know of a request that ``parse`` does not take: the first of each header that it repeats.
    None where even that is not there, and of an ACK, which nothing answers."""
    try:
        head, _ = _parts(data)
        lines = _LINE.split(_FOLD.sub(" ", head))[: MAX_HEADERS + 1]
        found: dict[str, list[str]] = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            found.setdefault(LONG_NAMES.get(name.strip().lower(), name.strip().lower()), []).append(value.strip(" \t"))
        kept = [(name, found[name][0]) for name in ONLY_ONCE if name in found]
        message = Message([*kept, *(("via", one) for one in found.get("via", ())[:MAX_VIAS])])
        if _CONTROL.search("".join(value for _, value in message.headers)):
            return None
        _read_identity(message)
        message.method = lines[0].split(" ", 1)[0]
        message.vias = [via_of(value) for value in message.values("via")[:MAX_VIAS]]
    except BadMessage:
        return None
    answerable = _METHOD.fullmatch(message.method) and message.method != "ACK" and message.vias
    return message if answerable else None


def _parts(data: bytes) -> tuple[str, bytes]:
    """The head, and what comes after it."""
    data = data.lstrip(b"\r\n")
    ends = [(at, len(mark)) for mark in (b"\r\n\r\n", b"\n\n") if (at := data.find(mark, 0, MAX_HEAD)) >= 0]
    if not ends:
        raise BadMessage("no end of the headers")
    at, length = min(ends)
    try:
        head = data[:at].decode("utf-8")
    except UnicodeDecodeError:
        head = data[:at].decode("latin-1")  # a caller's name, from an old exchange; it is sent on as UTF-8
    return head, data[at + length :]


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    name = name.rstrip(" \t")
    if not colon or not _NAME.fullmatch(name):
        raise BadMessage("a line that is no header")
    if len(value) > MAX_VALUE:
        raise BadMessage("a header is too long")
    name = LONG_NAMES.get(name.lower(), name.lower())
    value = value.strip(" \t")
    if name == "content-type":
        return name, _TYPE_SLASH.sub(r"\1/", value)  # RFC 3261's SLASH may have white space on both sides
    if name in ("from", "to") and (bare := _OTHER_BARE.match(value)):
        return name, f"<{bare[1]}>{value[bare.end() :]}"
    return name, value


def _read_start(message: Message, line: str) -> None:
    status = _STATUS.fullmatch(line)
    if status is not None:
        message.status, message.reason = int(status[1]), (status[2] or "")[:128]
        return
    parts = line.split(" ")
    if len(parts) != 3 or parts[2].upper() != "SIP/2.0":
        raise BadMessage("no SIP/2.0 start line")
    if not _METHOD.fullmatch(parts[0]) or not _URI.fullmatch(parts[1]):
        raise BadMessage("a bad request line")
    message.method, message.uri = parts[0], parts[1]


def _read_identity(message: Message) -> None:
    """What every message must have, once."""
    found: dict[str, str] = {}
    for name, value in message.headers:
        if name in found and (name in ONLY_ONCE or name in AT_MOST_ONCE):
            raise BadMessage("a header twice that may be there once")
        found.setdefault(name, value)
    if any(not found.get(name) for name in ONLY_ONCE):
        raise BadMessage("a header is missing")
    sequence = _SEQUENCE.fullmatch(found["cseq"])
    if sequence is None or int(sequence[1]) >= MAX_SEQUENCE:
        raise BadMessage("a bad CSeq")
    message.sequence, message.sequence_method = int(sequence[1]), sequence[2]
    if message.method and message.sequence_method != message.method:
        raise BadMessage("CSeq names another method")
    if not _CALL_ID.fullmatch(found["call-id"]):
        raise BadMessage("a bad Call-ID")
    message.call_id = found["call-id"]
    message.from_tag, message.to_tag = tag_of(found["from"]), tag_of(found["to"])
    if not uri_of(found["from"]) or not uri_of(found["to"]):
        raise BadMessage("a bad From or To")


def _body(message: Message, body: bytes) -> bytes:
    length = message.first("content-length")
    if not length:
        return body
    if not re.fullmatch(r"[0-9]{1,9}", length):
        raise BadMessage("a bad Content-Length")
    if int(length) > len(body):
        raise BadMessage("the body is shorter than its Content-Length")
    return body[: int(length)]


def split_values(value: str) -> list[str]:
    """At the commas that stand neither in quotes nor in angle brackets."""
    if "," not in value:
        return [value] if value else []
    parts, start, quoted, bracketed, escaped = [], 0, False, False, False
    for at, character in enumerate(value):
        if escaped:
            escaped = False
        elif character == "\\" and quoted:
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif not quoted and character in "<>":
            bracketed = character == "<"
        elif character == "," and not quoted and not bracketed:
            parts.append(value[start:at].strip())
            start = at + 1
    parts.append(value[start:].strip())
    return [part for part in parts if part]


def via_of(value: str) -> Via:
    """Raises BadMessage."""
    match = _VIA.fullmatch(value)
    if match is None:
        raise BadMessage("a bad Via")
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 0 < port < 65_536:
        raise BadMessage("a bad Via")
    parameters: dict[str, str | None] = {}
    for part in _VIA_PARAMETERS.finditer(match["rest"] or ""):
        name, equals, given = part[1].partition("=")
        if name.strip():
            parameters[name.strip().lower()] = given.strip() if equals else None
    return Via(match["transport"].upper(), match["host"], port, parameters)


def tag_of(address: str) -> str:
    """The tag of a From or To; "" when it has none."""
    if len(address) > MAX_ADDRESS:
        return ""
    outside = _QUOTED.sub("", address).rpartition(">")[2] if "<" in address else address
    match = _TAG.search(outside)
    return match[1] if match else ""


def uri_of(address: str) -> str:
    """The URI of a From, To, Contact or Route; "" when there is none."""
    match = _NAME_ADDRESS.match(address) if len(address) <= MAX_ADDRESS else None
    if match is None:
        return ""
    uri = match["bracketed"] or match["bare"] or ""
    return uri if _URI.fullmatch(uri) else ""
