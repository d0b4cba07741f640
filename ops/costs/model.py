"""A month's costs for so many restaurants: what is fixed, what follows the calls, what each restaurant brings.

The specification counts the platform alone: machines and stores. The trunk's minutes and the model are told beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from functions.call_handler.engines import costs as prices
from ops.costs.assumptions import HOURS_A_MONTH, Assumed, Assumptions

DAYS_A_MONTH = HOURS_A_MONTH / 24


@dataclass(frozen=True, slots=True)
class Cost:
    """Euros a month for all restaurants together. ``count`` is how many are paid, on average."""

    name: str
    count: float
    euros: float
    source: str


@dataclass(frozen=True, slots=True)
class ModelCost:
    """A voice model's euros: for one call, and for one restaurant's month."""

    model: str
    per_call: float
    per_restaurant: float


@dataclass(frozen=True, slots=True)
class Month:
    restaurants: int
    fixed: tuple[Cost, ...]
    variable: tuple[Cost, ...]
    trunk_euros: float
    """A restaurant's."""
    models: tuple[ModelCost, ...]

    @property
    def platform_euros(self) -> float:
        return sum(cost.euros for cost in (*self.fixed, *self.variable))

    @property
    def per_restaurant(self) -> float:
        """Before trunk and model: what the specification's 0.28 € are."""
        return self.platform_euros / self.restaurants


def month(assumed: Assumptions, restaurants: int, *, edge_as_in_overlay: bool = False) -> Month:
    """``edge_as_in_overlay``: bridges as small as production's overlay sets them, instead of as large as they may be.

    Raises ValueError for no restaurant.
    """
    if restaurants < 1:
        raise ValueError(f"restaurants: expected 1 or more, got {restaurants}")
    fixed = [
        Cost(one.name, count, count * one.euros, one.source)
        for one in assumed.fixed
        for count in (max(one.at_least, math.ceil(restaurants / one.serves)),)
    ]
    fixed.append(_sip_nodes(assumed, restaurants, edge_as_in_overlay))
    models = tuple(_model(assumed, model) for model in prices.REALTIME_PRICES if model != "local")
    return Month(restaurants, tuple(fixed), (workers(assumed, restaurants),), assumed.trunk_euros.value, models)


def busiest_calls(assumed: Assumptions, restaurants: int) -> float:
    """Calls in progress at the peak of an ordinary week."""
    demand = assumed.demand
    return demand.calls_in_progress.peak * max(demand.weekdays.values) * restaurants


def _sip_nodes(assumed: Assumptions, restaurants: int, as_in_overlay: bool) -> Cost:
    edge = assumed.edge
    lines, calls = (edge.overlay_lines, edge.overlay_calls) if as_in_overlay else (edge.node_lines, edge.node_calls)
    for_lines = restaurants * edge.lines_per_restaurant.value / lines.value
    for_calls = busiest_calls(assumed, restaurants) / min(calls.value, _calls_by_cpu(assumed))
    needed = math.ceil(max(for_lines, for_calls)) + edge.spare_nodes.value
    count = max(assumed.sip_nodes_at_least.value, needed)
    source = f"{assumed.sip_node_euros.source}; {lines.source}; {calls.source}"
    return Cost("SIP nodes", count, count * assumed.sip_node_euros.value, source)


def _calls_by_cpu(assumed: Assumptions) -> float:
    """Calls that a SIP node's cores carry at 70 %."""
    return 0.7 * assumed.edge.node_millicores.value / assumed.edge.measured_millicores.value


def workers(assumed: Assumptions, restaurants: int) -> Cost:
    """Machines of the pool that handlers run on: as many as their pods fill, and what the pool's slowness adds."""
    handler, node = assumed.handler, assumed.worker_node
    pods = assumed.demand.calls_in_progress.mean * restaurants * handler.pod_hours_per_call_hour.value
    nodes = pods / node.pods(handler) * handler.node_hours_per_full_node_hour.value
    return Cost("worker nodes", nodes, nodes * node.euros_per_month.value, handler.pod_hours_per_call_hour.source)


def _model(assumed: Assumptions, model: str) -> ModelCost:
    usage = usage_of_call(assumed)
    prices.price(usage, model, assumed.conversation.transcription.value)
    per_call = usage.dollars * assumed.euros_per_dollar.value
    return ModelCost(model, per_call, per_call * assumed.demand.calls_per_day * DAYS_A_MONTH)


def usage_of_call(assumed: Assumptions) -> prices.Usage:
    """Tokens of a mean call. Each reply reads all that was said before it again, from the cache."""
    told, seconds = assumed.conversation, assumed.demand.call_seconds.value
    replies = int(told.replies.value)
    caller_s = seconds * told.caller_share.value
    heard = caller_s * told.audio_tokens_per_second_in.value
    spoken = seconds * told.assistant_share.value * told.audio_tokens_per_second_out.value
    text = _total(told.text_tokens_per_reply, replies)
    before = (replies - 1) / 2  # of the call, on average, when a reply begins
    return prices.Usage(
        text_in=round(told.prompt_tokens.value + text),
        text_cached=round(told.prompt_tokens.value * (replies - 1) + text * before),
        text_out=round(text),
        audio_in=round(heard),
        audio_cached=round((heard + spoken) * before),
        audio_out=round(spoken),
        transcribed_s=caller_s,
    )


def _total(each: Assumed, replies: int) -> float:
    return each.value * replies
