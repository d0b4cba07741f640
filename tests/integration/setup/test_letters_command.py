"""``alloresto letters`` as the operator runs it, on a real Postgres."""

import uuid

import pytest

from eventing import letters
from tests.conftest import Database, Pools
from tests.integration.setup.commands import command

pytestmark = pytest.mark.integration


async def keep(postgres: Pools, event_id: str, *, truncated: bool = False, body: bytes = b"{\xff") -> str:
    headers = {
        "ce-id": event_id,
        "ce-source": "/pos",
        "ce-type": "com.example.sold\x1b[2J",
        "ce-knativeerrorcode": "400",
    }
    async with postgres.platform.platform() as connection:
        return await letters.keep(connection, letters.read(headers, body, truncated=truncated))


async def test_letters_are_listed_shown_and_replayed(database: Database, postgres: Pools) -> None:
    first, second, cut = await keep(postgres, "1"), await keep(postgres, "2"), await keep(postgres, "3", truncated=True)

    listed = command(database, "letters", "list").stdout
    shown = command(database, "letters", "show", first)
    replayed = command(database, "letters", "replay", first)
    others = command(database, "letters", "list").stdout
    all_replayed = command(database, "letters", "replay", "--all")
    left = command(database, "letters", "list").stdout
    everything = command(database, "letters", "list", "--delivered").stdout

    assert [line.split()[0] for line in listed.splitlines()] == [cut, second, first]
    assert "\x1b" not in listed
    assert "ce-source: /pos" in shown.stdout
    assert "{\\xff" in shown.stdout
    assert (replayed.returncode, replayed.stdout) == (0, "1 to be published again\n")
    assert first not in others
    assert all_replayed.stdout == "1 to be published again\n"
    assert [line.split()[:2] for line in left.splitlines()] == [[cut, "open"]]
    assert f"{first}  replayed" in everything
    async with postgres.platform.platform() as connection:
        waiting = await connection.fetch("select dead_letter_id from outbox")
    assert {row["dead_letter_id"] for row in waiting} == {first, second}


async def test_what_cannot_be_done_is_one_line(database: Database, postgres: Pools) -> None:
    cut = await keep(postgres, "1", truncated=True)

    for arguments, says in (
        (("show", "7"), "7 is no letter's id"),
        (("show", str(uuid.UUID(int=7))), "there is no letter"),
        (("replay", cut), "was cut off"),
    ):
        refused = command(database, "letters", *arguments)
        assert (refused.returncode, refused.stderr.count("\n"), says in refused.stderr) == (1, 1, True), refused.stderr
    assert command(database, "letters", "replay").returncode == 2
    unset = command(None, "letters", "list")
    assert (unset.returncode, "PLATFORM_DATABASE_URL" in unset.stderr) == (2, True)
    assert "no dead letters" not in command(database, "letters", "list").stdout
