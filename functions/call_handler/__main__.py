"""``python -m functions call_handler``: listen as soon as possible, load the rest behind it."""

import gc
import logging

from functions.call_handler.settings import Settings
from process import logs, telemetry
from process.settings import load_or_exit


def main() -> None:
    gc.disable()  # until all is loaded: collections would look at modules that stay, 10 ms of a caller's wait
    settings = load_or_exit(Settings)
    logs.configure("call-handler")
    telemetry.configure("call-handler")
    logging.getLogger("picows").setLevel(logging.WARNING)

    from functions.call_handler.serving.app import build_app
    from process.asgi import run

    run(build_app(settings), settings.host, settings.port, grace_s=int(settings.drain_s))


if __name__ == "__main__":
    main()
