"""Which of the configured models their makers will stop, and what follows them: asked of the engine, and looked up.

``GET /v1/models`` fills ``shutdown_date`` for the models that the account may use. It names no successor, and a server
of one's own may not have it: what the makers have announced (``domain.model_retirements``) is looked up as well.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from cluster.rules import Finding
from domain import model_retirements
from functions.call_handler.settings import CascadeEndpoint, EngineSettings, LiveEndpoint
from functions.greeting_renderer.app import RendererSettings

ASK_WITHIN_S = 10.0
ANTHROPIC_VERSION = "2023-06-01"


@dataclass(frozen=True, slots=True)
class Server:
    """An API that serves models, and what they are configured for, by the setting's name.

    ``is_claude``: it takes the key as Anthropic's does.
    """

    name: str
    base_url: str
    key: str
    models: Mapping[str, str]
    is_claude: bool = False


def servers(settings: EngineSettings, greeting_model: str) -> Iterator[Server]:
    """The main engine with the greeting's model, then those of ENGINES."""
    for number, endpoint in enumerate(settings.endpoints()):
        if isinstance(endpoint, CascadeEndpoint):
            parts = {"hearing": endpoint.hearing, "thinking": endpoint.thinking, "speaking": endpoint.speaking}
            for part, place in parts.items():
                if getattr(place, "api", "") == "google":
                    continue  # has no list of models
                is_claude = part == "thinking" and endpoint.thinking.api == "messages"
                url = f"{place.url.rstrip('/')}/v1" if is_claude else place.url
                models = {f"ENGINES {endpoint.name} {part}": place.model}
                yield Server(f"{endpoint.name} {part}", url, settings.key_of(place.key), models, is_claude)
            continue
        if isinstance(endpoint, LiveEndpoint):
            models = {
                f"ENGINES {endpoint.name} model": endpoint.model,
                f"ENGINES {endpoint.name} backend": endpoint.backend,
            }
            yield Server(endpoint.name, endpoint.url, settings.key_of(endpoint.key), models)
            if (voice := endpoint.speaking) is not None:
                spoken = {f"ENGINES {endpoint.name} speaking": voice.model}
                yield Server(f"{endpoint.name} speaking", voice.url, settings.key_of(voice.key), spoken)
            continue
        prefix = "" if number == 0 else f"ENGINES {endpoint.name} "
        conversation = "OPENAI_REALTIME_MODEL" if number == 0 else f"{prefix}model"
        captions = "OPENAI_TRANSCRIPTION_MODEL" if number == 0 else f"{prefix}transcription_models"
        models = {conversation: endpoint.model}
        for rank, model in enumerate(filter(None, map(str.strip, endpoint.transcription_models.split(",")))):
            models[captions if rank == 0 else f"{captions}, {rank + 1}"] = model
        if number == 0:
            models["OPENAI_TTS_MODEL"] = greeting_model
        yield Server(endpoint.name, endpoint.url, settings.key_of(endpoint.key), models)


def greeting_model(environ: Mapping[str, str]) -> str:
    default = next(one.default for one in msgspec.structs.fields(RendererSettings) if one.name == "openai_tts_model")
    return environ.get("OPENAI_TTS_MODEL") or str(default)


def findings(server: Server, today: date) -> Iterator[Finding]:
    """One finding for each model. An API that does not tell is a warning, and the announcements alone count then."""
    try:
        told: dict[str, Any] | None = _ask(server)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        told = None
        why = f"HTTP {error.code}" if isinstance(error, urllib.error.HTTPError) else type(error).__name__
        fix = "nothing, where the server has no /models; else look at its address and key"
        yield Finding(f"models of {server.name}", False, f"/models does not tell ({why})", fix, warning=True)
    for setting, model in server.models.items():
        yield _judged(setting, model, told, today)


def _ask(server: Server) -> dict[str, Any]:
    """When each model stops, None where that is not known, by the model's id."""
    scheme, _, place = server.base_url.rstrip("/").partition("://")
    url = f"{'https' if scheme in ('https', 'wss') else 'http'}://{place}/models"
    if server.is_claude:  # has pages of 20 by default
        url += "?limit=1000"
        headers = {"x-api-key": server.key, "anthropic-version": ANTHROPIC_VERSION}
    else:
        headers = {"Authorization": f"Bearer {server.key}"}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=ASK_WITHIN_S) as answer:
        return {one["id"]: one.get("shutdown_date") for one in json.load(answer)["data"]}


def _judged(setting: str, model: str, told: dict[str, Any] | None, today: date) -> Finding:
    announced = model_retirements.of_model(model)
    successor = announced.successor if announced is not None else ""
    fix = f"set another model: {successor}" if successor else "set another model, before it stops"
    if told is not None and model not in told:
        return Finding(setting, False, f"{model}: not among the models that this key may use", fix)
    stops = _day((told or {}).get(model)) or (announced.stops if announced is not None else None)
    if stops is None:
        return Finding(setting, True, f"{model}: no end is announced")
    left = stops - today
    if left <= timedelta(0):
        return Finding(setting, False, f"{model}: stopped on {stops.isoformat()}", fix)
    if left <= model_retirements.SOON:
        return Finding(setting, False, f"{model}: stops on {stops.isoformat()}, in {left.days} days", fix, warning=True)
    return Finding(setting, True, f"{model}: stops on {stops.isoformat()}")


def _day(value: Any) -> date | None:
    """``shutdown_date`` as a day, a moment, or seconds since 1970; None for anything else."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC).date()
        return datetime.fromisoformat(value).date() if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None
