"""The assumptions' file, typed: a name that is missing, misspelt or of another type is an error, not a default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import yaml

DEFAULT = Path(__file__).with_name("assumptions.yaml")
HOURS_A_MONTH = 730.0


class AssumptionsError(ValueError):
    """The file cannot be used; the message names it and says why."""


class Assumed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    value: Annotated[float, msgspec.Meta(ge=0)]
    source: str


class Size(Assumed, frozen=True, forbid_unknown_fields=True):
    """What something else is divided by."""

    value: Annotated[float, msgspec.Meta(gt=0)]


class AssumedText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    value: str
    source: str


class CallsInProgress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``points`` are (hour of the day, calls in progress over all ``restaurants``), from hour 0 to 24."""

    restaurants: Annotated[int, msgspec.Meta(gt=0)]
    points: tuple[tuple[float, float], ...]
    source: str

    def __post_init__(self) -> None:
        hours = [hour for hour, _ in self.points]
        if len(hours) < 2 or hours != sorted(hours) or (hours[0], hours[-1]) != (0, 24):
            raise ValueError("points: expected hours in order, from 0 to 24")
        if min(calls for _, calls in self.points) < 0 or self.mean <= 0:
            raise ValueError("points: expected calls at some hour, and at none less than 0")

    def at(self, hour: float) -> float:
        """Calls in progress of one restaurant at that hour (0 to 24)."""
        for (start, low), (end, high) in zip(self.points, self.points[1:], strict=False):
            if start <= hour <= end:
                return (low + (high - low) * (hour - start) / (end - start or 1.0)) / self.restaurants
        raise ValueError(f"no hour of a day: {hour}")

    @property
    def mean(self) -> float:
        """Of one restaurant over the day."""
        steps = zip(self.points, self.points[1:], strict=False)
        return sum((low + high) / 2 * (end - start) for (start, low), (end, high) in steps) / 24 / self.restaurants

    @property
    def peak(self) -> float:
        return max(calls for _, calls in self.points) / self.restaurants


class Factors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    values: tuple[float, ...]
    source: str


class SpecialDays(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By ``MM-DD``."""

    values: dict[str, float]
    source: str


class Demand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    calls_in_progress: CallsInProgress
    call_seconds: Size
    call_seconds_spread: Assumed
    weekdays: Factors
    months: Factors
    special_days: SpecialDays

    def __post_init__(self) -> None:
        if (len(self.weekdays.values), len(self.months.values)) != (7, 12):
            raise ValueError("weekdays, months: expected 7 and 12 values")

    @property
    def calls_per_day(self) -> float:
        """Of one restaurant, on an average day."""
        return self.calls_in_progress.mean * 86_400 / self.call_seconds.value


class Handler(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    request_millicores: Size
    measured_millicores: Size
    request_mebibytes: Size
    cold_start_s: Assumed
    burst_start_s: Assumed
    pod_hours_per_call_hour: Assumed
    node_hours_per_full_node_hour: Assumed


class WorkerNode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    euros_per_month: Assumed
    allocatable_millicores: Size
    allocatable_mebibytes: Size
    most_pods: Size
    ready_after_s: Assumed
    image_pull_s: Assumed
    unneeded_for_s: Assumed
    room_on_web_nodes_pods: Assumed
    placement: AssumedText

    def __post_init__(self) -> None:
        if self.placement.value not in ("spread", "pack"):
            raise ValueError("placement: expected spread or pack")

    def pods(self, handler: Handler) -> int:
        """Handlers that fit on one node."""
        by_cpu = self.allocatable_millicores.value / handler.request_millicores.value
        by_memory = self.allocatable_mebibytes.value / handler.request_mebibytes.value
        return int(min(by_cpu, by_memory, self.most_pods.value))


class Edge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    node_lines: Size
    node_calls: Size
    overlay_lines: Size
    overlay_calls: Size
    measured_millicores: Size
    node_millicores: Size
    lines_per_restaurant: Size
    spare_nodes: Assumed


class Fixed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    euros: float
    at_least: int
    serves: Annotated[int, msgspec.Meta(gt=0)]
    source: str


class Conversation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    replies: Assumed
    caller_share: Assumed
    assistant_share: Assumed
    prompt_tokens: Assumed
    text_tokens_per_reply: Assumed
    audio_tokens_per_second_in: Assumed
    audio_tokens_per_second_out: Assumed
    transcription: AssumedText


class Assumptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    target_euros: float
    euros_per_dollar: Assumed
    demand: Demand
    handler: Handler
    worker_node: WorkerNode
    edge: Edge
    fixed: tuple[Fixed, ...]
    sip_node_euros: Assumed
    sip_nodes_at_least: Assumed
    trunk_euros: Assumed
    conversation: Conversation

    def __post_init__(self) -> None:
        if self.worker_node.pods(self.handler) < 1:
            raise ValueError("handler: it is larger than what worker_node can allocate")


def load(path: Path = DEFAULT) -> Assumptions:
    """Raises AssumptionsError."""
    try:
        return msgspec.convert(yaml.safe_load(path.read_text()), Assumptions)
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise AssumptionsError(f"{path}: {error}") from None
