"""A function that answers WebSockets, as the product's own never do: ``/echo`` gives back every message.

``/refused`` is 403. SIGTERM changes nothing: it drains for ever.
"""

import os
import signal

from aiohttp import WSMsgType, web

PROTOCOL = "echo.v2"


async def echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(protocols=(PROTOCOL,))
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
        elif message.data == "leave":
            await socket.close(code=4001, message=b"as asked")
        else:
            await socket.send_str(message.data)
    return socket


async def refused(_: web.Request) -> web.Response:
    return web.Response(status=403)


async def health(_: web.Request) -> web.Response:
    return web.Response()


if __name__ == "__main__":
    app = web.Application()
    app.add_routes([web.get("/echo", echo), web.get("/refused", refused), web.get("/health/ready", health)])
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None, handle_signals=False)
