"""Messages as they are passed on: a stateless proxy (RFC 3261, 16.11) that hides the node behind it.

To the worker, a request gets the gate's Via, whose branch is derived from the one above it, so that a repeated
request, its CANCEL and its ACK have the same; the first INVITE also gets the gate's Record-Route, along which the
worker's own requests of the dialog come. To the outside, the gate's public address stands in the place of the
worker's Via, with the worker's branch and port: whatever gate gets the answer can put the worker's Via back.
"""

import hashlib
import ipaddress
from collections.abc import Container

from edge_bridge.entrances.sip.gate.dialogs import Address, destination_of
from edge_bridge.entrances.sip.gate.message import Message, Via, uri_of
from edge_bridge.entrances.sip.signals import SOURCE_HEADER, TARGET_HEADER, host_of, port_of

MAX_FORWARDS = 70
MOST_BYTES = (
    3600  # pjsip reads 4000 (PJSIP_MAX_PKT_LEN), the rest is what ``to_worker`` adds; beyond it lost SDPs unseen
)
LOOPBACK = "127.0.0.1"
SOURCE = SOURCE_HEADER.lower()
TARGET = TARGET_HEADER.lower()
WORKER_PORT = "wp"  # a Via parameter: which worker asked
HOP = "x-edge-hop"  # of a Route that is for the gate alone: where a dialog of ours begins

IDENTITY = frozenset(("p-asserted-identity", "remote-party-id", "p-attestation-indicator"))
# All that pjsip or the bridge reads. Headers of other names stay outside: each is one more parser that is spared.
_PASSED = """
from to call-id cseq contact max-forwards content-type require supported allow allow-events expires min-expires
session-expires min-se rseq rack event subscription-state refer-to referred-by refer-sub privacy diversion
history-info user-agent server reason retry-after warning unsupported www-authenticate proxy-authenticate
authentication-info accept record-route
"""
PASSED = IDENTITY.union(_PASSED.split())


def to_worker(message: Message, source: Address, inner_port: int, *, trusted: bool, first: bool) -> bytes:
    """A request of ``source`` for the worker. ``trusted``: what it says of the caller counts; ``first``: it begins a
    dialog. Changes ``message``."""
    branch = branch_above(message)
    if message.uri[:5].lower() == "sips:":
        message.uri = f"sip:{message.uri[5:]}"  # pjsip would want TLS for the way to itself
    stamp(message.vias[0], source)
    message.vias.insert(0, Via("UDP", LOOPBACK, inner_port, {"branch": branch}))
    hops = message.first("max-forwards")
    kept = [
        (name, value)
        for name, value in message.headers
        if name in PASSED and name != "max-forwards" and (trusted or name not in IDENTITY)
    ]
    begun = [("record-route", own_route(inner_port))] if first else []
    hops_left = int(hops) - 1 if hops else MAX_FORWARDS - 1
    message.headers = [*begun, ("max-forwards", str(max(hops_left, 0))), *kept, (SOURCE, address_text(source))]
    return message.render()


def is_too_long(message: Message) -> bool:
    """Whether the worker could not read all that would be sent on of a request."""
    kept = [(name, value) for name, value in message.headers if name in PASSED]
    sent_on = Message(kept, message.body, method=message.method, uri=message.uri, vias=message.vias)
    return len(sent_on.render()) > MOST_BYTES


def own_route(inner_port: int) -> str:
    """What a worker sees as the gate's Record-Route."""
    return f"<sip:{LOOPBACK}:{inner_port};lr>"


def branch_above(message: Message) -> str:
    """The branch of the gate's Via: the same for the same transaction, its CANCEL and its ACK."""
    top = message.vias[0]
    parts = [top.host, str(top.port or 5060), top.branch]
    if not top.branch.startswith("z9hG4bK"):  # RFC 2543's: told apart by what RFC 3261 puts into a branch
        parts += [message.call_id, message.from_tag, str(message.sequence), message.uri]
    return "z9hG4bK" + hashlib.blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()


def stamp(via: Via, source: Address) -> None:
    """Where it really came from (RFC 3261, 18.2.1; RFC 3581), in place of what the sender may have put there."""
    via.parameters["received"] = source[0]
    if "rport" in via.parameters:
        via.parameters["rport"] = str(source[1])


def answer_address(via: Via) -> Address:
    """Where the response to a request with this stamped Via goes."""
    rport = via.parameters.get("rport")
    return via.parameters.get("received") or via.host, int(rport) if rport else via.port or 5060


def answer_out(message: Message, inner_port: int) -> Address | None:
    """Make a worker's response one of the gate; gives where it goes. None: it answers nothing of ours."""
    if len(message.vias) < 2 or (message.vias[0].host, message.vias[0].port) != (LOOPBACK, inner_port):
        return None
    del message.vias[0]
    message.headers = _without_own_route(message.headers, "record-route", inner_port)
    return answer_address(message.vias[0])


def request_out(message: Message, public: Address, inner_port: int) -> Address:
    """Make a worker's request one of the gate; gives the name or address, and the port, that it goes to."""
    worker = message.vias[0]
    message.vias = [
        Via("UDP", public[0], public[1], {"rport": None, "branch": worker.branch, WORKER_PORT: str(worker.port)})
    ]
    target = message.first(TARGET)
    headers = [(name, value) for name, value in message.headers if name != TARGET]
    message.headers = _without_own_route(headers, "route", inner_port)
    if target:
        return host_of(target), port_of(target)
    routes = message.values("route")
    if routes and HOP in routes[0]:
        message.headers = [(name, value) for name, value in message.headers if (name, value) != ("route", routes[0])]
    return destination_of(uri_of(routes[0]) if routes else message.uri)


def answer_in(
    message: Message, source: Address, public: Address, worker_ports: Container[int]
) -> tuple[bytes, int] | None:
    """A response to a worker's request, and that worker's port; None when it answers nothing of ours."""
    via = message.vias[0]
    if len(message.vias) > 1 or (via.host, via.port or 5060) != public or not via.branch:
        return None
    text = via.parameters.get(WORKER_PORT) or ""
    port = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if port not in worker_ports:
        return None
    message.vias = [Via("UDP", LOOPBACK, port, {"rport": str(port), "branch": via.branch})]
    message.headers = [(name, value) for name, value in message.headers if name in PASSED]
    message.headers.append((SOURCE, address_text(source)))
    return message.render(), port


def invite_text(message: Message, *, trusted: bool) -> str:
    """An INVITE's head as the worker would read it."""
    kept = [(name, value) for name, value in message.headers if trusted or name not in IDENTITY]
    seen = Message(kept, method=message.method, uri=message.uri, vias=message.vias)
    return seen.render().decode("utf-8", "replace")


def is_loop(message: Message, public: Address) -> bool:
    """Whether the gate has sent this request itself."""
    return any((via.host, via.port or 5060) == public for via in message.vias)


def reply(
    request: Message,
    source: Address,
    status: int,
    reason: str,
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
) -> bytes:
    """The gate's own response. Its To tag is the same for a repeated request, so that it is answered alike."""
    stamp(request.vias[0], source)
    to = request.first("to")
    if not request.to_tag and status > 100:
        to = f"{to};tag={own_tag(request)}"
    kept = [("from", request.first("from")), ("to", to), ("call-id", request.call_id)]
    kept.append(("cseq", f"{request.sequence} {request.sequence_method}"))
    return Message([*kept, *headers], body, status=status, reason=reason, vias=request.vias).render()


def own_tag(request: Message) -> str:
    seed = f"{request.call_id}\0{request.from_tag}".encode()
    return "gate" + hashlib.blake2b(seed, digest_size=6).hexdigest()


def address_text(address: Address) -> str:
    """``host:port``, or ``[v6]:port``."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _without_own_route(headers: list[tuple[str, str]], name: str, inner_port: int) -> list[tuple[str, str]]:
    own = f"<sip:{LOOPBACK}:{inner_port};lr"
    return [(known, value) for known, value in headers if known != name or not value.startswith(own)]
