"""Where backups are kept, and with which key."""

from typing import Annotated

import msgspec

from backups.errors import BackupError
from backups.object_storage import ObjectStorage
from backups.signing import Credentials
from process.settings import SettingsError
from stores.ciphers import decode_keys


class StorageSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The bucket. BACKUP_KEY holds one key or several, with commas between: the first one seals, all of them open."""

    backup_key: str
    backup_s3_endpoint: str
    backup_s3_bucket: str
    backup_s3_access_key: str
    backup_s3_secret_key: str
    backup_s3_region: str = "us-east-1"
    backup_s3_prefix: str = "alloresto/"


class BackupSettings(StorageSettings, frozen=True, kw_only=True):
    """What a run needs. Without BACKUP_SCRATCH_URL it starts a server of its own to try the restoring on."""

    backup_database_url: str
    backup_days: Annotated[int, msgspec.Meta(ge=1)] = 7
    backup_scratch_url: str = ""


def keys_of(backup_key: str) -> tuple[bytes, ...]:
    """Raises SettingsError."""
    try:
        return decode_keys(backup_key, "BACKUP_KEY")
    except ValueError as error:
        raise SettingsError([str(error)]) from None


def storage_of(settings: StorageSettings) -> ObjectStorage:
    """Raises SettingsError."""
    credentials = Credentials(settings.backup_s3_access_key, settings.backup_s3_secret_key, settings.backup_s3_region)
    try:
        return ObjectStorage(settings.backup_s3_endpoint, settings.backup_s3_bucket, credentials)
    except BackupError as error:
        raise SettingsError([str(error)]) from None
