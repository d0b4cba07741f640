"""Kamailio's counters, as the node tells them: in Prometheus' text format."""

import contextlib

from edge_bridge.entrances.sip.kamailio.rpc import Rpc

GROUPS = ("script:", "core:", "tcp:", "shmem:")
DROPPED = ("banned", "stranger", "rate", "size", "response", "loopback")


async def ask(rpc: Rpc) -> dict[str, int]:
    """By name, ``group:name``, and ``htable:NAME`` for the entries of each table. Raises RpcError."""
    found: dict[str, int] = {}
    for line in await rpc.ask("stats.get_statistics", *GROUPS):
        name, _, value = str(line).partition(" = ")
        with contextlib.suppress(ValueError):
            found[name] = int(value)
    for table in await rpc.ask("htable.stats"):
        found[f"htable:{table['name']}"] = int(table["all"])
    return found


def render(values: dict[str, int], starts: int) -> str:
    """``starts`` is how often the supervisor has started it. Counters begin anew with each."""

    def value(name: str) -> int:
        return values.get(name, 0)

    received = value("core:rcv_requests") + value("core:rcv_replies")
    lines = [
        *_metric("sip_front_received_total", "counter", "SIP messages that Kamailio read.", received),
        *_metric("sip_front_relayed_total", "counter", "Requests passed to the gate.", value("script:relayed_in")),
        "# HELP sip_front_dropped_total Messages that ended in Kamailio without an answer.",
        "# TYPE sip_front_dropped_total counter",
        *(f'sip_front_dropped_total{{reason="{why}"}} {value(f"script:dropped_{why}")}' for why in DROPPED),
        *_metric(
            "sip_front_refused_total", "counter", "Strangers' requests refused.", value("script:refused_stranger")
        ),
        *_metric("sip_front_banned_sources", "gauge", "Sources that are banned now.", value("htable:banned")),
        *_metric(
            "sip_front_connections", "gauge", "Open TCP and TLS connections.", value("tcp:current_opened_connections")
        ),
        *_metric("sip_front_memory_bytes", "gauge", "Shared memory in use.", value("shmem:real_used_size")),
        *_metric("sip_front_starts_total", "counter", "Times that Kamailio was started.", starts),
    ]
    return "\n".join(lines) + "\n"


def _metric(name: str, kind: str, meaning: str, value: int) -> list[str]:
    return [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}", f"{name} {value}"]
