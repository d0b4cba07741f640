import asyncio

from functions.dead_letter_keeper.app import NAME, Settings, build
from process import logs
from process.asgi import serve
from process.settings import load_or_exit

GRACE_S = 28  # one insert at most; Kubernetes kills after 30 s

if __name__ == "__main__":
    settings = load_or_exit(Settings)
    logs.configure(NAME)
    asyncio.run(serve(build(settings), settings.host, settings.port, grace_s=GRACE_S))
