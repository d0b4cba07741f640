"""The report as one HTML page that needs nothing beside it but the recordings."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.report import Figure
from evaluation.outcome import Outcome, Run
from evaluation.reasons import NAMED as NAMED_REASONS
from evaluation.reasons import reason_of
from evaluation.record import Moment
from evaluation.verdict import NAMED

FILE = "index.html"

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.passed { color: #17803d; } .failed, .passes, .missed { color: #c0262d; } .pending { color: #a16207; }
.caller { color: #9333ea; }
details { border-bottom: 1px solid #8884; padding: .4rem 0; }
summary { cursor: pointer; }
ol { list-style: none; padding-left: 1rem; } ol li { display: grid; grid-template-columns: 4rem 6rem 1fr; gap: .5rem; }
li.tool, li.call, li.says { opacity: .7; font-size: .9em; }
.problem { color: #c0262d; margin: .1rem 0 .1rem 1rem; }
audio { width: 100%; margin: .5rem 0; }
"""


def write(folder: Path, outcomes: Sequence[Outcome], figures: Sequence[Figure], conditions: Mapping[str, str]) -> Path:
    """``index.html`` in ``folder``, which is made. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / FILE
    page.write_text("".join(_page(folder, outcomes, figures, conditions)), "utf-8")
    return page


def _page(
    folder: Path, outcomes: Sequence[Outcome], figures: Sequence[Figure], conditions: Mapping[str, str]
) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>AlloResto: evaluation</title>'
    yield f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
    yield "<h1>Evaluation</h1><table><tr><th>figure</th><th>measured</th><th>reach</th></tr>"
    for one in figures:
        mark = "" if not one.reach else "passed" if one.ok else "missed"
        reach = f"{one.reach} {one.unit}" if one.reach else ""
        yield f'<tr><td>{_text(one.figure)}</td><td class="n {mark}">{one.value:.4g} {_text(one.unit)}</td>'
        yield f"<td>{_text(reach)}</td></tr>"
    yield "</table><h2>Scenarios</h2>"
    yield "<table><tr><th>scenario</th><th>by</th><th>restaurant</th><th>ended</th><th>longest wait</th>"
    yield "<th>call</th><th>why not right</th></tr>"
    for number, outcome in enumerate(outcomes):
        yield _row(number, outcome)
    yield "</table><h2>Conversations</h2>"
    for number, outcome in enumerate(outcomes):
        yield from _conversation(folder, number, outcome)
    told = ", ".join(f"{name} {value}" for name, value in conditions.items())
    yield f"<p><small>{_text(told)}</small></p></body></html>\n"


def _row(number: int, outcome: Outcome) -> str:
    record = outcome.worst.record
    why = reason_of(outcome.worst, outcome.case.language)
    return (
        f'<tr><td><a href="#s{number}">{_text(outcome.case.scenario.id)}</a></td><td>{outcome.way}</td>'
        f'<td>{_text(outcome.case.scenario.menu)}</td><td class="{outcome.status}">{NAMED[outcome.status]}</td>'
        f'<td class="n">{record.longest_wait_ms:.0f} ms</td><td class="n">{record.seconds:.1f} s</td>'
        f"<td>{_text(NAMED_REASONS[why.kind]) if why is not None else ''}</td></tr>"
    )


def _conversation(folder: Path, number: int, outcome: Outcome) -> Iterator[str]:
    scenario = outcome.case.scenario
    is_open = "" if outcome.status == "passed" else " open"
    yield f'<details id="s{number}"{is_open}><summary><b>{_text(scenario.id)}</b> by {outcome.way}: '
    yield f'<span class="{outcome.status}">{NAMED[outcome.status]}</span></summary>'
    yield f"<p>{_text(scenario.persona)}: {_text(scenario.goal)}. Right: {_text(_ends(outcome))}.</p>"
    reason = scenario.pending_by(outcome.way)
    if reason:
        yield f'<p class="pending">pending: {_text(reason)}</p>'
    for run in outcome.runs:
        yield from _run(folder, run, outcome.case.language)
    yield "</details>"


def _ends(outcome: Outcome) -> str:
    return " or ".join(end.in_words for end in outcome.case.scenario.expect)


def _run(folder: Path, run: Run, language: str) -> Iterator[str]:
    for problem in run.verdict.problems:
        yield f'<p class="problem">{_text(problem)}</p>'
    why = reason_of(run, language)
    if why is not None:
        yield f"<p>{_text(NAMED_REASONS[why.kind])}</p><ul>"
        yield "".join(f"<li>{_text(one)}</li>" for one in why.details) + "</ul>"
    if run.record.recording:
        source = Path(run.record.recording)
        place = source.relative_to(folder.absolute()) if source.is_relative_to(folder.absolute()) else source
        yield f'<audio controls preload="none" src="{_text(str(place))}"></audio>'
    yield "<ol>" + "".join(_moment(one) for one in run.record.moments) + "</ol>"


def _moment(one: Moment) -> str:
    words = one.text if one.ok else f"{one.text}: refused"
    detail = f"<br><small>{_text(one.detail[:400])}</small>" if one.detail and not one.ok else ""
    cells = (f"{one.at_s:.2f} s", one.who, f"{_text(words)}{detail}")
    return f'<li class="{one.who}">' + "".join(f"<span>{cell}</span>" for cell in cells) + "</li>"


def _text(words: str) -> str:
    return html.escape(words)
