"""``alloresto bench edge``: what an operator would ask of one node, from a real bridge on loopback.

Phones, handler and trunk are processes of their own; the edge is all processes of the bridge. A call's audio is plain
G.711, 50 packets a second each way; its handler listens and speaks half of the time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.edge import carrying, deaths, registering, ringing, words
from bench.edge.node import NUMBER, running
from bench.programs import program
from bench.report import Figure

CALLS = (60,)
CALLS_AT_DEATHS = 40
REGISTRAR = {"direct": ("direct",), "kamailio": ("kamailio",), "both": ("direct", "kamailio")}
QUICK_CALLS = (4,)
QUICK_RINGS = 40
QUICK_LINES = (100, 50)
QUICK_WINDOW_S = 2.0
CONDITIONS = {"audio": "G.711, 50 packets a second each way; the handler speaks half of the time"}


async def run(
    runs: int,
    calls: Sequence[int] = (),
    registrar: str = "direct",
    times: int = 1,
    quick: bool = False,
) -> list[Figure]:
    """``calls`` at once, one number after the other; each process is killed so many ``times``. ``quick`` shows that it
    runs, no more. ``runs`` are ignored. Raises KeyError for another ``registrar`` than there is.
    """
    counts = tuple(calls) or (QUICK_CALLS if quick else CALLS)
    figures: list[Figure] = []
    for face in REGISTRAR[registrar]:
        figures += await _of_a_node(face, counts, times, quick)
    return figures + await registering.figures(*(QUICK_LINES if quick else ()))


async def _of_a_node(face: str, counts: tuple[int, ...], times: int, quick: bool) -> list[Figure]:
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="alloresto-bench-") as folder:
        async with running(Path(folder), face, max(counts)) as node, program("bench.edge.phones") as phones:
            phones.tell(words.Start(node.port, NUMBER))
            idle, window_s = node.use(), QUICK_WINDOW_S if quick else carrying.WINDOW_S
            whole = sum(one.private_kb for one in idle.values()) / 1000
            figures.append(Figure(f"{face}: private memory before the first call", whole, "MB"))
            for count in counts:
                figures += await carrying.figures(face, node, phones, count, idle, window_s)
            figures += await ringing.figures(face, node.port, phones, QUICK_RINGS if quick else ringing.CALLS)
            figures += await deaths.figures(face, node, phones, min(max(counts), CALLS_AT_DEATHS), times)
    return figures
