"""The cascade's ear and voice at Google, against a local server of its gRPC: streams that end, refuse and stall."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

grpc = pytest.importorskip("grpc", reason="needs the extra google")

from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: E402

from domain.restaurant import Restaurant  # noqa: E402
from functions.call_handler.engines import google_hearing, google_speaking  # noqa: E402
from functions.call_handler.engines.base import (  # noqa: E402
    CallerPauses,
    CallerSaid,
    CallerSpeaks,
    CallerTurn,
    EngineDownError,
    EngineEvent,
    EngineGone,
    Setup,
)
from functions.call_handler.engines.google_hearing import GoogleEar  # noqa: E402
from functions.call_handler.engines.google_speaking import GoogleVoice, without_header  # noqa: E402
from functions.call_handler.engines.text_models import ModelDownError, Server  # noqa: E402
from functions.call_handler.settings import (  # noqa: E402
    CascadeEndpoint,
    EngineSettings,
    HearingPlace,
    SpeakingPlace,
    ThinkingPlace,
)
from protocols.call_lane import ConnectedLine, EndedLine  # noqa: E402
from stores import restaurants  # noqa: E402
from tests.fakes.engine import FakeEngine  # noqa: E402
from tests.fakes.google_speech import BYTES_A_CHARACTER, WAV_HEADER, FakeGoogle, FakeStream  # noqa: E402
from tests.fakes.models import Answer, FakeModels  # noqa: E402
from tests.integration.call_handler.conftest import MakeBridge, Ring, StartHandler, new_id  # noqa: E402
from tests.patience import PATIENCE_S  # noqa: E402

pytestmark = pytest.mark.integration

SETUP = Setup("You answer the phone.", [], "fr", "", "Régina, Large.")
FRAME = b"\x55" * 160
SECOND = b"\x55" * 8000


@pytest.fixture
async def google() -> AsyncIterator[FakeGoogle]:
    async with FakeGoogle() as fake:
        yield fake


class Listener:
    """An ear, and what it told."""

    def __init__(self, google: FakeGoogle, key: str = "") -> None:
        self.events: list[EngineEvent] = []
        self._news = asyncio.Event()
        place = HearingPlace(url=google.url, key="GOOGLE_KEY" if key else "", model="telephony", api="google")
        thinking = ThinkingPlace(url=google.url, model="m")
        speaking = SpeakingPlace(url=google.url, model="m")
        endpoint = CascadeEndpoint(name="parts", hearing=place, thinking=thinking, speaking=speaking)
        self.ear = GoogleEar(endpoint, EngineSettings(openai_api_key="k"), self._told)

    def _told(self, event: EngineEvent) -> None:
        self.events.append(event)
        self._news.set()

    async def start(self) -> "Listener":
        await self.ear.connect(PATIENCE_S)
        self.ear.configure(SETUP)
        return self

    async def until(self, is_there: Callable[[list[EngineEvent]], Any]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not is_there(self.events):
                self._news.clear()
                await self._news.wait()

    async def said(self, count: int) -> list[str]:
        await self.until(lambda events: len(words(events)) >= count)
        return words(self.events)

    async def gone(self) -> EngineGone:
        await self.until(lambda events: any(isinstance(event, EngineGone) for event in events))
        return next(event for event in self.events if isinstance(event, EngineGone))


def words(events: list[EngineEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, CallerSaid)]


def kinds(events: list[EngineEvent]) -> list[type[EngineEvent]]:
    return [type(event) for event in events]


@pytest.fixture
async def listener(google: FakeGoogle, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Listener]:
    monkeypatch.setattr(google_hearing, "PAUSES_S", (0.0, 0.0, 0.0))
    started = await Listener(google).start()
    yield started
    started.ear.close()
    await asyncio.gather(*google_hearing._closing)


async def speaks(listener: Listener, stream: FakeStream, audio: bytes = SECOND) -> None:
    listener.ear.hear(audio)
    await stream.hears(len(stream.heard) + len(audio) - google_hearing.SENT_FROM)


async def test_a_turn_is_told_as_it_comes_with_its_words_at_the_end(listener: Listener, google: FakeGoogle) -> None:
    stream = await google.stream()
    await speaks(listener, stream)
    stream.begins(0.25)
    stream.guesses("une", "gina")
    stream.hears_words("Une Régina", 0.9)
    stream.hears_words("s'il vous plaît.", 1.0)
    stream.ends(1.0)

    assert await listener.said(1) == ["Une Régina s'il vous plaît."]
    assert kinds(listener.events) == [CallerSpeaks, CallerPauses, CallerTurn, CallerSaid]
    begins = listener.events[0]
    assert isinstance(begins, CallerSpeaks)
    assert begins.since_ms >= 750
    config = stream.config["streaming_config"]["config"]
    assert stream.config["recognizer"] == "projects/-/locations/global/recognizers/_"
    assert (config["model"], config["language_codes"]) == ("telephony", ["fr-FR"])
    assert config["explicit_decoding_config"]["encoding"] == 2
    phrases = config["adaptation"]["phrase_sets"][0]["inline_phrase_set"]["phrases"]
    assert [phrase["value"] for phrase in phrases] == ["Régina", "Large"]


async def test_words_that_come_behind_the_turns_end_are_still_its_words(listener: Listener, google: FakeGoogle) -> None:
    stream = await google.stream()
    await speaks(listener, stream)
    stream.begins(0.1)
    stream.ends(0.8)
    stream.hears_words("Bonsoir.", 0.7)

    assert await listener.said(1) == ["Bonsoir."]


async def test_a_guess_has_to_do_where_the_words_do_not_come_and_is_not_said_twice(
    listener: Listener, google: FakeGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google_hearing, "WORDS_WITHIN_S", 0.1)
    stream = await google.stream()
    await speaks(listener, stream)
    stream.begins(0.1)
    stream.guesses("deux cocas")
    stream.ends(0.8)
    assert await listener.said(1) == ["deux cocas"]

    await speaks(listener, stream)
    stream.hears_words("Deux", 0.7)
    stream.begins(1.1)
    stream.hears_words("Cocas.", 0.95)
    stream.hears_words("Merci.", 1.7)
    stream.ends(1.8)

    assert await listener.said(2) == ["deux cocas", "Merci."]


async def test_a_server_that_tells_only_words_makes_turns_of_them(listener: Listener, google: FakeGoogle) -> None:
    stream = await google.stream()
    await speaks(listener, stream)
    stream.hears_words("Two Margheritas.")
    assert await listener.said(1) == ["Two Margheritas."]
    await speaks(listener, stream)
    stream.guesses("that")
    stream.hears_words("That is all.")

    assert await listener.said(2) == ["Two Margheritas.", "That is all."]
    assert kinds(listener.events) == [CallerSpeaks, CallerPauses, CallerTurn, CallerSaid] * 2


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.OUT_OF_RANGE,  # the five minutes are over
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
    ],
)
async def test_a_stream_that_breaks_within_a_turn_is_followed_by_one_that_hears_the_rest_again(
    code: Any, listener: Listener, google: FakeGoogle
) -> None:
    first = await google.stream()
    await speaks(listener, first, b"\x11" * 8000)
    first.begins(0.2)
    first.hears_words("Une Régina", 0.5)
    await listener.until(lambda events: CallerSpeaks in kinds(events))
    await speaks(listener, first, b"\x22" * 8000)
    first.guesses("et deux")
    first.fails(code)

    second = await google.stream()
    await second.hears(1_000)
    await second.hears(12_000)
    second.begins(0.0)
    second.hears_words("et deux cocas.", 1.4)
    second.ends(1.5)

    assert await listener.said(1) == ["Une Régina et deux cocas."]
    assert bytes(second.heard[:12_000]) == b"\x11" * 4000 + b"\x22" * 8000
    assert kinds(listener.events) == [CallerSpeaks, CallerPauses, CallerTurn, CallerSaid]


async def test_a_turn_that_ended_when_its_stream_broke_gets_its_words_from_the_next(
    listener: Listener, google: FakeGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google_hearing, "WORDS_WITHIN_S", PATIENCE_S)
    first = await google.stream()
    await speaks(listener, first)
    first.begins(0.2)
    first.ends(0.9)
    await listener.until(lambda events: CallerTurn in kinds(events))
    first.fails(grpc.StatusCode.UNAVAILABLE)

    second = await google.stream()
    await second.hears(7_000)
    second.begins(0.2)
    second.ends(0.9)
    second.hears_words("Une Régina.", 0.8)

    assert await listener.said(1) == ["Une Régina."]
    assert kinds(listener.events) == [CallerSpeaks, CallerPauses, CallerTurn, CallerSaid]


async def test_a_stream_is_renewed_in_a_quiet_moment_and_no_audio_is_lost(
    listener: Listener, google: FakeGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await google.stream()
    await speaks(listener, first)
    first.begins(0.1)
    first.hears_words("Bonsoir.", 0.8)
    first.ends(0.9)
    await listener.said(1)
    monkeypatch.setattr(google_hearing, "RENEW_FROM_S", 0.0)
    listener.ear.hear(b"\x33" * 1600)
    await first.closed()
    monkeypatch.undo()
    heard_before = bytes(first.heard)
    listener.ear.hear(b"\x44" * 8000)
    first.finishes()

    second = await google.stream()
    await second.hears(9_000)
    second.begins(0.5)
    second.hears_words("Une Régina.", 1.2)
    second.ends(1.3)

    assert await listener.said(2) == ["Bonsoir.", "Une Régina."]
    assert heard_before.endswith(b"\x33" * 1600)
    assert b"\x44" * 8000 in bytes(second.heard)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
async def test_an_ear_that_fails_again_and_again_is_gone(
    code: Any, google: FakeGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google_hearing, "PAUSES_S", (0.0, 0.0, 0.0))
    google.refusals = [code] * 9
    listener = await Listener(google).start()

    gone = await listener.gone()

    assert gone.reason == f"the ear fails: {code.name}"
    assert len(google.refusals) == 9 - google_hearing.FAILURES_MOST - 1
    assert not listener.ear.alive


async def test_an_ear_that_answers_only_to_break_off_is_gone_too(listener: Listener, google: FakeGoogle) -> None:
    breaks = (FakeStream.says_garbage, FakeStream.finishes, FakeStream.says_garbage, FakeStream.finishes)
    for break_off in breaks:
        stream = await google.stream()
        stream.begins(0.0)
        break_off(stream)

    gone = await listener.gone()

    assert gone.reason == "the ear fails: it ended at once"


async def test_a_refusal_for_good_is_not_tried_again(google: FakeGoogle) -> None:
    google.refusals = [grpc.StatusCode.PERMISSION_DENIED] * 2
    listener = await Listener(google).start()

    gone = await listener.gone()

    assert gone.reason == "the ear refuses the session: PERMISSION_DENIED"
    assert len(google.refusals) == 1


async def test_a_model_that_takes_no_hints_is_asked_without_them(google: FakeGoogle) -> None:
    google.refusals = [grpc.StatusCode.INVALID_ARGUMENT]
    listener = await Listener(google).start()

    stream = await google.stream()

    assert "adaptation" not in stream.config["streaming_config"]["config"]
    listener.ear.close()


async def test_a_phone_that_sends_nothing_is_heard_as_silent(listener: Listener, google: FakeGoogle) -> None:
    stream = await google.stream()

    await stream.hears(len(google_hearing.SILENCE))

    assert set(stream.heard) == {0xFF}


async def test_a_turn_that_is_ended_for_the_ear_gets_what_was_heard_of_it(
    listener: Listener, google: FakeGoogle
) -> None:
    first = await google.stream()
    await speaks(listener, first)
    first.begins(0.1)
    await listener.until(lambda events: CallerSpeaks in kinds(events))

    listener.ear.commit()
    await first.closed()
    first.hears_words("Une Régina.", 0.9)
    first.finishes()

    assert await listener.said(1) == ["Une Régina."]
    assert kinds(listener.events) == [CallerSpeaks, CallerPauses, CallerTurn, CallerSaid]
    await google.stream()


async def test_a_server_that_is_not_there_is_told_in_time() -> None:
    async with FakeGoogle() as google:
        listener = Listener(google)

    with pytest.raises(EngineDownError) as down:
        await listener.ear.connect(0.3)

    assert down.value.passing
    assert down.value.reason.startswith("ENGINES: hearing of 'parts'")


async def test_what_the_ear_hears_costs_an_unknown_amount_and_says_so(listener: Listener, google: FakeGoogle) -> None:
    stream = await google.stream()
    await speaks(listener, stream)
    stream.hears_words("Bonsoir.")
    await listener.said(1)

    said = next(event for event in listener.events if isinstance(event, CallerSaid))
    assert said.usage.transcribed_s >= 1.0
    assert (said.usage.dollars, said.usage.unpriced) == (0.0, 1)


async def test_a_service_account_signs_for_itself(google: FakeGoogle, monkeypatch: pytest.MonkeyPatch) -> None:
    private = rsa.generate_private_key(65537, 2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {"client_email": "ear@p.iam", "private_key": pem.decode(), "private_key_id": "1", "project_id": "p"}
    monkeypatch.setenv("GOOGLE_KEY", json.dumps(account))
    listener = await Listener(google, key="GOOGLE_KEY").start()

    stream = await google.stream()

    token = stream.metadata["authorization"].removeprefix("Bearer ")
    head, claims, signature = token.split(".")
    private.public_key().verify(_raw(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    told = json.loads(_raw(claims))
    assert json.loads(_raw(head)) == {"alg": "RS256", "typ": "JWT", "kid": "1"}
    assert (told["iss"], told["sub"], told["exp"] - told["iat"]) == ("ear@p.iam", "ear@p.iam", 3600)
    assert told["aud"].startswith("https://127.0.0.1")
    assert stream.config["recognizer"] == "projects/p/locations/global/recognizers/_"
    listener.ear.close()


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# --- The voice ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def voice(google: FakeGoogle) -> AsyncIterator[GoogleVoice]:
    made = GoogleVoice(Server(google.url, "api-key", "chirp3-hd"))
    yield made
    await made.close()


async def sound(voice: GoogleVoice, sentence: str, name: str = "fr-FR-Chirp3-HD-Aoede") -> bytes:
    return b"".join([audio async for audio in voice.say(sentence, name, "fr")])


async def test_a_sentence_comes_in_pieces_of_telephone_audio(voice: GoogleVoice, google: FakeGoogle) -> None:
    audio = await sound(voice, "Bonsoir.")
    await sound(voice, "Oui.", "marin")

    assert audio == b"\x20" * (8 * BYTES_A_CHARACTER)
    (_, config), _, (_, another), _ = google.asked
    wanted = config["streaming_config"]
    assert wanted["voice"] == {"language_code": "fr-FR", "name": "fr-FR-Chirp3-HD-Aoede"}
    assert wanted["streaming_audio_config"] == {"audio_encoding": 5, "sample_rate_hertz": 8000}
    assert another["streaming_config"]["voice"] == {"language_code": "fr-FR"}


async def test_a_voice_that_cannot_be_streamed_says_whole_sentences(voice: GoogleVoice, google: FakeGoogle) -> None:
    google.streams_speech = False

    audio = [await sound(voice, "Bonsoir."), await sound(voice, "Oui.")]

    assert audio == [b"\x20" * (8 * BYTES_A_CHARACTER), b"\x20" * (4 * BYTES_A_CHARACTER)]
    assert [kind for kind, _ in google.asked] == ["stream", "whole", "whole"]


async def test_a_busy_voice_is_asked_once_more(voice: GoogleVoice, google: FakeGoogle) -> None:
    google.speech_refusals = [grpc.StatusCode.UNAVAILABLE]

    assert await sound(voice, "Oui.")


@pytest.mark.parametrize(
    ("code", "for_good"),
    [
        (grpc.StatusCode.UNAVAILABLE, False),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, False),
        (grpc.StatusCode.UNAUTHENTICATED, True),
    ],
)
async def test_a_voice_that_fails_says_so_and_whether_for_good(
    code: Any, for_good: bool, voice: GoogleVoice, google: FakeGoogle
) -> None:
    google.speech_refusals = [code] * 3

    with pytest.raises(ModelDownError) as down:
        await sound(voice, "Oui.")

    assert (down.value.reason, down.value.for_good) == (f"the speech model answered {code.name}", for_good)


async def test_a_voice_that_says_nothing_is_given_up(
    voice: GoogleVoice, google: FakeGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google_speaking, "FIRST_WITHIN_S", 0.05)
    forever = asyncio.Event()
    monkeypatch.setattr(google, "_refuse", lambda context: forever.wait())

    with pytest.raises(ModelDownError) as down:
        await sound(voice, "Oui.")

    assert down.value.reason == "the speech model answered DEADLINE_EXCEEDED"
    forever.set()


def test_only_the_header_of_a_file_is_taken_off() -> None:
    assert without_header(WAV_HEADER + b"\x20\x21") == b"\x20\x21"
    assert without_header(b"\x20\x21") == b"\x20\x21"


# --- A whole call -------------------------------------------------------------------------------------------------


async def test_a_call_is_held_with_googles_ear_and_voice(
    google: FakeGoogle,
    start_handler: StartHandler,
    engine: FakeEngine,
    restaurant: Restaurant,
    bridge_for: MakeBridge,
    ring: Ring,
    postgres: Any,
) -> None:
    async with FakeModels() as models:
        cascade = {
            "kind": "cascade",
            "name": "parts",
            "hearing": {"url": google.url, "key": "GOOGLE_KEY", "model": "telephony", "api": "google"},
            "thinking": {"url": models.url, "model": "gpt-6-luna", "effort": "none"},
            "speaking": {"url": google.url, "key": "GOOGLE_KEY", "model": "chirp3-hd", "api": "google"},
        }
        async with postgres.platform.platform() as connection:
            await restaurants.update(connection, restaurant.id, {"engines": ["parts", "main"]})
        handler = await start_handler(engine, ENGINES=json.dumps([cascade]), GOOGLE_KEY="api-key")
        bridge = await bridge_for(new_id(), greeting="Good evening!")
        lane = await ring(handler, bridge)
        await lane.until(ConnectedLine)
        stream = await google.stream()
        item = ("add_item", {"item": "Margherita", "size": "Small"})
        models.answers = [Answer(calls=[item]), Answer("With pleasure.")]

        await stream.hears(4_000)
        stream.begins(0.1)
        stream.ends(0.4)
        stream.hears_words("A small Margherita.", 0.3)
        await bridge.hears(1)
        await bridge.quiet()
        await bridge.hang_up()
        ended = await lane.until(EndedLine)

    assert google.sentences == ["With pleasure."]
    assert models.requests[0]["messages"][-1] == {"role": "user", "content": "A small Margherita."}
    assert stream.metadata["x-goog-api-key"] == "api-key"
    assert ended.outcome == "answered"
    for unknown in ("telephony", "chirp3-hd"):
        await handler.log_says(f'the call\'s cost lacks it", "model": "{unknown}"')
