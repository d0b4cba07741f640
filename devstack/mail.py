"""The embedded stack's mailbox: an SMTP server on loopback that keeps each mail as a file and sends none on.

The files are what arrived, ``0001.eml`` and so on, the newest last; any mail program opens them. It can fail as real
ones do, as often as is asked for (``faults``).
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import Counter
from pathlib import Path
from typing import Literal

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

HOST = "127.0.0.1"
LARGEST_BYTES = 1_000_000
KEPT = 200


Fault = Literal["greylisting", "refusing", "failing", "slow", "lost_answer"]
SLOW_S = 60.0
"""Longer than anybody waits."""


class Mailbox:
    """``start()`` before use, ``stop()`` after; the mails stay in ``folder``.

    ``greylisting``: 450 to the recipient. ``refusing``: 550. ``failing``: 421 to the sender. ``slow``: no answer to the
    mail, which is not kept. ``lost_answer``: the mail is kept, and the connection closed instead of an answer. With
    ``tls`` it offers STARTTLS and asks for it, and for ``login`` (user, password).
    """

    def __init__(
        self, folder: Path, port: int, tls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.port = port
        self.faults: Counter[Fault] = Counter()
        self._tls, self._login = tls, login
        self._controller: Controller | None = None

    @property
    def url(self) -> str:
        """For SMTP_URL."""
        return f"smtp://{HOST}:{self.port}"

    def start(self) -> None:
        """Raises OSError when the port is taken."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        controller = Controller(
            _Keeper(self.folder, self.faults),
            hostname=HOST,
            port=self.port,
            data_size_limit=LARGEST_BYTES,
            require_starttls=self._tls is not None,
            tls_context=self._tls,
            auth_required=self._login is not None,
            authenticator=self._knows if self._login else None,
        )
        controller.start()
        self._controller = controller

    def stop(self) -> None:
        """Safe to call again."""
        controller, self._controller = self._controller, None
        if controller is not None:
            controller.stop()

    def _knows(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: object) -> AuthResult:
        right = isinstance(given, LoginPassword) and (given.login.decode(), given.password.decode()) == self._login
        return AuthResult(success=right, handled=False)

    def mails(self) -> list[Path]:
        """The oldest first."""
        return sorted(self.folder.glob("*.eml"))


class _Keeper:
    def __init__(self, folder: Path, faults: Counter[Fault]) -> None:
        self._folder = folder
        self._faults = faults
        self._lock = threading.Lock()

    def _takes(self, fault: Fault) -> bool:
        if self._faults[fault] <= 0:
            return False
        self._faults[fault] -= 1
        return True

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._takes("failing"):
            return "421 out of service"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._takes("greylisting"):
            return "450 4.2.0 greylisted, try again later"
        if self._takes("refusing"):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self._takes("slow"):
            await asyncio.sleep(SLOW_S)
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        with self._lock:
            kept = sorted(self._folder.glob("*.eml"))
            number = int(kept[-1].stem) + 1 if kept else 1
            # Under another name until it is whole: who watches the folder opens no half a mail.
            arriving = self._folder / f"{number:04}.part"
            arriving.write_bytes(content)
            arriving.rename(self._folder / f"{number:04}.eml")
            for old in kept[: max(0, len(kept) + 1 - KEPT)]:
                old.unlink(missing_ok=True)
        if self._takes("lost_answer"):
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return "250 kept"
