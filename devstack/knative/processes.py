"""Processes as containers: each leads a session of its own, so that its children end with it.

On Linux ``setpriv`` ties it to the runtime, so that nothing survives even a SIGKILL of the runtime. Elsewhere only
``Runtime.stop`` ends the pods.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

_SETPRIV = shutil.which("setpriv")
_TIED = () if _SETPRIV is None else (_SETPRIV, "--pdeathsig", "KILL", "--")


async def spawn(
    command: tuple[str, ...], environment: Mapping[str, str], log_file: Path, working_dir: Path | None
) -> asyncio.subprocess.Process:
    """Start a process in its own session, its output appended to ``log_file``; None: in our working directory."""
    descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return await asyncio.create_subprocess_exec(
            *_TIED,
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            env=dict(environment),
            cwd=working_dir,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)


def end_group(pid: int) -> None:
    """SIGKILL to what the process left behind: a container's processes end with its first one."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def ended(code: int) -> str:
    """An exit status in words."""
    if code >= 0:
        return f"exit status {code}"
    return f"killed by {signal.Signals(-code).name}"
