"""``alloresto letters``: look at the dead letters of PLATFORM_DATABASE_URL, and have them published again."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec
import typer

if TYPE_CHECKING:
    from eventing.letters import KeptLetter
    from stores.postgres import Connection

app = typer.Typer(no_args_is_help=True, help="Dead letters: list, show, replay.")
T = TypeVar("T")


class LettersSettings(msgspec.Struct, frozen=True):
    platform_database_url: str


@app.command("list")
def list_letters(
    delivered: Annotated[bool, typer.Option("--delivered", help="Also those whose replay has not come back.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
) -> None:
    """The letters, the latest failure first: id, state, failures, type, subscriber, reason."""
    from eventing import letters

    found = _with_postgres(lambda connection: letters.listed(connection, delivered=delivered, limit=limit))
    for one in found:
        words = (one.state, f"{one.failures}x", one.type or "?", one.subscriber or "?", _line(one.reason))
        typer.echo(f"{one.id}  {'  '.join(words)}")
    if not found:
        typer.echo("no dead letters")


@app.command()
def show(letter: Annotated[str, typer.Argument(help="The letter's id.")]) -> None:
    """One letter whole. It can hold personal data."""
    found = _with_postgres(lambda connection: _find(connection, letter))
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

    count = _with_postgres(letters.replay_all if everything else lambda connection: _replay_one(connection, letter))
    typer.echo(f"{count} to be published again")


async def _find(connection: Connection, letter: str) -> KeptLetter:
    from eventing import letters

    found = await letters.one(connection, _id(letter))
    if found is None:
        raise _refusal(f"there is no letter {letter}")
    return found


async def _replay_one(connection: Connection, letter: str) -> int:
    from eventing import letters

    if (await _find(connection, letter)).truncated:
        raise _refusal(f"letter {letter} was cut off and can't be replayed")
    return int(await letters.replay(connection, _id(letter)))


def _with_postgres(work: Callable[[Connection], Awaitable[T]]) -> T:
    """``work`` in a transaction of the platform role. Ends with one line where there is no database."""
    from process.settings import load_or_exit
    from stores.postgres import Postgres, PostgresUnavailableError, WrongRoleError

    url = load_or_exit(LettersSettings).platform_database_url

    async def run() -> T:
        postgres = Postgres(url, max_size=1)
        await postgres.open(timeout_s=10.0)
        try:
            async with postgres.platform() as connection:
                return await work(connection)
        finally:
            await postgres.close()

    try:
        return asyncio.run(run())
    except (PostgresUnavailableError, WrongRoleError) as error:
        raise _refusal(str(error)) from None


def _id(letter: str) -> str:
    try:
        return str(uuid.UUID(letter))
    except ValueError:
        raise _refusal(f"{letter} is no letter's id") from None


def _refusal(why: str) -> typer.Exit:
    typer.echo(f"error: {why}", err=True)
    return typer.Exit(1)


def _line(text: str) -> str:
    """What strangers sent, on one line and harmless to a terminal."""
    return "".join(char if char.isprintable() else "·" for char in text)
