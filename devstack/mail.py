"""The embedded stack's mailbox: an SMTP server on loopback that keeps each mail as a file and sends none on.

The files are what arrived, ``0001.eml`` and so on, the newest last; any mail program opens them.
"""

from __future__ import annotations

import threading
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "127.0.0.1"
LARGEST_BYTES = 1_000_000
KEPT = 200


class Mailbox:
    """``start()`` before use, ``stop()`` after; the mails stay in ``folder``."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._controller: Controller | None = None

    @property
    def url(self) -> str:
        """For SMTP_URL."""
        return f"smtp://{HOST}:{self.port}"

    def start(self) -> None:
        """Raises OSError when the port is taken."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        keeper = _Keeper(self.folder)
        controller = Controller(keeper, hostname=HOST, port=self.port, data_size_limit=LARGEST_BYTES)
        controller.start()
        self._controller = controller

    def stop(self) -> None:
        """Safe to call again."""
        controller, self._controller = self._controller, None
        if controller is not None:
            controller.stop()

    def mails(self) -> list[Path]:
        """The oldest first."""
        return sorted(self.folder.glob("*.eml"))


class _Keeper:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
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
        return "250 kept"
