"""Findings for people and for programs: a table, then what is wrong with its consequence and its commands; JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cluster.rules import Finding, Verdict, exit_status

MARKS = {
    Verdict.GOOD: "[green]ok[/]",
    Verdict.WARNING: "[yellow]warn[/]",
    Verdict.REFUSED: "[red]no[/]",
    Verdict.NOT_EXAMINED: "[magenta]?[/]",
}
COUNTED = {
    Verdict.REFUSED: "refused",
    Verdict.NOT_EXAMINED: "not examined",
    Verdict.WARNING: "warned of",
    Verdict.GOOD: "good",
}
INDENT = "      "


def report(
    title: str, findings: Sequence[Finding], json_file: Path | None = None, console: Console | None = None
) -> int:
    """Print them, write them to ``json_file`` if one is given, and return the exit status."""
    show(title, findings, console or Console())
    if json_file is not None:
        json_file.write_text(json.dumps(as_data(title, findings), indent=2, ensure_ascii=False) + "\n")
    return exit_status(findings)


def as_data(title: str, findings: Sequence[Finding]) -> dict[str, object]:
    counts = Counter(one.verdict for one in findings)
    return {
        "examined": title,
        "exit_status": exit_status(findings),
        "counts": {verdict.value: counts[verdict] for verdict in Verdict},
        "findings": [one.as_dict() for one in findings],
    }


def show(title: str, findings: Sequence[Finding], console: Console) -> None:
    """What is good as a table, what is not as paragraphs: commands stand on lines of their own, whole, to be copied."""
    console.print(f"[bold]{escape(title)}[/]", soft_wrap=True)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for one in findings:
        if one.verdict is Verdict.GOOD:
            table.add_row(MARKS[one.verdict], escape(one.what), escape(one.detail))
    console.print(table)
    for one in findings:
        if one.verdict is Verdict.GOOD:
            continue
        console.print(f"\n{MARKS[one.verdict]} [bold]{escape(one.what)}[/]", soft_wrap=True)
        _line(console, f"{one.field}: {one.detail}" if one.field else one.detail)
        if one.consequence:
            _line(console, f"[dim]why[/]  {escape(one.consequence)}", markup=True)
        for number, line in enumerate(one.fix.splitlines()):
            _line(console, f"[dim]{'fix' if number == 0 else '   '}[/]  {escape(line)}", markup=True)
    counts = Counter(one.verdict for one in findings)
    words = ", ".join(f"{counts[verdict]} {word}" for verdict, word in COUNTED.items() if counts[verdict])
    console.print(f"\n{words or 'nothing was examined'}")


def _line(console: Console, text: str, *, markup: bool = False) -> None:
    """Unbroken: a terminal wraps it, and a copy of it is still one command."""
    console.print(INDENT + (text if markup else escape(text)), soft_wrap=True, highlight=False)
