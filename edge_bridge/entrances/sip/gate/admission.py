"""What of a known source's requests may reach the worker, and what the gate answers in its place. Pure.

pjsip aborts on an INVITE without SDP that it has to refuse, and on an offer with many media lines that have a port
(its asserts are on in the public wheel); an audio line of DTLS that has a port crashes it. So what would be refused is
refused here, and an offer has at most MOST_OPEN_LINES.
"""

import re
from dataclasses import dataclass

from edge_bridge.entrances.sip.gate import grammar
from edge_bridge.entrances.sip.gate.bodies import MOST_OPEN_LINES
from edge_bridge.entrances.sip.gate.message import Message, split_values
from edge_bridge.entrances.sip.numbers import AddressBook
from edge_bridge.entrances.sip.signals import ALLOW, Refusal, user_of

MOST_MEDIA_LINES = 16  # pjsip reads no more
MOST_SDP_LINES = 200
LONGEST_SDP_LINE = 512
LONGEST_SDP_ADDRESS = 253  # pjsip aborts on a longer host: of a connection line, or any word of another line
SDP = "application/sdp"
DTMF_RELAY, DTMF = "application/dtmf-relay", "application/dtmf"

IN_DIALOG = frozenset(("INVITE", "ACK", "BYE", "UPDATE", "PRACK", "INFO", "OPTIONS", "REFER", "NOTIFY"))
OFFERING = frozenset(("INVITE", "UPDATE", "PRACK"))
WITH_SDP = OFFERING | {"ACK"}

REASONS = {
    100: "Trying",
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    513: "Message Too Large",
}

_MEDIA_LINE = re.compile(r"^m=", re.MULTILINE)
_OPEN_LINE = re.compile(r"^m=(?![a-z]+ 0[ /])", re.MULTILINE)
_DTLS = re.compile(r"^m=(?![a-z]+ 0[ /]).*TLS/", re.MULTILINE | re.IGNORECASE)
_SIGNAL = re.compile(r"^\s*Signal\s*=\s*([0-9A-D*#]|1[01])\s*$", re.IGNORECASE | re.MULTILINE)
_FRAGMENT = re.compile(r"\s*SIP/2\.0 ([1-6])[0-9]{2}\b")
_DIGIT = re.compile(r"\s*([0-9A-D*#]|1[01])\s*", re.IGNORECASE)
_EVENTS = {"10": "*", "11": "#"}  # RFC 4733's codes, which some send in place of the sign


@dataclass(frozen=True, slots=True)
class Answer:
    """The gate's own answer; ``why`` is its label among the metrics."""

    status: int
    why: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """What new calls are judged by. ``book`` knows no line until ``lines_read``."""

    book: AddressBook
    lines_read: bool
    draining: bool
    free_places: int
    retry_after_s: int

    def later(self, status: int, why: str) -> Answer:
        return Answer(status, why, (("retry-after", str(self.retry_after_s)),))


def media_type(message: Message) -> str:
    return message.first("content-type").partition(";")[0].strip().lower()


def unfit_body(message: Message, max_body: int) -> Answer | None:
    """What is wrong with a body that would reach the worker."""
    if len(message.body) > max_body:
        return Answer(413, "body")
    if not message.body or message.method not in WITH_SDP:
        return None
    kind = media_type(message)
    if message.first("content-encoding").lower() not in ("", "identity") or not (
        kind == SDP or kind.startswith("multipart/")
    ):
        return Answer(415, "body_type", (("accept", SDP),))
    text = message.body.decode("utf-8", "replace").replace("\r\n", "\n")
    if kind != SDP and SDP not in text.lower():
        return Answer(415, "body_type", (("accept", SDP),))
    media, opened = len(_MEDIA_LINE.findall(text)), len(_OPEN_LINE.findall(text))
    lines = text.split("\n")
    # A lone CR ends a line for some readers and not for others: no two may see different media lines.
    if not 0 < media <= MOST_MEDIA_LINES or opened > MOST_OPEN_LINES or "\x00" in text or "\r" in text:
        return Answer(488, "media_lines")
    if _DTLS.search(text):
        return Answer(488, "dtls")
    if len(lines) > MOST_SDP_LINES or max(map(len, lines)) > LONGEST_SDP_LINE or any(map(_has_long_address, lines)):
        return Answer(488, "sdp_size")
    return None


def _has_long_address(line: str) -> bool:
    words = [line] if line.lstrip().startswith("c=") else line.split()
    return max(map(len, words), default=0) > LONGEST_SDP_ADDRESS


def unfit_request(message: Message) -> Answer | None:
    """What no proxy passes on, in whichever dialog. Leaves out headers that pjsip can't read where that may be."""
    hops = message.first("max-forwards")
    if hops and not re.fullmatch(r"0{0,9}[0-9]{1,3}", hops):
        return Answer(400, "malformed")
    if hops and int(hops) == 0 and message.method != "OPTIONS":
        return Answer(483, "hops")
    if not message.from_tag or (message.method == "INVITE" and not message.values("contact")):
        return Answer(400, "malformed")
    if message.uri.partition(":")[0].lower() not in grammar.CALLED_BY:
        return Answer(416, "scheme")  # RFC 3261, 8.2.2.1
    return Answer(400, "malformed") if grammar.unreadable(message) else None


def outside_dialog(message: Message) -> Answer | None:
    """A request without To tag that begins nothing here; None for an INVITE."""
    if message.method == "INVITE":
        return None
    if message.method == "OPTIONS":
        return Answer(200, "options", (ALLOW, ("accept", SDP), ("supported", "100rel, timer")))
    if message.method in ("BYE", "UPDATE", "PRACK", "INFO", "NOTIFY"):
        return Answer(481, "no_dialog")
    return Answer(405, "method", (ALLOW,))


def in_dialog(message: Message) -> Answer | None:
    """What a dialog's request is answered without the worker; None when the worker has to know."""
    if message.method not in IN_DIALOG:
        return Answer(405, "method", (ALLOW,))
    if message.method == "OPTIONS":
        return Answer(200, "options", (ALLOW, ("accept", SDP)))
    if message.method != "INFO":
        return None
    if not message.body:
        return Answer(200, "info")
    if media_type(message) not in (DTMF, DTMF_RELAY):
        return Answer(415, "info", (("accept", f"{DTMF_RELAY}, {DTMF}"),))
    return None if digit_of(message) else Answer(400, "malformed")


def digit_of(message: Message) -> str:
    """The key that an INFO tells; "" when there is none in it."""
    text = message.body.decode("ascii", "replace")
    match = _SIGNAL.search(text) or _DIGIT.fullmatch(text)
    return "" if match is None else _EVENTS.get(match[1], match[1].upper())


def subscription_state(message: Message) -> str:
    """What a NOTIFY means that does not say it, as before RFC 3265: its sipfrag has a final status, or none."""
    status = _FRAGMENT.match(message.body.decode("ascii", "replace"))
    return "terminated;reason=noresource" if status is not None and status[1] >= "2" else "active"


def called_users(message: Message) -> tuple[str, ...]:
    """Whom an INVITE is for, as ``signals.read_invite`` gives it to the worker."""
    diverted = any(name in ("diversion", "history-info") for name, _ in message.headers)
    return user_of(message.uri), "" if diverted else user_of(message.first("to"))


def new_call(message: Message, source_host: str, node: Node) -> str | Answer:
    """The id of the line that a well-formed INVITE is for ("" while no line is known), or why it is not taken."""
    if node.draining:
        return node.later(503, "draining")
    line = ""
    if node.lines_read:
        found = node.book.find(called_users(message), source_host)
        if isinstance(found, Refusal):
            return Answer(found.status, "unknown" if found.status == 404 else "not_its_line")
        line = found
    if "replaces" in {one.lower() for value in message.values("require") for one in split_values(value)}:
        return Answer(488, "replaces")
    if node.free_places <= 0:
        return node.later(486, "full")
    return line
