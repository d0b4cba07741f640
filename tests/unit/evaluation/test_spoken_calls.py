"""How a spoken call goes on, by what the softphone and the live feed tell."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.audio.sentences import with_noise
from evaluation.audio.spoken_caller import Act, Told
from evaluation.audio.spoken_calls import Heard, converse
from evaluation.caller import ScriptedCaller
from tests.unit.evaluation.places import GREETING, case

pytestmark = pytest.mark.unit

QUIET, ANSWERED = Told("quiet"), Told("answered")


class Telephone:
    """A softphone whose other side is written down: what it tells, and what the feed tells right before."""

    def __init__(self, heard: Heard, *told: tuple[Told, str]) -> None:
        self._heard = heard
        self._told = list(told)
        self.acts: list[Act] = []

    def act(self, act: Act) -> None:
        self.acts.append(act)

    async def read(self, _: float) -> Told:
        told, words = self._told.pop(0)
        if words:
            self._heard.live({"kind": "said", "who": "assistant", "text": words}, 0.0)
        return told


async def called(*told: tuple[Told, str]) -> tuple[list[Act], Heard, ScriptedCaller]:
    heard, caller = Heard(), ScriptedCaller(case())
    telephone = Telephone(heard, (ANSWERED, ""), (QUIET, GREETING), *told, (Told("done"), ""))
    await converse(telephone, caller, heard)
    return telephone.acts, heard, caller


async def test_a_sentence_is_said_after_the_greeting_and_after_each_question() -> None:
    acts, heard, _ = await called(
        (Told("heard", 900), ""), (QUIET, "Anything else?"), (Told("gone", text="restaurant"), "")
    )
    assert [act.say for act in acts] == ["One large pepperoni.", "No, that's all, thank you."]
    assert heard.record.reply_ms == [900] and heard.record.hung_up_by == "restaurant"


async def test_what_the_caller_says_stands_beside_what_is_heard_of_it() -> None:
    _, heard, _ = await called((QUIET, "Anything else?"), (Told("gone", text="caller"), ""))
    assert heard.record.said_by("says") == ["One large pepperoni.", "No, that's all, thank you."]


async def test_a_statement_is_not_answered_before_the_question_that_may_follow() -> None:
    acts, _, _ = await called((QUIET, "Thank you, Ann."), (QUIET, "Is that right?"), (Told("gone", text="caller"), ""))
    assert [act.say for act in acts] == ["One large pepperoni.", "", "Yes, that's right."]


async def test_a_filler_of_the_bridge_is_no_answer() -> None:
    acts, _, caller = await called((QUIET, ""), (QUIET, "Anything else?"), (Told("gone", text="caller"), ""))
    assert [act.say for act in acts] == ["One large pepperoni.", "", "No, that's all, thank you."]
    assert not caller.gave_up


async def test_an_assistant_that_stays_silent_is_hung_up_on() -> None:
    acts, _, caller = await called((Told("silence"), ""), (Told("gone", text="caller"), ""))
    assert acts[-1].hang_up and caller.gave_up == "the assistant says nothing"


async def test_a_refused_call_is_a_failure_of_the_call() -> None:
    heard = Heard()
    await converse(Telephone(heard, (Told("refused", text="486 Busy Here"), "")), ScriptedCaller(case()), heard)
    assert heard.record.failure == "refused: 486 Busy Here"


def test_noise_lies_as_far_under_the_voice_as_wanted() -> None:
    voice = np.sin(np.arange(8000, dtype=np.float32) / 4) * np.float32(0.1)
    noisy = with_noise(voice, 12)
    margin = (len(noisy) - len(voice)) // 2
    noise = noisy[margin : margin + len(voice)] - voice
    assert 10 * np.log10(np.mean(voice**2) / np.mean(noise**2)) == pytest.approx(12, abs=1)
