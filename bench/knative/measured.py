"""What was measured on a real cluster, as the table shows it; docs/knative-contract.md is its page.

Medians with what they ranged over; every number is of calls as ours are: one CloudEvent POST, held for as long as the
call lasts, answered with a stream of NDJSON lines.
"""

from __future__ import annotations

CONDITIONS = (
    "Kubernetes 1.36 with Knative, mid-2026, one node, 2 shared cores, the image on the node, one activator, "
    "mesh-compatibility-mode disabled"
)

COLD_START = "640 ms"  # 0.99 s with the service-account token mounted, which the handler's manifest leaves out
COLD_START_BEST = "610 ms"
COLD_START_WORST = "770 ms"
WARM = "1.4-7 ms"

LINE_LAG = "0.9 ms"  # over 200 s
LINE_LAG_WORST = "23 ms"

SIX_CALLS_S = (0.00, 0.46, 2.86, 3.02, 3.19, 7.63)
"""Each call's wait, sorted: window 30 s, utilization 70, burst capacity −1."""
BEHIND_LIVE_CALLS = "0 (auto: 3 of 6)"  # mesh-compatibility-mode auto: three waited 46-91 s
SPARE_POD = "0.0-0.1 s"

KILLED_POST_ENDS = "3 ms"
KILLED_POD_502 = "0.8-1.3 s"

CUT_UNPROTECTED = "2 of 3"
CUT_PROTECTED = "0 of 3"

TO_ZERO_6 = "10 s"
TO_ZERO_30 = "31.5 s"

PREWARMED = "2.2 s"
PREWARM_TAKEN_BACK = "3.7 s"

PUBLISH_WITH_DEAD_LETTER = "202"
REPLY = "34 ms"
