"""Settings of the speech server, from the environment."""

from __future__ import annotations

import os
from typing import Annotated

import msgspec

from process.settings import Port

Threads = Annotated[int, msgspec.Meta(ge=1, le=64)]


class SpeechSettings(msgspec.Struct, frozen=True):
    """One field a variable. Every model can be replaced by naming another path."""

    port: Port = 8800
    host: str = "127.0.0.1"
    # When set, a client must send it as its Bearer token.
    speech_api_key: str = ""
    # Where models that come in several packages are put together; "" is $XDG_CACHE_HOME/alloresto/models.
    speech_models_dir: str = ""
    whisper_model_dir: str = ""
    piper_voice_path: str = ""
    kokoro_model_path: str = ""
    kokoro_voices_dir: str = ""
    # Threads of one model run. Two is the best on the two cores of a small server.
    speech_threads: Threads = min(2, os.cpu_count() or 1)
