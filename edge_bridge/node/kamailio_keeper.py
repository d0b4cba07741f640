"""Keeps Kamailio running before the gate: its folder, what it has to know at its start, a look at it each second.

Its sockets are its own, so what comes while one follows another is lost: by UDP it is sent again, and connections are
opened again by the other side. Dialogs are the gate's, and media does not pass here, so calls go on.
"""

import asyncio
import contextlib
import dataclasses
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from edge_bridge.entrances.sip.gate import ipc
from edge_bridge.entrances.sip.kamailio import config as written
from edge_bridge.entrances.sip.kamailio import figures, tls
from edge_bridge.entrances.sip.kamailio.rpc import Rpc, RpcError
from edge_bridge.settings import EdgeSettings, cannot_listen
from process import logs
from process.punctuality import SIGNALLING_PRIORITY

log = logs.get(__name__)

INSTALL = "apt-get install kamailio kamailio-tls-modules"
SHARED_MB, PRIVATE_MB = 64, 8  # of all its processes together, and of each
CHECK_WITHIN_S = 10.0
BIND_WITHIN_S = 5.0  # the one of a supervisor that was killed takes up to 4 s to leave
BIND_AGAIN_S = 0.1
LOOK_EVERY_S = 1.0
ANSWER_WITHIN_S = 1.0
READY_WITHIN_S = 5.0
MISSES = 3
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 5.0
HEALTHY_AFTER_S = 10.0
LEAVE_WITHIN_S = 5.0
SAME_LINE_EVERY_S = 60.0
MOST_LINES = 200
UNREAD = 64 * 1024
PORT_TAKEN_STATUS = 3
NOT_USABLE_STATUS = 2

# A line such as: 0(123) ERROR: tls [tls_domain.c:609]: load_ca_list(): what went wrong
_LINE = re.compile(
    r"^\s*\d+\(\d+\) (?P<level>[A-Z]+): (?:\{[^}]*\} )?<?[\w-]+>? \[(?P<where>[\w./-]+:\d+)\]: (?P<text>.*)"
)
_OPENSSL = re.compile(r"error:[0-9A-F]{8}:([^()]{1,120})")
_GRAVE = ("ERROR", "CRITICAL", "ALERT", "BUG")


class FrontError(Exception):
    """Kamailio can't be started: one clear line for the operator."""

    def __init__(self, line: str, status: int) -> None:
        super().__init__(line)
        self.status = status


class KamailioKeeper:
    """``missing`` says why nothing comes through at the moment; "" when it does. All its files are in ``folder``."""

    def __init__(self, config: EdgeSettings) -> None:
        self.metrics = ""
        self.missing = "it is starting"
        self._config = config
        self._ports = written.Loopback(*_free_ports(), gate=0)
        self._secrets = written.Secrets(secrets.token_hex(16), secrets.token_hex(16))
        self._user = _user()
        self._program = ""
        self.folder = Path()
        self._certificates: tls.Certificates | None = None
        self._trunks: frozenset[str] | None = None
        self._told: frozenset[str] | None = None  # what the one that runs knows
        self._starts = 0
        self._said: list[str] = []  # the gravest of what the one that starts has said
        self._passed_on: dict[str, float] = {}

    @property
    def ports(self) -> tuple[int, int]:
        """Where the gate finds Kamailio on loopback: for calls, and for what may wait for a name server."""
        return self._ports.inner, self._ports.asks

    def lines(self, parts: tuple[ipc.Lines, ...]) -> None:
        """The trunks that are no strangers; told within a second."""
        if parts and len(parts) == parts[0].parts and all(part.read for part in parts):
            self._trunks = frozenset(host for part in parts for hosts in part.trunks.values() for host in hosts)

    # --- Before the start ------------------------------------------------------------------------------------

    async def open(self, gate_port: int) -> None:
        """See that it can be started. Raises SettingsError and FrontError."""
        self._ports = written.Loopback(*self.ports, gate_port)
        self._program = _find_program()
        self.folder = Path(tempfile.mkdtemp(prefix="alloresto-kamailio-"))
        try:
            self._certificates = await asyncio.to_thread(tls.prepare, self._config, self.folder, self._user)
            await self._require_ports(self._certificates)
            self._write()
            await self._check()
        except BaseException:
            self.close()
            raise

    async def _require_ports(self, certificates: tls.Certificates) -> None:
        config = self._config
        wanted = [("SIP_PORT", config.sip_port, socket.SOCK_DGRAM)]
        wanted += [("SIP_PORT", config.sip_port, socket.SOCK_STREAM)] if config.sip_tcp == "on" else []
        wanted += [] if certificates.only_ours else [("SIP_TLS_PORT", config.sip_tls_port, socket.SOCK_STREAM)]
        end = time.monotonic() + BIND_WITHIN_S
        for host in filter(None, (config.sip_bind_address, config.own_ipv6_address)):
            for variable, port, kind in wanted:
                while (error := _cannot_bind(host, port, kind)) is not None:
                    if time.monotonic() > end:
                        raise FrontError(cannot_listen(variable, host, port, error), PORT_TAKEN_STATUS)
                    await asyncio.sleep(BIND_AGAIN_S)

    def _write(self) -> None:
        assert self._certificates is not None
        folder, owner = self.folder, pwd.getpwnam(self._user) if self._user else None
        ports = dataclasses.replace(self._ports, tls=_free_tcp_port())
        written.write(folder, self._config, ports, self._secrets, self._certificates, self._trunks)
        for path in (folder, *folder.iterdir()):
            if path.is_symlink():
                continue
            path.chmod(0o700 if path.is_dir() else 0o600)
            if owner is not None:
                os.chown(path, owner.pw_uid, owner.pw_gid)

    async def _check(self) -> None:
        checking = await asyncio.create_subprocess_exec(
            *(self._program, "-c", "-f", str(self.folder / written.MAIN)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, said = await asyncio.wait_for(checking.communicate(), CHECK_WITHIN_S)
        except TimeoutError:
            checking.kill()
            await checking.wait()
            raise FrontError("REGISTRAR: kamailio -c does not end", NOT_USABLE_STATUS) from None
        if checking.returncode:
            why = _gravest(said.decode(errors="replace").splitlines())
            raise FrontError(f"REGISTRAR: kamailio can't be used here: {why}", NOT_USABLE_STATUS)

    def close(self) -> None:
        """Once nothing runs."""
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- The process -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled; then it is ended."""
        pause = FIRST_PAUSE_S
        while True:
            started = time.monotonic()
            status = await self._run_kamailio()
            pause = FIRST_PAUSE_S if time.monotonic() - started > HEALTHY_AFTER_S else pause
            why = _gravest(self._said)
            log.error("Kamailio died; starting it again", status=status, pause_s=pause, why=why)
            self.missing = f"it died and is starting again: {why}" if why else "it died and is starting again"
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _run_kamailio(self) -> int:
        self._write()
        self._told, self._said = self._trunks, []
        self._starts += 1
        lifeline, held = os.pipe()
        try:
            guard = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(files("edge_bridge.entrances.sip.kamailio").joinpath("guard.py"))),
                *(str(lifeline), self._user, str(self.folder), str(SIGNALLING_PRIORITY)),
                *(self._program, "-f", str(self.folder / written.MAIN), "-DD", "-E"),
                *("-m", str(SHARED_MB), "-M", str(PRIVATE_MB)),
                pass_fds=(lifeline,),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                limit=UNREAD,
                start_new_session=True,
            )
        finally:
            os.close(lifeline)
        assert guard.stderr is not None
        log.info("Kamailio started", pid=guard.pid, folder=str(self.folder))
        jobs = [asyncio.create_task(self._listen(guard.stderr)), asyncio.create_task(self._look(guard))]
        try:
            return await guard.wait()
        finally:
            if guard.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    guard.terminate()
                leaving = asyncio.ensure_future(guard.wait())
                await asyncio.wait([leaving], timeout=LEAVE_WITHIN_S)
            os.close(held)
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _listen(self, said: asyncio.StreamReader) -> None:
        """What it says while it starts is for the operator. Later it may tell of callers: only where in Kamailio's
        source it was said is passed on, and OpenSSL's reason."""
        while True:
            try:
                line = (await said.readline()).decode(errors="replace")
            except ValueError:  # a line longer than UNREAD
                continue
            if not line:
                return
            if self.missing:
                self._said = [*self._said, line][-MOST_LINES:]
            match, now = _LINE.match(line), time.monotonic()
            if match is None or now - self._passed_on.get(match["where"], -SAME_LINE_EVERY_S) < SAME_LINE_EVERY_S:
                continue
            if len(self._passed_on) >= MOST_LINES:
                self._passed_on.clear()
            self._passed_on[match["where"]] = now
            openssl = _OPENSSL.search(match["text"])
            why = openssl[1].strip() if openssl is not None else ""
            log.warning("Kamailio says", level=match["level"], where=match["where"], why=why)

    # --- A look at it ----------------------------------------------------------------------------------------

    async def _look(self, guard: asyncio.subprocess.Process) -> None:
        """Each second: does it answer, what does it count, does it know the trunks? Without answers it is killed."""
        rpc, misses, end = Rpc(self.folder), 0, time.monotonic() + READY_WITHIN_S
        try:
            while True:
                if await self._answers():
                    misses, self.missing = 0, ""
                    with contextlib.suppress(RpcError):
                        await self._tell(rpc)
                        self.metrics = figures.render(await figures.ask(rpc), self._starts)
                    await asyncio.sleep(LOOK_EVERY_S)
                elif self.missing and time.monotonic() < end:
                    await asyncio.sleep(BIND_AGAIN_S)
                else:
                    misses += 1
                    if misses >= MISSES:
                        log.error("Kamailio does not answer; killing it")
                        self.missing = "it did not answer"
                        guard.send_signal(signal.SIGQUIT)
                        return
                    await asyncio.sleep(BIND_AGAIN_S)
        finally:
            rpc.close()

    async def _answers(self) -> bool:
        """Whether the workers that the gate talks to answer an OPTIONS."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.setblocking(False)
            try:
                phone.connect((written.LOOPBACK, self._ports.inner))
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    await loop.sock_sendall(phone, self._probe(phone.getsockname()[1]))
                    return (await loop.sock_recv(phone, UNREAD)).startswith(b"SIP/2.0 200 ")
            except (OSError, TimeoutError):
                return False

    def _probe(self, port: int) -> bytes:
        uri, tag = f"sip:{self._secrets.probe}@{written.LOOPBACK}:{self._ports.inner}", secrets.token_hex(8)
        lines = [
            f"OPTIONS {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {written.LOOPBACK}:{port};branch=z9hG4bK{tag}",
            f"From: <{uri}>;tag={tag}",
            f"To: <{uri}>",
            f"Call-ID: {tag}",
            "CSeq: 1 OPTIONS",
            "Max-Forwards: 1",
            "Content-Length: 0",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def _tell(self, rpc: Rpc) -> None:
        """The trunks that came and went since it was told. Raises RpcError."""
        trunks = self._trunks
        if trunks is None or trunks == self._told:
            return
        known = self._told or frozenset()
        for host in filter(written.is_address, known - trunks):
            await rpc.ask("htable.delete", "known", host)
        for host in filter(written.is_address, trunks - known):
            await rpc.ask("htable.seti", "known", host, 1)
        await rpc.ask("htable.seti", "known", "trunks", 1)
        self._told = trunks


def _find_program() -> str:
    """Raises FrontError."""
    found = shutil.which("kamailio", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise FrontError(
            f"REGISTRAR: kamailio is not installed here; {INSTALL}, or set REGISTRAR=direct", NOT_USABLE_STATUS
        )
    return found


def _user() -> str:
    """Whom Kamailio runs as; "" for this process's own user, where that is not root."""
    if os.geteuid():
        return ""
    try:
        return pwd.getpwnam("kamailio").pw_name  # from Debian's package
    except KeyError:
        return "nobody"


def _free_ports() -> tuple[int, int]:
    """Two ports of loopback that nobody has now. Should somebody take one while Kamailio is down, it is tried again."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)]
        for one in sockets:
            one.bind((written.LOOPBACK, 0))
        first, second = (int(one.getsockname()[1]) for one in sockets)
    return first, second


def _free_tcp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.bind((written.LOOPBACK, 0))
        return int(one.getsockname()[1])


def _cannot_bind(host: str, port: int, kind: socket.SocketKind) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as tried:
        try:
            if kind == socket.SOCK_STREAM:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            tried.bind((host, port))
        except OSError as error:
            return error
    return None


def _gravest(lines: Iterable[str]) -> str:
    """The first error among what Kamailio said; "" when there is none."""
    found = (match for line in lines if (match := _LINE.match(line)) is not None and match["level"] in _GRAVE)
    return next((match["text"].strip()[:300] for match in found), "")
