"""The gate's counters, written in Prometheus' text format by hand: prometheus-client's own registry would add every
metric of the other processes, at zero."""

from collections import Counter


class Figures:
    """``refused`` by reason; ``dropped`` what got no answer, by reason."""

    def __init__(self) -> None:
        self.received = 0
        self.forwarded = 0
        self.refused: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.hung_up = 0

    def render(self, *, banned: int, dialogs: int) -> str:
        """``banned`` sources and known ``dialogs`` at the moment."""
        lines = [
            *_metric("sip_gate_received_total", "counter", "Datagrams at the public SIP port.", {"": self.received}),
            *_metric("sip_gate_forwarded_total", "counter", "Messages given to the worker.", {"": self.forwarded}),
            *_metric("sip_gate_refused_total", "counter", "Requests that the gate answered itself.", self.refused),
            *_metric("sip_gate_dropped_total", "counter", "Datagrams that got no answer.", self.dropped),
            *_metric(
                "sip_gate_hung_up_total", "counter", "Calls of dead workers that were hung up.", {"": self.hung_up}
            ),
            *_metric("sip_gate_banned_sources", "gauge", "Sources that are banned now.", {"": banned}),
            *_metric("sip_gate_dialogs", "gauge", "Dialogs that the gate knows.", {"": dialogs}),
        ]
        return "\n".join(lines) + "\n"


def _metric(name: str, kind: str, meaning: str, values: dict[str, int] | Counter[str]) -> list[str]:
    labelled = ((f'{{reason="{reason}"}}' if reason else "", count) for reason, count in values.items())
    samples = [f"{name}{label} {count}" for label, count in labelled]
    return [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}", *samples]
