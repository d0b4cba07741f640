"""Where archived months lie, and from when on a month is old."""

from typing import Annotated

import msgspec

from backups.errors import BackupError
from backups.object_storage import ObjectStorage
from backups.signing import Credentials
from process.settings import SettingsError


class ArchiveSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket of its own: backups are kept for days, archives for years.

    ``archive_months``: a month leaves when it ended so many months ago. Names must be forgotten by then (see the
    archiver's ORDER_PII_DAYS and its like): a month that has any stays.
    """

    archive_database_url: str
    archive_s3_endpoint: str
    archive_s3_bucket: str
    archive_s3_access_key: str
    archive_s3_secret_key: str
    archive_s3_region: str = "us-east-1"
    archive_s3_prefix: str = "alloresto-archive/"
    archive_months: Annotated[int, msgspec.Meta(ge=2, le=1200)] = 24


def storage_of(settings: ArchiveSettings) -> ObjectStorage:
    """Raises SettingsError."""
    credentials = Credentials(
        settings.archive_s3_access_key, settings.archive_s3_secret_key, settings.archive_s3_region
    )
    try:
        return ObjectStorage(
            settings.archive_s3_endpoint, settings.archive_s3_bucket, credentials, settings="ARCHIVE_S3"
        )
    except BackupError as error:
        raise SettingsError([str(error)]) from None
