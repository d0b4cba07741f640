"""The sentences that are listened to: all that the scenarios' callers say, and those of ``held_out.yaml``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import yaml

from devstack.speech.phrases import PHRASES
from devstack.stack.watched_call import ENGLISH_VOICE, FRENCH_VOICE
from evaluation.caller import ScriptedCaller
from evaluation.files import Case, Place, place, read
from evaluation.scenarios import Node, Text, Topic
from voices import VOICES

HELD_OUT = Path(__file__).parent / "held_out.yaml"
CALLERS = {"en": ENGLISH_VOICE, "fr": FRENCH_VOICE}
# What every caller says is listened to once for each restaurant and voice, with the question that it answers.
_WAYS = {
    "en": {"pickup": "pick-up", "delivery": "delivery"},
    "fr": {"pickup": "à emporter", "delivery": "en livraison"},
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """``asked`` is the question before it, in the assistant's words; ``topic`` what that asks for, "open" at first."""

    said: str
    topic: Topic
    asked: str
    place: Place
    language: str
    voice: str
    noise_db: int | None = None


class _HeldOut(Node, frozen=True):
    menu: str
    say: Text
    after: Topic = "open"
    voice: str = ""


class _File(Node, frozen=True):
    sentences: tuple[_HeldOut, ...]


def of_scenarios() -> list[Sentence]:
    """Each once for a restaurant, a question, a voice and a noise."""
    every = [one for case in read() for one in _of_case(case)]
    return list({(one.said, one.topic, one.place.name, one.voice, one.noise_db): one for one in every}.values())


def held_out() -> list[Sentence]:
    found = []
    for one in msgspec.convert(yaml.load(HELD_OUT.read_text("utf-8"), yaml.CSafeLoader), _File, strict=True).sentences:
        where = place(one.menu)
        voice = one.voice or CALLERS[where.language]
        found.append(Sentence(one.say, one.after, question(one.after, where.language), where, where.language, voice))
    return found


def question(topic: Topic, language: str) -> str:
    """How the local engine asks for it."""
    phrases = PHRASES[language]
    kinds = f" {phrases.last_or} ".join(_WAYS[language].values())
    asked: dict[Topic, str] = {
        "open": phrases.greeting,
        "more": phrases.anything_else,
        "name": phrases.customer_name,
        "address": phrases.address,
        "fulfilment": phrases.which_fulfilment.format(kinds=kinds),
        "confirm": phrases.confirm,
        "change": phrases.what_to_change,
        "allergies": phrases.which_allergy,
        "again": phrases.not_understood[0],
        "human": phrases.offer_human,
        "day": phrases.table_day,
        "time": phrases.table_time,
        "party": phrases.table_covers,
    }
    return asked.get(topic, phrases.what_else)


def _of_case(case: Case) -> Iterator[Sentence]:
    scenario, language = case.scenario, case.language
    voice = scenario.voice or CALLERS[language]
    assert VOICES[voice].language == language
    for topic, said in _said(case):
        if not said.startswith("("):
            yield Sentence(said, topic, question(topic, language), case.place, language, voice, scenario.noise_db)


def _said(case: Case) -> Iterator[tuple[Topic, str]]:
    """With what each answers; of what the end implies the name and how the order is fetched."""
    scenario = case.scenario
    for at, wish in enumerate(scenario.say):
        yield ("more" if at else "open"), wish if isinstance(wish, str) else wish.say
    for one in scenario.asked:
        yield "more", one.say
    for topic, answers in scenario.answers.items():
        for answer in _several(answers):
            yield topic, answer
    yield from ScriptedCaller(case).ordinary()


def _several(answers: str | Sequence[str]) -> Sequence[str]:
    return [answers] if isinstance(answers, str) else answers
