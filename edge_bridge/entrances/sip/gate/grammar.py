"""Which headers pjsip can read (RFC 3261, 25.1). Pure.

pjsip throws a whole message away of which one header that it parses is malformed, and its sender repeats it for 32 s.
So what a message can do without is left out, and of the rest the sender is told.
"""

import re

from edge_bridge.entrances.sip.gate.message import Message, Via

# Possessive (``*+``): a header is anybody's text, and is read once.
_TOKEN = r"[A-Za-z0-9.!*_+`'~%-]++"
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_HOST = r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]{2,45}\])"
# Some trunks write a parameter's "=" without a value, in headers and URIs: pjsip reads that, but no address of IPv6.
_PARAMETERS = rf"(?:\s*+;\s*+{_TOKEN}(?:\s*+=\s*+(?:{_TOKEN}|{_QUOTED})?+)?)*+"
_SIP = "(?i:sips?:)"
_PORT = r"(?:[0-9]{1,4}|[0-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_WORD = r"(?:[A-Za-z0-9._!~*'()\[\]/:&+$-]|%[0-9A-Fa-f]{2})+"  # of a URI's parameter
_USER = r"(?:[A-Za-z0-9._!~*'()&=+$,;?/#-]|%[0-9A-Fa-f]{2})+"
_PASSWORD = r"(?::(?:[A-Za-z0-9._!~*'()&=+$,-]|%[0-9A-Fa-f]{2})+)?"
_AT = rf"(?:{_USER}{_PASSWORD}@)?{_HOST}(?::{_PORT})?"
_HEADER_WORD = r"(?:[A-Za-z0-9._!~*'()\[\]/?:+$-]|%[0-9A-Fa-f]{2})+"  # of a URI's header
_HEADER = rf"{_HEADER_WORD}(?:=(?:{_HEADER_WORD})?)?"
_OPTIONS = rf"(?:;{_WORD}(?:=(?:{_WORD})?)?)*(?:\?{_HEADER}(?:&{_HEADER})*)?"
_SIP_URI = rf"{_SIP}{_AT}{_OPTIONS}"
_TEL = "(?i:tel:)[0-9A-Fa-f+*#().-]+"
_URI = rf"(?:{_SIP_URI}|{_TEL}(?:;{_WORD}(?:={_WORD})?)*)"
# Of another scheme, such as ``urn:service:sos``: names somebody (RFC 3261, 25.1: absoluteURI), and can't be called.
_OTHER = rf"(?!{_SIP}|(?i:tel:))[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._!~*'();/?:@&=+$,-]|%[0-9A-Fa-f]{{2}})+"
_NAME = rf'(?:{_QUOTED}\s*+|[^"<>,;]*)'
_NAME_ADDRESS = rf"(?:{_NAME}<{_URI}>|{_SIP}{_AT}|{_TEL}){_PARAMETERS}"
_PARTY = rf"(?:{_NAME}<(?:{_URI}|{_OTHER})>|{_SIP}{_AT}|{_TEL}){_PARAMETERS}"
_NUMBER = r"[0-9]{1,9}"
_TYPE = rf"{_TOKEN}\s*+/\s*+{_TOKEN}{_PARAMETERS}"
_SET = rf"{_TOKEN}\s*+=\s*+(?:{_TOKEN}|{_QUOTED})"  # of a challenge


def _list(one: str) -> str:
    return rf"{one}(?:\s*+,\s*+{one})*+"


CALLED_BY = frozenset(("sip", "sips", "tel"))
REQUEST_URI = re.compile(_URI)
# An address of IPv6 without brackets, too: Kamailio writes ``received`` so.
_VIA_PARAMETER = re.compile(rf"{_TOKEN}(?:=|={_QUOTED}|=[A-Za-z0-9.!*_+`'~%:\[\]-]++)?")
_READ = {
    name: re.compile(pattern)
    for name, pattern in {
        "from": _PARTY,
        "to": _PARTY,
        "contact": rf"\*|{_list(_NAME_ADDRESS)}",
        "record-route": _list(rf"{_NAME}<{_SIP_URI}>{_PARAMETERS}"),
        "content-type": _TYPE,
        "require": rf"(?:{_list(_TOKEN)})?",
        "session-expires": _NUMBER + _PARAMETERS,
        "min-se": _NUMBER + _PARAMETERS,
        "supported": _list(_TOKEN),
        "unsupported": _list(_TOKEN),
        "allow": _list(_TOKEN),
        "allow-events": _list(_TOKEN),
        "accept": _list(_TYPE),
        "expires": _NUMBER,
        "min-expires": _NUMBER,
        "event": _TOKEN + _PARAMETERS,
        "subscription-state": _TOKEN + _PARAMETERS,
        "retry-after": _NUMBER + _PARAMETERS,
        "www-authenticate": rf"(?i:Digest)\s++{_list(_SET)}",
        "proxy-authenticate": rf"(?i:Digest)\s++{_list(_SET)}",
    }.items()
}
NEEDED = frozenset(("from", "to", "contact", "record-route", "content-type", "require", "session-expires", "min-se"))


def unreadable(message: Message) -> str:
    """What of a message is malformed that it can't do without: a header's name, "" where there is none. Leaves out
    what it can do without."""
    if message.method and not REQUEST_URI.fullmatch(message.uri):
        return "request-uri"
    if not all(map(_is_readable_via, message.vias)):
        return "via"
    malformed = {
        name for name, value in message.headers if (read := _READ.get(name)) is not None and not read.fullmatch(value)
    }
    if not malformed:
        return ""
    message.headers = [(name, value) for name, value in message.headers if name not in malformed or name in NEEDED]
    return next(iter(malformed & NEEDED), "")


def _is_readable_via(via: Via) -> bool:
    return all(
        _VIA_PARAMETER.fullmatch(name if value is None else f"{name}={value}") for name, value in via.parameters.items()
    )
