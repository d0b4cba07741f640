"""What Kamailio reads beside ``kamailio.cfg``, from the node's settings: pure text, and where to write it.

Values are addresses, numbers and networks that were parsed, names of our own making, and paths inside the node's own
folder: nothing that an operator wrote gets into a file of Kamailio's as it is.
"""

import ipaddress
import math
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from edge_bridge.entrances.sip.kamailio.tls import Certificates
from edge_bridge.settings import EdgeSettings, Network

LOOPBACK = "127.0.0.1"
HEAD_BYTES = 16_384  # of a message, beside its body: what the gate reads at most
BURST_S = 2  # the counters of kamailio.cfg begin anew so often
MAIN, NODE, SOURCES, TLS, RPC_SOCKET = "kamailio.cfg", "node.cfg", "sources.cfg", "tls.cfg", "rpc.sock"


@dataclass(frozen=True, slots=True)
class Loopback:
    """UDP ports of 127.0.0.1. ``inner`` and ``asks`` are Kamailio's: calls pass by the first; requests that begin
    something of ours, and may need a name server, by the second. ``gate`` is the gate's; ``tls`` one of TCP, for the
    TLS socket of a node without a certificate."""

    inner: int
    asks: int
    gate: int
    tls: int = 0


@dataclass(frozen=True, slots=True)
class Secrets:
    """Of one supervisor. ``probe`` is the user that our own OPTIONS ask for, ``dialogs`` what the keys in our
    Record-Routes are made with: they hold when Kamailio starts again."""

    probe: str
    dialogs: str


def write(
    folder: Path,
    config: EdgeSettings,
    ports: Loopback,
    secrets: Secrets,
    certificates: Certificates,
    trunks: Iterable[str] | None,
) -> Path:
    """All files into ``folder``; gives the one to start with. ``trunks`` is None while no line is read."""
    shutil.copyfile(str(files(__package__).joinpath(MAIN)), folder / MAIN)
    (folder / NODE).write_text(node_text(folder, config, ports, secrets, certificates))
    (folder / SOURCES).write_text(sources_text(trunks))
    (folder / TLS).write_text(certificates.profiles())
    return folder / MAIN


def node_text(folder: Path, config: EdgeSettings, ports: Loopback, secrets: Secrets, certificates: Certificates) -> str:
    """``node.cfg``."""
    rates = {
        "ASKED_AT_MOST": math.ceil(config.sip_requests_per_s * BURST_S),
        "IN_DIALOG_AT_MOST": math.ceil(config.sip_in_dialog_per_s * BURST_S),
        "STRANGER_MESSAGES": config.sip_stranger_messages,
        "MAX_MESSAGE": HEAD_BYTES + config.sip_max_body,
    }
    answered_s, banned_s = math.ceil(config.sip_stranger_answer_s), math.ceil(config.sip_ban_s)
    lines = [
        "enable_tls=yes",
        *listen(sockets(config, ports, certificates), ports),
        f"#!define INNER_PORT {ports.inner}",
        f"#!define ASKS_PORT {ports.asks}",
        f"#!define GATE_PORT {ports.gate}",
        f"#!define INNER_SOCKET udp:{LOOPBACK}:{ports.inner}",
        f"#!define WORLD_SOCKET udp:{uri_host(config.sip_bind_address)}:{config.sip_port}",
        f'#!define GATE_URI "sip:{LOOPBACK}:{ports.gate}"',
        f'#!define PROBE "{secrets.probe}"',
        f'#!define SECRET "{secrets.dialogs}"',
        f"#!define IS_PEER ({peers_text(config.peers())})",
        *(f"#!define {name} {value}" for name, value in rates.items()),
        *(["#!define ANSWER_ALWAYS"] if answered_s == 0 else []),
        f'#!define ANSWERED_TABLE "answered=>size=10;autoexpire={answered_s};updateexpire=0;"',
        f'#!define BANNED_TABLE "banned=>size=10;autoexpire={banned_s};updateexpire=0;"',
        f'#!define RPC_SOCKET "{folder / RPC_SOCKET}"',
        f'#!define TLS_CONFIG "{folder / TLS}"',
    ]
    return "\n".join(lines) + "\n"


def listen(found: list[str], ports: Loopback) -> list[str]:
    """One process for a UDP socket of the world's, which keeps the order: a phone's re-INVITE right after its ACK would
    overtake it now and then. Nothing waits there. On loopback some may, for a name that is in a Contact."""
    lines = []
    for one in found:
        if one.startswith("udp:") and one not in (f"udp:{LOOPBACK}:{ports.inner}", f"udp:{LOOPBACK}:{ports.asks}"):
            lines.append("socket_workers=1")
        lines.append(f"listen={one}")
    return lines


def sockets(config: EdgeSettings, ports: Loopback, certificates: Certificates) -> list[str]:
    """What to listen on. The first of a transport and family is what requests of ours leave from."""
    at = [(config.sip_bind_address, config.own_address)]
    if config.sip_ipv6_address:
        # Not "::": Kamailio's TCP would take IPv4's ports with it.
        at.append((config.own_ipv6_address, config.own_ipv6_address))
    found = []
    for bound, told in at:
        transports = [("udp", config.sip_port)]
        transports += [("tcp", config.sip_port)] if config.sip_tcp == "on" else []
        transports += [("tls", config.sip_tls_port)] if not certificates.only_ours else []
        found += [f"{how}:{uri_host(bound)}:{port} advertise {uri_host(told)}:{port}" for how, port in transports]
    if certificates.only_ours:
        # Requests of ours can't leave by TLS without a socket of TLS. Nobody from outside reaches this one.
        found.append(f"tls:{LOOPBACK}:{ports.tls} advertise {uri_host(config.own_address)}:{config.sip_tls_port}")
    return [*found, f"udp:{LOOPBACK}:{ports.inner}", f"udp:{LOOPBACK}:{ports.asks}"]


def peers_text(peers: Iterable[Network]) -> str:
    """The condition that a message's source is in one of these networks."""
    tests = [
        f"src_ip == [{one.network_address}]/{one.prefixlen}" if one.version == 6 else f"src_ip == {one}"
        for one in peers
    ]
    return " || ".join(tests) or "src_port == 0"  # which none is


def sources_text(trunks: Iterable[str] | None) -> str:
    """``sources.cfg``."""
    known = [] if trunks is None else ["trunks", *sorted(filter(is_address, trunks))]
    lines = [f"    $sht(known=>{one}) = 1;" for one in known]
    return "\n".join(["event_route[htable:mod-init] {", *lines, "    return;", "}"]) + "\n"


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def uri_host(host: str) -> str:
    """As it stands in a URI."""
    return f"[{host}]" if ":" in host else host
