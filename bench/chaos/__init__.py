"""``alloresto bench chaos``: whatever dies, freezes or breaks its word, no order is lost, invented or doubled.

Callers ring the embedded stack over SIP and order from a scripted engine, which needs no speech models; one fault at
a time strikes at a random moment of their calls. Then the callers' memory is compared with the restaurant's books.
Everything is on loopback, and every call and wait has its limit.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from bench.chaos.campaign import Campaign, Round
from bench.chaos.engine import Engine
from bench.chaos.faults import FAULTS, Fault
from bench.chaos.figures import figures, missed
from bench.chaos.stack_process import Options, StackProcess
from bench.report import Figure

RTP_PORT_MIN = 18_000  # away from a stack that the developer has running, and from the tests'
SEED = 1
CONDITIONS = {"Broker": "in the runtime's process, so it is stopped for a while and not killed"}


async def run_campaign(
    faults: Sequence[Fault], runs: int, seed: int, state_dir: Path, tell: Callable[[str], None]
) -> list[Round]:
    """``runs`` hits at least of each fault, on a stack that is started for it."""
    engine = Engine()
    await engine.start()
    try:
        async with StackProcess(Options(str(state_dir), engine.base_url, RTP_PORT_MIN)) as stack:
            return await Campaign(stack, engine, seed, tell).run(faults, runs)
    finally:
        await engine.stop()


async def run(runs: int, faults: Sequence[str] = (), seed: int = SEED) -> list[Figure]:
    """The figures of a campaign, with a line a round while it runs. A round takes 15 to 60 s. Raises KeyError."""
    console = Console(file=sys.stderr)
    chosen = [FAULTS[name] for name in faults or FAULTS]

    def tell(line: str) -> None:
        console.print(line, soft_wrap=True, highlight=False)

    with tempfile.TemporaryDirectory(prefix="alloresto-chaos-") as folder:
        Path(folder).chmod(0o755)  # Postgres may run as nobody
        rounds = await run_campaign(chosen, runs, seed, Path(folder), tell)
    for line in missed(rounds):
        tell(f"missed: {line}")
    return figures(rounds)
