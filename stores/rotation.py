"""MASTER_KEY's rotation: what an older key has written is written anew with the first one, while all goes on.

``python -m stores.rotation`` (``PLATFORM_DATABASE_URL``, ``MASTER_KEY`` as ``new,old``). A pass goes through every
table in batches by its primary key, each batch one transaction, and notes how far it has come. A value is replaced
only if it is still what was read, so nothing that is written meanwhile is lost; passes are repeated until one finds
nothing to renew, and then the old key has nothing left to read. What no key reads is told by its table and id, never
by its content, and stays as it is.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import asyncpg
import msgspec

from process import logs, settings
from stores import locks, second_factors
from stores.ciphers import CipherError, PiiCipher, SecretCipher, SipPasswordCipher, decode_keys, key_name
from stores.postgres import Connection, Postgres, PostgresUnavailableError, WrongRoleError

BATCH = 500
MOST_PASSES = 5
MOST_TOLD = 100
"""Unreadable values, by name; the others are counted."""
BATCH_WITHIN_S = 120

log = logs.get(__name__)

Kind = Literal["pii", "sip", "second factor"]


class RotationError(RuntimeError):
    """The message says why nothing was rotated, and what to do."""


@dataclass(frozen=True, slots=True)
class SealedTable:
    """``key`` is the primary key, each column with its type; ``owner`` the column that values are bound to.

    ``hashed`` are the column of a number's hash, the sealed number it is of, and a condition under which it stays.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[tuple[str, str], ...] = (("id", "uuid"),)
    owner: str = "restaurant_id"
    kind: Kind = "pii"
    hashed: tuple[str, str, str] | None = None

    @property
    def quoted(self) -> str:
        return f'"{self.name}"'


_DATED = ("started_at", "timestamptz")
TABLES = (
    SealedTable("phone_line", ("sip_password", "twilio_auth_token"), owner="id", kind="sip"),
    SealedTable(
        "customer",
        ("phone_encrypted", "name_encrypted"),
        # Two rows of one number can't be made one here: orders point at both.
        hashed=(
            "phone_hash",
            "phone_encrypted",
            "not exists (select from customer c where c.restaurant_id = t.restaurant_id and c.phone_hash = n.after)",
        ),
    ),
    SealedTable(
        "order",
        ("address_encrypted", "customer_name_encrypted", "allergies_encrypted"),
        key=(("id", "uuid"), ("confirmed_at", "timestamptz")),
    ),
    SealedTable("reservation", ("name_encrypted",)),
    SealedTable("waiting_party", ("name_encrypted",)),
    SealedTable(
        "call_log",
        ("caller_encrypted", "unconfirmed_encrypted", "messages_encrypted"),
        key=(("id", "text"), _DATED),
        # Somebody who asked to be forgotten is found by the hash of then, until that is done.
        hashed=(
            "caller_hash",
            "caller_encrypted",
            "not exists (select from erasure e where e.done_at is null and e.phone_hash = t.caller_hash)",
        ),
    ),
    SealedTable(
        "idempotency_key",
        ("answer_encrypted",),
        key=(("restaurant_id", "uuid"), ("client_id", "uuid"), ("key", "text")),
    ),
    SealedTable("guest_email", ("email_encrypted",), key=(("restaurant_id", "uuid"), ("about", "uuid"))),
    SealedTable("service_connection", ("secrets_encrypted",)),
    SealedTable("errand", ("work_encrypted",)),
    SealedTable("webhook_endpoint", ("secret_encrypted", "old_secret_encrypted")),
    SealedTable("integration_event", ("personal_encrypted",), key=(("id", "bigint"),)),
    SealedTable(
        "second_factor", ("secret_encrypted",), key=(("user_id", "uuid"),), owner="user_id", kind="second factor"
    ),
)


class RotationSettings(msgspec.Struct, frozen=True):
    platform_database_url: str
    master_key: str


@dataclass(slots=True)
class Counts:
    """Rows that were looked at; values written anew, left to the next pass, and read by no key."""

    seen: int = 0
    renewed: int = 0
    left_over: int = 0
    unreadable: int = 0

    def add(self, other: Counts) -> None:
        self.seen += other.seen
        self.renewed += other.renewed
        self.left_over += other.left_over
        self.unreadable += other.unreadable


class Progress(NamedTuple):
    """After each batch."""

    table: str
    counts: Counts
    finished: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """``done``: the last pass found nothing that an older key has written. Its counts, and what was renewed in all."""

    done: bool
    passes: int
    last: Counts
    renewed: int


class _Change(NamedTuple):
    key: tuple[Any, ...]
    before: Any
    after: Any


@dataclass(slots=True)
class _Batch:
    counts: Counts = field(default_factory=Counts)
    changes: dict[str, list[_Change]] = field(default_factory=dict)
    last: list[str] | None = None


class Rotation:
    """Of everything that one database holds."""

    def __init__(self, postgres: Postgres, master_key: str, *, batch: int = BATCH) -> None:
        """``postgres`` of the platform role. Raises ValueError for a malformed key, RotationError for a single one
        or one that is given twice.
        """
        keys = decode_keys(master_key, "MASTER_KEY")
        if len(keys) < 2:
            raise RotationError(
                "MASTER_KEY: it has one key; give the new one and the old one, with a comma between: new,old"
            )
        if len(set(keys)) < len(keys):
            raise RotationError("MASTER_KEY: a key stands in it twice; give the new one and the old one: new,old")
        self.key_name = key_name(keys[0])
        self._postgres = postgres
        self._batch = batch
        self._pii = PiiCipher(master_key)
        self._sip = SipPasswordCipher(master_key)
        self._second_factors = SecretCipher(master_key, second_factors.PURPOSE)
        self._told = 0

    async def run(self, told: Callable[[Progress], None] = lambda progress: None) -> Outcome:
        """Passes until one finds nothing, at most MOST_PASSES; goes on where an interrupted one stopped.

        Raises RotationError while another one runs, and asyncpg's errors when Postgres goes away: run it again.
        """
        renewed = 0
        async with self._alone():
            for number in range(1, MOST_PASSES + 1):
                self._told = 0
                counts = Counts()
                for table in TABLES:
                    counts.add(await self._through(table, told))
                renewed += counts.renewed
                done = not counts.renewed and not counts.left_over
                await self._forget_positions()
                if done or number == MOST_PASSES:
                    break
        return Outcome(done, number, counts, renewed)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Another one would do the same work, and move the same positions."""
        async with self._postgres.platform() as connection:
            await connection.execute("set local idle_in_transaction_session_timeout = 0")
            if not await connection.fetchval("select pg_try_advisory_xact_lock($1)", locks.KEY_ROTATION):
                raise RotationError("another rotation is under way; wait for its end, or stop it")
            yield

    async def _through(self, table: SealedTable, told: Callable[[Progress], None]) -> Counts:
        counts, position = await self._resumed(table)
        while position is not None:
            async with self._postgres.platform() as connection:
                await connection.execute(f"set local statement_timeout = '{BATCH_WITHIN_S}s'")
                batch = await self._read(connection, table, position)
                for column, changes in batch.changes.items():
                    changed = await self._write(connection, table, column, changes)
                    batch.counts.renewed += changed
                    batch.counts.left_over += len(changes) - changed
                    if table.hashed and column == table.hashed[0] and changed < len(changes):
                        log.warning("numbers keep the old key's hash", table=table.name, count=len(changes) - changed)
                counts.add(batch.counts)
                position = batch.last if batch.counts.seen == self._batch else None
                await self._note(connection, table, counts, batch.last, finished=position is None)
            told(Progress(table.name, counts, position is None))
        return counts

    async def _read(self, connection: Connection, table: SealedTable, position: list[str]) -> _Batch:
        names = [name for name, _ in table.key]
        shown = {*names, table.owner, *table.columns, *((table.hashed[0],) if table.hashed else ())}
        after = ", ".join(f"${place}::text::{kind}" for place, (_, kind) in enumerate(table.key, start=2))
        where = f"where ({', '.join(names)}) > ({after})" if position else ""
        as_text = ", ".join(f"{name}::text as key_{name}" for name in names)
        rows = await connection.fetch(
            f"select {', '.join(sorted(shown))}, {as_text} from {table.quoted} {where}"
            f" order by {', '.join(names)} limit $1",
            self._batch,
            *position,
        )
        batch = _Batch()
        for row in rows:
            batch.counts.seen += 1
            batch.last = [row[f"key_{name}"] for name in names]
            self._look(table, row, batch)
        return batch

    def _look(self, table: SealedTable, row: asyncpg.Record, batch: _Batch) -> None:
        key = tuple(row[name] for name, _ in table.key)
        owner = str(row[table.owner])
        for column in table.columns:
            if not row[column]:
                continue
            try:
                renewed = self._renewed(table.kind, owner, row[column])
            except (CipherError, UnicodeDecodeError):
                batch.counts.unreadable += 1
                self._tell_unreadable(table, column, batch.last)
                continue
            if renewed is not None:
                batch.changes.setdefault(column, []).append(_Change(key, row[column], renewed))
        if table.hashed and row[table.hashed[0]] and row[table.hashed[1]]:
            self._look_at_hash(table.hashed, row, key, owner, batch)

    def _look_at_hash(
        self, hashed: tuple[str, str, str], row: asyncpg.Record, key: tuple[Any, ...], owner: str, batch: _Batch
    ) -> None:
        try:
            number = self._pii.decrypt(owner, row[hashed[1]])
        except (CipherError, UnicodeDecodeError):
            return  # told already
        written, *older = self._pii.phone_hashes(owner, number)
        if row[hashed[0]] in older:
            batch.changes.setdefault(hashed[0], []).append(_Change(key, row[hashed[0]], written))

    def _renewed(self, kind: Kind, owner: str, stored: Any) -> Any:
        match kind:
            case "pii":
                return self._pii.renewed(owner, stored)
            case "sip":
                return self._sip.renewed(owner, stored)
            case "second factor":
                return self._second_factors.renewed(owner, stored)

    async def _write(self, connection: Connection, table: SealedTable, column: str, changes: list[_Change]) -> int:
        """How many were still what was read."""
        types = [kind for _, kind in table.key]
        value = "text" if table.kind == "sip" else "bytea"
        places = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate([*types, value, value], start=1))
        named = ", ".join(f"key_{name}" for name, _ in table.key)
        same = " and ".join(f"t.{name} = n.key_{name}" for name, _ in table.key)
        stays = f" and {table.hashed[2]}" if table.hashed and column == table.hashed[0] else ""
        columns = zip(*(change.key for change in changes), strict=True)
        done = await connection.execute(
            f"update {table.quoted} t set {column} = n.after from unnest({places}) as n({named}, before, after)"
            f" where {same} and t.{column} = n.before{stays}",
            *(list(one) for one in columns),
            [change.before for change in changes],
            [change.after for change in changes],
        )
        return int(done.rpartition(" ")[2])

    def _tell_unreadable(self, table: SealedTable, column: str, key: list[str] | None) -> None:
        self._told += 1
        if self._told <= MOST_TOLD:
            log.error("no key reads a value", table=table.name, column=column, id=" ".join(key or ()))

    async def _resumed(self, table: SealedTable) -> tuple[Counts, list[str] | None]:
        """Where the last run stopped, and what it had counted; no position for a table that it had finished."""
        async with self._postgres.platform() as connection:
            row = await connection.fetchrow(
                "select * from key_rotation where key_name = $1 and table_name = $2", self.key_name, table.name
            )
        if row is None:
            return Counts(), []
        counts = Counts(row["seen"], row["renewed"], row["left_over"], row["unreadable"])
        return counts, None if row["finished_at"] else row["position"]

    async def _note(
        self, connection: Connection, table: SealedTable, counts: Counts, last: list[str] | None, *, finished: bool
    ) -> None:
        await connection.execute(
            "insert into key_rotation"
            " (key_name, table_name, position, seen, renewed, left_over, unreadable, finished_at)"
            " values ($1, $2, $3, $4, $5, $6, $7, case when $8 then now() end)"
            " on conflict (key_name, table_name) do update set position = excluded.position, seen = excluded.seen,"
            " renewed = excluded.renewed, left_over = excluded.left_over, unreadable = excluded.unreadable,"
            " finished_at = excluded.finished_at",
            self.key_name,
            table.name,
            last or [],
            counts.seen,
            counts.renewed,
            counts.left_over,
            counts.unreadable,
            finished,
        )

    async def _forget_positions(self) -> None:
        """The next pass begins from the start; so does the next rotation."""
        async with self._postgres.platform() as connection:
            await connection.execute("delete from key_rotation")


async def rotate(found: RotationSettings) -> Outcome:
    """``Rotation`` of the settings' database, its progress in the log."""
    postgres = Postgres(found.platform_database_url, max_size=2)
    rotation = Rotation(postgres, found.master_key)
    await postgres.open()
    try:
        return await rotation.run(
            lambda progress: log.info(
                "renewed so far",
                table=progress.table,
                rows=progress.counts.seen,
                renewed=progress.counts.renewed,
                finished=progress.finished,
            )
        )
    finally:
        await postgres.close()


def main() -> None:
    logs.configure("rotation")
    found = settings.load_or_exit(RotationSettings)
    try:
        outcome = asyncio.run(rotate(found))
    except (RotationError, ValueError, PostgresUnavailableError, WrongRoleError, asyncpg.PostgresError) as error:
        print(f"rotation: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    if not outcome.done:
        print(
            f"{outcome.renewed} values written anew, and others are still being written with the old key: is every"
            " process started with the new one first? Then run this again; keep the old key until it says so. Where the"
            " log says that numbers of customers keep their hash, a process had only one of the keys for a while, and a"
            " number has become two customers: keep the old key, or forget one of the two in the admin"
        )
        raise SystemExit(1)
    if outcome.last.unreadable:  # perhaps by the very key that would be thrown away
        print(
            f"{outcome.renewed} values written anew, and {outcome.last.unreadable} are read by no key of MASTER_KEY;"
            f" the log names them, up to {MOST_TOLD}. Is the old key in it the right one? Keep every key that ever was:"
            " put the missing one behind the others and run this again. What no key reads then is damaged"
        )
        raise SystemExit(1)
    print(
        f"{outcome.renewed} values written anew; nothing is left that the old key has written. Take it out of"
        " MASTER_KEY once no call is in progress that began before every process had the new key first (70 minutes at"
        " most)"
    )


if __name__ == "__main__":
    main()
