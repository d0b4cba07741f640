"""Which RTP ports are kept from the next worker, and for how long."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from devstack.servers.ports import free_port
from edge_bridge.entrances.sip.signals import RTP_PORTS
from edge_bridge.node.rtp_quarantine import LISTEN_S, LOOK_EVERY_S, MOST, RtpQuarantine

pytestmark = pytest.mark.integration

HOST = "127.0.0.1"
QUIET_S = 0.5


def free_range() -> range:
    """RTP ports that are all free at the moment."""
    while True:
        first = min(free_port(), 65_000)
        ports = range(first, first + RTP_PORTS + 1, 2)
        if all(is_free(port) for port in ports):
            return ports


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def taken(ports: range) -> list[int]:
    return [port for port in ports if not is_free(port)]


async def talk(ports: list[int]) -> None:
    """A phone that sends to each port, until cancelled."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        while True:
            for port in ports:
                phone.sendto(b"voice", (HOST, port))
            await asyncio.sleep(LISTEN_S / 10)


@contextlib.asynccontextmanager
async def talking(ports: list[int]) -> AsyncIterator[None]:
    task = asyncio.create_task(talk(ports))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_ports_that_were_used_or_hear_something_are_kept_and_no_others() -> None:
    ports = free_range()
    quarantine = RtpQuarantine(HOST, ports.start)
    async with talking([ports[3]]):
        await quarantine.listen([ports[7]])
    assert taken(ports) == [ports[3], ports[7]]
    quarantine.close()
    assert taken(ports) == []


async def test_a_port_is_given_back_when_it_has_been_quiet_for_long_enough_and_no_sooner() -> None:
    ports = free_range()
    quarantine = RtpQuarantine(HOST, ports.start, quiet_s=QUIET_S)
    watching = asyncio.create_task(quarantine.run())
    async with asyncio.timeout(10):
        async with talking([ports[3]]):
            await quarantine.listen([ports[7]])
            while ports[7] in taken(ports):
                await asyncio.sleep(0.05)
            await asyncio.sleep(2 * (LOOK_EVERY_S + QUIET_S))
            assert taken(ports) == [ports[3]]
        while taken(ports):
            await asyncio.sleep(0.05)
    watching.cancel()


async def test_however_many_ports_are_talked_to_the_next_worker_has_some() -> None:
    ports = free_range()
    quarantine = RtpQuarantine(HOST, ports.start)
    async with talking(list(ports)):
        await quarantine.listen(list(ports))
    assert len(taken(ports)) == MOST
    quarantine.close()
