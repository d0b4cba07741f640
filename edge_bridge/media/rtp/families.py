"""IPv6 in session descriptions. Pure.

The public wheel of pjsip has no IPv6: it refuses such an offer, and aborts on such an answer of ours. So between gate
and signaller a placeholder of IPv4 stands in its place, and beside it the address in an attribute that pjsip passes on
unread.
"""

import re

HOME_ATTRIBUTE = "x-edge-c"
PLACEHOLDER = "127.0.0.1"

_HOME = HOME_ATTRIBUTE.encode()
_HOMES = re.compile(rb"^a=%b:[^\r\n]*\r?\n" % _HOME, re.MULTILINE)
_CONNECTION = re.compile(rb"^c=IN IP6 ([0-9A-Fa-f:.]{2,45})(\r?\n)", re.MULTILINE)
_RTCP = re.compile(rb"^(a=rtcp:[0-9]{1,5}) IN IP6 [^\r\n]*", re.MULTILINE)
_OURS = re.compile(rb"^a=%b:([0-9A-Fa-f:.]{2,45})\r?\n" % _HOME, re.MULTILINE)
_PLACE = re.compile(rb"^(c=|o=[^\r\n]* )IN IP4 [^\r\n]*", re.MULTILINE)


def hidden(sdp: bytes) -> bytes:
    """What came from outside, as pjsip may see it."""
    if b"a=%b" % _HOME in sdp:
        sdp = _HOMES.sub(b"", sdp)
    if b"IN IP6 " not in sdp:
        return sdp
    return _CONNECTION.sub(rb"c=IN IP4 %b\2a=%b:\1\2" % (PLACEHOLDER.encode(), _HOME), _RTCP.sub(rb"\1", sdp))


def shown(sdp: bytes) -> bytes:
    """Ours, as it is meant."""
    found = _OURS.search(sdp)
    return sdp if found is None else _PLACE.sub(rb"\1IN IP6 %b" % found[1], _OURS.sub(b"", sdp))


def is_ip6_alone(sdp: str) -> bool:
    """Whether all connections of a hidden description are of IPv6."""
    return 0 < sdp.count(f"\na={HOME_ATTRIBUTE}:") == sdp.count("\nc=")
