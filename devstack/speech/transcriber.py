"""Speech to text: Whisper base on ctranslate2, one utterance at a time.

The main trick is a 12 s window where Whisper was trained on 30 s: a third of the time, no accuracy lost, as
long as the number of tokens is capped (uncapped, a short window makes it repeat itself). Silence makes Whisper
invent text, so an utterance that it holds to be no speech is cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from devstack.speech import mel
from voices import resample
from voices.g711 import Samples

WINDOW_S = 12.0
# A longer utterance is cut at its quietest place between these two, so that no word is split.
SPLIT_FROM_S = 7.0
SPLIT_BEFORE_S = 11.0
SPLIT_BLOCK = mel.RATE // 10
MAX_NEW_TOKENS = 80  # 12 s of fast speech is about 60
PROMPT_TOKENS = 180  # Whisper keeps at most 223 of what went before
NO_SPEECH_CUT = 0.6  # measured: 0.8 to 0.9 on silence and noise, under 0.35 on speech
LANGUAGES = ("en", "fr")

# What Whisper has learnt from subtitles and says into silence.
_INVENTED = re.compile(
    r"^\W*(thanks for watching|thank you for watching|sous-titr\w+ .*|subtitles by .*|merci d.avoir regard\w+ .*)\W*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Recognition:
    """``text`` is empty when nothing was said. ``no_speech`` is the model's own probability of that."""

    text: str
    no_speech: float


class Transcriber:
    """Not thread-safe in spirit: two calls at once would share the same cores. Use one lane."""

    def __init__(self, model_dir: Path, threads: int) -> None:
        import ctranslate2  # type: ignore[import-untyped]
        from tokenizers import Tokenizer

        self._views = ctranslate2.StorageView
        self._model = ctranslate2.models.Whisper(
            str(model_dir), device="cpu", compute_type="int8", intra_threads=threads, inter_threads=1
        )
        self._tokenizer = Tokenizer.from_file(str(model_dir / "tokenizer.json"))
        self._end_of_text = self._token("<|endoftext|>")

    def _token(self, name: str) -> int:
        token = self._tokenizer.token_to_id(name)
        if token is None:
            raise ValueError(f"the tokenizer has no {name}; WHISPER_MODEL_DIR must hold a multilingual Whisper model")
        return int(token)

    def transcribe(self, samples: Samples, rate: int, language: str, prompt: str = "") -> Recognition:
        """``language`` is one of LANGUAGES; ``prompt`` is vocabulary to expect, at most PROMPT_TOKENS of it count."""
        audio = resample(samples, rate, mel.RATE)
        texts: list[str] = []
        quietest = 1.0
        for piece in _pieces(audio):
            heard = self._transcribe_piece(piece, language, prompt)
            quietest = min(quietest, heard.no_speech)
            if heard.text:
                texts.append(heard.text)
        return Recognition(" ".join(texts), quietest)

    def _transcribe_piece(self, audio: Samples, language: str, prompt: str) -> Recognition:
        window = np.pad(audio, (0, max(0, int(WINDOW_S * mel.RATE) - len(audio))))
        start = self._start(language, prompt)
        result = self._model.generate(
            self._views.from_array(mel.log_mel(window)[None]),
            [start],
            beam_size=1,
            max_length=len(start) + MAX_NEW_TOKENS,
            return_no_speech_prob=True,
        )[0]
        no_speech = float(result.no_speech_prob)
        ids = [token for token in result.sequences_ids[0] if token < self._end_of_text]
        text = str(self._tokenizer.decode(ids)).strip()
        if no_speech > NO_SPEECH_CUT or _INVENTED.match(text):
            text = ""
        return Recognition(text, no_speech)

    def _start(self, language: str, prompt: str) -> list[int]:
        task = ["<|startoftranscript|>", f"<|{language}|>", "<|transcribe|>", "<|notimestamps|>"]
        start = [self._token(name) for name in task]
        if not prompt.strip():
            return start
        words = self._tokenizer.encode(" " + prompt.strip(), add_special_tokens=False).ids[-PROMPT_TOKENS:]
        return [self._token("<|startofprev|>"), *words, *start]


def _pieces(audio: Samples) -> list[Samples]:
    """``audio`` (16 kHz) in pieces that fit the window, cut where it is quietest."""
    pieces: list[Samples] = []
    while len(audio) > SPLIT_BEFORE_S * mel.RATE:
        first, last = int(SPLIT_FROM_S * mel.RATE), int(SPLIT_BEFORE_S * mel.RATE)
        energies = (audio[first:last].reshape(-1, SPLIT_BLOCK) ** 2).mean(axis=1)
        cut = first + int(np.argmin(energies)) * SPLIT_BLOCK + SPLIT_BLOCK // 2
        pieces.append(audio[:cut])
        audio = audio[cut:]
    pieces.append(audio)
    return pieces
