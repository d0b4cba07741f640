"""The session description in a body, as the worker gets it.

Of a multipart body (RFC 2046, RFC 5621) it gets the SDP alone: what else there is, such as a trunk's ISUP, is no text,
and nobody here reads it. Of a message longer than pjsip can read, the SDP's attributes that nobody reads are left out.
"""

import re
from email.message import Message as Part
from email.parser import BytesParser
from email.policy import compat32

from edge_bridge.entrances.sip.gate.message import Message

SDP = "application/sdp"
MOST_PARTS = 16

_UNREAD = re.compile(
    rb"^a=(?!sendrecv|sendonly|recvonly|inactive|rtcp|crypto:|ice-|rtpmap:|fmtp:)[^\r\n]*\r?\n", re.MULTILINE
)


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


def shorten(message: Message) -> None:
    """Leave out the SDP's attributes that neither pjsip nor ``media.rtp.sdp`` reads, such as ICE's candidates."""
    message.body = _UNREAD.sub(b"", message.body)


def _description(part: Part) -> bytes:
    if part.is_multipart() or part.get_content_type() != SDP:
        return b""
    body = part.get_payload(decode=True)
    return body if isinstance(body, bytes) else b""
