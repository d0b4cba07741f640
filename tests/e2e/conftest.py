"""One running stack for a module's tests, a speech engine that can be swapped, and callers."""

from __future__ import annotations

import asyncio
import json
import os
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from bench.chaos.stack_process import Options
from devstack.stack.engines import SpeechServer
from devstack.stack.running import DialableLine
from functions.greeting_renderer.speech import to_ulaw
from stores import keys
from stores.redis import connect
from tests.conftest import run_apart
from tests.e2e.house import House, eventually
from tests.e2e.phone_call import LiveFeed, PhoneCall, live_feed
from tests.e2e.switch import EngineSwitch

SPEECH_KEY = "the-tests-speech-key"
SPEECH_STARTS_WITHIN_S = 90.0
SPOKEN_WITHIN_S = 60.0
GREETINGS_WITHIN_S = 90.0
# Away from a stack that the developer has running, and from that of the other of two who test.
RTP_PORT_MIN = 19_000 if os.environ.get("PYTEST_XDIST_WORKER") == "gw1" else 17_000

Phone = Callable[[DialableLine], PhoneCall]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stack")
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def speech_server(folder: Path) -> Iterator[SpeechServer]:
    """The local speech server, still without its port and its models: see ``house``."""
    server = SpeechServer(folder / "speech", SPEECH_KEY)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def switch(speech_server: SpeechServer) -> Iterator[EngineSwitch]:
    """Where the stack finds its engine: the speech server, or what a test puts there."""
    speech_server.start(SPEECH_STARTS_WITHIN_S)
    with EngineSwitch(speech_server.port) as switch:
        yield switch


@pytest.fixture(scope="module")
def house(folder: Path, switch: EngineSwitch) -> Iterator[House]:
    """The stack, its greetings rendered."""
    state_dir = folder / "state"
    state_dir.mkdir()
    house = House(
        Options(
            state_dir=str(state_dir),
            engine_url=switch.base_url,
            engine_key=SPEECH_KEY,
            rtp_port_min=RTP_PORT_MIN,
        )
    )
    try:
        house.wait_until_up()
        run_apart(lambda: _greetings_rendered(house))
        yield house
    finally:
        house.close()


async def _greetings_rendered(house: House) -> None:
    wanted = [keys.restaurant_greeting(line.restaurant_id) for line in house.about.lines]
    async with connect(house.about.redis_url) as redis:

        async def rendered() -> int:
            return int(await redis.exists(*wanted))

        await eventually(rendered, lambda count: count == len(wanted), GREETINGS_WITHIN_S)


@pytest.fixture(scope="module")
def spoken(speech_server: SpeechServer, house: House) -> Callable[..., dict[str, bytes]]:
    """``spoken(voice, *sentences)``: each sentence as µ-law."""

    def speak(voice: str, *sentences: str) -> dict[str, bytes]:
        return {sentence: _synthesized(speech_server, voice, sentence) for sentence in sentences}

    return speak


def _synthesized(server: SpeechServer, voice: str, sentence: str) -> bytes:
    request = urllib.request.Request(
        f"{server.engine.base_url}/audio/speech",
        json.dumps({"input": sentence, "voice": voice, "response_format": "pcm"}).encode(),
        {"authorization": f"Bearer {SPEECH_KEY}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=SPOKEN_WITHIN_S) as answer:
        return to_ulaw(answer.read())


@pytest.fixture
async def feed(house: House) -> AsyncIterator[LiveFeed]:
    async with live_feed(house.about.redis_url) as feed:
        await asyncio.sleep(0.2)  # subscribed by then: nothing published before is seen
        yield feed


@pytest.fixture
def phone(house: House, feed: LiveFeed) -> Callable[..., PhoneCall]:
    """``phone(line, sentences)``: a caller who has not rung yet."""

    def call(line: DialableLine, sentences: dict[str, bytes] | None = None) -> PhoneCall:
        return PhoneCall(house.about.sip_port, line, feed, sentences or {})

    return call
