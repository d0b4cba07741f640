"""``alloresto lines``: make phone lines of AudioSocket and Twilio in PLATFORM_DATABASE_URL, and look at all lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import msgspec
import typer

from cli.database import refusal, with_postgres

if TYPE_CHECKING:
    from stores.lines import PhoneLine, Provider
    from stores.postgres import Connection

app = typer.Typer(help="Phone lines: how each stands (without a command), list, add, twilio-token.")
SOURCE = "/cli/lines"
NO_TOKEN = "TWILIO_AUTH_TOKEN: not set; it is the Twilio account's, which signs its requests with it"


class LineSettings(msgspec.Struct, frozen=True):
    master_key: str
    twilio_auth_token: str = ""


@app.command("list")
def list_lines() -> None:
    """The active lines: id, provider, number, restaurant, and AudioSocket's UUID, which is as good as a password."""
    from stores import lines

    for line in with_postgres(lines.active_lines):
        typer.echo(
            "  ".join(filter(None, (line.id, line.provider, line.number, line.restaurant_id, line.audiosocket_uuid)))
        )


@app.command()
def add(
    restaurant: Annotated[str, typer.Argument(help="The restaurant's id.")],
    number: Annotated[str, typer.Argument(help="The number that callers dial, such as +33123456789.")],
    provider: Annotated[str, typer.Option(help="audiosocket or twilio.")],
) -> None:
    """Make a line. A Twilio line's auth token comes from TWILIO_AUTH_TOKEN, and is stored sealed with MASTER_KEY."""
    from process.settings import load_or_exit

    settings = load_or_exit(LineSettings)
    if provider not in ("audiosocket", "twilio"):
        raise typer.BadParameter("--provider: audiosocket or twilio")
    if provider == "twilio" and not settings.twilio_auth_token:
        raise refusal(NO_TOKEN)
    line = with_postgres(lambda connection: _add(connection, restaurant, number, cast("Provider", provider), settings))
    typer.echo(f"line {line.id}")
    if line.audiosocket_uuid:
        typer.echo(f"AudioSocket UUID {line.audiosocket_uuid}")


@app.command("twilio-token")
def twilio_token(line: Annotated[str, typer.Argument(help="The line's id.")]) -> None:
    """Keep the auth token in TWILIO_AUTH_TOKEN for a line, after it was changed at Twilio."""
    import asyncpg

    from process.settings import load_or_exit
    from stores import lines
    from stores.ciphers import SipPasswordCipher
    from stores.errors import NotFoundError

    settings = load_or_exit(LineSettings)
    if not settings.twilio_auth_token:
        raise refusal(NO_TOKEN)

    async def keep(connection: Connection) -> None:
        cipher = SipPasswordCipher(settings.master_key)
        await lines.set_twilio_auth_token(connection, line, settings.twilio_auth_token, cipher)

    try:
        with_postgres(keep)
    except (NotFoundError, asyncpg.DataError):
        raise refusal(f"there is no line {line}") from None


async def _add(
    connection: Connection,
    restaurant: str,
    number: str,
    provider: Provider,
    settings: LineSettings,
) -> PhoneLine:
    import asyncpg

    from eventing import lines
    from stores.ciphers import SipPasswordCipher
    from stores.errors import NotFoundError

    try:
        return await lines.create(
            connection,
            source=SOURCE,
            restaurant_id=restaurant,
            number=number,
            cipher=SipPasswordCipher(settings.master_key),
            provider=provider,
            twilio_auth_token=settings.twilio_auth_token if provider == "twilio" else "",
        )
    except (NotFoundError, asyncpg.DataError):
        raise refusal(f"there is no restaurant {restaurant}") from None
    except ValueError as error:  # the number is none, or taken; or a token's letters
        raise refusal(str(error)) from None
