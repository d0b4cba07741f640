"""``alloresto synthetic``: the synthetic caller's restaurant, and how its calls went."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.database import refusal, use_running, with_postgres

app = typer.Typer(no_args_is_help=True, help="The synthetic caller: set-up, calls.")

STATE_DIR = Path(".alloresto") / "up"


@app.command("set-up")
def set_up(
    number: Annotated[str, typer.Argument(help="What it dials, such as +33123456789; no customer's number.")],
) -> None:
    """Make the restaurant that it rings, and its line, in PLATFORM_DATABASE_URL. Safe to run again.

    Orders of this restaurant reach no kitchen, for ever; nobody can be made a member of it.
    """
    import asyncpg

    from cli.lines import LineSettings
    from process.settings import load_or_exit
    from seeds import rehearsals
    from stores.ciphers import SipPasswordCipher

    try:
        cipher = SipPasswordCipher(load_or_exit(LineSettings).master_key)
        restaurant_id = with_postgres(lambda connection: rehearsals.set_up(connection, number, cipher))
    except (ValueError, asyncpg.UniqueViolationError) as error:
        raise refusal(f"{number}: {error}") from None
    typer.echo(f"restaurant {restaurant_id}; SYNTHETIC_NUMBER={number}")


@app.command("calls")
def calls(
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    state_dir: Annotated[Path, typer.Option("--state-dir", help="Of a running up.")] = STATE_DIR,
) -> None:
    """The newest first: when, how long, what it took in ms to the answer, the greeting, the reply, and what failed."""
    from stores import rehearsals

    use_running(state_dir)
    found = with_postgres(lambda connection: rehearsals.last_calls(connection, limit))
    for call in found:
        times = " ".join(f"{'-' if ms is None else ms:>5}" for ms in (call.answer_ms, call.greeting_ms, call.reply_ms))
        verdict = f"failed at {call.failed_at}: {call.why}" if call.failed_at else "right"
        typer.echo(f"{call.started_at:%Y-%m-%d %H:%M:%S}  {call.seconds:5.1f} s  {times}  {verdict}")
    if not found:
        typer.echo("no synthetic calls")
