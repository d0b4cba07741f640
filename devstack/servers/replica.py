"""A streaming replica of an embedded Postgres, as a managed one has in another region; promoted, it is a primary."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from devstack.servers.embedded import EmbeddedPostgres
from devstack.servers.embedded_server import write_private

COPY_WITHIN_S = 60.0


class EmbeddedReplica(EmbeddedPostgres):
    """Copies ``primary``, which runs, at its first start and follows it. Its roles and passwords are the primary's."""

    def __init__(self, data_dir: str | Path, primary: EmbeddedPostgres, port: int = 0) -> None:
        super().__init__(data_dir, port)
        self._primary = primary

    def _prepare(self) -> None:
        """``pg_basebackup -R``: a copy that knows whom to follow. Raises EmbeddedServerError."""
        if (self.cluster / "PG_VERSION").exists():
            return
        write_private(self.data_dir / "secret", (self._primary.data_dir / "secret").read_bytes())
        shutil.rmtree(self.cluster, ignore_errors=True)
        source = f"{self._primary.url(database='postgres')}?application_name=replica"
        arguments = ["-D", str(self.cluster), "-d", source, "-R", "-X", "stream", "-c", "fast", "--no-sync"]
        made = subprocess.run(
            [self.bin / "pg_basebackup", *arguments], capture_output=True, timeout=COPY_WITHIN_S, check=False, cwd="/"
        )
        if made.returncode != 0:
            raise self._failure(made.stderr.decode(errors="replace"))
        owner = self._primary.cluster.stat()
        self.data_dir.chmod(self._primary.data_dir.stat().st_mode)
        for folder, _, files in os.walk(self.cluster):
            for name in ("", *files):
                os.chown(Path(folder, name), owner.st_uid, owner.st_gid)
