"""The laptop's own secrets: made once, kept in the state folder, readable by its owner only.

Production gets its Secrets from the operator; nothing here is a default that could reach it.
"""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import msgspec

FILE = "credentials.json"


class Credentials(msgspec.Struct, frozen=True):
    """Passwords and keys of one embedded stack."""

    master_key: str
    web_secret_key: str
    speech_api_key: str
    admin_password: str


def load_or_make(path: Path) -> Credentials:
    """The credentials at ``path``, made on first use with mode 0600. Raises ValueError when the file is damaged."""
    if path.exists():
        try:
            return msgspec.json.decode(path.read_bytes(), type=Credentials)
        except msgspec.MsgspecError as error:
            raise ValueError(f"{path}: {error}; restore the file, or delete the whole folder to start afresh") from None
    made = Credentials(
        master_key=base64.b64encode(secrets.token_bytes(32)).decode(),
        web_secret_key=secrets.token_urlsafe(18),
        speech_api_key=secrets.token_urlsafe(18),
        admin_password="-".join(secrets.token_hex(2) for _ in range(3)),  # typed by hand, hence short
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.encode(made))
    return made
