"""``alloresto lines``: make phone lines in PLATFORM_DATABASE_URL, and look at all lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import msgspec
import typer

from cli.database import refusal, with_postgres

if TYPE_CHECKING:
    from domain.trunks import Srtp, Transport, TrunkOptions
    from stores.lines import PhoneLine, Provider
    from stores.postgres import Connection

app = typer.Typer(help="Phone lines: how each stands (without a command), list, add, twilio-token.")
SOURCE = "/cli/lines"
NO_PASSWORD = "SIP_PASSWORD: not set; a line with --username registers at its trunk with it"
NO_TOKEN = "TWILIO_AUTH_TOKEN: not set; it is the Twilio account's, which signs its requests with it"


class LineSettings(msgspec.Struct, frozen=True):
    master_key: str
    twilio_auth_token: str = ""
    sip_password: str = ""


@app.command("list")
def list_lines() -> None:
    """The active lines: id, provider, number, restaurant, its account at the trunk, and AudioSocket's UUID, which is as
    good as a password."""
    from stores import lines

    for line in with_postgres(lines.active_lines):
        told = (line.id, line.provider, line.number, line.restaurant_id, _account(line), line.audiosocket_uuid)
        typer.echo("  ".join(filter(None, told)))


def _account(line: PhoneLine) -> str:
    """``user@domain``, or where a trunk without a registration is, and what differs from the usual; "" for a line
    without a trunk."""
    if not line.sip_domain:
        return ""
    trunk = line.trunk
    told = [f"{line.sip_username}@{line.sip_domain}" if line.sip_username else f"called by {line.sip_domain}"]
    told += [f"as {trunk.auth_username}"] if trunk.auth_username else []
    told += [f"via {trunk.outbound_proxy}"] if trunk.outbound_proxy else []
    told += [trunk.transport] if trunk.transport != "udp" else []
    told += [f"srtp {trunk.srtp}"] if trunk.srtp != "off" else []
    return " ".join(told)


@app.command()
def add(
    restaurant: Annotated[str, typer.Argument(help="The restaurant's id.")],
    number: Annotated[str, typer.Argument(help="The number that callers dial, such as +33123456789.")],
    provider: Annotated[str, typer.Option(help="sip, audiosocket or twilio.")],
    domain: Annotated[
        str, typer.Option(help="sip: the trunk's domain, or host:port; without --username its addresses call.")
    ] = "",
    username: Annotated[str, typer.Option(help="sip: the registration's user; without it nothing registers.")] = "",
    auth_username: Annotated[str, typer.Option(help="sip: digest's user, where it is another one.")] = "",
    proxy: Annotated[str, typer.Option(help="sip: the outbound proxy, host or host:port.")] = "",
    transport: Annotated[str, typer.Option(help="sip: udp, tcp or tls.")] = "udp",
    srtp: Annotated[str, typer.Option(help="sip: off, optional or required.")] = "off",
) -> None:
    """Make a line. The SIP password comes from SIP_PASSWORD, a Twilio line's auth token from TWILIO_AUTH_TOKEN; they
    are stored sealed with MASTER_KEY."""
    from domain.trunks import TrunkOptions
    from process.settings import load_or_exit

    settings = load_or_exit(LineSettings)
    if provider not in ("sip", "audiosocket", "twilio"):
        raise typer.BadParameter("--provider: sip, audiosocket or twilio")
    if provider == "twilio" and not settings.twilio_auth_token:
        raise refusal(NO_TOKEN)
    if provider != "sip" and (domain or username or auth_username or proxy):
        raise typer.BadParameter("--domain, --username, --auth-username, --proxy: for --provider sip")
    if username and not domain:
        raise refusal("--domain: not set; --username is the account at it")
    if username and not settings.sip_password:
        raise refusal(NO_PASSWORD)
    trunk = TrunkOptions(auth_username, proxy, cast("Transport", transport), cast("Srtp", srtp))
    account = (domain, username, trunk)
    line = with_postgres(
        lambda connection: _add(connection, restaurant, number, cast("Provider", provider), account, settings)
    )
    typer.echo(f"line {line.id}")
    if provider == "sip":
        typer.echo(_called(line))
    if line.audiosocket_uuid:
        typer.echo(f"AudioSocket UUID {line.audiosocket_uuid}")


def _called(line: PhoneLine) -> str:
    """Who calls a SIP line."""
    if line.sip_username:
        return f"it registers at {line.sip_domain} as {line.sip_username}, and takes calls from there"
    if line.sip_domain:
        return f"it takes calls from the addresses of {line.sip_domain}, without a registration (no --username)"
    return "it takes calls from SIP_PEERS: it has no trunk (no --domain)"


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
    account: tuple[str, str, TrunkOptions],
    settings: LineSettings,
) -> PhoneLine:
    import asyncpg

    from eventing import lines
    from stores.ciphers import SipPasswordCipher
    from stores.errors import NotFoundError

    domain, username, trunk = account
    try:
        return await lines.create(
            connection,
            source=SOURCE,
            restaurant_id=restaurant,
            number=number,
            cipher=SipPasswordCipher(settings.master_key),
            provider=provider,
            sip_domain=domain,
            sip_username=username,
            sip_password=settings.sip_password if username else "",
            trunk=trunk,
            twilio_auth_token=settings.twilio_auth_token if provider == "twilio" else "",
        )
    except (NotFoundError, asyncpg.DataError):
        raise refusal(f"there is no restaurant {restaurant}") from None
    except ValueError as error:  # the number is none, or taken; a field of the trunk; a token's letters
        raise refusal(str(error)) from None
