"""``alloresto tokens``: the platform's own tokens for the API, in the database of PLATFORM_DATABASE_URL."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from cli.database import refusal, with_postgres

if TYPE_CHECKING:
    from stores.postgres import Connection

ACTOR = "the command line"

app = typer.Typer(no_args_is_help=True, help="The platform's tokens for the API: list, create, revoke.")


@app.command("list")
def list_tokens() -> None:
    """The newest first: id, beginning, state, when it was last used, name, rights."""
    from stores import tokens

    found = with_postgres(tokens.of_platform)
    for one in found:
        state = "revoked" if one.revoked_at else "expired" if one.is_over else "valid"
        used = f"used {one.last_used_at:%Y-%m-%d %H:%M}" if one.last_used_at else "never used"
        typer.echo(f"{one.id}  {tokens.MARK}{one.prefix}…  {state}  {used}  {one.name}  {','.join(one.scopes)}")
    if not found:
        typer.echo("no tokens")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The program that will use it.")],
    scope: Annotated[list[str], typer.Option(help="A right, such as restaurants:create; may be repeated.")],
    days: Annotated[int, typer.Option(min=0, max=3650, help="How long it lasts; 0: until it is revoked.")] = 365,
) -> None:
    """Make a token that opens every restaurant within its rights, and print it: it is shown this once."""
    from stores.tokens import LONGEST_NAME
    from web.api.scopes import SCOPES

    unknown = sorted(set(scope) - set(SCOPES))
    if unknown:
        raise typer.BadParameter(f"--scope: no such right: {', '.join(unknown)}; there are {', '.join(SCOPES)}")
    if not 1 <= len(name.strip()) <= LONGEST_NAME:
        raise typer.BadParameter(f"name: 1 to {LONGEST_NAME} characters")
    typer.echo(with_postgres(lambda connection: _create(connection, name.strip(), sorted(set(scope)), days)))


@app.command()
def revoke(token: Annotated[str, typer.Argument(help="The token's id, as list prints it.")]) -> None:
    """The token opens nothing from now on."""
    typer.echo(f"{with_postgres(lambda connection: _revoke(connection, token))} opens nothing any more")


async def _create(connection: Connection, name: str, scopes: list[str], days: int) -> str:
    from stores import audit, tokens

    expires_at = datetime.now(UTC) + timedelta(days=days) if days else None
    try:
        made = await tokens.create(connection, None, name=name, scopes=scopes, created_by=ACTOR, expires_at=expires_at)
    except tokens.TooManyTokensError:
        raise refusal(f"there are {tokens.MOST_TOKENS} tokens; revoke one first") from None
    after = {"name": name, "scopes": scopes}
    await audit.record(connection, None, audit.Actor(ACTOR), "tokens.created", after=after)
    return made


async def _revoke(connection: Connection, token: str) -> str:
    from stores import audit, tokens
    from stores.errors import NotFoundError

    try:
        gone = await tokens.revoke_platforms(connection, str(uuid.UUID(token)))
    except (ValueError, NotFoundError):
        raise refusal(f"there is no token {token} that opens anything; see  alloresto tokens list") from None
    before = {"name": gone.name}
    await audit.record(connection, None, audit.Actor(ACTOR), "tokens.revoked", subject=gone.id, before=before)
    return gone.name
