"""Writes the seed restaurants once. What exists stays as it is, edited or not; missing people and lines are added."""

import asyncio
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from domain.restaurant import OpeningException, Restaurant
from eventing import lines as line_changes
from eventing import outbox
from eventing.catalogue import GreetingChanged
from process import settings
from seeds.build import faq_of, menu_of, restaurant_of, seed_id
from seeds.files import SEED_FILES, LineSeed, SeedError, SeedFile, read
from stores import dining, lines, menus, restaurants, users
from stores.ciphers import SipPasswordCipher
from stores.errors import NotFoundError
from stores.postgres import Connection, Postgres, PostgresUnavailableError

SOURCE = "/seeds"
ALL_DAY = ((0, 24 * 60),)
# Yesterday to the day after tomorrow: today in every zone, and a stack that is left running overnight.
ALWAYS_OPEN_DAYS = range(-1, 3)


@dataclass(frozen=True, slots=True)
class SeededLine:
    """``password`` is the new SIP password of a line with a trunk; empty when the line was there before."""

    id: str
    restaurant_id: str
    restaurant_name: str
    number: str
    username: str
    password: str


@dataclass(frozen=True, slots=True)
class SeededUser:
    """``password`` is None when the account was there before: it keeps the one it has."""

    email: str
    password: str | None


@dataclass(frozen=True, slots=True)
class SeedResult:
    """``created`` names the restaurants that were not there before."""

    restaurants: tuple[Restaurant, ...]
    lines: tuple[SeededLine, ...]
    users: tuple[SeededUser, ...]
    created: tuple[str, ...]


async def seed(
    postgres: Postgres,
    *,
    always_open: bool,
    cipher: SipPasswordCipher,
    admin_password: str | None = None,
    files: Sequence[Path] = SEED_FILES,
) -> SeedResult:
    """Write every file's restaurant, each in one transaction; ``postgres`` is of the platform role.

    Safe to run again. Menu, hours and FAQ are written with a new restaurant only. Each run asks for the greeting's
    audio again (Redis keeps it for a day) and, with ``always_open``, opens the days around today from 0:00 to
    24:00, whatever the hours say: only for demonstrations. ``admin_password`` is for accounts that don't exist
    yet; a random one otherwise. Raises SeedError before anything is written.
    """
    contents = [read(file) for file in files]
    found: list[Restaurant] = []
    created: list[str] = []
    seeded_lines: list[SeededLine] = []
    seeded_users: dict[str, SeededUser] = {}
    for content in contents:
        async with postgres.platform() as connection:
            restaurant, new = await write_restaurant(connection, content, always_open=always_open)
            found.append(restaurant)
            if new:
                created.append(restaurant.name)
            seeded_lines += [await _line(connection, restaurant, line, content, cipher) for line in content.phone_lines]
            for person in await _staff(connection, restaurant, content, admin_password):
                seeded_users.setdefault(person.email, person)
            greeting = GreetingChanged(
                restaurant_id=restaurant.id,
                text=restaurant.greeting,
                voice=restaurant.voice,
                language=restaurant.language,
            )
            await outbox.emit(connection, greeting, source=SOURCE, subject=f"greeting/{restaurant.id}")
    return SeedResult(tuple(found), tuple(seeded_lines), tuple(seeded_users.values()), tuple(created))


async def write_restaurant(connection: Connection, content: SeedFile, *, always_open: bool) -> tuple[Restaurant, bool]:
    """The restaurant as it stands in the database now, and whether it is new."""
    wanted = restaurant_of(content)
    try:
        await restaurants.get(connection, wanted.id)
        new = False
    except NotFoundError:
        await restaurants.create(connection, wanted)
        await menus.insert(connection, menu_of(content))
        await restaurants.set_faq(connection, wanted.id, faq_of(content))
        for room in content.dining_rooms:
            for table in room.tables:
                await dining.add_table(connection, wanted.id, room.name, table.name, table.seats)
        new = True
    if always_open:
        today = datetime.now(UTC).astimezone(ZoneInfo(wanted.zone)).date()
        for ahead in ALWAYS_OPEN_DAYS:
            open_all_day = OpeningException(today + timedelta(days=ahead), ALL_DAY)
            await restaurants.set_exception(connection, wanted.id, open_all_day)
    return await restaurants.get(connection, wanted.id), new


async def _line(
    connection: Connection, restaurant: Restaurant, line: LineSeed, content: SeedFile, cipher: SipPasswordCipher
) -> SeededLine:
    line_id = seed_id(content.restaurant.slug, "line", line.number)
    password = ""
    try:
        await lines.get(connection, line_id)
    except NotFoundError:
        password = secrets.token_urlsafe(12) if line.domain else ""
        await line_changes.create(
            connection,
            source=SOURCE,
            restaurant_id=restaurant.id,
            number=line.number,
            cipher=cipher,
            provider=line.provider,
            sip_domain=line.domain,
            sip_username=line.username,
            sip_password=password,
            trunk=line.trunk,
            line_id=line_id,
        )
    return SeededLine(line_id, restaurant.id, restaurant.name, line.number, line.username, password)


async def _staff(
    connection: Connection, restaurant: Restaurant, content: SeedFile, admin_password: str | None
) -> list[SeededUser]:
    seeded: list[SeededUser] = []
    for person in content.staff:
        known = await users.by_email(connection, person.email)
        password = None if known else admin_password or secrets.token_urlsafe(12)
        user_id = known.id if known else None
        if password is not None:
            user_id = await users.create(connection, email=person.email, password=password, name=person.name)
        if user_id is not None:
            memberships = await users.memberships(connection, user_id)
            if restaurant.id not in {one.restaurant_id for one in memberships}:
                await users.add_membership(connection, restaurant.id, user_id, person.role)
        seeded.append(SeededUser(person.email, password))
    return seeded


class _SeedSettings(msgspec.Struct, frozen=True):
    platform_database_url: str
    master_key: Annotated[str, msgspec.Meta(min_length=44)]


def main(*, always_open: bool) -> int:
    """``alloresto seed``: the exit status, after one line for each account and restaurant, or for what is wrong."""
    configuration = settings.load_or_exit(_SeedSettings)

    async def run() -> SeedResult:
        cipher = SipPasswordCipher(configuration.master_key)
        postgres = Postgres(configuration.platform_database_url)
        await postgres.open(timeout_s=10)
        try:
            return await seed(postgres, always_open=always_open, cipher=cipher)
        finally:
            await postgres.close()

    try:
        result = asyncio.run(run())
    except (SeedError, PostgresUnavailableError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    for restaurant in result.restaurants:
        print(
            f"{restaurant.name}: {'written' if restaurant.name in result.created else 'there already, left as it is'}"
        )
    for user in result.users:
        print(f"{user.email}: {user.password or 'keeps its password'}")
    return 0
