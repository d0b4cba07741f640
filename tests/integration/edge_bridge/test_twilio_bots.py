"""A bot made for Twilio's Media Streams is a handler on the bridge's own media socket.

The bot is written from Twilio's documentation of the messages, as the serializers of public voice frameworks are: it
knows nothing of the bridge's protocol module, checks each message it gets against what Twilio documents (numbers are
strings), and sends only what Twilio takes. Where pipecat is installed (``pip install pipecat-ai``: too much for every
run), its own serializer serves a call, too.
"""

import asyncio
import audioop
import base64
import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from devstack.edge.handler_app import HandledCall, HandlerApp
from protocols import call_lane
from softphone.caller import Caller
from tests.hearing import hears
from tests.integration.edge_bridge.conftest import BUSY, Scene, tone
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

MESSAGES: dict[str, dict[str, Any]] = {
    "connected": {"event": str, "protocol": str, "version": str},
    "start": {
        "event": str,
        "sequenceNumber": str,
        "streamSid": str,
        "start": {
            "streamSid": str,
            "callSid": str,
            "tracks": list,
            "customParameters": dict,
            "mediaFormat": {"encoding": str, "sampleRate": int, "channels": int},
        },
    },
    "media": {
        "event": str,
        "sequenceNumber": str,
        "streamSid": str,
        "media": {"track": str, "chunk": str, "timestamp": str, "payload": str},
    },
    "dtmf": {"event": str, "sequenceNumber": str, "streamSid": str, "dtmf": {"track": str, "digit": str}},
    "mark": {"event": str, "sequenceNumber": str, "streamSid": str, "mark": {"name": str}},
    "stop": {"event": str, "sequenceNumber": str, "streamSid": str, "stop": {"callSid": str}},
}


def check(message: dict[str, Any], shape: dict[str, Any]) -> None:
    """Every field that Twilio documents is there and of its type; more are allowed, as a client ignores them."""
    for name, kind in shape.items():
        if isinstance(kind, dict):
            check(message[name], kind)
        else:
            assert type(message[name]) is kind, (name, message)


@dataclass
class TwilioBot:
    """Echoes keys as tones, in the manner of a serializer: ``deserialize`` one message, ``serialize`` one frame."""

    socket: aiohttp.ClientWebSocketResponse
    stream_sid: str = ""
    call_sid: str = ""
    events: list[str] = field(default_factory=list)
    sequence: list[int] = field(default_factory=list)
    chunks: list[int] = field(default_factory=list)
    timestamps: list[int] = field(default_factory=list)
    audio: bytearray = field(default_factory=bytearray)
    digits: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Until the stream stops."""
        async for received in self.socket:
            if await self.deserialize(json.loads(received.data)):
                return

    async def deserialize(self, message: dict[str, Any]) -> bool:
        event = message["event"]
        check(message, MESSAGES[event])
        self.events.append(event)
        if event != "connected":
            self.sequence.append(int(message["sequenceNumber"]))
        if self.stream_sid:
            assert message["streamSid"] == self.stream_sid
        match event:
            case "start":
                self.stream_sid, self.call_sid = message["streamSid"], message["start"]["callSid"]
                assert message["start"]["mediaFormat"] == {
                    "encoding": "audio/x-mulaw",
                    "sampleRate": 8000,
                    "channels": 1,
                }
                await self.serialize("clear")
            case "media":
                self.chunks.append(int(message["media"]["chunk"]))
                self.timestamps.append(int(message["media"]["timestamp"]))
                self.audio += base64.b64decode(message["media"]["payload"], validate=True)
            case "dtmf":
                self.digits.append(message["dtmf"]["digit"])
                await self.serialize("media", media={"payload": base64.b64encode(tone(600)).decode()})
                await self.serialize("mark", mark={"name": f"key {message['dtmf']['digit']}"})
            case "mark":
                self.marks.append(message["mark"]["name"])
        return bool(event == "stop")

    async def serialize(self, event: str, **body: Any) -> None:
        await self.socket.send_str(json.dumps({"event": event, "streamSid": self.stream_sid, **body}))


async def test_a_bot_for_twilio_serves_a_call(scene: Scene, handler: HandlerApp) -> None:
    bots: list[TwilioBot] = []

    async def serve(call: HandledCall) -> None:
        await call.accept()
        headers = {"Authorization": f"Bearer {call.event.audio_stream_token}"}
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(call.event.audio_stream_url, headers=headers) as socket,
        ):
            bots.append(TwilioBot(socket))
            await call.line(call_lane.ConnectedLine())
            await bots[0].run()
            await call.end("answered")

    handler.behave = serve
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        caller.say(tone(300))
        call = await handler.call(1)
        async with asyncio.timeout(PATIENCE_S):
            while not bots or len(bots[0].audio) < 8 * 600:
                await asyncio.sleep(0.02)
        caller.press("5")
        await hears(caller, tone(600))
        async with asyncio.timeout(PATIENCE_S):
            while not bots[0].marks:
                await asyncio.sleep(0.02)
        await caller.bye()
        async with asyncio.timeout(PATIENCE_S):
            while "stop" not in bots[0].events:
                await asyncio.sleep(0.02)
    bot = bots[0]
    assert bot.events[:2] == ["connected", "start"]
    assert (bot.call_sid, bot.digits, bot.marks) == (call.event.call_id, ["5"], ["key 5"])
    assert bot.sequence == list(range(1, len(bot.sequence) + 1))
    assert bot.chunks == list(range(1, len(bot.chunks) + 1))
    assert bot.timestamps == sorted(bot.timestamps)
    assert sum(byte not in (0xFF, 0x7F) for byte in bot.audio) > 8 * 200


async def test_pipecats_twilio_serializer_serves_a_call(scene: Scene, handler: HandlerApp) -> None:
    serializers = pytest.importorskip("pipecat.serializers.twilio")
    frames = pytest.importorskip("pipecat.frames.frames")
    received: list[Any] = []

    async def serve(call: HandledCall) -> None:
        await call.accept()
        headers = {"Authorization": f"Bearer {call.event.audio_stream_token}"}
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(call.event.audio_stream_url, headers=headers) as socket,
        ):
            assert (await socket.receive_json())["event"] == "connected"
            start = (await socket.receive_json())["start"]
            kind = serializers.TwilioFrameSerializer
            bot = kind(start["streamSid"], start["callSid"], params=kind.InputParams(auto_hang_up=False))
            await bot.setup(frames.StartFrame(audio_in_sample_rate=8000, audio_out_sample_rate=8000))
            await call.line(call_lane.ConnectedLine())
            await socket.send_str(await bot.serialize(frames.InterruptionFrame()))
            said = audioop.ulaw2lin(tone(600), 2)
            voice = frames.OutputAudioRawFrame(audio=said, sample_rate=8000, num_channels=1)
            await socket.send_str(await bot.serialize(voice))
            async for message in socket:
                received.append(await bot.deserialize(message.data))
                if json.loads(message.data)["event"] == "stop":
                    break
            await call.end("answered")

    handler.behave = serve
    async with Caller(scene.bridge.target, BUSY) as caller:
        await caller.invite()
        caller.say(tone(300))
        await hears(caller, tone(600))
        caller.press("5")
        async with asyncio.timeout(PATIENCE_S):
            while not any(isinstance(one, frames.InputDTMFFrame) for one in received):
                await asyncio.sleep(0.02)
    heard = b"".join(one.audio for one in received if isinstance(one, frames.InputAudioRawFrame))
    assert audioop.max(heard, 2) > 8000
