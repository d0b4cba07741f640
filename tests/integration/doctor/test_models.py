"""What the doctor says of models that their makers stop, against an API that tells."""

import json
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from functions.call_handler.settings import EngineSettings
from ops.model_doctor import Server, findings, greeting_model, servers

pytestmark = pytest.mark.integration

TODAY = date(2026, 11, 27)


class ModelsApi(BaseHTTPRequestHandler):
    status = 200
    body: bytes = b""
    keys: tuple[str, ...] = ()
    asked: tuple[dict[str, str], ...] = ()

    def do_GET(self) -> None:
        type(self).keys = (*self.keys, self.headers["Authorization"])
        type(self).asked = (*self.asked, {name.lower(): value for name, value in self.headers.items()})
        self.send_response(self.status if self.path.partition("?")[0] == "/v1/models" else 404)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def api() -> Iterator[type[ModelsApi]]:
    class Api(ModelsApi):
        url = ""

    server = HTTPServer(("127.0.0.1", 0), Api)
    Api.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Api
    server.shutdown()
    thread.join()
    server.server_close()


def told(api: Any, models: dict[str, Any], configured: str) -> tuple[bool, bool, str, str]:
    api.body = json.dumps({"data": [{"id": name, "shutdown_date": stops} for name, stops in models.items()]}).encode()
    [finding] = findings(Server("main", api.url, "sk-1", {"OPENAI_REALTIME_MODEL": configured}), TODAY)
    return finding.ok, finding.warning, finding.detail, finding.fix


def test_a_model_without_an_announced_end_is_fine(api: Any) -> None:
    ok, _, detail, _ = told(api, {"gpt-realtime-2.1": None}, "gpt-realtime-2.1")

    assert ok
    assert detail == "gpt-realtime-2.1: no end is announced"
    assert api.keys == ("Bearer sk-1",)


@pytest.mark.parametrize(
    ("stops", "ok", "warning"),
    [
        ("2027-02-26", True, False),
        ("2027-02-25", False, True),
        ("2026-11-27", False, False),
        (1_790_000_000, False, False),
    ],
)
def test_the_end_is_warned_of_ninety_days_ahead_and_is_an_error_from_its_day_on(
    stops: Any, ok: bool, warning: bool, api: Any
) -> None:
    assert told(api, {"some-model": stops}, "some-model")[:2] == (ok, warning)


def test_the_successor_is_named_where_its_maker_names_one(api: Any) -> None:
    *_, fix = told(api, {"gpt-realtime-mini-2025-10-06": "2027-01-20"}, "gpt-realtime-mini-2025-10-06")

    assert fix == "set another model: gpt-realtime-2.1-mini"


def test_a_model_that_the_key_may_not_use_is_an_error(api: Any) -> None:
    ok, warning, detail, _ = told(api, {"another": None}, "gpt-realtime-2.1")

    assert (ok, warning) == (False, False)
    assert "not among the models" in detail


def test_claudes_api_is_given_its_key_as_it_wants_it(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDE_KEY", "sk-ant-1")
    elsewhere = {"url": "http://127.0.0.1:9/v1", "model": "local"}
    thinking = {
        "url": api.url.removesuffix("/v1"),
        "key": "CLAUDE_KEY",
        "model": "claude-haiku-4-5",
        "api": "messages",
    }
    cascade = {"kind": "cascade", "name": "parts", "hearing": elsewhere, "speaking": elsewhere, "thinking": thinking}
    settings = EngineSettings(openai_api_key="k", engines=json.dumps([cascade]))
    api.body = json.dumps({"data": [{"type": "model", "id": "claude-haiku-4-5"}], "has_more": False}).encode()

    [claude] = [server for server in servers(settings, "gpt-realtime-2.1") if server.name == "parts thinking"]
    [finding] = findings(claude, TODAY)

    [headers] = api.asked
    assert (headers["x-api-key"], headers["anthropic-version"]) == ("sk-ant-1", "2023-06-01")
    assert "authorization" not in headers
    assert (finding.ok, finding.detail) == (True, "claude-haiku-4-5: no end is announced")


def test_each_engine_is_asked_for_the_models_it_uses_and_google_for_none() -> None:
    here = {"url": "http://127.0.0.1:9/v1", "model": "m"}
    cascade = {
        "kind": "cascade",
        "name": "parts",
        "hearing": here | {"api": "google"},
        "thinking": here,
        "speaking": here,
    }
    live = {
        "kind": "live",
        "name": "duplex",
        "url": "http://127.0.0.1:8/v1",
        "model": "gpt-live-1.1",
        "backend": "gpt-6-luna",
    }
    settings = EngineSettings(openai_api_key="k", engines=json.dumps([cascade, live | {"speaking": here}]))

    _, *further = servers(settings, "gpt-realtime-2.1")

    assert {server.name: list(server.models) for server in further} == {
        "parts thinking": ["ENGINES parts thinking"],
        "parts speaking": ["ENGINES parts speaking"],
        "duplex": ["ENGINES duplex model", "ENGINES duplex backend"],
        "duplex speaking": ["ENGINES duplex speaking"],
    }


@pytest.mark.parametrize(("status", "body"), [(404, b""), (401, b"{}"), (200, b"<html>"), (200, b"[]"), (200, b"{}")])
def test_an_api_that_does_not_tell_leaves_what_was_announced(status: int, body: bytes, api: Any) -> None:
    api.status, api.body = status, body

    silent, announced = findings(Server("main", api.url, "", {"OPENAI_TTS_MODEL": "gpt-4o-mini-tts"}), TODAY)

    assert (silent.ok, silent.warning) == (False, True)
    assert announced.detail == "gpt-4o-mini-tts: stops on 2027-01-06, in 40 days"


def test_no_default_is_a_model_whose_end_is_announced() -> None:
    [server] = servers(EngineSettings(openai_api_key="k"), greeting_model({}))

    api_is_silent = Server("main", "http://127.0.0.1:9/v1", "", server.models)
    _, *judged = findings(api_is_silent, TODAY)
    assert list(server.models) == [
        "OPENAI_REALTIME_MODEL",
        "OPENAI_TRANSCRIPTION_MODEL",
        "OPENAI_TRANSCRIPTION_MODEL, 2",
        "OPENAI_TTS_MODEL",
    ]
    assert all(finding.ok for finding in judged)
