"""A scripted call watched as it goes: the caller's process, and the live feed beside it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from devstack.stack.running import DialableLine, Running
from devstack.stack.timeline import Timeline, watch_live
from softphone.scripted_call import Script, Turn

CALL_TIMEOUT_S = 240.0
ENGLISH_VOICE = "am_michael"
FRENCH_VOICE = "ff_siwis"


class CallerProcess:
    """``softphone.scripted_call`` as a child; its reports go to the timeline as they come."""

    def __init__(self, script: Script, timeline: Timeline) -> None:
        self._script = script
        self._timeline = timeline
        self.timings: dict[str, Any] = {}
        self.answered = False

    async def run(self) -> int:
        """Exit status of the caller; its process never outlives this call."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-W",
            "ignore:'audioop' is deprecated:DeprecationWarning",
            "-m",
            "softphone.scripted_call",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                process.stdin.write(msgspec.json.encode(self._script))
                process.stdin.close()
                async for line in process.stdout:
                    self._report(msgspec.json.decode(line))
                return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def _report(self, said: dict[str, Any]) -> None:
        at, tell = said["at"], self._timeline.tell
        match said["kind"]:
            case "voice_ready":
                tell(at, "caller", f"has {said['seconds']} s of speech ready")
            case "rings":
                self._timeline.started_at = at
                tell(at, "caller", f"INVITE {said['uri']}")
            case "answered":
                self.answered = True
                tell(at, "caller", f"200 OK after {said['ms']:.1f} ms")
            case "refused":
                tell(at, "caller", f"refused: {said['status']} {said['reason']}")
            case "first_audio":
                tell(at, "caller", f"hears the greeting, {said['ms']:.0f} ms after the INVITE")
            case "speaks":
                tell(at, "caller", ("interrupts: " if said["interrupts"] else "says: ") + said["text"])
            case "heard":
                tell(at, "caller", f"hears the answer {said['ms']:.0f} ms after the end of the sentence")
            case "hung_up":
                tell(at, "caller", f"the {said['by']} hung up")
            case "waited":
                tell(at, "caller", "has heard enough")
            case "done":
                self.timings = said["timings"]
            case other:
                tell(at, "caller", other.replace("_", " "))


async def ring_and_watch(
    running: Running, line: DialableLine, say: list[str], *, voice: str, recording: Path | None, console: Console
) -> int:
    """``alloresto call``: one scripted call to a running stack, with its live feed."""
    timeline = Timeline(console)
    script = Script(
        target=running.sip,
        to_user=line.line_id,
        turns=tuple(Turn(sentence) for sentence in say),
        voice=FRENCH_VOICE if line.language == "fr" and voice == ENGLISH_VOICE else voice,
        recording="" if recording is None else str(recording),
    )
    watching = asyncio.create_task(watch_live(running.redis_url, timeline.live))
    try:
        return await CallerProcess(script, timeline).run()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
