"""Sentences as recordings, for an engine that may not say them in words of its own: 24 kHz PCM of a speech model."""

from functions.call_handler.engines import costs
from functions.call_handler.engines.costs import Usage
from functions.call_handler.engines.lean_http import LeanHttp
from functions.call_handler.engines.speaking import SpeechModel
from functions.call_handler.engines.text_models import ModelDownError, Server
from functions.call_handler.settings import EngineSettings, SpeakingPlace
from process import logs

log = logs.get(__name__)

BYTES_MOST = 30 * 48_000  # a fixture is 30 s at most


class Fixtures:
    def __init__(self, place: SpeakingPlace, settings: EngineSettings) -> None:
        self._place = place
        self._server = Server(place.url.rstrip("/"), settings.key_of(place.key), place.model)
        self._http = LeanHttp()

    async def spoken(self, sentence: str, voice: str) -> tuple[bytes, Usage] | None:
        """Signed 16-bit little-endian mono of 24 kHz, and what it cost; None when it cannot be had as one fixture."""
        audio = bytearray()
        model = SpeechModel(self._http, self._server)
        try:
            async for piece in model.pcm(sentence, self._place.voice or voice):
                audio += piece
        except ModelDownError as error:
            log.warning("a sentence is not spoken", why=error.reason)
            return None
        if not audio or len(audio) > BYTES_MOST:
            log.warning("a sentence is no fixture", seconds=len(audio) // 48_000)
            return None
        usage = Usage()
        costs.add_speech(usage, len(sentence), self._place.model)
        return bytes(audio[: len(audio) // 2 * 2]), usage

    def close(self) -> None:
        self._http.close()
