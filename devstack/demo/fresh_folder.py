"""A state folder that begins empty: the demo's, so that what is expected of it can be said exactly."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = ".alloresto-demo"


class FolderError(ValueError):
    """The folder may not be emptied; the message says why."""


@contextmanager
def fresh_folder(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for this process and empty it of what an earlier demo left.

    Raises FolderError for a folder with other things in it, or one that another demo uses now: nothing is deleted then.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / LOCK).exists():
        raise FolderError(f"--state-dir {folder}: it holds something that no demo made; choose an empty or new folder")
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderError(f"--state-dir {folder}: a demo runs there now; wait for its end") from None
        for entry in folder.iterdir():
            if entry.name == LOCK:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        yield
    finally:
        os.close(lock)
