"""``alloresto backup``, ``restore`` and ``archive``: the same as the image's ``python -m backups`` and its archive."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def backup(
    listed: Annotated[bool, typer.Option("--list", help="Show the good ones of the bucket instead.")] = False,
) -> None:
    """Take a backup of BACKUP_DATABASE_URL to the bucket of BACKUP_S3_…, try it by restoring, forget old ones."""
    from backups.__main__ import main

    main(["list" if listed else "take"])


def restore(
    name: Annotated[str, typer.Argument(help="A backup's name, as --list of backup says it.")] = "latest",
    file: Annotated[Path | None, typer.Option(help="A fetched dump instead of the bucket's.")] = None,
) -> None:
    """Fill the empty database of MIGRATE_DATABASE_URL with a backup and bring it to this release's schema."""
    from backups.__main__ import main

    main(["restore", name, *(["--file", str(file)] if file else [])])


def archive(
    what: Annotated[str, typer.Argument(help="list, out or back.")],
    month: Annotated[str, typer.Argument(help="Such as 2024-03. Of out: without one, every month that is old.")] = "",
) -> None:
    """Months of orders and calls between ARCHIVE_DATABASE_URL and the bucket of ARCHIVE_S3_…, as Parquet."""
    from backups.archive.__main__ import main

    main([what, *([month] if month else [])])
