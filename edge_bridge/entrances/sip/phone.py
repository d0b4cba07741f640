"""A SIP dialog, as its call sees it."""

from collections.abc import Callable

from edge_bridge.entrances.sip.signals import Handle, transfer_target


class SipPhone:
    """A ``sessions.Phone``. Numbers are transferred to at ``domain``, the line's trunk or the peer, and dialled at
    ``dialled_at``, the same with its port."""

    def __init__(
        self,
        handle: Handle,
        domain: str,
        dialled_at: str,
        hang_up: Callable[[Handle, int], None],
        refer: Callable[[Handle, str], None],
    ) -> None:
        self._handle = handle
        self._domain = domain
        self._dialled_at = dialled_at
        self._hang_up = hang_up
        self._refer = refer

    def hang_up(self) -> None:
        self._hang_up(self._handle, 0)

    def transfer_address(self, target: str) -> str | None:
        return transfer_target(target, self._domain)

    def dial_address(self, target: str) -> str | None:
        return transfer_target(target, self._dialled_at)

    def refer(self, address: str) -> None:
        self._refer(self._handle, address)

    def cleared(self) -> None:
        """Nothing is buffered beyond the 20 ms that play."""
