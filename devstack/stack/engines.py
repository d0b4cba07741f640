"""The realtime speech engine of the embedded stack: OpenAI when there is a key, else the local speech server."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dotenv import dotenv_values

from devstack.servers.embedded_server import EmbeddedServer
from devstack.servers.ports import is_ready

OPENAI_BASE_URL = "https://api.openai.com/v1"
MODELS_WITHIN_S = 120.0  # two seconds on two idle cores; a busy machine takes far longer


@dataclass(frozen=True, slots=True)
class EngineEndpoint:
    """Where call handlers connect to their model. ``name`` is shown to the operator."""

    name: str
    base_url: str
    api_key: str


def configured_engine(environ: dict[str, str] | None = None) -> EngineEndpoint | None:
    """The engine that OPENAI_API_KEY (environment, then ``.env``) asks for; None without a key."""
    values = {**{name: value for name, value in dotenv_values(".env").items() if value}, **(environ or os.environ)}
    key = values.get("OPENAI_API_KEY", "").strip()
    if not key:
        return None
    return EngineEndpoint("OpenAI", values.get("OPENAI_BASE_URL") or OPENAI_BASE_URL, key)


class SpeechServer(EmbeddedServer):
    """``python -m devstack.speech`` as a child; ready when its models are loaded and one probe has answered 200."""

    name = "speech"

    def __init__(self, data_dir: Path, api_key: str, port: int = 0) -> None:
        super().__init__(data_dir, port)
        self._api_key = api_key

    def start(self, timeout_s: float = MODELS_WITHIN_S) -> None:
        super().start(timeout_s)

    @property
    def engine(self) -> EngineEndpoint:
        return EngineEndpoint("the local speech server", f"http://127.0.0.1:{self.port}/v1", self._api_key)

    def _prepare(self) -> None:
        """Nothing to do: the server itself puts its models together, in the user's cache."""

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        environment = os.environ | {"PORT": str(self.port), "HOST": "127.0.0.1", "SPEECH_API_KEY": self._api_key}
        return subprocess.Popen(
            [sys.executable, "-m", "devstack.speech"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            pass_fds=self._inherited(),
            start_new_session=True,
            preexec_fn=self._before_exec(),
        )

    def _ready(self) -> bool:
        return is_ready(self.port)
