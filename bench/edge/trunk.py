"""A trunk's registrar in a process of its own. Reads what to refuse everybody with, "" for nothing, a line each."""

from __future__ import annotations

import asyncio

import uvloop

from bench.edge.registering import USERS
from bench.rtp import wire
from devstack.edge.sip_registrar import SipRegistrar


async def serve() -> None:
    granted_s = await asyncio.to_thread(wire.read, int)
    async with SipRegistrar(dict.fromkeys(USERS, "secret"), granted_s=granted_s) as registrar:
        wire.tell(registrar.domain)
        while True:
            try:
                registrar.refusing = await asyncio.to_thread(wire.read, str)
            except EOFError:
                return
            wire.tell("done")


if __name__ == "__main__":
    uvloop.run(serve())
