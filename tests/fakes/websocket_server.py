"""What the other ends of our WebSockets have in common: a server on a free loopback port, while the fake is entered."""

from types import TracebackType
from typing import Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response


class WebSocketServer:
    longest_message = 1 << 20
    _server: Server | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._connected,
            "127.0.0.1",
            0,
            process_request=self._admit,
            compression=None,
            max_size=self.longest_message,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """None lets a client in."""
        raise NotImplementedError

    async def _connected(self, socket: ServerConnection) -> None:
        raise NotImplementedError
