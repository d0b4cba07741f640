"""SDP (RFC 8866) in the offer/answer model (RFC 3264), as far as one G.711 audio stream needs it.

What comes is anybody's text: its size, its lines and its media are bounded, and nothing of it is repeated but payload
numbers and protocol names of a known form. Every media line but one is declined.

A line is secure where it carries a key that we can answer, be it offered as RTP/SAVP or, by those who would do without
(RFC 8643), as RTP/AVP.
"""

import ipaddress
import re
import time
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from domain.trunks import Srtp
from edge_bridge.media.rtp import srtp
from edge_bridge.media.rtp.families import HOME_ATTRIBUTE, PLACEHOLDER
from edge_bridge.media.rtp.ice import IceLite
from edge_bridge.media.rtp.packets import COMFORT_NOISE, PCMA, PCMU

Codec = Literal["PCMU", "PCMA"]
Address = tuple[str, int]

MAX_BYTES = 16_384
MAX_LINES = 400
MAX_MEDIA = 16  # pjsua looks at no more
OUR_EVENT_TYPE = 101
PTIME_MS = 20

_MEDIA = re.compile(r"^([a-z]{1,16}) (\d{1,5})(?:/\d{1,3})? ([A-Za-z0-9/]{1,32})((?: [!-~]{1,32}){1,64})$")
_PLAIN = ("RTP/AVP", "RTP/AVPF")
_SECURE = ("RTP/SAVP", "RTP/SAVPF")
MAX_KEYS = 16  # of one media line
_NAMES: dict[int, Codec] = {PCMU: "PCMU", PCMA: "PCMA"}
_BY_NAME: dict[str, Codec] = {"PCMU/8000": "PCMU", "PCMA/8000": "PCMA"}
_NOWHERE = ("0.0.0.0", "::")
_ANSWERED = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


class SdpError(ValueError):
    """The text can't be used: too large, malformed, or nothing in it that we speak."""


class Agreement(msgspec.Struct, frozen=True):
    """What both sides settled on. ``held``: the far end wants to hear nothing for now; ``remote`` is None where it
    says so by naming no address (RFC 2543's hold).
    """

    codec: Codec
    payload_type: int
    event_type: int | None
    remote: Address | None
    rtcp: Address | None
    rtcp_mux: bool
    held: bool
    ice: IceLite | None = None  # where the far end speaks it
    keys: srtp.Keys | None = None  # None: plain RTP


@dataclass(slots=True)
class MediaLine:
    """One ``m=`` line of the far end's with what belongs to it. ``codecs`` are (payload type, name), in its order."""

    kind: str
    port: int
    transport: str
    formats: tuple[str, ...]
    host: str
    direction: str
    names: dict[int, str] = field(default_factory=dict)
    rtcp: str = ""
    rtcp_mux: bool = False
    ice: bool = False
    offered_keys: list[srtp.Offered] = field(default_factory=list)

    @property
    def codecs(self) -> list[tuple[int, Codec]]:
        by_name = ((number, _BY_NAME.get(self._name(number))) for number in self._numbers())
        return [(number, codec) for number, codec in by_name if codec is not None]

    @property
    def event_type(self) -> int | None:
        return next((number for number in self._numbers() if self._name(number) == "TELEPHONE-EVENT/8000"), None)

    @property
    def has_comfort_noise(self) -> bool:
        return str(COMFORT_NOISE) in self.formats

    @property
    def is_usable(self) -> bool:
        known = self.transport in _PLAIN or self.transport in _SECURE
        return self.kind == "audio" and self.port != 0 and known and bool(self.host) and bool(self.codecs)

    @property
    def is_plain(self) -> bool:
        return self.transport in _PLAIN

    def _name(self, number: int) -> str:
        """Of an rtpmap, or of the static payload type; in capitals, without the number of channels."""
        return self.names.get(number, f"{_NAMES.get(number, '')}/8000").removesuffix("/1")

    def _numbers(self) -> list[int]:
        return [int(number) for number in self.formats if number.isascii() and number.isdigit() and int(number) < 128]


def parse(text: str) -> list[MediaLine]:
    """The media lines of an offer or an answer. Raises SdpError."""
    if len(text) > MAX_BYTES:
        raise SdpError("too long")
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > MAX_LINES:
        raise SdpError("too many lines")
    host, direction, ice = "", "sendrecv", False
    media: list[MediaLine] = []
    for line in lines:
        kind, equals, value = line.partition("=")
        if not equals:
            continue
        if kind == "m":
            if len(media) == MAX_MEDIA:
                raise SdpError("too many media lines")
            media.append(_media_line(value, host, direction))
        elif kind == "c":
            address = _host(value)
            if media:
                media[-1].host = address
            else:
                host = address
        elif kind == "a":
            if media:
                _attribute(media[-1], value)
            elif value in _ANSWERED:
                direction = value
            elif value.startswith(f"{HOME_ATTRIBUTE}:"):
                host = _address(value.partition(":")[2])
            else:
                ice = ice or value.startswith("ice-ufrag:")
    if not media:
        raise SdpError("no media line")
    for one in media:
        one.ice = one.ice or ice
    return media


def _media_line(value: str, host: str, direction: str) -> MediaLine:
    match = _MEDIA.match(value.strip())
    if match is None or int(match[2]) > 65_535:
        raise SdpError("a media line is malformed")
    return MediaLine(match[1], int(match[2]), match[3], tuple(match[4].split()), host, direction)


def _host(value: str) -> str:
    """The address of a connection line; "" for a name: whom a caller has us look up is not the caller's to say."""
    parts = value.split()
    if len(parts) != 3:
        raise SdpError("a connection line is malformed")
    return _address(parts[2].partition("/")[0])


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _attribute(line: MediaLine, value: str) -> None:
    name, _, rest = value.partition(":")
    if value in _ANSWERED:
        line.direction = value
    elif value == "rtcp-mux":
        line.rtcp_mux = True
    elif name == "crypto":
        offered = srtp.parse(rest)
        if offered is not None and len(line.offered_keys) < MAX_KEYS:
            line.offered_keys.append(offered)
    elif name == HOME_ATTRIBUTE:
        line.host = _address(rest)
    elif name == "ice-ufrag":
        line.ice = True
    elif name == "rtcp":
        line.rtcp = rest
    elif name == "rtpmap":
        number, _, codec = rest.partition(" ")
        if number.isascii() and number.isdigit() and len(number) < 4:
            line.names[int(number)] = codec.strip().upper()


def choose(
    media: list[MediaLine],
    ice: IceLite | None = None,
    use: Srtp = "off",
    before: srtp.Keys | None = None,
) -> tuple[int, Agreement]:
    """The audio line to answer, its index, and what is agreed when it is answered: the first secure one, or where
    ``use`` lets it be the first plain one. ``ice``: our credentials; ``before``: the keys in force.

    Raises SdpError.
    """
    usable = [(index, line) for index, line in enumerate(media) if line.is_usable]
    if use != "off":
        for index, line in usable:
            if line.offered_keys:  # in the order that the far end prefers
                return index, _agreement(line, ice, line.offered_keys[0].accept(before))
    if use != "required":
        for index, line in usable:
            if line.is_plain:
                return index, _agreement(line, ice, None)
    raise SdpError("no audio that we speak")


def answered(media: list[MediaLine], key: srtp.Ours | None) -> Agreement:
    """What the far end's answer to our offer agrees to. Raises SdpError."""
    line = media[0]
    if not line.is_usable or line.is_plain != (key is None):
        raise SdpError("no audio as we have offered it")
    if key is None:
        return _agreement(line, None, None)
    taken = [one for one in line.offered_keys if (one.tag, one.suite) == (key.tag, key.suite)]
    if not taken:
        raise SdpError("no key for ours")
    return _agreement(line, None, key.taken_by(taken[0]))


def of_family(media: list[MediaLine], host: str) -> None:
    """Leave no address to lines of another family than ours: they can't be spoken to from here."""
    for line in media:
        if line.host not in _NOWHERE and (":" in line.host) != (":" in host):
            line.host = ""


def _agreement(line: MediaLine, ice: IceLite | None, keys: srtp.Keys | None) -> Agreement:
    payload_type, codec = line.codecs[0]
    somewhere = line.host not in _NOWHERE
    return Agreement(
        codec=codec,
        payload_type=payload_type,
        event_type=line.event_type,
        remote=(line.host, line.port) if somewhere else None,
        rtcp=_rtcp_address(line) if somewhere else None,
        rtcp_mux=line.rtcp_mux,
        held=not somewhere or line.direction in ("sendonly", "inactive"),
        ice=ice if line.ice else None,
        keys=keys,
    )


def _rtcp_address(line: MediaLine) -> Address:
    """RFC 3605's attribute, or the next port."""
    if line.rtcp_mux:
        return line.host, line.port
    port, _, where = line.rtcp.partition(" ")
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= 65_535):
        return line.host, min(line.port + 1, 65_535)
    try:
        return (_host(where) or line.host) if where else line.host, int(port)
    except SdpError:
        return line.host, int(port)


class Speaker:
    """Writes our side: one address and port, one session id, a version more with each text."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._session = int(time.time())
        self._version = self._session

    def offer(self, key: srtp.Ours | None = None) -> str:
        """Of SRTP alone where there is a ``key``."""
        transport = "RTP/AVP" if key is None else "RTP/SAVP"
        lines = [f"m=audio {self._port} {transport} {PCMU} {PCMA} {OUR_EVENT_TYPE}"]
        lines += ["a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", *([] if key is None else [key.sdp()])]
        return self._text([*lines, *self._common(OUR_EVENT_TYPE), "a=sendrecv"])

    def answer(self, media: list[MediaLine], index: int, agreed: Agreement) -> str:
        """``media`` is the offer's; all lines but the one at ``index`` are declined."""
        lines: list[str] = []
        for number, line in enumerate(media):
            if number != index:
                lines.append(f"m={line.kind} 0 {line.transport} {' '.join(line.formats)}")
                continue
            types = [agreed.payload_type, agreed.event_type, COMFORT_NOISE if line.has_comfort_noise else None]
            listed = " ".join(str(one) for one in types if one is not None)
            lines.append(f"m=audio {self._port} {line.transport} {listed}")
            lines.append(f"a=rtpmap:{agreed.payload_type} {agreed.codec}/8000")
            if line.has_comfort_noise:
                lines.append(f"a=rtpmap:{COMFORT_NOISE} CN/8000")
            lines += self._common(agreed.event_type)
            if agreed.keys is not None:
                lines.append(agreed.keys.sdp())
            if agreed.rtcp_mux:
                lines.append("a=rtcp-mux")
            if agreed.ice is not None:
                ports = (self._port,) if agreed.rtcp_mux else (self._port, self._port + 1)
                lines += agreed.ice.sdp(self._host, ports)
            silent = line.host in _NOWHERE
            lines.append(f"a={'inactive' if silent else _ANSWERED[line.direction]}")
        return self._text(lines, lite=agreed.ice is not None)

    def refusal(self, media: list[MediaLine]) -> str:
        """Declines every line; SIP answers with 488 then."""
        return self._text([f"m={line.kind} 0 {line.transport} {' '.join(line.formats)}" for line in media])

    def _common(self, event_type: int | None) -> list[str]:
        lines = [f"a=ptime:{PTIME_MS}", f"a=rtcp:{self._port + 1}"]
        if event_type is not None:
            lines += [f"a=rtpmap:{event_type} telephone-event/8000", f"a=fmtp:{event_type} 0-15"]
        return lines

    def _text(self, media: list[str], *, lite: bool = False) -> str:
        self._version += 1
        is_ip6 = ":" in self._host
        host = PLACEHOLDER if is_ip6 else self._host
        session = [
            "v=0",
            f"o=- {self._session} {self._version} IN IP4 {host}",
            "s=-",
            f"c=IN IP4 {host}",
            "t=0 0",
            *([f"a={HOME_ATTRIBUTE}:{self._host}"] if is_ip6 else []),
            *(["a=ice-lite"] if lite else []),
        ]
        return "\r\n".join([*session, *media]) + "\r\n"
