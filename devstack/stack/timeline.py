"""The live timeline of a running stack: who did what, seconds after the INVITE, and the two feeds it comes from."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
from redis.asyncio import Redis
from rich.console import Console
from rich.text import Text

from devstack.knative import RuntimeEvent

LIVE_CHANNELS = "resto:*:live"
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
        """A message of the live feed (``stores.live``); kinds that are not shown are left out."""
        match message.get("kind"):
            case "call":
                self.call_states.setdefault(message["state"], at)
                attempt = message.get("attempt") or 1
                self.tell(at, "bridge", message["state"] + (f" (attempt {attempt})" if attempt > 1 else ""))
            case "said":
                self.transcript.append({"who": message["who"], "text": message["text"]})
                self.tell(at, message["who"], f"“{message['text']}”")
            case "tool":
                arguments = message["arguments"]
                shown = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
                verdict = "" if message["ok"] else "  refused"
                self.tell(at, "tool", f"{message['name']}({shown}){verdict}  {message['ms']:.1f} ms")
            case "order":
                self._order(message, at)
            case "barge_in":
                self.barge_in_ms.append(float(message["ms"]))
                silent = f"the assistant is silent {message['ms']:.0f} ms after the first sound"
                self.tell(at, "bridge", f"caller interrupts: {silent}")
            case "event":
                self.events.append({"type": message["type"], "function": message["function"], "ms": message["ms"]})
                self.tell(at, "events", f"{message['type']} → {message['function']}  {message['ms']:.0f} ms")

    def runtime(self, event: RuntimeEvent) -> None:
        """An event of the local Knative runtime: pods, and deliveries that failed."""
        if event.kind in SHOWN_POD_EVENTS:
            pod = event.pod.rpartition("-")[2]  # its own part of the long name
            self.tell(event.at, "pods", f"{event.service} {pod} {SHOWN_POD_EVENTS[event.kind]} {event.detail}".rstrip())
        elif event.kind == "scale":
            self.tell(event.at, "pods", f"{event.service}: {event.detail}")
        elif event.kind in ("delivery_failed", "dead_letter"):
            self.tell(event.at, "events", f"{event.kind.replace('_', ' ')} at {event.service}: {event.detail}")

    def _order(self, message: dict[str, Any], at: float) -> None:
        self.tell(at, "order", f"ticket {message['number']}")
        for line in message["lines"]:
            size = f" {line['size']}" if line.get("size") else ""
            modifiers = f" + {', '.join(line['modifiers'])}" if line.get("modifiers") else ""
            amount = f"{line['totalCents'] / 100:7.2f}"
            self.tell(at, "order", f"  {line['quantity']} × {line['name']}{size}{modifiers}".ljust(52) + amount)
        self.tell(at, "order", f"  total {message['currency']}".ljust(52) + f"{message['totalCents'] / 100:7.2f}")


async def watch_live(
    redis_url: str, on_message: Callable[[dict[str, object], float], None], channels: str = LIVE_CHANNELS
) -> None:
    """Hand over each message of every restaurant's live feed, or of those that ``channels`` fits, until cancelled."""
    async with Redis.from_url(redis_url) as redis, redis.pubsub() as feed:
        await feed.psubscribe(channels)
        async for message in feed.listen():
            if message["type"] == "pmessage":
                on_message(msgspec.json.decode(message["data"]), time.time())


async def watch_runtime(runtime_url: str, on_event: Callable[[RuntimeEvent], None]) -> None:
    """Hand over each event of the runtime that happens from now on, until cancelled or the runtime ends."""
    began = time.time()
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.get(f"{runtime_url}/runtime/events") as answer,
    ):
        async for line in answer.content:
            event = msgspec.json.decode(line, type=RuntimeEvent)
            if event.at >= began:
                on_event(event)


async def follow(runtime_url: str, redis_url: str, console: Console) -> None:
    """Print until Ctrl-C; the stack goes on."""
    timeline = Timeline(console, started_at=time.time())
    watchers = asyncio.gather(
        watch_live(redis_url, timeline.live),
        watch_runtime(runtime_url, timeline.runtime),
    )
    console.print("following; Ctrl-C stops the view, not the stack", style="dim")
    with suppress(asyncio.CancelledError, KeyboardInterrupt):
        await watchers
