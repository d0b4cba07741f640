"""``alloresto bench restore``: a database of 1,000 restaurants and 100,000 orders, backed up, lost, and there again.

Two Postgres servers with fsync, as in the local stack, and a bucket in this process. The second server has nothing at
first, not even roles. Every row is compared: the run of the backup and the restore do it, and once more the bench.
"""

from __future__ import annotations

import asyncio
import base64
import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from backups.__main__ import RestoreSettings, restored_from
from backups.catalogue import DUMP
from backups.settings import BackupSettings, keys_of, storage_of
from backups.sums import Sums, sums_of
from backups.taking import take
from bench.report import Figure
from bench.web import filling
from bench.web.filling import QUICK, Size
from devstack.object_store import ObjectStore
from devstack.servers.embedded import EmbeddedPostgres
from devstack.servers.ports import free_port
from process.settings import load
from seeds import seed
from stores.ciphers import PiiCipher, SipPasswordCipher
from stores.migrate import migrate
from stores.postgres import Postgres, connect
from stores.rotation import Rotation

FULL = Size(1000, 100_000, 100_000)
KEY = "A" * 43 + "="
CONDITIONS: dict[str, str] = {"fsync": "on", "bucket": "on loopback"}


async def run(_runs: int, quick: bool = False) -> list[Figure]:
    """About five minutes; ``quick`` is a small database, to see that it runs."""
    size = QUICK if quick else FULL
    with tempfile.TemporaryDirectory(prefix="alloresto-bench-restore-") as folder, ExitStack() as held:
        bucket = held.enter_context(ObjectStore(free_port()))
        source, target = (EmbeddedPostgres(Path(folder) / name) for name in ("source", "target"))
        for server in (source, target):
            server.start()
            held.callback(server.stop)
        await _fill(source, size)
        settings = load(BackupSettings, _environment(source, bucket))
        taken = await take(settings)
        began = time.monotonic()
        await _restore(settings, target, taken.backup.name, taken.backup.tables)
        restored_s = time.monotonic() - began
        differing = _differing(await _sums(source), await _sums(target))
        rotation_s, values = await _rotate(source)
    orders = f"{size.orders:,} orders"
    return [
        Figure(f"backup of {orders}, tried by restoring", taken.seconds, "s", "≤ 600"),
        Figure(f"restore of {orders}", restored_s, "s", "≤ 600"),
        Figure("rows that were restored", taken.backup.rows, "rows"),
        Figure("tables that are not the same afterwards", differing, "tables", "= 0"),
        Figure("size of the backup", taken.backup.sealed_bytes / 1e6, "MB"),
        Figure(f"MASTER_KEY rotated, {values:,} values", rotation_s, "s"),
    ]


def _environment(source: EmbeddedPostgres, bucket: ObjectStore) -> dict[str, str]:
    return bucket.environment() | {
        "BACKUP_KEY": KEY,
        "BACKUP_DATABASE_URL": source.url("alloresto_backup"),
        "BACKUP_SCRATCH_URL": source.url(database="postgres"),
    }


async def _fill(source: EmbeddedPostgres, size: Size) -> None:
    platform = Postgres(source.url("alloresto_platform"))
    await migrate(
        source.url(),
        platform_password=source.password("alloresto_platform"),
        backup_password=source.password("alloresto_backup"),
    )
    await platform.open()
    seeded = await seed(platform, always_open=True, cipher=SipPasswordCipher(KEY), admin_password="nobody logs in")
    await platform.close()
    await filling.fill(source.url(), PiiCipher(KEY), seeded.restaurants[0].id, size)


async def _restore(settings: BackupSettings, target: EmbeddedPostgres, name: str, tables: Sums) -> None:
    """As the command does it, up to the migrations."""
    connection = await connect(target.url(database="postgres"))
    await connection.execute("create database alloresto")
    await connection.close()
    pieces = storage_of(settings).stream(f"{settings.backup_s3_prefix}{name}{DUMP}")
    found = RestoreSettings(migrate_database_url=target.url(), backup_key=settings.backup_key)
    await restored_from(found, keys_of(settings.backup_key), pieces, tables)


async def _sums(server: EmbeddedPostgres) -> Sums:
    connection = await connect(server.url())
    try:
        async with connection.transaction(readonly=True):
            return await sums_of(connection)
    finally:
        await connection.close()


def _differing(before: Sums, after: Sums) -> int:
    """The run of the backup itself is noted in the one and not in the other."""
    names = (before.keys() | after.keys()) - {"backup_run"}
    return sum(before.get(name) != after.get(name) for name in names)


async def _rotate(source: EmbeddedPostgres) -> tuple[float, int]:
    """Seconds, and values."""
    platform = Postgres(source.url("alloresto_platform"), max_size=2)
    await platform.open()
    new = base64.b64encode(os.urandom(32)).decode()
    began = time.monotonic()
    try:
        outcome = await asyncio.wait_for(Rotation(platform, f"{new},{KEY}").run(), 1800)
    finally:
        await platform.close()
    if not outcome.done or outcome.last.unreadable:
        raise RuntimeError("the rotation left something")
    return time.monotonic() - began, outcome.renewed
