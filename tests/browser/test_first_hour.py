"""From nothing to a ringing call: a real bridge process, Chromium's microphone, a handler on the wire."""

import asyncio
import audioop
import threading
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from devstack.edge.handler_app import HandledCall, HandlerApp
from devstack.servers.ports import free_port
from tests.browser.conftest import CHROMIUM, PATIENCE_MS, Visitor
from tests.integration.edge_bridge.conftest import running_bridge, tone
from tests.integration.web.admin import Admin, Server, fetch, gunicorn

pytestmark = pytest.mark.browser

expect.set_options(timeout=PATIENCE_MS)

WITHIN_S = 20.0
VOICE = Path("edge_bridge/prompts/en")
SILENCE = (0xFF, 0x7F)
SPOKEN_BYTES = 8 * 300


class Handling:
    """A handler on a loop of its own thread: Playwright's synchronous side has the main one."""

    def __init__(self, port: int) -> None:
        self.app = HandlerApp(port)
        self.app.behave = self._behave
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._heard = asyncio.Event()

    async def _behave(self, call: HandledCall) -> None:
        await call.join()
        await call.clear()
        await call.play(tone(600))
        async with asyncio.timeout(WITHIN_S):
            while sum(byte not in SILENCE for byte in call.heard) < SPOKEN_BYTES:
                await asyncio.sleep(0.02)
        self._heard.set()
        await call.stopped
        await call.end("answered")

    def __enter__(self) -> "Handling":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.app.__aenter__(), self._loop).result(WITHIN_S)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.app.__aexit__(), self._loop).result(WITHIN_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WITHIN_S)

    def wait_for_speech(self) -> None:
        waiting = asyncio.wait_for(self._heard.wait(), WITHIN_S)
        asyncio.run_coroutine_threadsafe(waiting, self._loop).result(WITHIN_S + 1)

    def wait_for_the_end(self) -> str:
        async def wait() -> str:
            return str(await asyncio.wait_for((await self.app.call(1)).stopped, WITHIN_S))

        return asyncio.run_coroutine_threadsafe(wait(), self._loop).result(WITHIN_S + 1)


@pytest.fixture
def microphone(tmp_path: Path) -> Path:
    """Somebody speaks: one of the bridge's own recordings, as the WAV that Chromium takes for its microphone."""
    recordings = sorted(VOICE.iterdir(), key=lambda path: path.stat().st_size)
    path = tmp_path / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(audioop.ulaw2lin(recordings[-1].read_bytes(), 2))
    return path


@pytest.fixture
def handling(admin: Admin, redis_url: str) -> Iterator[tuple[Handling, str]]:
    """A handler, and the address at which its bridge takes calls from pages."""
    sink, port = free_port(), free_port()
    url = f"http://127.0.0.1:{port}/twilio"
    settings = {"TWILIO_BIND_ADDRESS": "127.0.0.1", "TWILIO_PORT": str(port), "TWILIO_PUBLIC_URL": url}
    with Handling(sink) as handling, running_bridge(admin.database, redis_url, admin.master_key, sink, **settings):
        yield handling, url


@pytest.fixture
def server(admin: Admin, handling: tuple[Handling, str], tmp_path: Path) -> Iterator[Server]:
    with gunicorn(admin, tmp_path / "gunicorn.log", WEB_TWILIO_URL=handling[1]) as running:
        yield running


def test_a_new_owner_sets_up_a_restaurant_and_rings_it_from_the_page(
    admin: Admin, server: Server, handling: tuple[Handling, str], microphone: Path
) -> None:
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--use-fake-ui-for-media-stream"]
    arguments += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments, timeout=60_000)
        context = browser.new_context(locale="en-GB", viewport={"width": 1200, "height": 900})
        context.set_default_timeout(PATIENCE_MS)
        visitor = Visitor(context.new_page(), server.url)
        visitor.log_in()
        page = visitor.page

        visitor.open("/setup")
        page.get_by_label("Name").fill("Chez Nous")
        page.get_by_label("Kind of restaurant").select_option("pizzeria")
        page.get_by_role("button", name="Create the restaurant").click()
        expect(page.get_by_role("heading", name="Ring my restaurant")).to_be_visible()
        page.get_by_role("button", name="Ring now").click()
        expect(page.locator("[data-status]")).to_have_text("In conversation")
        handling[0].wait_for_speech()
        expect(page.locator("#watch")).to_contain_text("since")
        page.get_by_role("button", name="Hang up").click()

        assert handling[0].wait_for_the_end() == "caller_hung_up"
        expect(page.locator("[data-status]")).to_have_text("The call is over.")
        expect(page.locator("#watch")).to_contain_text("Nobody is on the phone.")
        assert visitor.complaints == [text for text in visitor.complaints if "503" in text]
        browser.close()
    (line,) = fetch(
        admin,
        "select l.number from phone_line l join restaurant r on r.id = l.restaurant_id where r.name = 'Chez Nous'",
    )
    assert str(line["number"]).startswith("practice")
