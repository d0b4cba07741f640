"""``alloresto calls``: the calls in PLATFORM_DATABASE_URL, or of a running ``up``; one explained; a file about it."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.database import refusal, use_running, with_postgres

if TYPE_CHECKING:
    from stores.ciphers import PiiCipher
    from stores.postgres import Connection
    from stores.traces import TracedCall

app = typer.Typer(help="Calls: list (also without a command), show, support.")

STATE_DIR = Path(".alloresto") / "up"
SHORTEST_PREFIX = 4
StateOption = Annotated[Path, typer.Option("--state-dir", help="Of a running up, where no database is named.")]
NumbersOption = Annotated[bool, typer.Option("--numbers", help="Whole phone numbers: they are personal data.")]
CallArgument = Annotated[str, typer.Argument(help="The call's id, or how it begins.")]


class CallSettings(msgspec.Struct, frozen=True):
    """Without ``master_key`` no caller's number can be read."""

    master_key: str = ""


@app.callback(invoke_without_command=True)
def list_calls(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    restaurant: Annotated[str, typer.Option(help="Its id, or a part of its name.")] = "",
    missed: Annotated[bool, typer.Option("--missed", help="Only callers whom nobody served to the end.")] = False,
    numbers: NumbersOption = False,
    state_dir: StateOption = STATE_DIR,
) -> None:
    """The newest calls first: when, id, how it ended, how long it took, caller, restaurant."""
    if context.invoked_subcommand is not None:
        return
    from ops.calls import report
    from stores import traces

    use_running(state_dir)
    pii = _pii()
    found = with_postgres(
        lambda connection: traces.listed(connection, limit, restaurant=restaurant, missed=missed, pii=pii)
    )
    for line in report.table(found, numbers=numbers):
        typer.echo(line)
    if not found:
        typer.echo("no calls")


@app.command()
def show(
    call: CallArgument,
    numbers: NumbersOption = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    state_dir: StateOption = STATE_DIR,
) -> None:
    """One call: its SIP messages, what happened when, how it sounded, and the settings that were in force."""
    from ops.calls import report

    use_running(state_dir)
    pii = _pii()
    found = with_postgres(lambda connection: _find(connection, call, pii))
    if json:
        typer.echo(json_module.dumps(report.data(found, numbers=numbers), indent=2, ensure_ascii=False))
        return
    for line in report.text(found, numbers=numbers):
        typer.echo(line)


@app.command()
def support(
    call: CallArgument,
    out: Annotated[Path, typer.Option("--out", help="The file to write, a zip.")],
    state_dir: StateOption = STATE_DIR,
) -> None:
    """Write a file about one call for somebody else: no numbers, names, addresses, transcripts or passwords in it."""
    from ops.calls import support as file
    from ops.calls.personal import personal_texts

    use_running(state_dir)
    pii = _pii()

    async def read(connection: Connection) -> tuple[TracedCall, tuple[str, ...]]:
        found = await _find(connection, call, pii)
        return found, await personal_texts(connection, found, pii)

    found, known = with_postgres(read)
    try:
        file.write(found, out, known, sorted(state_dir.rglob("*.log")))
    except OSError as error:
        raise refusal(f"{out}: {error.strerror or type(error).__name__}") from None
    typer.echo(f"{out}: look into it before you send it")


def _pii() -> PiiCipher | None:
    from process.settings import load_or_exit
    from stores.ciphers import PiiCipher

    key = load_or_exit(CallSettings).master_key
    try:
        return PiiCipher(key) if key else None
    except ValueError as error:
        raise refusal(str(error)) from None


async def _find(connection: Connection, prefix: str, pii: PiiCipher | None) -> TracedCall:
    from stores import traces

    if len(prefix) < SHORTEST_PREFIX:
        raise refusal(f"{prefix}: give at least {SHORTEST_PREFIX} letters of the call's id")
    found = await traces.ids_that_begin(connection, prefix)
    if not found:
        raise refusal(f"there is no call {prefix}")
    if len(found) > 1:
        raise refusal(f"{prefix} begins several calls: {', '.join(found)}")
    return await traces.traced(connection, found[0], pii=pii)
