"""Hangs up on the callers of a dead worker: their phones would hear nothing, for as long as they stay on the line."""

import asyncio
import contextlib
import socket
from collections.abc import Collection

from edge_bridge.entrances.sip.signals import Bye
from process import logs

log = logs.get(__name__)

TIMES = 3
# Quicker than RFC 3261's 0.5 s, because the next worker needs the port: new callers wait for it, too.
AGAIN_S = 0.1


async def hang_up(byes: Collection[Bye], host: str, port: int) -> None:
    """Send them from the SIP port, which the worker has left: trunks and NATs take nothing from another.

    Answers are not waited for; a repeated BYE is answered as the first one was.
    """
    if not byes:
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        try:
            sender.bind((host, port))
        except OSError as error:
            log.error("the calls of a dead worker were not hung up", calls=len(byes), why=error.strerror)
            return
        for again in range(TIMES):
            await asyncio.sleep(AGAIN_S if again else 0)
            for bye in byes:
                with contextlib.suppress(OSError):
                    sender.sendto(bye.request, (bye.host, bye.port))
    log.info("the calls of a dead worker were hung up", calls=len(byes))
