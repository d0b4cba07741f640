"""What a registrar's answer to REGISTER says (RFC 3261, 10.2 and 10.3). Pure."""

import re

from domain.trunks import Transport
from edge_bridge.entrances.sip.gate.dialogs import destination_of
from edge_bridge.entrances.sip.gate.message import Message, uri_of
from edge_bridge.entrances.sip.gate.proxying import SOURCE
from edge_bridge.entrances.sip.signals import host_of, user_of

LONGEST_GRANT_S = 1 << 31
_EXPIRES = re.compile(r";\s*expires\s*=\s*\"?([0-9]{1,10})\"?\s*(?:;|$)", re.IGNORECASE)
_SECONDS = re.compile(r"\s*([0-9]{1,9})")
_TRANSPORT = re.compile(r";\s*transport\s*=\s*([a-z]+)", re.IGNORECASE)


def granted_s(answer: Message, line_id: str, address: str, asked_s: int) -> int:
    """How long a 2xx says that our own Contact holds, the line's at ``address``: others of the same user may be there,
    with times of their own, such as the line's at a node that had it before.

    The Expires header counts for a Contact that says nothing of it, and for one that something on the way has rewritten
    beyond recognition; what was asked where there is neither.
    """
    lines = [one for one in answer.values("contact") if user_of(one).lower() == line_id.lower()]
    for contact in sorted(lines, key=lambda one: f"@{address}" not in one):
        said = _EXPIRES.search(contact.rpartition(">")[2] if ">" in contact else contact)
        if said is not None:
            return min(int(said[1]), LONGEST_GRANT_S)
    return seconds_of(answer, "expires", asked_s)


def seconds_of(answer: Message, header: str, otherwise: int = 0) -> int:
    """A header that begins with a number of seconds: Expires, Min-Expires, Retry-After with its comment."""
    match = _SECONDS.match(answer.first(header))
    return int(match[1]) if match is not None else otherwise


def sender_of(answer: Message) -> str:
    """The address that the answer came to the gate from; "" when the gate does not say."""
    return host_of(answer.first(SOURCE))


def sent_on_to(answer: Message, by: Transport) -> str:
    """``host`` or ``host:port`` of the first Contact of a 3xx; "" when the line's own transport does not lead there."""
    contacts = answer.values("contact")
    uri = uri_of(contacts[0]) if contacts else ""
    named = _TRANSPORT.search(uri)
    if not uri.lower().startswith("sip:") or not destination_of(uri)[0]:
        return ""
    if named is not None and named[1].lower() != by:
        return ""
    return uri.partition(":")[2].partition("?")[0].rpartition("@")[2].partition(";")[0]
