"""Bars of a figure, measured here and drawn by a template as SVG: no script, and a table of the same numbers below."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 180
AXIS = 34  # below the bars, for the labels
GAP = 0.25  # of a bar's place
MOST_LABELS = 12


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle in the plot's own units; ``kind`` is its series' name and CSS class."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Plot:
    """``labels`` are (x of the middle, text); ``top`` is what the highest bar stands for."""

    bars: tuple[Bar, ...]
    labels: tuple[tuple[float, str], ...]
    top: int
    width: int = WIDTH
    height: int = HEIGHT + AXIS
    floor: int = HEIGHT


def bars(labels: Sequence[str], series: dict[str, Sequence[int]]) -> Plot | None:
    """One place a label, its series on top of each other, the first at the bottom. None where everything is 0."""
    totals = [sum(max(0, values[place]) for values in series.values()) for place in range(len(labels))]
    top = max(totals, default=0)
    if not top:
        return None
    step = WIDTH / len(labels)
    found = []
    for place in range(len(labels)):
        floor = float(HEIGHT)
        for kind, values in series.items():
            height = round(max(0, values[place]) / top * (HEIGHT - 8), 1)
            floor = round(floor - height, 1)
            if height:
                found.append(Bar(round((place + GAP / 2) * step, 1), floor, round(step * (1 - GAP), 1), height, kind))
    every = -(-len(labels) // MOST_LABELS)
    shown = tuple((round((place + 0.5) * step, 1), labels[place]) for place in range(0, len(labels), every))
    return Plot(tuple(found), shown, top)
