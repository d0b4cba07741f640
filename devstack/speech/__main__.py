"""``python -m devstack.speech``: the speech server."""

from __future__ import annotations

import sys

from devstack.speech.protocol.client_events import MAX_MESSAGE_BYTES
from devstack.speech.server import SpeechApp, SpeechSettings
from process import asgi, logs
from process.settings import load_or_exit
from voices import models

GRACE_S = 5  # for what is being said when the process is told to end


def main() -> int:
    settings = load_or_exit(SpeechSettings)
    logs.configure("speech")
    try:
        paths = models.locate(settings)
    except models.ModelError as error:
        print(f"speech: {error}", file=sys.stderr)
        return 1
    asgi.run(
        SpeechApp(settings, paths),
        settings.host,
        settings.port,
        grace_s=GRACE_S,
        websocket_message_bytes=MAX_MESSAGE_BYTES,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
