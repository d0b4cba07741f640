"""Lines over time as SVG, and a page around them: no script, no library, readable in a browser and in an editor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ops.figures import Figure

WIDTH, HEIGHT = 960, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 34, 28
# Distinguishable without colours, too: each line has a dash pattern of its own.
LOOKS = (("#1f5fa8", ""), ("#c2500a", "6 3"), ("#2b7a3d", "2 3"), ("#7a3d8f", "9 3 2 3"))
MOST_POINTS = 1500

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    points: Points


def svg(title: str, lines: Sequence[Line], x_title: str, x_ticks: Sequence[tuple[float, str]]) -> str:
    """One drawing. ``x_ticks`` are (x, label); y begins at 0. Raises ValueError without a point."""
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    left, right, top = min(xs), max(max(xs), min(xs) + 1e-9), nice_top(max(ys))

    def at(x: float, y: float) -> tuple[float, float]:
        across = LEFT + (x - left) / (right - left) * (WIDTH - LEFT - RIGHT)
        return across, HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' font-family="system-ui, sans-serif" font-size="12"><title>{escape(title)}</title>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
    ]
    for step in range(5):
        value = top * step / 4
        _, y = at(left, value)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,.4g}</text>')
    for x, label in x_ticks:
        across, down = at(x, 0)
        parts.append(f'<text x="{across:.1f}" y="{down + 17:.1f}" text-anchor="middle">{escape(label)}</text>')
    for number, line in enumerate(lines):
        colour, dashes = LOOKS[number % len(LOOKS)]
        look = f'stroke="{colour}" stroke-width="1.6"' + (f' stroke-dasharray="{dashes}"' if dashes else "")
        path = " ".join("{:.1f},{:.1f}".format(*at(x, y)) for x, y in thinned(line.points))
        parts.append(f'<polyline fill="none" {look} points="{path}"/>')
        key = LEFT + number * 210
        parts.append(f'<line x1="{key}" y1="16" x2="{key + 26}" y2="16" {look}/>')
        parts.append(f'<text x="{key + 32}" y="20">{escape(line.name)}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="20" text-anchor="end">{escape(x_title)}</text></svg>')
    return "\n".join(parts)


def nice_top(highest: float) -> float:
    """The next of 1, 2, 4, 8 times a power of ten: its quarters are round."""
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(step * power for step in (1, 2, 4, 8, 10) if step * power >= highest)


def thinned(points: Points) -> Points:
    """At most MOST_POINTS: of each stretch the highest, as a peak is what a reader looks for."""
    size = math.ceil(len(points) / MOST_POINTS)
    stretches = (points[start : start + size] for start in range(0, len(points), size)) if points else ()
    return [max(stretch, key=lambda point: point[1]) for stretch in stretches]


def page(title: str, told: str, figures: Sequence[Figure], drawings: Sequence[str]) -> str:
    """A report that stands alone: a sentence, the table, the drawings."""
    rows = "\n".join(
        f"<tr><td>{escape(one.figure)}</td><td class=n>{one.value:,.4g} {escape(one.unit)}</td>"
        f"<td class=n>{escape(f'{one.reach} {one.unit}'.strip() if one.reach else '')}</td>"
        f"<td>{'' if not one.reach else 'ok' if one.ok else '<b>missed</b>'}</td></tr>"
        for one in figures
    )
    style = "body{font:15px system-ui;max-width:62rem;margin:2rem auto;padding:0 1rem}td{padding:.1rem .8rem .1rem 0}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{style}.n{{text-align:right}}svg{{width:100%}}</style>"
        f"<h1>{escape(title)}</h1><p>{escape(told)}</p>\n"
        + "\n".join(drawings)
        + f"\n<table>\n{rows}\n</table></html>\n"
    )
