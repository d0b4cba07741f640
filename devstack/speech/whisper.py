"""Speech to text: Whisper base on ctranslate2, one utterance at a time, from features made with numpy only.

The features are those of the Whisper paper's reference: 16 kHz, 25 ms Hann windows every 10 ms, 80 Slaney mel bands,
log10 floored 8 below the maximum. A test compares them with faster-whisper's where that is installed.

The window is 12 s where Whisper was trained on 30 s: a third of the time, no accuracy lost, as long as the number of
tokens is capped (uncapped, a short window makes it repeat itself). Silence makes Whisper invent text, so an utterance
that it holds to be no speech gives none.

Of the best hypotheses, which often differ by one word, the one is taken that has the words that are to be expected:
"deux petites reines" and not "deux petits trains", where the two are about as likely by their sound.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devstack.speech.expecting import Expectation, speaks_of_allergy
from devstack.speech.lexicon import LEXICONS
from devstack.speech.matching import fold, sound
from devstack.speech.menu_sounds import as_on_menu
from devstack.speech.name_sounds import as_common_name, is_common, with_common_name
from devstack.speech.repairs import repaired
from devstack.speech.spelling import spelled
from devstack.speech.words import stem
from domain.allergens import codes_in
from voices import resample
from voices.g711 import Samples

RATE = 16000
FFT_SIZE = 400
HOP = 160
BANDS = 80

_LINEAR_HZ_PER_MEL = 200.0 / 3
_LOG_START_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27.0

WINDOW_S = 12.0
# A longer utterance is cut at its quietest place between these two, so that no word is split.
SPLIT_FROM_S = 7.0
SPLIT_BEFORE_S = 11.0
SPLIT_BLOCK = RATE // 10
MAX_NEW_TOKENS = 80  # 12 s of fast speech is about 60
PROMPT_TOKENS = 180  # Whisper keeps at most 223 of what went before
# Measured beside a greedy search, on 53 sentences of synthetic callers at 8 kHz: words wrong 7.2 % for 8.2 in English,
# 24.8 for 29.7 in French; 0.17 s of processor more for each.
BEAM = 5
BEAM_OF_NAMES = 10  # a name is short, and seldom the best of five: "Dupont" came after "dipons" and five others
# Natural logarithm of how much less likely by its sound a hypothesis may be for each strange word that it has less.
STRANGE_WORD = 1.5
SURE_OF_NAME = 0.7  # of what it may have been
SURE_OF_ALLERGENS = 0.6
AS_LIKELY = 1.5  # natural logarithm
NEGATION_AS_LIKELY = 0.7
NO_SPEECH_CUT = 0.5  # measured: 0.65 to 0.94 on silence, noise and clicks, under 0.35 on speech
LANGUAGES = ("en", "fr")

# What Whisper has learnt from subtitles and writes for silence.
_INVENTED = re.compile(
    r"^\W*(thanks for watching|thank you for watching|sous-titr\w+ .*|subtitles by .*|merci d.avoir regard\w+ .*)\W*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Recognition:
    """``text`` is empty when nothing was said. ``no_speech`` is the model's own probability of that. ``unsure``: a
    name was asked for, and what is written may well be another's; or an allergy is spoken of, and it may be another.
    """

    text: str
    no_speech: float
    unsure: bool = False


class Transcriber:
    """Call ``transcribe`` from one thread at a time: two at once would share the same cores."""

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

    def transcribe(
        self,
        samples: Samples,
        rate: int,
        expectation: Expectation,
    ) -> Recognition:
        """Its language is one of LANGUAGES; of what was said before, the last PROMPT_TOKENS count."""
        audio = resample(samples, rate, RATE)
        task = ["<|startoftranscript|>", f"<|{expectation.language}|>", "<|transcribe|>", "<|notimestamps|>"]
        start = [self._token(name) for name in task]
        if expectation.before:
            words = self._tokenizer.encode(expectation.before, add_special_tokens=False).ids[-PROMPT_TOKENS:]
            start = [self._token("<|startofprev|>"), *words, *start]
        texts: list[str] = []
        quietest, unsure = 1.0, False
        for piece in _pieces(audio):
            heard = self._transcribe_piece(piece, start, expectation)
            quietest, unsure = min(quietest, heard.no_speech), unsure or heard.unsure
            if heard.text:
                texts.append(heard.text)
        text = as_on_menu(" ".join(texts), expectation)
        text = repaired(text, expectation.language, expectation.names, of_name=expectation.of_name)
        answers_name = expectation.of_name or (expectation.of_spelling and not spelled(text))
        named = as_common_name if answers_name else with_common_name
        text = named(text, expectation.language)
        return Recognition(
            text, quietest, unsure or (expectation.of_name and not is_common(text, expectation.language))
        )

    def _transcribe_piece(self, audio: Samples, start: list[int], expectation: Expectation) -> Recognition:
        beam, expected = BEAM_OF_NAMES if expectation.of_name else BEAM, expectation.words
        window = np.pad(audio, (0, max(0, int(WINDOW_S * RATE) - len(audio))))
        result = self._model.generate(
            self._views.from_array(log_mel(window)[None]),
            [start],
            beam_size=beam,
            num_hypotheses=beam if expected else 1,
            max_length=len(start) + MAX_NEW_TOKENS,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        no_speech = float(result.no_speech_prob)
        hypotheses = [
            # A score is the mean of the tokens' logarithms.
            (self._text(ids), score * len(ids))
            for ids, score in zip(result.sequences_ids, result.scores, strict=True)
        ]
        text = likeliest(hypotheses, expected)
        unsure = expectation.of_name and surety(hypotheses, text) < SURE_OF_NAME
        if expectation.of_allergy or speaks_of_allergy(text):
            text = likeliest(naming_allergens(hypotheses, text), expected)
            unsure = surety_of_allergens(hypotheses, text) < SURE_OF_ALLERGENS
        text = with_negation(hypotheses, text, expectation.language)
        if no_speech > NO_SPEECH_CUT or _INVENTED.match(text):
            text = ""
        return Recognition(text, no_speech, unsure)

    def _text(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode([token for token in ids if token < self._end_of_text])).strip()


def likeliest(hypotheses: Sequence[tuple[str, float]], expected: Set[str]) -> str:
    """Of texts with their log probabilities, the one most likely by sound and words; ``expected`` are stems."""

    def score(one: tuple[str, float]) -> float:
        text, by_sound = one
        words = [word for word in fold(text).split() if not word.isdigit()]
        return by_sound - STRANGE_WORD * sum(word not in expected and stem(word) not in expected for word in words)

    return max(hypotheses, key=score)[0]


def surety(hypotheses: Sequence[tuple[str, float]], text: str) -> float:
    """The share of what sounds like ``text`` in the likelihood of all that it may have been."""
    sounds = _sounds(text)
    every = [(_sounds(one), math.exp(by_sound)) for one, by_sound in hypotheses]
    return sum(part for one, part in every if one == sounds) / (sum(part for _, part in every) or 1.0)


def with_negation(hypotheses: Sequence[tuple[str, float]], text: str, language: str) -> str:
    """``text``, or what differs from it by a "without" alone and is about as likely: that is lost sooner than
    invented, and what nobody wants is on the order for want of it."""
    without = LEXICONS[language].without
    said = fold(text).split()
    likely = next(by_sound for one, by_sound in hypotheses if one == text)
    for one, by_sound in hypotheses:
        heard = fold(one).split()
        if len(heard) == len(said) + 1 and likely - by_sound <= NEGATION_AS_LIKELY:
            at = next((at for at, word in enumerate(heard) if word not in said[at : at + 1]), len(said))
            if heard[at] == without and heard[:at] + heard[at + 1 :] == said:
                return one
    return text


def naming_allergens(hypotheses: Sequence[tuple[str, float]], text: str) -> Sequence[tuple[str, float]]:
    """Those that name one of the fourteen and are about as likely as ``text``; all where there is none such."""
    likely = next(by_sound for one, by_sound in hypotheses if one == text)
    return [one for one in hypotheses if codes_in(one[0]) and likely - one[1] <= AS_LIKELY] or hypotheses


def surety_of_allergens(hypotheses: Sequence[tuple[str, float]], text: str) -> float:
    """The share of those that name the same allergens as ``text`` in the likelihood of all."""
    named = codes_in(text)
    every = [(codes_in(one), math.exp(by_sound)) for one, by_sound in hypotheses]
    return sum(part for codes, part in every if codes == named) / (sum(part for _, part in every) or 1.0)


def _sounds(text: str) -> str:
    """Said twice it is one name: Whisper repeats a short one."""
    return " ".join(dict.fromkeys(sound(word) for word in fold(text).split()))


def _pieces(audio: Samples) -> list[Samples]:
    """``audio`` (16 kHz) in pieces that fit the window, cut where it is quietest."""
    pieces: list[Samples] = []
    while len(audio) > SPLIT_BEFORE_S * RATE:
        first, last = int(SPLIT_FROM_S * RATE), int(SPLIT_BEFORE_S * RATE)
        energies = (audio[first:last].reshape(-1, SPLIT_BLOCK) ** 2).mean(axis=1)
        cut = first + int(np.argmin(energies)) * SPLIT_BLOCK + SPLIT_BLOCK // 2
        pieces.append(audio[:cut])
        audio = audio[cut:]
    pieces.append(audio)
    return pieces


def _mel_filters() -> NDArray[np.float32]:
    """Triangular bands of equal area, (BANDS, FFT_SIZE // 2 + 1), on Slaney's scale."""
    # The scale is linear up to 1 kHz and logarithmic above.
    log_start = _LOG_START_HZ / _LINEAR_HZ_PER_MEL
    mels = np.linspace(0.0, log_start + np.log(RATE / 2 / _LOG_START_HZ) / _LOG_STEP, BANDS + 2)
    logarithmic = _LOG_START_HZ * np.exp(_LOG_STEP * (mels - log_start))
    edges: NDArray[np.float64] = np.where(mels < log_start, _LINEAR_HZ_PER_MEL * mels, logarithmic)
    bins = np.fft.rfftfreq(FFT_SIZE, 1.0 / RATE)
    ramps = edges[:, None] - bins[None, :]
    widths = np.diff(edges)[:, None]
    triangles = np.maximum(0.0, np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]))
    area = 2.0 / (edges[2:] - edges[:-2])
    return (triangles * area[:, None]).astype(np.float32)


_FILTERS = _mel_filters()
_WINDOW = np.hanning(FFT_SIZE + 1)[:-1].astype(np.float32)


def log_mel(samples: Samples) -> NDArray[np.float32]:
    """(BANDS, frames) from 16 kHz samples: an even number of frames, ten milliseconds each."""
    padded = np.pad(np.pad(samples, (0, HOP)), FFT_SIZE // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT_SIZE)[::HOP][:-1]
    power = np.abs(np.fft.rfft(frames * _WINDOW, axis=-1)).astype(np.float32) ** 2
    log_power = np.log10(np.maximum(_FILTERS @ power.T, 1e-10))
    floored = np.maximum(log_power, log_power.max() - 8.0)
    features: NDArray[np.float32] = ((floored + 4.0) / 4.0).astype(np.float32)
    return np.ascontiguousarray(features[:, : features.shape[1] // 2 * 2])
