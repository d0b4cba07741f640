"""``alloresto bench gate``: what the gate costs a caller, alone and while strangers send INVITEs, and what one of
theirs costs the node.

The stack is the real one. "Without the gate" is a signaller, asked at its own port on loopback. Strangers need an
address of this machine that is not loopback, for the laptop's stack trusts all of that.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import statistics
import tempfile
from pathlib import Path

import psutil

from bench.call import echo_engine
from bench.report import Figure, percentile
from bench.strangers import flood, invite
from devstack.stack.stack import Stack, StackOptions
from softphone.caller import Caller

CALLS = 150
PAUSE_S = 0.12  # below the 20 calls a second that pjsip's sockets bear
FLOODS = (40, 500)  # strangers' INVITEs a second
LONE_MESSAGES = 20_000
CONDITIONS: dict[str, str] = {}  # no more than every bench's


async def run(runs: int) -> list[Figure]:
    """``runs`` are ignored: a percentile needs its number of calls."""
    with (
        tempfile.TemporaryDirectory(prefix="alloresto-bench-") as folder,
        echo_engine(Path(folder) / "stamps") as engine,
    ):
        stack = Stack(StackOptions(Path(folder) / "state", engine=engine), lambda _: None)
        await stack.start()
        try:
            return await _Bench(stack).figures()
        finally:
            await stack.stop()


class _Bench:
    def __init__(self, stack: Stack) -> None:
        self._user = stack.lines[0].line_id
        self._gate = ("127.0.0.1", stack.sip_port)
        bridges = [psutil.Process(pod.pid) for pod in stack.runtime.pods("edge-bridge") if pod.pid]
        self._processes = [child for bridge in bridges for child in bridge.children(recursive=True)]

    async def figures(self) -> list[Figure]:
        figures = await self._calls(self._signaller_address(), "without the gate")
        figures += await self._calls(self._gate, "through the gate")
        stranger = _own_address()
        if stranger:
            for rate in FLOODS:
                async with flood(self._gate, [stranger], rate):
                    figures += await self._calls(self._gate, f"while strangers send {rate} INVITEs/s")
            figures.append(await self._cost_of_a_stranger(stranger))
        return figures

    async def _calls(self, target: tuple[str, int], how: str) -> list[Figure]:
        answered: list[float] = []
        for _ in range(CALLS):
            async with Caller(target, self._user) as caller:
                took = (await caller.invite()).ms_to_200
                if took is not None:
                    answered.append(took)
            await asyncio.sleep(PAUSE_S)
        return [
            Figure(f"INVITE → 200 OK {how}, p50", statistics.median(answered), "ms"),
            Figure(f"INVITE → 200 OK {how}, p99", percentile(answered, 99), "ms", "≤ 30"),
            Figure(f"unanswered {how}", CALLS - len(answered), "", "= 0"),
        ]

    def _signaller_address(self) -> tuple[str, int]:
        for process in self._processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                if not process.name().startswith("signaller"):
                    continue
                ports = [one.laddr.port for one in process.net_connections("udp4") if one.laddr.ip == "127.0.0.1"]
                for port in ports:  # pjsip's own for audio are on loopback too: SIP answers OPTIONS
                    if _answers_options(port):
                        return "127.0.0.1", port
        raise RuntimeError("no signaller's SIP port was found")

    def _named(self, module: str) -> psutil.Process:
        for process in self._processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                if module in process.cmdline():
                    return process
        raise RuntimeError(f"no process {module}")

    async def _cost_of_a_stranger(self, source: str) -> Figure:
        """Processor time of the gate for each of many messages, its kernel part included."""
        gate = self._named("edge_bridge.entrances.sip.gate")
        before = sum(gate.cpu_times()[:2])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind((source, 0))
            for number in range(LONE_MESSAGES):
                stranger.sendto(invite(source, number), self._gate)
                if number % 200 == 0:
                    await asyncio.sleep(0.02)  # no more than its socket holds
        await asyncio.sleep(0.5)
        spent = sum(gate.cpu_times()[:2]) - before
        return Figure("a stranger's INVITE, processor time of the gate", spent / LONE_MESSAGES * 1e6, "µs", "≤ 50")


def _answers_options(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(0.3)
        own = phone.getsockname()[1]
        phone.sendto(
            f"OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bKo{port}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:x@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: o{port}\r\n"
            f"CSeq: 1 OPTIONS\r\nContact: <sip:x@127.0.0.1:{own}>\r\nContent-Length: 0\r\n\r\n".encode(),
            ("127.0.0.1", port),
        )
        with contextlib.suppress(TimeoutError, OSError):
            return phone.recv(4096).startswith(b"SIP/2.0 ")
    return False


def _own_address() -> str:
    """An address of this machine that is not loopback; "" when it has none."""
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family == socket.AF_INET and not address.address.startswith("127."):
                return str(address.address)
    return ""
