"""Kokoro-82M (ONNX, int8): English and French, natural, about a third of real time on two cores.

Its input is phonemes, which espeak-ng's shared library makes of letters.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import threading
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from voices.g711 import Samples
from voices.onnx import load_session

RATE = 24000
MAX_TOKENS = 510

# espeak-ng/speak_lib.h
_RETRIEVAL = 1  # AUDIO_OUTPUT_RETRIEVAL: no sound device
_UTF8 = 1
_IPA = 0x02

_ESPEAK_VOICES = {"en": b"en-us", "fr": b"fr"}
_LANGUAGE_FLAG = re.compile(r"\([a-z-]+\)")
_TOKENS = re.compile(r"[^.,!?;:]+|[.,!?;:]")

# espeak-ng's IPA to the symbols Kokoro was trained on, in the order in which they must be replaced.
_BOTH = (("͡", ""), ("_", " "), ("dʒ", "ʤ"), ("tʃ", "ʧ"))
_ENGLISH = (
    *(("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("oʊ", "O"), ("aɪ", "I"), ("aʊ", "W"), ("eɪ", "A"), ("ɔɪ", "Y")),
    *(("ɚ", "əɹ"), ("ɐ", "ə"), ("r", "ɹ"), ("ɬ", "l"), ("əʊ", "Q"), ("ᵻ", "ɪ"), ("ː", ""), ("ɾ", "T")),
)
_FRENCH = (("-", ""),)


@cache
def _library() -> ctypes.CDLL:
    """Started once for the process: a second espeak_Initialize overwrites the tables that the first still uses."""
    import espeakng_loader  # type: ignore[import-untyped]

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
    if library.espeak_Initialize(_RETRIEVAL, 0, os.fsencode(espeakng_loader.get_data_path()), 0) < 0:
        raise RuntimeError("espeak-ng did not start; reinstall espeakng-loader")
    return library


class Phonemizer:
    """The library has one voice for the whole process, hence the shared lock. ``language`` is ``en`` or ``fr``."""

    _lock = threading.Lock()

    def __init__(self) -> None:
        with self._lock:
            self._library = _library()

    def phonemes(self, text: str, language: str) -> str:
        """Kokoro's symbols for ``text``; punctuation is kept, it carries the melody."""
        with self._lock:
            if self._library.espeak_SetVoiceByName(_ESPEAK_VOICES[language]) != 0:
                raise RuntimeError(f"espeak-ng has no voice for {language!r}; reinstall espeakng-loader")
            spelled = "".join(self._part(part) for part in _TOKENS.findall(text))
        spelled = _LANGUAGE_FLAG.sub("", spelled).strip()
        for ipa, symbol in (*_BOTH, *(_ENGLISH if language == "en" else _FRENCH)):
            spelled = spelled.replace(ipa, symbol)
        return spelled.replace(" ,", ",").replace(" .", ".").replace(" ?", "?").replace(" !", "!")

    def _part(self, part: str) -> str:
        if part in ".,!?;:":
            return part + " "
        rest = ctypes.c_char_p(part.encode())
        found: list[str] = []
        while rest.value:
            phonemes = self._library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _IPA)
            if phonemes:
                found.append(phonemes.decode())
        return " ".join(found)


class Kokoro:
    """Loads at the first use."""

    def __init__(self, model: Path, vocabulary: Path, voices_dir: Path, threads: int) -> None:
        self._model, self._voices_dir, self._threads = model, voices_dir, threads
        self._symbols: dict[str, int] = json.loads(vocabulary.read_text("utf-8"))["vocab"]
        self._styles: dict[str, Samples] = {}

    @cached_property
    def _session(self) -> object:
        return load_session(self._model, self._threads)

    @cached_property
    def _phonemizer(self) -> Phonemizer:
        return Phonemizer()

    def say(self, text: str, voice: str, language: str, speed: float) -> tuple[Samples, int]:
        """``(samples, rate)``. Raises KeyError naming the voice when its file is missing."""
        phonemes = self._phonemizer.phonemes(text, language)
        tokens = [self._symbols[symbol] for symbol in phonemes if symbol in self._symbols][:MAX_TOKENS]
        if not tokens:
            return np.zeros(0, np.float32), RATE
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": self._style(voice)[len(tokens) - 1].reshape(1, 256),
            "speed": np.array([speed], np.float32),
        }
        audio: Samples = self._session.run(None, inputs)[0].ravel()  # type: ignore[attr-defined]
        return audio, RATE

    def _style(self, voice: str) -> Samples:
        if voice not in self._styles:
            path = self._voices_dir / f"{voice}.bin"
            if not path.is_file():
                raise KeyError(f"no voice file {voice}.bin in {self._voices_dir}; set KOKORO_VOICES_DIR to where it is")
            self._styles[voice] = np.fromfile(path, "<f4").reshape(-1, 256)
        return self._styles[voice]
