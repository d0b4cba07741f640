"""Greetings by the model that holds the conversation: the same voice, and one that outlives the speech models.

A conversation's model may put things in its own words. So what it said is compared with what it was given, and said
again when it differs, TRIES times in all.
"""

from __future__ import annotations

import base64
import json
from asyncio import timeout
from typing import Any
from urllib.parse import quote

import aiohttp

from eventing.refusals import TryAgain, Unprocessable
from functions.greeting_renderer.speech import MAX_AUDIO_MS, MAX_TEXT, TIMEOUT_S
from protocols.media import BYTES_PER_MS

TRIES = 3
MAX_MESSAGE_BYTES = 16 << 20
PCMU = {"type": "audio/pcmu"}


class RealtimeSpeech:
    """One model of the Realtime protocol in one default voice."""

    def __init__(self, base_url: str, api_key: str, model: str, voice: str) -> None:
        self.voice = voice
        self._url = f"{base_url.rstrip('/')}/realtime?model={quote(model)}"
        self._headers = {"Authorization": f"Bearer {api_key}"}

    async def close(self) -> None:
        """Each greeting has a connection of its own."""

    async def say(self, text: str, voice: str) -> bytes:
        """The text as µ-law, 8 kHz. Raises Unprocessable for what the model refuses for good, else TryAgain."""
        if not text.strip() or len(text) > MAX_TEXT:
            raise Unprocessable(f"greeting: has to have 1 to {MAX_TEXT} characters, not {len(text)}")
        try:
            async with (
                timeout(TIMEOUT_S),
                aiohttp.ClientSession(headers=self._headers) as http,
                http.ws_connect(self._url, max_msg_size=MAX_MESSAGE_BYTES) as socket,
            ):
                return await _spoken(socket, text, voice)
        except aiohttp.WSServerHandshakeError as error:
            named = "OPENAI_API_KEY" if error.status in (401, 403) else "OPENAI_BASE_URL or OPENAI_TTS_MODEL"
            raise TryAgain(f"{named}: the speech model refuses the connection ({error.status})") from None
        except (aiohttp.ClientError, OSError) as error:
            raise TryAgain(f"OPENAI_BASE_URL: the speech model is away ({type(error).__name__})") from None


async def _spoken(socket: aiohttp.ClientWebSocketResponse, text: str, voice: str) -> bytes:
    session = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": f"You read texts out, word for word, and add nothing. The text: {text}",
        "audio": {
            "input": {"format": PCMU, "turn_detection": None},
            "output": {"format": PCMU, "voice": voice},
        },
    }
    await socket.send_json({"type": "session.update", "event_id": "setup", "session": session})
    for _ in range(TRIES):
        wanted = {"instructions": f"Say exactly this sentence, and nothing else: {text}", "tool_choice": "none"}
        await socket.send_json({"type": "response.create", "response": wanted})
        said, audio = await _reply(socket)
        if len(audio) > MAX_AUDIO_MS * BYTES_PER_MS:
            raise Unprocessable(f"greeting: is over {MAX_AUDIO_MS // 1000} s long")
        if audio and _letters(said) == _letters(text):
            return audio
    raise TryAgain(f"OPENAI_TTS_MODEL: the model did not say the greeting word for word in {TRIES} tries")


async def _reply(socket: aiohttp.ClientWebSocketResponse) -> tuple[str, bytes]:
    """What one response says, and its audio."""
    said, audio = "", bytearray()
    while True:
        message = await socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise TryAgain("OPENAI_BASE_URL: the speech model closed the connection")
        event: dict[str, Any] = json.loads(message.data)
        match event.get("type"):
            case "response.output_audio.delta":
                audio += base64.b64decode(event["delta"])
            case "response.output_audio_transcript.done":
                said += event.get("transcript") or ""
            case "error":
                _refuse(event.get("error") or {})
            case "response.done":
                if event["response"].get("status") == "failed":
                    raise TryAgain("OPENAI_BASE_URL: the speech model failed")
                return said, bytes(audio)


def _refuse(problem: dict[str, Any]) -> None:
    if problem.get("type") == "server_error":
        raise TryAgain("OPENAI_BASE_URL: the speech model is busy")
    raise Unprocessable(f"greeting: the speech model refuses it ({problem.get('param') or problem.get('code')})")


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
