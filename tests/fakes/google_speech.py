"""A gRPC server of Google's two speech services, whose every answer a test scripts.

async with FakeGoogle() as google:              # google.url is a place's ``url``
    stream = await google.stream()              # the next StreamingRecognize
    await stream.hears(8_000)
    await stream.says_begin(0.2)

Its messages are read and written by the tables of ``google_speech``, which a unit test compares with Google's own.
"""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

import grpc
import grpc.aio

from functions.call_handler.engines import google_speech as tables
from functions.call_handler.engines.protobuf_wire import decode, encode
from tests.patience import PATIENCE_S

WAV_HEADER = b"RIFF\x00\x00\x00\x00WAVEfmt \x12\x00\x00\x00" + bytes(18) + b"data\x00\x00\x00\x00"
BYTES_A_CHARACTER = 40


class FakeStream:
    """One StreamingRecognize. ``config`` is its first message, ``heard`` the audio of the others."""

    def __init__(self, metadata: dict[str, str]) -> None:
        self.metadata = metadata
        self.config: dict[str, Any] = {}
        self.heard = bytearray()
        self.is_closed = False  # by the client, for writing
        self.answers: asyncio.Queue[dict[str, Any] | bytes | grpc.StatusCode | None] = asyncio.Queue()
        self._news = asyncio.Condition()

    async def hears(self, byte_count: int) -> None:
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: len(self.heard) >= byte_count)

    async def closed(self) -> None:
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: self.is_closed)

    def begins(self, at_s: float) -> None:
        self._tell({"speech_event_type": tables.ACTIVITY_BEGIN, "speech_event_offset": _duration(at_s)})

    def ends(self, at_s: float) -> None:
        self._tell({"speech_event_type": tables.ACTIVITY_END, "speech_event_offset": _duration(at_s)})

    def guesses(self, *texts: str) -> None:
        self._tell({"results": [{"alternatives": [{"transcript": text}]} for text in texts]})

    def hears_words(self, text: str, until_s: float | None = None) -> None:
        """A final result; without ``until_s`` it does not say where it ends."""
        result: dict[str, Any] = {"alternatives": [{"transcript": text}], "is_final": True}
        if until_s is not None:
            result["result_end_offset"] = _duration(until_s)
        self._tell({"results": [result]})

    def fails(self, code: grpc.StatusCode) -> None:
        self.answers.put_nowait(code)

    def says_garbage(self) -> None:
        self.answers.put_nowait(b"\x3a\xff")

    def finishes(self) -> None:
        self.answers.put_nowait(None)

    def _tell(self, message: dict[str, Any]) -> None:
        self.answers.put_nowait(message)

    async def read(self, requests: AsyncIterator[bytes]) -> None:
        async for raw in requests:
            message = decode(tables.RECOGNIZE_REQUEST, raw)
            async with self._news:
                if "audio" in message:
                    self.heard += message["audio"]
                else:
                    self.config = message
                self._news.notify_all()
        async with self._news:
            self.is_closed = True
            self._news.notify_all()


class FakeGoogle:
    """``sentences`` are those that were spoken. ``refusals`` are what the next calls of each service are answered."""

    def __init__(self) -> None:
        self.port = 0
        self.streams: list[FakeStream] = []
        self.sentences: list[str] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []  # of the voice: the method's name, and the message
        self.refusals: list[grpc.StatusCode] = []  # of streams to come
        self.speech_refusals: list[grpc.StatusCode | None] = []
        self.streams_speech = True
        self._seen = 0
        self._news = asyncio.Condition()
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((_Handlers(self),))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def stream(self) -> FakeStream:
        """The next StreamingRecognize that was not refused, once it has said what it wants."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: len(self.streams) > self._seen)
            self._seen += 1
            stream = self.streams[self._seen - 1]
        async with asyncio.timeout(PATIENCE_S):
            while not stream.config:
                await asyncio.sleep(0.005)
        return stream

    async def __aenter__(self) -> "FakeGoogle":
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop(None)

    async def recognize(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        stream = FakeStream(dict(context.invocation_metadata()))
        stream.config = decode(tables.RECOGNIZE_REQUEST, await anext(aiter(requests)))
        if self.refusals:
            await context.abort(self.refusals.pop(0), "as the test wants it")
        async with self._news:
            self.streams.append(stream)
            self._news.notify_all()
        reading = asyncio.create_task(stream.read(requests))
        try:
            while (answer := await stream.answers.get()) is not None:
                if isinstance(answer, grpc.StatusCode):
                    await context.abort(answer, "as the test wants it")
                elif isinstance(answer, bytes):
                    yield answer
                else:
                    yield encode(tables.RECOGNIZE_RESPONSE, answer)
        finally:
            reading.cancel()
            await asyncio.wait({reading})

    async def stream_speech(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for raw in requests:
            message = decode(tables.STREAM_SPEECH_REQUEST, raw)
            if "input" in message and not self.streams_speech:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "this voice cannot be streamed")
            self.asked.append(("stream", message))
            if "input" in message:  # all that the client will say: a refusal before that may reach it as INTERNAL
                await self._refuse(context)
                sound = self._sound(message["input"]["text"])
                for part in (sound[: len(sound) // 2], sound[len(sound) // 2 :]):
                    yield encode(tables.SPEECH_RESPONSE, {"audio_content": part})

    async def synthesize(self, raw: bytes, context: Any) -> bytes:
        await self._refuse(context)
        message = decode(tables.SYNTHESIZE_REQUEST, raw)
        self.asked.append(("whole", message))
        return encode(tables.SPEECH_RESPONSE, {"audio_content": WAV_HEADER + self._sound(message["input"]["text"])})

    async def _refuse(self, context: Any) -> None:
        code = self.speech_refusals.pop(0) if self.speech_refusals else None
        if code is not None:
            await context.abort(code, "as the test wants it")

    def _sound(self, text: str) -> bytes:
        self.sentences.append(text)
        return b"\x20" * (len(text) * BYTES_A_CHARACTER)


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]  # gRPC has no types
    def __init__(self, google: FakeGoogle) -> None:
        self._by_method = {
            tables.RECOGNIZE: grpc.stream_stream_rpc_method_handler(google.recognize),
            tables.STREAM_SPEECH: grpc.stream_stream_rpc_method_handler(google.stream_speech),
            tables.SYNTHESIZE: grpc.unary_unary_rpc_method_handler(google.synthesize),
        }

    def service(self, handler_call_details: Any) -> Any:
        return self._by_method.get(handler_call_details.method)


def _duration(seconds: float) -> dict[str, int]:
    whole = int(seconds)
    return {"seconds": whole, "nanos": round((seconds - whole) * 1e9)}
