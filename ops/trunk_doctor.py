"""``alloresto doctor --trunk``: what a SIP trunk says to this machine, and what is wrong with it in words."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ops import doctor_report
from ops.trunks.examination import Account, examine
from ops.trunks.places import Trunk


def run(trunk: Trunk, account: Account, json_file: Path | None = None) -> int:
    """Print every finding; exit status as the other examinations'."""
    found = asyncio.run(examine(trunk, account))
    return doctor_report.report(f"alloresto doctor: the trunk {trunk.host}", found, json_file)
