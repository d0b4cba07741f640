"""Where a call's recording is: the edge writes and erases it there, and the admin reads it."""

import re
from pathlib import Path

_SAFE_ID = re.compile(r"[0-9A-Za-z-]{1,128}")


def recording_file(root: Path, restaurant_id: str, call_id: str) -> Path | None:
    """The file of the call, which may have none; None for an id that would lead elsewhere."""
    return root / restaurant_id / f"{call_id}.wav" if _SAFE_ID.fullmatch(call_id) else None
