"""Settings of the speech server, from the environment."""

from __future__ import annotations

from process.settings import Port
from voices.models import ModelSettings


class SpeechSettings(ModelSettings, frozen=True):
    """One field a variable, beside where its models are."""

    port: Port = 8800
    host: str = "127.0.0.1"
    # When set, a client must send it as its Bearer token.
    speech_api_key: str = ""
