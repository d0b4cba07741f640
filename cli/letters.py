"""``alloresto letters``: look at the dead letters of PLATFORM_DATABASE_URL, and have them published again."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated

import typer

from cli.database import refusal, with_postgres

if TYPE_CHECKING:
    from eventing.letters import KeptLetter
    from stores.postgres import Connection

app = typer.Typer(no_args_is_help=True, help="Dead letters: list, show, replay.")


@app.command("list")
def list_letters(
    delivered: Annotated[bool, typer.Option("--delivered", help="Also those whose replay has not come back.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
) -> None:
    """The letters, the latest failure first: id, state, failures, type, subscriber, reason."""
    from eventing import letters

    found = with_postgres(lambda connection: letters.listed(connection, delivered=delivered, limit=limit))
    for one in found:
        words = (one.state, f"{one.failures}x", one.type or "?", one.subscriber or "?", _line(one.reason))
        typer.echo(f"{one.id}  {'  '.join(words)}")
    if not found:
        typer.echo("no dead letters")


@app.command()
def show(letter: Annotated[str, typer.Argument(help="The letter's id.")]) -> None:
    """One letter whole. It can hold personal data."""
    found = with_postgres(lambda connection: _find(connection, letter))
    facts = {
        "state": found.state,
        "failures": f"{found.failures}, last at {found.failed_at.isoformat()}",
        "reason": found.reason,
        "subscriber": found.subscriber,
        "received": found.received_at.isoformat(),
        "replayed": found.replayed_at.isoformat() if found.replayed_at else "",
        "event": f"{found.event_id}  {found.type}  {found.source}",
        "restaurant": found.restaurant_id or "",
    }
    for name, value in facts.items():
        typer.echo(f"{name:11} {_line(value)}")
    typer.echo()
    for name, value in found.headers.items():
        typer.echo(f"{name}: {_line(value)}")
    typer.echo()
    typer.echo(found.body.decode("utf-8", "backslashreplace"))
    if found.truncated:
        typer.echo(f"… cut off after {len(found.body)} bytes: this letter can't be replayed")


@app.command()
def replay(
    letter: Annotated[str, typer.Argument(help="The letter's id.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Every letter that is not delivered.")] = False,
) -> None:
    """Publish a letter again, as it came. What fails again is listed again, with its failures counted."""
    if bool(letter) == everything:
        raise typer.BadParameter("give a letter's id, or --all")
    from eventing import letters

    count = with_postgres(letters.replay_all if everything else lambda connection: _replay_one(connection, letter))
    typer.echo(f"{count} to be published again")


async def _find(connection: Connection, letter: str) -> KeptLetter:
    from eventing import letters

    found = await letters.one(connection, _id(letter))
    if found is None:
        raise refusal(f"there is no letter {letter}")
    return found


async def _replay_one(connection: Connection, letter: str) -> int:
    from eventing import letters

    if (await _find(connection, letter)).truncated:
        raise refusal(f"letter {letter} was cut off and can't be replayed")
    return int(await letters.replay(connection, _id(letter)))


def _id(letter: str) -> str:
    try:
        return str(uuid.UUID(letter))
    except ValueError:
        raise refusal(f"{letter} is no letter's id") from None


def _line(text: str) -> str:
    """What strangers sent, on one line and harmless to a terminal."""
    return "".join(char if char.isprintable() else "·" for char in text)
