"""pjsip's places for calls, of which some are taken longer than their calls last.

pjsip says DISCONNECTED as soon as we hang up. The place is free when the far end has answered the BYE or CANCEL, or
the INVITE that it never answered: at once as a rule, and after 32 s (RFC 3261, timers B and F) where it is dead.
"""

from collections.abc import Collection
from typing import Any

import pjsua2 as pj  # type: ignore[import-untyped]

from edge_bridge.entrances.sip.signals import Handle


class EndingCalls:
    """Those that are over and still have their place, on pjsip's thread."""

    def __init__(self) -> None:
        self._places: dict[Handle, int] = {}

    @property
    def handles(self) -> tuple[Handle, ...]:
        return tuple(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def add(self, handle: Handle, place: int) -> None:
        """``place`` is pjsip's id of the call; it has given none to one that it refused to dial."""
        self._places[handle] = place

    def freed(self, account: Any, used: Collection[int]) -> list[Handle]:
        """Whose places have become free: to be asked when pjsip handles nothing. ``used`` are the places of calls."""
        freed = [handle for handle, place in self._places.items() if place in used or _is_free(account, place)]
        for handle in freed:
            del self._places[handle]
        return freed


def _is_free(account: Any, place: int) -> bool:
    """``place`` has no call that goes on: this asks by an object of its own, whose destructor would hang that up."""
    if place == pj.PJSUA_INVALID_ID:
        return True
    try:
        pj.Call(account, place).getInfo()
    except pj.Error:
        return True
    return False
