"""``python -m devstack.speech``: the speech server."""

from __future__ import annotations

import asyncio
import sys

from devstack.speech.server import SpeechApp, SpeechSettings, serve
from process import logs
from process.settings import load_or_exit
from voices import models


def main() -> int:
    settings = load_or_exit(SpeechSettings)
    logs.configure("speech")
    try:
        paths = models.locate(settings)
    except models.ModelError as error:
        print(f"speech: {error}", file=sys.stderr)
        return 1
    asyncio.run(serve(SpeechApp(settings, paths), settings.host, settings.port))
    return 0


if __name__ == "__main__":
    sys.exit(main())
