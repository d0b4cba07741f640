"""Hangs up on whom a dead worker talked to, or rang: their phones would hear nothing, for as long as they stay on the
line."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from edge_bridge.entrances.sip.gate.dialogs import Address, Dialog

T1_S, T2_S = 0.5, 4.0  # RFC 3261, 17.1.2.2
TIMES = 7  # 15.5 s in all: a phone that has not answered by then is gone


@dataclass(slots=True)
class _Bye:
    dialog: Dialog
    request: bytes
    hops: list[Address]
    sent: int = 0
    timer: asyncio.TimerHandle | None = None


class Farewells:
    """``send(host, port, request)`` may look up a name first; ``over`` is told of each dialog, answered or not."""

    def __init__(self, send: Callable[[str, int, bytes], None], over: Callable[[Dialog], None]) -> None:
        self._send = send
        self._over = over
        self._byes: dict[str, _Bye] = {}  # by Call-ID

    def __len__(self) -> int:
        return len(self._byes)

    def knows(self, call_id: str) -> bool:
        return call_id in self._byes

    def begin(self, dialog: Dialog, sent_by: Address) -> None:
        if dialog.call_id not in self._byes:
            request = dialog.cancel(sent_by) if dialog.is_unanswered else dialog.bye(sent_by)
            bye = self._byes[dialog.call_id] = _Bye(dialog, request.render(), dialog.next_hops())
            self._again(bye)

    def put_off(self, call_id: str) -> None:
        """Say nothing more to it for now."""
        bye = self._byes.pop(call_id, None)
        if bye is not None and bye.timer is not None:
            bye.timer.cancel()

    def answered(self, call_id: str) -> None:
        bye = self._byes.pop(call_id, None)
        if bye is not None:
            if bye.timer is not None:
                bye.timer.cancel()
            self._over(bye.dialog)

    def _again(self, bye: _Bye) -> None:
        if bye.sent >= TIMES:
            self.answered(bye.dialog.call_id)
            return
        # In turn along the route and to where the INVITE came from: behind a NAT only the latter arrives.
        host, port = bye.hops[bye.sent % len(bye.hops)]
        self._send(host, port, bye.request)
        pause = min(T1_S * 2**bye.sent, T2_S)
        bye.sent += 1
        bye.timer = asyncio.get_running_loop().call_later(pause, self._again, bye)
