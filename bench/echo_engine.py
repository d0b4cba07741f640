"""An engine that speaks the Realtime protocol and answers the end of speech at once, with a tone.

The bench puts it in the place of the model, so that what is measured is ours. It stamps what it does with
``time.monotonic`` (one clock for all processes of a machine) into a file, a JSON object a line:
``voice_end`` when the last voiced audio of an utterance arrived, ``first_delta`` when the answer left,
``speech_started`` when an utterance began, ``late`` for each input frame that came over 60 ms after the one before.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import math
import signal
import time
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

SILENCE_ENDS_AFTER_BYTES = 480  # 60 ms: longer than any gap that a jitter buffer fills with silence
LOUD = 0x60  # µ-law code without its sign bit: smaller is louder
LOUD_SHARE = 0.2
LATE_S = 0.060
DELTA_BYTES = 1600
ANSWER_S = 2


# ANSWER_S of a 400 Hz square wave at about −20 dBFS, µ-law 8 kHz: recognisable in any frame of it.
_PERIOD = bytes([0xA0] * 10 + [0x20] * 10)
_TONE = _PERIOD * math.ceil(8000 * ANSWER_S / len(_PERIOD))
TONE_DELTAS = [base64.b64encode(_TONE[at : at + DELTA_BYTES]).decode() for at in range(0, len(_TONE), DELTA_BYTES)]


class EchoSession(WSListener):
    """One connection of a call handler."""

    _ids = itertools.count(1)

    def __init__(self, stamps: BinaryIO) -> None:
        self._stamps = stamps
        self._id = next(self._ids)
        self._transport: WSTransport | None = None
        self._voiced = False
        self._quiet_bytes = 0
        self._last_voiced_at = 0.0
        self._last_append_at: float | None = None
        self._appends = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._send("session.created", session={"type": "realtime", "id": f"sess_{self._id}"})

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        event = orjson.loads(frame.get_payload_as_memoryview())
        kind = event.get("type")
        if kind == "input_audio_buffer.append":
            self._append(base64.b64decode(event["audio"]))
        elif kind == "session.update":
            self._send("session.updated", session=event["session"])
        elif kind == "response.create":
            self._answer()
        elif kind == "conversation.item.truncate":
            self._send("conversation.item.truncated", item_id=event["item_id"], content_index=0, audio_end_ms=0)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._stamp("closed", appends=self._appends)

    def _append(self, audio: bytes) -> None:
        now = time.monotonic()
        self._appends += 1
        if self._last_append_at is not None and now - self._last_append_at > LATE_S:
            self._stamp("late", gap_ms=(now - self._last_append_at) * 1000)
        self._last_append_at = now
        loud = sum(1 for code in audio if code & 0x7F < LOUD) > LOUD_SHARE * len(audio)
        if loud:
            self._quiet_bytes = 0
            self._last_voiced_at = now
            if not self._voiced:
                self._voiced = True
                self._send("input_audio_buffer.speech_started", audio_start_ms=0, item_id=f"item_{next(self._ids)}")
                self._stamp("speech_started")
        elif self._voiced:
            self._quiet_bytes += len(audio)
            if self._quiet_bytes >= SILENCE_ENDS_AFTER_BYTES:
                self._voiced = False
                self._send("input_audio_buffer.speech_stopped", audio_end_ms=0, item_id="item_0")
                self._stamp("voice_end", at=self._last_voiced_at)
                self._answer()

    def _answer(self) -> None:
        number = next(self._ids)
        response = {"id": f"resp_{number}", "object": "realtime.response", "status": "in_progress", "output": []}
        item: dict[str, Any] = {"id": f"item_{number}", "type": "message", "role": "assistant", "content": []}
        place = {"response_id": response["id"], "item_id": item["id"], "output_index": 0, "content_index": 0}
        self._send("response.created", response=response)
        self._send("response.output_item.added", response_id=response["id"], output_index=0, item=item)
        for index, delta in enumerate(TONE_DELTAS):
            self._send("response.output_audio.delta", **place, delta=delta)
            if index == 0:
                self._stamp("first_delta")
        self._send("response.output_audio.done", **place)
        self._send("response.output_item.done", response_id=response["id"], output_index=0, item=item)
        self._send("response.done", response={**response, "status": "completed", "output": [item], "usage": None})

    def _send(self, kind: str, **fields: object) -> None:
        if self._transport is not None:
            message = orjson.dumps({"type": kind, "event_id": f"event_{next(self._ids)}", **fields})
            self._transport.send(WSMsgType.TEXT, message)

    def _stamp(self, kind: str, at: float | None = None, **fields: float) -> None:
        moment = time.monotonic() if at is None else at
        self._stamps.write(orjson.dumps({"session": self._id, "kind": kind, "at": moment, **fields}) + b"\n")
        self._stamps.flush()


async def _serve(port: int, stamps: BinaryIO) -> None:
    def accept(_: WSUpgradeRequest) -> EchoSession:
        return EchoSession(stamps)

    server = await ws_create_server(accept, "127.0.0.1", port)
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    print(f"listening {server.sockets[0].getsockname()[1]}", flush=True)
    await stop.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--stamps", type=Path, required=True)
    options = parser.parse_args()
    with options.stamps.open("ab") as stamps:
        uvloop.run(_serve(options.port, stamps))


if __name__ == "__main__":
    main()
