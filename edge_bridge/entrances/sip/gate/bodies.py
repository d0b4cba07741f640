"""The session description in a body, as the worker gets it.

Of a multipart body (RFC 2046, RFC 5621) it gets the SDP alone: what else there is, such as a trunk's ISUP, is no text,
and nobody here reads it. Of a message longer than pjsip can read, the SDP's attributes that nobody reads are left out.
Of an offer of many media lines, those that nobody takes are refused by port 0 already (RFC 3264, 6), and so are
those of DTLS beside one that is taken: pjsip opens no sockets for these, and the answer has as many lines as the offer.
"""

import re
from email.message import Message as Part
from email.parser import BytesParser
from email.policy import compat32

from edge_bridge.entrances.sip.gate.message import Message

SDP = "application/sdp"
MOST_PARTS = 16
MOST_OPEN_LINES = 2

_UNREAD = re.compile(
    rb"^a=(?!sendrecv|sendonly|recvonly|inactive|rtcp|crypto:|ice-|rtpmap:|fmtp:)[^\r\n]*\r?\n", re.MULTILINE
)
_MEDIA = re.compile(rb"m=([a-z]{1,16}) ([0-9]{1,5})((?:/[0-9]{1,3})? ([A-Za-z0-9/]{1,32})(?: [!-~]{1,32}){1,64}\r?\n)")
_G711 = re.compile(rb"m=[^\r\n]* [08](?= |\r|\n)|\na=rtpmap:[0-9]{1,3} PCM[AU]/8000", re.IGNORECASE)
_KEY = re.compile(rb"\na=crypto:")
_SECTIONS = re.compile(rb"^(?=m=)", re.MULTILINE)


def unwrap(message: Message) -> None:
    """Make a multipart body the first SDP in it; one without any stays as it is."""
    kind = message.first("content-type")
    if not kind.lower().startswith("multipart/"):
        return
    whole = BytesParser(policy=compat32).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + message.body)
    parts = [part for part, _ in zip(whole.walk(), range(MOST_PARTS), strict=False)]
    sdp = next((found for part in parts if (found := _description(part))), b"")
    if sdp:
        message.drop_body()
        message.headers.append(("content-type", SDP))
        message.body = sdp


def narrow(message: Message) -> None:
    """Refuse media lines of an offer: those of DTLS, and others until MOST_OPEN_LINES are left, among them the one that
    will be taken: the first of G.711 with a key, or the first in plain. What is malformed stays as it is, for others to
    judge, and so does an offer of DTLS alone."""
    session, *lines = _SECTIONS.split(message.body)
    read = [media for line in lines if (media := _MEDIA.match(line))]
    if len(read) < len(lines):
        return
    taken = _taken(lines, read)
    if len(lines) > MOST_OPEN_LINES:
        refused = set(range(len(lines))) - (taken or {0})
    else:
        refused = {at for at, media in enumerate(read) if taken and b"TLS/" in media[4].upper()}
    for at in refused:
        media = read[at]
        lines[at] = b"m=%b 0%b" % (media[1], media[3]) + lines[at][media.end() :]
    message.body = session + b"".join(lines)


def _taken(lines: list[bytes], read: list[re.Match[bytes]]) -> set[int]:
    """Which lines may be taken: it depends on the phone line which."""
    with_key = plain = -1
    for at, (line, media) in enumerate(zip(lines, read, strict=True)):
        if media[1] != b"audio" or int(media[2]) == 0 or not _G711.search(line):
            continue
        is_plain = media[4] in (b"RTP/AVP", b"RTP/AVPF")
        if with_key < 0 and _KEY.search(line) and (is_plain or media[4] in (b"RTP/SAVP", b"RTP/SAVPF")):
            with_key = at
        if plain < 0 and is_plain:
            plain = at
    return {with_key, plain} - {-1}


def shorten(message: Message) -> None:
    """Leave out the SDP's attributes that neither pjsip nor ``media.rtp.sdp`` reads, such as ICE's candidates."""
    message.body = _UNREAD.sub(b"", message.body)


def _description(part: Part) -> bytes:
    if part.is_multipart() or part.get_content_type() != SDP:
        return b""
    body = part.get_payload(decode=True)
    return body if isinstance(body, bytes) else b""
