"""What a caller hears, told apart by its sound."""

import asyncio
from functools import cache

from softphone.caller import Caller

FRAME_BYTES = 160
RECOGNISED_BYTES = 4000
POLL_S = 0.05


async def hears(caller: Caller, sound: bytes, timeout_s: float = 25.0) -> None:
    """Wait until ``has_heard``. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while not has_heard(caller, sound):
            await asyncio.sleep(POLL_S)


def has_heard(caller: Caller, sound: bytes) -> bool:
    """Whether the liveliest half second of one of the bridge's own sounds (µ-law) has come.

    µ-law's two zeros are one to the bridge.
    """
    heard = b"".join(packet.ulaw for packet in caller.rtp.received)
    return _liveliest(sound) in heard.replace(b"\x7f", b"\xff")


@cache
def _liveliest(sound: bytes) -> bytes:
    pieces = [sound[start : start + RECOGNISED_BYTES] for start in range(0, len(sound), FRAME_BYTES)]
    return max(pieces, key=lambda one: len(set(one))).replace(b"\x7f", b"\xff")
