"""``alloresto eval hearing``: is heard what callers say? Recognition alone, without a call, and so without waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench import report
from bench.report import Figure, percentile
from devstack.speech.input_audio import VoiceDetector
from devstack.speech.speech_models import SpeechModels
from evaluation.audio import sentences as audio
from evaluation.hearing import sentences
from evaluation.hearing.listening import Heard, hear, understood
from evaluation.hearing.marks import Mark, alike, marked
from evaluation.hearing.sentences import Sentence
from process.settings import load
from voices.models import ModelError, ModelSettings, locate

LANGUAGES = {"en": "English", "fr": "French"}
SETS = {"scenarios": sentences.of_scenarios, "held-out": sentences.held_out}


@dataclass(frozen=True, slots=True)
class Listened:
    """``same`` is whether the local agent would do at what was heard what it would at what was said; for a name,
    whether it sounds so."""

    sentence: Sentence
    heard: Heard
    mark: Mark
    same: bool


def run(sets: Sequence[str], only: str, json: Path | None) -> int:
    """Exit status 0; 1 without models. What was heard otherwise is told as it comes."""
    console = Console(highlight=False)
    try:
        listened = asyncio.run(_listened(sets, only, lambda one: _tell(one, console)))
    except ModelError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 1
    found = [figure for name, some in listened.items() for figure in figures(name, some)]
    report.show("alloresto eval hearing", found, console, {})
    if json is not None:
        report.write(json, found, {})
    return 0


async def _listened(
    sets: Sequence[str], only: str, on_listened: Callable[[Listened], None]
) -> dict[str, list[Listened]]:
    """Raises ModelError."""
    settings = load(ModelSettings)
    models, detector, kept = SpeechModels(locate(settings), settings.speech_threads), VoiceDetector(), audio.folder()
    found: dict[str, list[Listened]] = {name: [] for name in sets}
    try:
        await models.load()
        for name in sets:
            for sentence in SETS[name]():
                if only in (sentence.language, sentence.place.name, ""):
                    one = listened_to(sentence, await hear(sentence, models, detector, kept))
                    found[name].append(one)
                    on_listened(one)
    finally:
        models.close()
    return found


def listened_to(sentence: Sentence, heard: Heard) -> Listened:
    mark = marked(sentence.said, heard.text, sentence.place.menu, sentence.language)
    if sentence.topic == "name":
        same = alike(sentence.said, heard.text, sentence.language)
    else:
        same = understood(sentence, heard.text) == understood(sentence, sentence.said)
    return Listened(sentence, heard, mark, same)


def figures(name: str, listened: Sequence[Listened]) -> list[Figure]:
    found: list[Figure] = []
    for language, spoken in LANGUAGES.items():
        own = [one for one in listened if one.sentence.language == language]
        if own:
            found += _of(f"{name}, {spoken}", own)
        voices = sorted({one.sentence.voice for one in own})
        for voice in voices if len(voices) > 1 else ():
            mine = [one for one in own if one.sentence.voice == voice]
            found.append(_wrong(f"{name}, {spoken}, {voice}: words wrong", mine))
    return found


def _of(name: str, own: Sequence[Listened]) -> list[Figure]:
    dishes = [one for one in own if one.mark.menu_words]
    first = [one for one in own if one.sentence.topic in ("open", "more")]
    names = [one for one in own if one.sentence.topic == "name"]
    return [
        _wrong(f"{name}: words wrong", own),
        _share(f"{name}: sentences with every word of the menu kept", dishes, lambda one: not one.mark.menu_lost),
        _share(f"{name}: sentences with every word of an order kept", own, lambda one: not one.mark.closed_lost),
        _share(f"{name}: sentences with a word of the menu that nobody said", own, lambda one: bool(one.mark.invented)),
        _share(f"{name}: orders understood as if read", first, lambda one: one.same),
        _share(f"{name}: names that sound as said", names, lambda one: one.same),
        Figure(
            f"{name}: recognition for a second of audio",
            1000 * percentile([one.heard.took_s / one.heard.audio_s for one in own if one.heard.turns], 50),
            "ms",
        ),
    ]


def _wrong(name: str, own: Sequence[Listened]) -> Figure:
    words = sum(one.mark.words for one in own)
    return Figure(f"{name} (of {words})", 100 * sum(one.mark.wrong for one in own) / max(1, words), "%")


def _share(name: str, own: Sequence[Listened], kept: Callable[[Listened], bool]) -> Figure:
    count = sum(map(kept, own))
    return Figure(f"{name} ({count} of {len(own)})", 100 * count / max(1, len(own)), "%")


def _tell(one: Listened, console: Console) -> None:
    """Where a word is otherwise."""
    if one.mark.wrong or not one.same:
        lost = ", ".join([*one.mark.menu_lost, *one.mark.closed_lost, *(f"+{word}" for word in one.mark.invented)])
        same = "" if one.same else "  ≠"
        console.print(
            f"{one.sentence.language} «{one.sentence.said}» as «{one.heard.text}»  {lost}{same}",
            markup=False,
            soft_wrap=True,
        )
