"""Twilio's side of a call, written from Twilio's documentation and nothing of the bridge's.

It asks the voice webhook, opens the stream that the TwiML names, plays what comes at its own pace and gives marks back
when they are reached, and goes on with the TwiML when the stream is closed.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

import aiohttp

from tests.patience import PATIENCE_S

SILENCE = b"\xff" * 160
FRAME_S = 0.02


def signature(token: str, url: str, form: dict[str, str]) -> str:
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


@dataclass(slots=True)
class TwilioSide:
    """``public_url`` is what the bridge believes its address to be; ``port`` where it really listens."""

    port: int
    public_url: str
    token: str
    to: str
    caller: str = "+33612345678"
    sid: str = field(default_factory=lambda: f"CA{uuid.uuid4().hex}")
    saying: bytes = b""
    played: bytearray = field(default_factory=bytearray)
    cleared: int = 0
    answers: list[str] = field(default_factory=list)  # TwiML, as it came
    closed: asyncio.Event = field(default_factory=asyncio.Event)  # the stream, by the bridge or by us
    stream_sid: str = ""
    _http: aiohttp.ClientSession | None = None
    _socket: aiohttp.ClientWebSocketResponse | None = None
    _buffer: list[bytes | str] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def __aenter__(self) -> "TwilioSide":
        self._http = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self._http is not None
        await self._http.close()

    # --- HTTP ------------------------------------------------------------------------------------------------

    async def ask(self, url: str, signed_with: str | None = None, **fields: str) -> tuple[int, str]:
        """A signed POST to one of the bridge's public URLs: the status and the body."""
        form = {"AccountSid": "AC" + "0" * 32, "CallSid": self.sid, "From": self.caller, "To": self.to, **fields}
        signed = signature(self.token if signed_with is None else signed_with, url, form)
        headers = {"X-Twilio-Signature": signed, "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        assert self._http is not None
        async with self._http.post(self._local(url), data=urlencode(form), headers=headers) as answer:
            return answer.status, await answer.text()

    async def ring(self) -> None:
        """Ask the webhook and do what it says. Raises AssertionError when it is not to connect a stream."""
        status, body = await self.ask(f"{self.public_url}/voice", CallStatus="ringing", Direction="inbound")
        assert status == 200, body
        await self.follow(body)

    async def go_on(self) -> ElementTree.Element:
        """What the TwiML says once the stream is closed. Raises TimeoutError."""
        await asyncio.wait_for(self.closed.wait(), PATIENCE_S)
        redirect = ElementTree.fromstring(self.answers[-1]).find("./Redirect")
        assert redirect is not None
        assert redirect.text
        status, body = await self.ask(redirect.text, CallStatus="in-progress")
        assert status == 200, body
        return ElementTree.fromstring(body)

    async def follow(self, twiml: str) -> None:
        self.answers.append(twiml)
        stream = ElementTree.fromstring(twiml).find("./Connect/Stream")
        assert stream is not None, twiml
        await self.open(stream.attrib["url"])

    def _local(self, url: str) -> str:
        parts = urlsplit(url)
        assert parts.netloc == urlsplit(self.public_url).netloc
        return parts._replace(scheme="http", netloc=f"127.0.0.1:{self.port}").geturl()

    # --- The stream ------------------------------------------------------------------------------------------

    async def open(self, url: str) -> None:
        """Raises aiohttp.WSServerHandshakeError when the bridge refuses."""
        assert url.startswith("wss://")
        assert self._http is not None
        self._socket = await self._http.ws_connect(self._local(url))
        self.closed.clear()
        self.stream_sid = f"MZ{uuid.uuid4().hex}"
        await self.send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        start = {
            "accountSid": "AC" + "0" * 32,
            "streamSid": self.stream_sid,
            "callSid": self.sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {},
        }
        await self.send({"event": "start", "sequenceNumber": "1", "start": start, "streamSid": self.stream_sid})
        self._tasks = [asyncio.create_task(self._read(self._socket)), asyncio.create_task(self._run(self._socket))]

    async def send(self, message: dict[str, Any]) -> None:
        assert self._socket is not None
        with contextlib.suppress(ConnectionError):
            await self._socket.send_str(json.dumps(message))

    async def press(self, digits: str) -> None:
        for digit in digits:
            dtmf = {"track": "inbound_track", "digit": digit}
            await self.send({"event": "dtmf", "streamSid": self.stream_sid, "sequenceNumber": "5", "dtmf": dtmf})

    async def hang_up(self) -> None:
        stop = {"accountSid": "AC" + "0" * 32, "callSid": self.sid}
        await self.send({"event": "stop", "sequenceNumber": "9", "stop": stop, "streamSid": self.stream_sid})
        assert self._socket is not None
        await self._socket.close()

    async def until_played(self, sound: bytes, within_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(within_s):
            while sound not in self.played:
                await asyncio.sleep(0.02)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            command = json.loads(message.data)
            assert command["streamSid"] == self.stream_sid
            match command["event"]:
                case "media":
                    audio = base64.b64decode(command["media"]["payload"], validate=True)
                    self._buffer += [audio[at : at + 160] for at in range(0, len(audio), 160)]
                case "mark":
                    self._buffer.append(command["mark"]["name"])
                case "clear":
                    self.cleared += 1
                    marks = [one for one in self._buffer if isinstance(one, str)]
                    self._buffer.clear()
                    for name in marks:
                        await self._mark(name)
                case other:
                    raise AssertionError(f"Twilio knows no {other}")
        self.closed.set()

    async def _mark(self, name: str) -> None:
        mark = {"event": "mark", "sequenceNumber": "4", "streamSid": self.stream_sid, "mark": {"name": name}}
        await self.send(mark)

    async def _run(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        started = at = time.monotonic()
        chunk = 0
        while not socket.closed:
            chunk += 1
            frame, self.saying = self.saying[:160], self.saying[160:]
            media = {
                "track": "inbound",
                "chunk": str(chunk),
                "timestamp": str(int((at - started) * 1000)),
                "payload": base64.b64encode(frame.ljust(160, b"\xff")).decode(),
            }
            await self.send(
                {"event": "media", "sequenceNumber": str(chunk + 1), "media": media, "streamSid": self.stream_sid}
            )
            while self._buffer and isinstance(self._buffer[0], str):
                await self._mark(str(self._buffer.pop(0)))
            if self._buffer:
                self.played += bytes(self._buffer.pop(0))  # type: ignore[arg-type]
            at += FRAME_S
            await asyncio.sleep(max(at - time.monotonic(), 0))
