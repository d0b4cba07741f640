"""A client's WebSocket into a Service, message by message: the product holds a POST instead, and this shows why.

It takes a slot and counts as concurrency like any request, but no message is the "first byte" or the progress that the
activator's timers look for: ``responseStartTimeoutSeconds`` and ``idleTimeoutSeconds`` cut it as well as
``timeoutSeconds``, and a deleted pod drops it 90 s later however well its process drains. A cut closes the connection
without a closing handshake (code 1006). Fragments and compression are not passed on: messages are.
"""

import asyncio

import aiohttp
from aiohttp import WSMsgType, web
from multidict import CIMultiDict

from devstack.knative.listeners import MAX_BODY_BYTES

_CLOSE_WITHIN_S = 0.5
_NORMAL_CLOSURE = 1000
_HANDSHAKE = "sec-websocket-"

Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


def asks_for_websocket(request: web.BaseRequest) -> bool:
    """The only upgrade that is tunnelled; another one is left out, as HTTP allows, and the request goes on."""
    connection = request.headers.get("connection", "").lower()
    return "upgrade" in connection and request.headers.get("upgrade", "").lower() == "websocket"


async def tunnel(
    request: web.BaseRequest,
    session: aiohttp.ClientSession,
    url: str,
    headers: CIMultiDict[str],
    cut: asyncio.Event,
) -> web.StreamResponse:
    """Until either side closes or ``cut`` is set. A pod that refuses gives its status. Raises ClientError."""
    offered = [name.strip() for name in request.headers.get("sec-websocket-protocol", "").split(",") if name.strip()]
    passed_on = CIMultiDict((name, value) for name, value in headers.items() if not name.lower().startswith(_HANDSHAKE))
    connecting = session.ws_connect(
        url,
        headers=passed_on,
        protocols=offered,
        autoclose=False,
        autoping=False,
        max_msg_size=MAX_BODY_BYTES,
        timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_WITHIN_S),
    )
    try:
        async with connecting as pod:
            client = web.WebSocketResponse(
                protocols=[pod.protocol] if pod.protocol else [],
                autoclose=False,
                autoping=False,
                compress=False,
                max_msg_size=MAX_BODY_BYTES,
                timeout=_CLOSE_WITHIN_S,
            )
            await client.prepare(request)
            try:
                await _relay(client, pod, cut)
            finally:
                if request.transport is not None and not client.closed:
                    request.transport.abort()
            return client
    except aiohttp.WSServerHandshakeError as error:
        return web.Response(status=error.status, text=f"the pod refused the upgrade: {error.message}\n")


async def _relay(client: web.WebSocketResponse, pod: aiohttp.ClientWebSocketResponse, cut: asyncio.Event) -> None:
    """Both directions, until one of them is over; a closing handshake gets a moment for its other half."""
    directions = {asyncio.create_task(_pass_on(client, pod)), asyncio.create_task(_pass_on(pod, client))}
    cutting = asyncio.create_task(cut.wait())
    try:
        done, _ = await asyncio.wait({*directions, cutting}, return_when=asyncio.FIRST_COMPLETED)
        if cutting not in done and all(task.result() for task in done & directions):
            await asyncio.wait(directions, timeout=_CLOSE_WITHIN_S)
    finally:
        for task in (*directions, cutting):
            task.cancel()
        await asyncio.gather(*directions, cutting, return_exceptions=True)


async def _pass_on(source: Socket, target: Socket) -> bool:
    """True when the source closed in order, False when its connection was lost."""
    while True:
        message = await source.receive()
        match message.type:
            case WSMsgType.TEXT:
                await target.send_str(message.data)
            case WSMsgType.BINARY:
                await target.send_bytes(message.data)
            case WSMsgType.PING:
                await target.ping(message.data)
            case WSMsgType.PONG:
                await target.pong(message.data)
            case WSMsgType.CLOSE:
                code = message.data or _NORMAL_CLOSURE
                await target.close(code=code, message=(message.extra or "").encode())
                await source.close(code=code)
                return True
            case WSMsgType.CLOSING:
                return True  # the other direction is closing it
            case _:
                return False
