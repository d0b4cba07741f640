"""How soon a node's lines are registered: from cold, and after their trunk was away."""

from __future__ import annotations

import statistics
import time

import msgspec

from bench.edge.node import MASTER_KEY
from bench.programs import program
from bench.report import Figure
from stores.ciphers import SipPasswordCipher

LINES = 1000
LINES_BACK = 200
USERS = tuple(f"user-{number}" for number in range(LINES))
COLD_RUNS = 3
LONG_S = 3600
SHORT_S = 4  # granted: every line notices within half of it that its trunk is away
AWAY = "503 Service Unavailable"
DERIVATIONS = 20
WITHIN_S = 150.0


class Registered(msgspec.Struct):
    """All lines are: after how long, and for how much processor time of their process, in s."""

    seconds: float
    cpu_s: float


async def figures(lines: int = LINES, back: int = LINES_BACK) -> list[Figure]:
    cold = [await _cold(lines) for _ in range(COLD_RUNS)]
    return [
        Figure(f"{lines} lines registered from cold", statistics.median(one.seconds for one in cold), "s", "≤ 3"),
        Figure(f"{lines} lines registered, CPU of the session", statistics.median(one.cpu_s for one in cold), "s"),
        Figure("before it, the key of each line's password, CPU", _derivation_ms(), "ms"),
        Figure(f"{back} lines back after their trunk was away", await _back(back), "s", "≤ 2"),
    ]


async def _cold(lines: int) -> Registered:
    async with program("bench.edge.trunk") as trunk, program("bench.edge.client") as client:
        trunk.tell(LONG_S)
        client.tell(await trunk.read(str))
        client.tell(lines)
        return await client.read(Registered, WITHIN_S)


async def _back(lines: int) -> float:
    """From when the trunk takes REGISTERs again, once none of the lines was registered any more."""
    async with program("bench.edge.trunk") as trunk, program("bench.edge.client") as client:
        trunk.tell(SHORT_S)
        client.tell(await trunk.read(str))
        client.tell(lines)
        await client.read(Registered, WITHIN_S)
        trunk.tell(AWAY)
        await trunk.read(str)
        client.tell(0)
        await client.read(float, WITHIN_S)
        trunk.tell("")
        await trunk.read(str)
        began = time.monotonic()
        client.tell(lines)
        await client.read(float, WITHIN_S)
        return time.monotonic() - began


def _derivation_ms() -> float:
    """PBKDF2 with as many iterations as the stored passwords have."""
    times: list[float] = []
    for number in range(DERIVATIONS):
        cipher, began = SipPasswordCipher(MASTER_KEY), time.process_time()
        cipher.encrypt(f"line-{number}", "secret")
        times.append((time.process_time() - began) * 1000)
    return statistics.median(times)
