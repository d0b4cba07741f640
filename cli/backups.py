"""``alloresto backup`` and ``alloresto restore``: the same as the image's ``python -m backups``."""

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
