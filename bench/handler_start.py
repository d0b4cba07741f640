"""How long a call handler's process takes from its start to its first 200 at ``/health/ready``, and its memory then."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

from bench.report import Figure
from devstack.servers.ports import free_port, is_ready
from devstack.stack.stack import compile_packages

STARTS = 15
TIMEOUT_S = 10.0
POLL_S = 0.002
MIB = 1 << 20

# Enough for its settings; nothing listens there, since only the start is measured.
ENVIRONMENT = {
    "DATABASE_URL": "postgresql://alloresto_app:none@127.0.0.1:9/alloresto",
    "REDIS_URL": "redis://127.0.0.1:9/0",
    "OPENAI_API_KEY": "bench",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    "MASTER_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
}


def figures() -> list[Figure]:
    """The median over STARTS, with bytecode as an image has it; the first one, which warms the disk, is dropped."""
    compile_packages()
    samples = [start_to_ready({}) for _ in range(STARTS + 1)][1:]
    bare_ms = []
    for _ in range(STARTS):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True, timeout=TIMEOUT_S)
        bare_ms.append((time.perf_counter() - began) * 1000)
    took_ms = statistics.median(one.took_ms for one in samples)
    memory = statistics.median(one.resident_mib for one in samples)
    return [
        Figure("handler process start → ready, median", took_ms, "ms", "≤ 180"),
        Figure("handler RSS once ready, median", memory, "MiB", "≤ 50"),
        Figure("bare python start, same run", statistics.median(bare_ms), "ms"),
    ]


class Start(NamedTuple):
    """Until it was ready: how long that took, the processor time of it, and the resident set then."""

    took_ms: float
    used_ms: float
    resident_mib: float


def used_ns(pid: int) -> int:
    """Processor time of all threads of a process so far; ``cpu_times`` counts in hundredths of a second."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())


def start_to_ready(more: Mapping[str, str]) -> Start:
    """A handler with ``more`` settings."""
    port = free_port()
    environment = os.environ | ENVIRONMENT | dict(more) | {"PORT": str(port), "HOSTNAME": "bench"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "functions", "call_handler"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not is_ready(port):
            if time.perf_counter() - began > TIMEOUT_S or process.poll() is not None:
                raise RuntimeError("the call handler did not become ready; run: python -m functions call_handler")
            time.sleep(POLL_S)
        took_ms = (time.perf_counter() - began) * 1000
        used_ms = used_ns(process.pid) / 1e6
        return Start(took_ms, used_ms, psutil.Process(process.pid).memory_info().rss / MIB)
    finally:
        process.kill()
        process.wait(TIMEOUT_S)
