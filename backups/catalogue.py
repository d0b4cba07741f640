"""The backups of a bucket. A dump is one object; the list of what is in it, written last, makes it a good one."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from backups.errors import BackupError
from backups.object_storage import ObjectStorage
from backups.sums import Sums
from process import logs

DUMP, LIST = ".dump", ".json"
# Whatever else lies under the prefix is somebody else's: never read, never deleted.
_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ")

log = logs.get(__name__)


class Backup(msgspec.Struct, frozen=True):
    """A good backup: it has been restored, and every table was what it had been."""

    name: str
    taken_at: datetime
    """When its snapshot was made: what was written later is not in it."""
    sealed_bytes: int
    sha256: str
    """Of the sealed object."""
    key: str
    server_version: int
    tables: Sums
    verified_at: datetime

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())


def name_at(moment: datetime) -> str:
    """Names sort as the moments do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")


def good(storage: ObjectStorage, prefix: str) -> list[Backup]:
    """The oldest first. One whose list is damaged is told of and left out: the others are as good as before."""
    objects = {one.key for one in storage.list(prefix)}
    found = []
    for name in sorted(filter(None, (_name_of(key, prefix, LIST) for key in objects))):
        if f"{prefix}{name}{DUMP}" not in objects:
            continue
        try:
            backup = described(storage.get(f"{prefix}{name}{LIST}") or b"", name)
        except BackupError:
            backup = None
        if backup is not None and backup.name == name:
            found.append(backup)
        else:
            log.error("the list of a backup is damaged, so it does not count", backup=name)
    return found


def _name_of(key: str, prefix: str, end: str) -> str:
    """Of the backup that an object belongs to, "" for none of ours."""
    name = key.removeprefix(prefix).removesuffix(end)
    return name if key == f"{prefix}{name}{end}" and _NAME.fullmatch(name) else ""


def named(storage: ObjectStorage, prefix: str, name: str) -> Backup:
    """``latest``, or one of those that ``good`` gives. Raises BackupError."""
    if name != "latest":
        document = storage.get(f"{prefix}{name}{LIST}")
        if document is None:
            raise BackupError(f"there is no good backup named {name}; see  alloresto backup --list")
        return described(document, name)
    backups = good(storage, prefix)
    if not backups:
        raise BackupError("there is no good backup in the bucket; look at BACKUP_S3_BUCKET and BACKUP_S3_PREFIX")
    return backups[-1]


def described(document: bytes, where: str) -> Backup:
    """Raises BackupError for what is no list of a backup."""
    try:
        return msgspec.json.decode(document, type=Backup)
    except msgspec.DecodeError:
        raise BackupError(f"{where}: not the list of a backup; take another backup") from None


def expire(storage: ObjectStorage, prefix: str, days: int, now: datetime) -> Iterator[str]:
    """Delete what is older than ``days``, good or not, but never the last good one; the names of what went."""
    backups = good(storage, prefix)
    kept = backups[-1].name if backups else ""
    oldest = now - timedelta(days=days)
    dates = {backup.name: backup.taken_at for backup in backups}
    keys = {one.key: one.modified for one in storage.list(prefix)}
    # The list first: whoever is interrupted in between leaves a dump that no longer counts, not a list without one.
    for key in sorted(keys, key=lambda key: (key.endswith(DUMP), key)):
        name = _name_of(key, prefix, DUMP) or _name_of(key, prefix, LIST)
        if name and kept and name != kept and dates.get(name, keys[key]) < oldest:
            storage.delete(key)
            if key.endswith(DUMP):
                yield name
