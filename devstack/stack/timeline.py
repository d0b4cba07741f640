"""The live timeline a person watches: who did what, seconds after the INVITE, a line each, in colour."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.text import Text

from devstack.knative import RuntimeEvent

STYLES = {
    "caller": "bold cyan",
    "assistant": "bold magenta",
    "bridge": "yellow",
    "pods": "blue",
    "tool": "green",
    "order": "bold green",
    "events": "bright_black",
    "admin": "bold yellow",
}
SHOWN_POD_EVENTS = {
    "pod_started": "starts",
    "pod_ready": "is ready",
    "pod_busy": "is busy",
    "pod_idle": "is idle",
    "pod_restarted": "restarts",
    "pod_terminating": "is ending",
    "pod_gone": "is gone",
}


@dataclass
class Timeline:
    """Prints as it is told and keeps what the summary needs. Times are wall-clock seconds (``time.time``)."""

    console: Console
    started_at: float | None = None
    silent: bool = False
    transcript: list[dict[str, str]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    barge_in_ms: list[float] = field(default_factory=list)
    call_states: dict[str, float] = field(default_factory=dict)

    def tell(self, at: float, who: str, text: str) -> None:
        """One line: seconds since the INVITE (blank before it), who, what."""
        if self.silent:
            return
        offset = "" if self.started_at is None else f"{at - self.started_at:8.3f}"
        line = Text.assemble((f"{offset:>8}  ", "dim"), (f"{who:<10}", STYLES.get(who, "white")), text)
        self.console.print(line, soft_wrap=True)

    def live(self, message: dict[str, Any], at: float) -> None:
        """A message of the live feed (``stores.live``)."""
        handler = getattr(self, f"_{message.get('kind')}", None)
        if handler is not None:
            handler(message, at)

    def runtime(self, event: RuntimeEvent) -> None:
        """An event of the local Knative runtime: pods, and deliveries that failed."""
        if event.kind in SHOWN_POD_EVENTS:
            pod = event.pod.rpartition("-")[2]  # its own part of the long name
            self.tell(event.at, "pods", f"{event.service} {pod} {SHOWN_POD_EVENTS[event.kind]} {event.detail}".rstrip())
        elif event.kind == "scale":
            self.tell(event.at, "pods", f"{event.service}: {event.detail}")
        elif event.kind in ("delivery_failed", "dead_letter"):
            self.tell(event.at, "events", f"{event.kind.replace('_', ' ')} at {event.service}: {event.detail}")

    def _call(self, message: dict[str, Any], at: float) -> None:
        state = message["state"]
        self.call_states.setdefault(state, at)
        attempt = message.get("attempt") or 1
        self.tell(at, "bridge", state if attempt == 1 else f"{state} (attempt {attempt})")

    def _said(self, message: dict[str, Any], at: float) -> None:
        self.transcript.append({"who": message["who"], "text": message["text"]})
        self.tell(at, message["who"], f"“{message['text']}”")

    def _tool(self, message: dict[str, Any], at: float) -> None:
        arguments = message["arguments"]
        shown = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        verdict = "" if message["ok"] else "  refused"
        self.tell(at, "tool", f"{message['name']}({shown}){verdict}  {message['ms']:.1f} ms")

    def _order(self, message: dict[str, Any], at: float) -> None:
        self.tell(at, "order", f"ticket {message['number']}")
        for line in message["lines"]:
            size = f" {line['size']}" if line.get("size") else ""
            modifiers = f" + {', '.join(line['modifiers'])}" if line.get("modifiers") else ""
            amount = f"{line['totalCents'] / 100:7.2f}"
            self.tell(at, "order", f"  {line['quantity']} × {line['name']}{size}{modifiers}".ljust(52) + amount)
        self.tell(at, "order", f"  total {message['currency']}".ljust(52) + f"{message['totalCents'] / 100:7.2f}")

    def _barge_in(self, message: dict[str, Any], at: float) -> None:
        self.barge_in_ms.append(float(message["ms"]))
        self.tell(
            at, "bridge", f"caller interrupts: the assistant is silent {message['ms']:.0f} ms after the first sound"
        )

    def _event(self, message: dict[str, Any], at: float) -> None:
        self.events.append({"type": message["type"], "function": message["function"], "ms": message["ms"]})
        self.tell(at, "events", f"{message['type']} → {message['function']}  {message['ms']:.0f} ms")
