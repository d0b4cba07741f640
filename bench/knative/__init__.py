"""``alloresto bench knative``: the local runtime beside what was measured on a real cluster, one table.

The programs are probes (``bench.probe_function``), the manifest is the call handler's own: see ``probes``. Where the
local runtime is faster by design (no scheduler, no kubelet), a figure has no reach and only informs; a reach stands
where a laptop must show what the cluster showed: no call waits behind another, none is cut under its deletion cost.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from bench.knative import measured
from bench.report import Figure

CONDITIONS = {"cluster": measured.CONDITIONS}


async def run(runs: int) -> list[Figure]:
    """All figures, ``runs`` cold starts. Takes about three and a half minutes, most of them waiting for pods to go."""
    from bench import handler_start
    from bench.knative import eventing, scale_down, serving
    from bench.knative.probes import running

    with tempfile.TemporaryDirectory(prefix="alloresto-bench-") as name:
        manifests = [*serving.manifests(runs), *scale_down.manifests(), *eventing.manifests(Path(name))]
        async with running(manifests, Path(name)) as cluster:
            figures = [
                *await serving.first_bytes(cluster, runs),
                *await serving.streamed_lines(cluster),
                *await serving.six_calls(cluster),
                *await serving.kills(cluster),
                *await serving.prewarming(cluster),
                *await eventing.dead_letters(cluster),
                *await eventing.replies(cluster),
            ]
            # Nothing in these two is quicker than a second: they may share the machine.
            waited = await asyncio.gather(scale_down.cut_calls(cluster), serving.times_to_zero(cluster))
    started = await asyncio.to_thread(handler_start.figures)
    return [*figures, *(figure for some in waited for figure in some), *started]
