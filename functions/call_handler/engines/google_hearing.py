"""The ear of a cascade at Google Cloud Speech-to-Text v2, or at a server of one's own that speaks its
``StreamingRecognize``: with a faster-whisper behind it as well as with anything else.

A stream lasts five minutes at most. It is begun anew before that while nobody speaks, and after any failure that is
worth it; what the caller said and nobody has written down yet is then heard again, from where the last result ended.
Google hears nothing for 10 s and gives up, so silence is sent where the caller's phone sends none.
"""

import asyncio
import itertools
import math
import time
from collections import deque
from typing import Any

import grpc
import grpc.aio

from functions.call_handler.engines import costs
from functions.call_handler.engines.base import (
    CallerPauses,
    CallerSaid,
    CallerSpeaks,
    CallerTurn,
    EngineDownError,
    EngineGone,
    OnEvent,
    Setup,
)
from functions.call_handler.engines.costs import Usage
from functions.call_handler.engines.google_speech import (
    ACTIVITY_BEGIN,
    ACTIVITY_END,
    FOR_GOOD,
    LOCALES,
    RECOGNIZE,
    RECOGNIZE_REQUEST,
    RECOGNIZE_RESPONSE,
    RECOGNIZER_MULAW,
    Service,
    why,
)
from functions.call_handler.engines.protobuf_wire import seconds_of
from functions.call_handler.settings import CascadeEndpoint, EngineSettings
from process import logs
from protocols.media import BYTES_PER_MS

log = logs.get(__name__)

STREAM_S = 305.0  # Google ends a stream after so long
RENEW_FROM_S, RENEW_BY_S = 270.0, 295.0  # in a quiet moment, or at the latest
SENT_AT_ONCE = 8_000  # bytes: 15 KB is the limit of a message
SENT_FROM = 800  # bytes: 100 ms of audio are worth a message
SILENT_AFTER_S = 0.4  # a gap in the caller's audio that is filled
SILENCE = b"\xff" * (400 * BYTES_PER_MS)
KEPT_MOST = 60_000 * BYTES_PER_MS
HEARD_AGAIN = 1_000 * BYTES_PER_MS  # before a turn, or of a silence that may have been the beginning of one
WORDS_WITHIN_S = 2.0  # of the end of a turn; then what was guessed so far has to do
FAILURES_MOST = 3  # in a row
PAUSES_S = (0.0, 0.25, 0.5)
LASTED_WELL_S = 5.0  # a stream that failed later than this was none of a row of failures
FINISH_WITHIN_S = 2.0  # a stream that was told the audio's end
PHRASES_MOST, PHRASE_BOOST = 500, 10.0

_numbers = itertools.count(1)


class _Turn:
    """One turn of the caller's. Places are bytes since the call began; ``guess`` is what may still change."""

    def __init__(self, begin: int) -> None:
        self.item_id = f"heard-{next(_numbers)}"
        self.begin = begin
        self.end = math.inf
        self.ended_at: float | None = None
        self.text = ""
        self.guess = ""

    def words(self) -> str:
        return " ".join(filter(None, (self.text, self.guess)))


class GoogleEar:
    def __init__(self, endpoint: CascadeEndpoint, settings: EngineSettings, on_event: OnEvent) -> None:
        self._name = endpoint.name
        self._place = endpoint.hearing
        self._is_free = endpoint.free
        self._key = settings.key_of(self._place.key)
        self._on_event = on_event
        self._service: Service | None = None
        self._run: asyncio.Task[None] | None = None
        self._config: dict[str, Any] = {}
        self._kept = bytearray()  # the audio from ``_kept_from`` on
        self._kept_from = 0
        self._settled = 0  # up to here all is written down
        self._more = asyncio.Event()
        self._turns: deque[_Turn] = deque()  # those without their words, the oldest first
        self._base = 0  # where the stream's audio began
        self._sent = 0  # up to here it was given the audio
        self._told_until = 0  # before this, begin and end of speech were told by an earlier stream
        self._renews = False
        self._has_activity = False  # the server tells when speech begins and ends
        self._charged = 0

    @property
    def alive(self) -> bool:
        return self._service is not None

    @property
    def seconds_left(self) -> float:
        """A conversation here has no end: only its streams do."""
        return math.inf

    @property
    def _heard(self) -> int:
        return self._kept_from + len(self._kept)

    async def connect(self, within_s: float) -> None:
        """Raises EngineDownError."""
        where = f"ENGINES: hearing of {self._name!r}"
        try:
            service = Service(self._place.url, self._key)
        except ValueError:
            raise EngineDownError(f"{where}: {self._place.key} is no service account's key") from None
        try:
            async with asyncio.timeout(within_s):
                await service.ready()
        except (TimeoutError, grpc.aio.AioRpcError, grpc.aio.UsageError):
            await service.close()
            raise EngineDownError(f"{where}: no gRPC connection within {within_s:g} s", passing=True) from None
        self._service = service

    def configure(self, setup: Setup) -> None:
        config: dict[str, Any] = {
            "explicit_decoding_config": {
                "encoding": RECOGNIZER_MULAW,
                "sample_rate_hertz": 8000,
                "audio_channel_count": 1,
            },
            "model": self._place.model,
            "language_codes": [LOCALES.get(setup.language, setup.language)],
            "features": {"enable_automatic_punctuation": True},
        }
        names = [name for name in map(str.strip, setup.vocabulary.rstrip(".").split(",")) if name][:PHRASES_MOST]
        if names:
            phrases = [{"value": name, "boost": PHRASE_BOOST} for name in names]
            config["adaptation"] = {"phrase_sets": [{"inline_phrase_set": {"phrases": phrases}}]}
        self._config = config
        if self._run is None:
            self._run = asyncio.create_task(self._listen())

    def hear(self, audio: bytes) -> None:
        self._kept += audio
        surplus = len(self._kept) - KEPT_MOST
        if surplus > 0:
            self._forget(self._kept_from + surplus)
        self._more.set()

    def commit(self) -> None:
        """The turn is over: the stream is ended, which brings what it has, and another one hears what follows."""
        if all(turn.ended_at is not None for turn in self._turns):
            self._turns.append(_Turn(self._settled))
        self._end_turn(self._heard)
        self._renews = True
        self._more.set()

    def close(self) -> None:
        service, self._service = self._service, None
        if self._run is not None:
            self._run.cancel()
        if service is not None:
            closing = asyncio.get_running_loop().create_task(service.close())
            _closing.add(closing)
            closing.add_done_callback(_closing.discard)

    # --- Streams --------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Stream after stream, until the ear is closed or cannot hear any more."""
        failures = 0
        while self._service is not None:
            begun, problem = time.monotonic(), ""
            try:
                await self._hear_on(self._service)
            except grpc.aio.AioRpcError as error:
                problem = why(error)
                if error.code() in FOR_GOOD and not self._leaves_out(error):
                    self._give_up(f"the ear refuses the session: {problem}")
                    return
            except ValueError:
                problem = "what it says is not understood"
            except Exception:  # an error of ours must not leave the caller with a deaf engine
                log.exception("the ear failed", engine=self._name)
                self._give_up("the ear failed")
                return
            lasted_s = time.monotonic() - begun
            if not (problem or self._renews) and lasted_s < LASTED_WELL_S:
                problem = "it ended at once"
            if not problem or lasted_s > LASTED_WELL_S:
                failures = 0
            if problem:
                failures += 1
                log.warning("the ear's stream failed", engine=self._name, why=problem, seconds=round(lasted_s, 1))
            if failures > FAILURES_MOST:
                self._give_up(f"the ear fails: {problem}")
                return
            await asyncio.sleep(PAUSES_S[failures - 1] if failures else 0.0)

    def _leaves_out(self, error: grpc.aio.AioRpcError) -> bool:
        """A model that takes no hints is asked again without them."""
        hints = self._config.pop("adaptation", None)
        return error.code() is grpc.StatusCode.INVALID_ARGUMENT and hints is not None

    def _give_up(self, reason: str) -> None:
        self.close()
        self._on_event(EngineGone(reason))

    async def _hear_on(self, service: Service) -> None:
        """One stream, from what is not written down yet until it ends. Raises AioRpcError, or ValueError."""
        self._base = self._where_to_begin()
        self._forget(self._base)
        recognizer = self._place.recognizer or f"projects/{service.project}/locations/global/recognizers/_"
        routing = {"recognizer": recognizer}
        stream = service.stream(RECOGNIZE, RECOGNIZE_REQUEST, RECOGNIZE_RESPONSE, STREAM_S + FINISH_WITHIN_S, **routing)
        features = {"enable_voice_activity_events": True, "interim_results": True}
        first = {"config": self._config, "streaming_features": features}
        writing = asyncio.create_task(self._write(stream, {"recognizer": recognizer, "streaming_config": first}))
        try:
            await self._read(stream, writing)
        finally:
            self._told_until = self._heard
            writing.cancel()
            stream.cancel()
            await asyncio.wait({writing})

    def _where_to_begin(self) -> int:
        if self._turns:
            return max(self._settled, self._turns[0].begin - HEARD_AGAIN, self._kept_from)
        return max(self._settled, self._sent - HEARD_AGAIN, self._kept_from)

    async def _write(self, stream: Any, first: dict[str, Any]) -> None:
        self._renews = False
        begun, self._sent = time.monotonic(), self._base
        try:
            await stream.write(first)
            while not self._renews or self._sent < self._heard:
                while self._heard - self._sent < SENT_FROM and not self._renews:
                    await self._wait_for_audio()
                piece = bytes(self._kept[max(self._sent - self._kept_from, 0) :][:SENT_AT_ONCE])
                if piece:
                    await stream.write({"audio": piece})
                    self._sent += len(piece)
                age_s = time.monotonic() - begun
                self._renews = self._renews or age_s > RENEW_BY_S or (age_s > RENEW_FROM_S and not self._turns)
            await stream.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # the stream is over, and reading tells why

    async def _wait_for_audio(self) -> None:
        self._more.clear()
        try:
            async with asyncio.timeout(SILENT_AFTER_S):
                await self._more.wait()
        except TimeoutError:
            self.hear(SILENCE)

    async def _read(self, stream: Any, writing: "asyncio.Task[None]") -> None:
        """Hear what comes until the stream ends; a turn whose words are late is ended meanwhile."""
        finish_by = math.inf
        reading = asyncio.ensure_future(stream.read())
        try:
            while time.monotonic() < finish_by:
                await asyncio.wait({reading}, timeout=0.1)
                self._settle_late()
                if writing.done():
                    finish_by = min(finish_by, time.monotonic() + FINISH_WITHIN_S)
                if not reading.done():
                    continue
                response = reading.result()
                if response is grpc.aio.EOF:
                    return
                if response is None:  # so gRPC gives what could not be decoded
                    raise ValueError("no message")
                self._told(response)
                reading = asyncio.ensure_future(stream.read())
        finally:
            reading.cancel()
            await asyncio.wait({reading})

    # --- What a stream tells --------------------------------------------------------------------------------------

    def _told(self, response: dict[str, Any]) -> None:
        kind = response.get("speech_event_type", 0)
        if kind in (ACTIVITY_BEGIN, ACTIVITY_END):
            self._has_activity = True
            place = self._place_of(response.get("speech_event_offset"))
            self._begins(place) if kind == ACTIVITY_BEGIN else self._end_turn(place)
        if response["results"]:
            self._results(response["results"])
        self._settle()

    def _place_of(self, offset: dict[str, int] | None) -> int:
        """Where in the call that is; here, where the server does not say."""
        return self._base + round(seconds_of(offset) * 1000) * BYTES_PER_MS if offset is not None else self._heard

    def _begins(self, place: int) -> None:
        if place <= self._told_until and any(place <= turn.end for turn in self._turns):
            return  # heard again
        self._turns.append(_Turn(place))
        self._on_event(CallerSpeaks(max(0.0, (self._heard - place) / BYTES_PER_MS)))

    def _end_turn(self, place: int) -> None:
        turn = next((turn for turn in self._turns if turn.ended_at is None and turn.begin <= place), None)
        if turn is None:
            return
        turn.end, turn.ended_at = place, time.monotonic()
        self._on_event(CallerPauses())
        self._on_event(CallerTurn(turn.item_id))

    def _results(self, results: list[dict[str, Any]]) -> None:
        """At most one that is final, and behind it the guesses at what follows."""
        guesses = []
        for result in results:
            text = result["alternatives"][0].get("transcript", "").strip() if result["alternatives"] else ""
            if not result.get("is_final"):
                guesses.append(text)
                continue
            place = min(self._place_of(result.get("result_end_offset")), self._heard)
            if place > self._settled:
                self._write_down(text, place)
                self._settled = place
                self._forget(place)
        guess = " ".join(filter(None, guesses))
        if guess and not self._turns and not self._has_activity:
            self._begins_unseen()
        if self._turns:
            self._turns[0].guess = guess

    def _write_down(self, text: str, place: int) -> None:
        if text and not self._turns and not self._has_activity:
            self._begins_unseen()
        if not self._turns or place <= self._turns[0].begin:
            return  # words of a turn that was ended without them
        turn = self._turns[0]
        turn.text = " ".join(filter(None, (turn.text, text)))
        if not self._has_activity:
            self._end_turn(self._heard)

    def _begins_unseen(self) -> None:
        """At a server without voice activity the words are the turn."""
        self._turns.append(_Turn(self._settled))
        self._on_event(CallerSpeaks())

    def _settle(self) -> None:
        while self._turns and self._turns[0].ended_at is not None and self._turns[0].text and not self._turns[0].guess:
            self._say(self._turns.popleft())

    def _settle_late(self) -> None:
        while self._turns and (ended_at := self._turns[0].ended_at) is not None:
            if time.monotonic() - ended_at < WORDS_WITHIN_S:
                return
            self._settled = max(self._settled, min(int(self._turns[0].end), self._heard))
            self._say(self._turns.popleft())

    def _say(self, turn: _Turn) -> None:
        usage = Usage(transcribed_s=(self._heard - self._charged) / BYTES_PER_MS / 1000)
        self._charged = self._heard
        if not self._is_free:
            costs.price(usage, "", self._place.model)
        self._on_event(CallerSaid(turn.item_id, turn.words(), usage))

    def _forget(self, place: int) -> None:
        """Nobody will have to hear again what was before ``place``."""
        count = min(place, self._heard) - self._kept_from
        if count > 0:
            del self._kept[:count]
            self._kept_from += count


_closing: set[asyncio.Task[None]] = set()
