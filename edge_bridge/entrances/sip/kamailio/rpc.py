"""A running Kamailio, asked and told over its datagram socket: JSON-RPC, one request a time, each within a bound."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import msgspec

from edge_bridge.entrances.sip.kamailio.config import RPC_SOCKET

ANSWER_WITHIN_S = 1.0
MAX_ANSWER = 65_536
OUR_SOCKET = "node.sock"

Number = int | float | str


class RpcError(Exception):
    """No answer in time, or not the one that was hoped for."""


class _Answer(msgspec.Struct):
    id: int = 0
    result: Any = None
    error: Any = None


class Rpc:
    """For the Kamailio whose folder this is. One task at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket: socket.socket | None = None
        self._last = 0

    async def ask(self, method: str, *params: Number) -> Any:
        """The result. Raises RpcError."""
        self._last += 1
        request = {"jsonrpc": "2.0", "id": self._last, "method": method, "params": params}
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                end = self._open()
                await loop.sock_sendall(end, msgspec.json.encode(request))
                while True:
                    answer = msgspec.json.decode(await loop.sock_recv(end, MAX_ANSWER), type=_Answer)
                    if answer.id == self._last:  # else of one that came too late
                        break
        except (OSError, TimeoutError, msgspec.MsgspecError) as error:
            self.close()
            raise RpcError(type(error).__name__) from None
        if answer.error is not None:
            raise RpcError("refused")
        return answer.result

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        """Connected, with a name that Kamailio can answer to. Raises OSError while there is none."""
        if self._socket is None:
            end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            end.setblocking(False)
            own = self._folder / OUR_SOCKET
            try:
                own.unlink(missing_ok=True)
                end.bind(str(own))
                own.chmod(0o666)  # Kamailio may be another user; the folder is open to it and us alone
                end.connect(str(self._folder / RPC_SOCKET))
            except OSError:
                end.close()
                raise
            self._socket = end
        return self._socket
