"""What an embedded server has beside its binary: a child process, a folder, a lock, a log and a port.

A child gets a signal when the thread that started it ends (``PR_SET_PDEATHSIG``), so nothing outlives a parent
that is killed; that is why ``start()`` must be called from the main thread. The lock on the data folder is shared
with the child: a second start waits for a server that is still shutting down, and refuses one that is in use.
"""

import asyncio
import ctypes
import fcntl
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from devstack.servers.ports import free_port

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0
LOCK_TIMEOUT_S = 5.0
POLL_S = 0.01
PORT_ATTEMPTS = 5

_PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)

_KNOWN_FAILURES = (
    ("Address already in use", "port {port} on 127.0.0.1 is taken; choose another port or stop what listens there"),
    ("No space left on device", "the disk that holds {folder} is full; free some space"),
    ("Permission denied", "no permission to write {folder}; fix its owner or choose another folder"),
    ("has wrong ownership", "{folder} belongs to another user; run as that user or choose another folder"),
    ("database files are incompatible", "{folder} was made by another Postgres version; move it away"),
)


class EmbeddedServerError(RuntimeError):
    """A server did not start. The message is one line that says why and what to do."""


class _PortTakenError(EmbeddedServerError):
    """The port was taken between choosing it and listening on it."""


class EmbeddedServer:
    """One child process with its data folder, lock, log and port."""

    name = ""
    death_signal = signal.SIGTERM

    def __init__(self, data_dir: str | Path, port: int = 0) -> None:
        self.data_dir = Path(data_dir).absolute()
        self.port = port
        self._choose_port = port == 0
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None
        self._log_from = 0

    @property
    def log_file(self) -> Path:
        return self.data_dir / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """The server's process id, or None when it does not run."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start and wait until connections are accepted. Raises EmbeddedServerError.

        With port 0 a free one is chosen at the first start and kept for later ones.
        """
        for pause_s in self._starting(timeout_s):
            time.sleep(pause_s)

    async def start_again(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """As ``start``, beside what else the event loop of the main thread has to do."""
        for pause_s in self._starting(timeout_s):
            await asyncio.sleep(pause_s)

    def _starting(self, timeout_s: float) -> Iterator[float]:
        """Each pause until it is up."""
        if self.running:
            return
        self.stop()  # a server that died leaves its lock with us
        if threading.current_thread() is not threading.main_thread():
            raise EmbeddedServerError(f"{self.name}: start it from the main thread; it ends with the one it started in")
        self._take_lock()
        try:
            self._prepare()
            yield from self._launch(time.monotonic() + timeout_s)
        except OSError as error:
            self.stop()
            raise self._failure(os.strerror(error.errno or 0)) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop, data flushed. Kills what does not stop in time. Safe to call again."""
        process, self._process = self._process, None
        if process is not None:
            if process.poll() is None:
                process.send_signal(self.death_signal)
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_TIMEOUT_S)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _prepare(self) -> None:
        raise NotImplementedError

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        raise NotImplementedError

    def _ready(self) -> bool:
        raise NotImplementedError

    def _launch(self, deadline: float) -> Iterator[float]:
        for attempt in range(1, PORT_ATTEMPTS + 1):
            if self._choose_port and (self.port == 0 or attempt > 1):
                self.port = free_port()
            try:
                yield from self._launch_once(deadline)
                return
            except _PortTakenError:
                if not self._choose_port or attempt == PORT_ATTEMPTS:
                    raise

    def _launch_once(self, deadline: float) -> Iterator[float]:
        with open(os.open(self.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            self._log_from = log.seek(0, os.SEEK_END)
            self._process = self._spawn(log)
        while not self._ready():
            if self._process.poll() is not None:
                raise self._failure(self._log_since_start())
            if time.monotonic() > deadline:
                raise EmbeddedServerError(f"{self.name}: not ready in time; its log is {self.log_file}")
            yield POLL_S

    def _log_since_start(self) -> str:
        with self.log_file.open("rb") as log:
            log.seek(self._log_from)
            return log.read().decode(errors="replace")

    def _failure(self, text: str) -> EmbeddedServerError:
        for marker, advice in _KNOWN_FAILURES:
            if marker in text:
                kind = _PortTakenError if "{port}" in advice else EmbeddedServerError
                return kind(f"{self.name}: {advice.format(port=self.port, folder=self.data_dir)}")
        last = next((line for line in reversed(text.splitlines()) if line.strip()), "it ended without a message")
        return EmbeddedServerError(f"{self.name}: {last.strip()}")

    def _take_lock(self) -> None:
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._failure(os.strerror(error.errno or 0)) from error
        deadline = time.monotonic() + LOCK_TIMEOUT_S
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(self._lock)
                    self._lock = None
                    raise EmbeddedServerError(
                        f"{self.name}: {self.data_dir} is in use by a running server; stop that one first"
                    ) from None
                time.sleep(POLL_S)

    def _before_exec(self, first: Callable[[], None] | None = None) -> Callable[[], None]:
        """What the child does between fork and exec; libc only, since other threads' locks may be held."""
        parent = os.getpid()
        death_signal = int(self.death_signal)

        def run() -> None:
            if first is not None:
                first()
            LIBC.prctl(_PR_SET_PDEATHSIG, death_signal)
            if os.getppid() != parent:  # it ended before prctl: then no signal will come
                os._exit(1)

        return run

    def _inherited(self) -> tuple[int, ...]:
        return () if self._lock is None else (self._lock,)


def wheel_folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(f"{package} is not installed; install the extra named local")
    return Path(spec.origin).parent


def write_private(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)


def secret_file(path: Path) -> bytes:
    """32 random bytes kept in ``path``, readable by the owner only."""
    if not path.exists() or path.stat().st_size != 32:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, secrets.token_bytes(32))
    return path.read_bytes()
