"""Phone lines: added, switched on and off, and whether their trunks have registered them. Passwords are write-only."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from domain.phone_numbers import InvalidNumberError
from domain.trunks import InvalidTrunkError, Srtp, Transport, TrunkOptions
from eventing import lines as line_events
from stores import audit, line_states
from stores.ciphers import SipPasswordCipher
from stores.errors import NotFoundError
from stores.line_states import OwnLine
from stores.lines import NumberTakenError, Provider
from stores.postgres import Connection
from web import context
from web.api import problems
from web.api.fields import Given, Id, Instant, PhoneNumber, Shape
from web.api.operations import Asked, Nothing, operation
from web.api.paging import Page
from web.api.problems import Problem

SOURCE = "/api"
TAG = "Lines"

RegistrationState = Literal["registered", "registering", "error", "off"]
Secret = Annotated[str, msgspec.Meta(max_length=200)]
Host = Annotated[str, msgspec.Meta(max_length=300)]


class Line(Shape, frozen=True, kw_only=True):
    """``registration`` is ``off`` for a line that is switched off or that no bridge registers, such as one without
    ``sipUsername``.

    ``error`` is what the trunk said; ``since`` when the line came into this state.
    """

    id: Id
    number: str
    provider: Provider
    active: bool
    sip_domain: str
    sip_username: str
    audiosocket_uuid: str | None
    registration: RegistrationState
    error: str
    since: Instant | None


class SipAccount(Given, frozen=True, kw_only=True):
    """The account at the trunk. ``password`` is kept encrypted and never shown again.

    With an empty ``username`` the line registers nowhere: its trunk calls from the addresses of ``domain``.
    """

    domain: Host
    username: Annotated[str, msgspec.Meta(max_length=128)]
    password: Secret
    auth_username: Annotated[str, msgspec.Meta(max_length=128)] = ""
    outbound_proxy: Host = ""
    transport: Transport = "udp"
    srtp: Srtp = "off"


class LineGiven(Given, frozen=True, kw_only=True):
    """``sip`` for a line that registers at a trunk, ``twilioAuthToken`` for one of Twilio."""

    number: PhoneNumber
    provider: Provider = "sip"
    sip: SipAccount | None = None
    twilio_auth_token: Secret = ""


class LineChange(Given, frozen=True, kw_only=True):
    active: bool


def registration_of(line: OwnLine) -> RegistrationState:
    if not line.is_active or line.provider != "sip" or not (line.sip_domain and line.sip_username):
        return "off"
    return line.status if line.status in ("registered", "error") else "registering"


def registration_state(found: tuple[Line, ...]) -> RegistrationState:
    """Of all lines together: what is worst."""
    standing = {line.registration for line in found}
    order: tuple[RegistrationState, ...] = ("error", "registering", "registered")
    return next((state for state in order if state in standing), "off")


async def states(connection: Connection, restaurant_id: str) -> tuple[Line, ...]:
    return tuple(_shape(line) for line in await line_states.of_restaurant(connection, restaurant_id))


def _shape(line: OwnLine) -> Line:
    return Line(
        id=line.id,
        number=line.number,
        provider=line.provider,
        active=line.is_active,
        sip_domain=line.sip_domain,
        sip_username=line.sip_username,
        audiosocket_uuid=line.audiosocket_uuid,
        registration=registration_of(line),
        error=line.error,
        since=line.since,
    )


async def make_line(connection: Connection, restaurant_id: str, given: LineGiven, at: str) -> Line:
    """The new line, whose event has it registered. ``at`` is where the body has it. Raises Problem."""
    sip = given.sip
    if (sip is not None) != (given.provider == "sip"):
        raise problems.invalid(f"{at}/sip", "Needed for a line of the provider sip, and for no other.")
    if sip is not None and bool(sip.username) != bool(sip.password):
        raise problems.invalid(f"{at}/sip/password", "A line that registers has a username and a password.")
    if sip is not None and sip.username and not sip.domain:
        raise problems.invalid(f"{at}/sip/domain", "The username is the account at a domain.")
    if given.provider == "twilio" and not given.twilio_auth_token:
        raise problems.invalid(f"{at}/twilioAuthToken", "A line of Twilio needs its account's auth token.")
    options = (
        TrunkOptions() if sip is None else TrunkOptions(sip.auth_username, sip.outbound_proxy, sip.transport, sip.srtp)
    )
    try:
        made = await line_events.create(
            connection,
            source=SOURCE,
            restaurant_id=restaurant_id,
            number=given.number,
            cipher=SipPasswordCipher(context.settings().master_key),
            provider=given.provider,
            sip_domain=sip.domain if sip else "",
            sip_username=sip.username if sip else "",
            sip_password=sip.password if sip else "",
            trunk=options,
            twilio_auth_token=given.twilio_auth_token,
        )
    except NumberTakenError:
        raise Problem("conflict", f"An active line has the number {given.number} already.") from None
    except InvalidNumberError as error:
        raise problems.invalid(f"{at}/number", str(error).partition(": ")[2]) from None
    except InvalidTrunkError as error:
        raise problems.invalid(f"{at}/sip", str(error)) from None
    except ValueError:  # a secret that has letters no header can carry
        raise problems.invalid(at, "A password or token holds a character that can't be used.") from None
    return await _one(connection, restaurant_id, made.id)


async def _one(connection: Connection, restaurant_id: str, line_id: str) -> Line:
    found = {line.id: line for line in await states(connection, restaurant_id)}
    if line_id not in found:
        raise NotFoundError("line", line_id)
    return found[line_id]


@operation("GET", "/restaurants/{restaurantId}/lines", tag=TAG, answer=Page[Line], scope="lines:read")
async def list_lines(connection: Connection, asked: Asked[Nothing, None]) -> Page[Line]:
    """List the restaurant's phone lines.

    All of them are on one page.
    """
    return Page(data=await states(connection, asked.restaurant_id), next_cursor=None)


@operation("GET", "/restaurants/{restaurantId}/lines/{lineId}", tag=TAG, answer=Line, scope="lines:read")
async def get_line(connection: Connection, asked: Asked[Nothing, None]) -> Line:
    """Show a phone line and whether it is registered."""
    return await _one(connection, asked.restaurant_id, asked.path["lineId"])


@operation(
    "POST",
    "/restaurants/{restaurantId}/lines",
    tag=TAG,
    body=LineGiven,
    answer=Line,
    scope="lines:write",
    status=201,
    location="/restaurants/{restaurantId}/lines/{id}",
    problems=("conflict",),
)
async def create_line(connection: Connection, asked: Asked[Nothing, LineGiven]) -> Line:
    """Add a phone line; it is registered at its trunk within seconds."""
    line = await make_line(connection, asked.restaurant_id, asked.body, "")
    await audit.record(
        connection,
        asked.restaurant_id,
        asked.client.actor,
        "lines.created",
        subject=line.id,
        after={"number": line.number, "provider": line.provider},
    )
    return line


@operation(
    "PATCH",
    "/restaurants/{restaurantId}/lines/{lineId}",
    tag=TAG,
    body=LineChange,
    answer=Line,
    scope="lines:write",
    problems=("conflict",),
)
async def update_line(connection: Connection, asked: Asked[Nothing, LineChange]) -> Line:
    """Switch a phone line on or off."""
    line_id = asked.path["lineId"]
    before = await _one(connection, asked.restaurant_id, line_id)
    if before.active != asked.body.active:
        try:
            await line_events.set_active(connection, line_id, asked.body.active, source=SOURCE)
        except NumberTakenError:
            raise Problem("conflict", f"An active line has the number {before.number} already.") from None
        await audit.record(
            connection,
            asked.restaurant_id,
            asked.client.actor,
            "lines.switched",
            subject=line_id,
            before={"active": before.active},
            after={"active": asked.body.active},
        )
    return await _one(connection, asked.restaurant_id, line_id)
