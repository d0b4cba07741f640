"""``alloresto eval``: scripted callers order by text or over the phone; the database says whether it went right."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(help="Evaluate whole conversations; import makes sentences of public data into figures.")


By = Literal["text", "audio", "both"]
EngineName = Literal["local", "configured"]


@app.callback(invoke_without_command=True)
def evaluate(
    context: typer.Context,
    by: Annotated[By, typer.Option(help="Typed, spoken over SIP, or both.")] = "text",
    engine: Annotated[
        EngineName, typer.Option(help="The local one, or what OPENAI_BASE_URL and OPENAI_API_KEY name.")
    ] = "local",
    quick: Annotated[bool, typer.Option("--quick", help="A handful of scenarios.")] = False,
    only: Annotated[str, typer.Option(help="Scenarios with these words in their id, with commas between.")] = "",
    file: Annotated[list[Path] | None, typer.Option(help="Scenarios of your own; may be repeated.")] = None,
    runs: Annotated[int, typer.Option(min=1, max=50, help="Of each scenario; all have to end right.")] = 1,
    at_once: Annotated[int, typer.Option(min=1, max=8, help="Calls by audio at a time, to other restaurants.")] = 1,
    silence_s: Annotated[float, typer.Option(min=0.5, max=60, help="A longer wait for an answer is a fault.")] = 5.0,
    unguided: Annotated[
        bool, typer.Option("--unguided", help="By text once more, with tool results that hold no guidance.")
    ] = False,
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
    report: Annotated[Path | None, typer.Option(help="A folder for a page with all conversations.")] = None,
) -> None:
    """Ring restaurants with scripted callers and compare the database with what is right.

    Exit status: 0 all ended right but what is marked pending, 1 one did not, 2 a scenario file can't be used.
    """
    if context.invoked_subcommand is not None:
        return
    from evaluation import run
    from evaluation.files import SCENARIO_FILES

    wanted = run.Wanted(
        ways=("text", "audio") if by == "both" else (by,),
        engine=engine,
        quick=quick,
        only=tuple(part.strip() for part in only.split(",") if part.strip()),
        files=tuple(file) if file else SCENARIO_FILES,
        runs=runs,
        at_once=at_once,
        silence_s=silence_s,
        unguided_too=unguided,
        json=json,
        report=report,
    )
    raise typer.Exit(run.run(wanted))


@app.command()
def hearing(
    held_out: Annotated[
        bool, typer.Option("--held-out", help="Only the sentences that recognition was not tuned on.")
    ] = False,
    only: Annotated[str, typer.Option(help="en, fr, or a restaurant.")] = "",
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
) -> None:
    """Speak every sentence of the scenarios' callers over a telephone line, and compare what is heard with it."""
    from evaluation import hearing

    raise typer.Exit(hearing.run(("held-out",) if held_out else tuple(hearing.SETS), only, json))


@app.command("import")
def import_data(
    name: Annotated[str, typer.Argument(help="taskmaster-4, restaurants-8k or clinc150.")],
    file: Annotated[Path, typer.Argument(help="The JSON file that you have downloaded.")],
    out: Annotated[Path, typer.Option(help="Where the scenarios are written.")] = Path("evaluation-data"),
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Scenarios at most.")] = 200,
) -> None:
    """Make scenarios of public data that you have downloaded, for --file; says under which licence they are."""
    from evaluation.importing import DataError, make
    from evaluation.importing.sources import SOURCES

    if name not in SOURCES:
        raise typer.BadParameter(f"{name}: there is {', '.join(SOURCES)}")
    source = SOURCES[name]
    try:
        written, drawn = make(source, file, out, limit)
    except (DataError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"{source.title}, {source.licence}: {len(drawn.scenarios)} scenarios, {drawn.left_out} left out")
    typer.echo(f"./alloresto eval --file {written}")
