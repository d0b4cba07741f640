"""``python -m functions call_handler``: listen as soon as possible, load the rest behind it."""

import asyncio
import logging

import uvloop

from functions.call_handler.app import build_app
from functions.call_handler.settings import Settings
from process import logs
from process.asgi import serve
from process.settings import load_or_exit


async def main(settings: Settings) -> None:
    await serve(build_app(settings), settings.host, settings.port, grace_s=int(settings.drain_s))


if __name__ == "__main__":
    loaded = load_or_exit(Settings)
    logs.configure("call-handler")
    logging.getLogger("picows").setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(loaded))
