"""Which house of a chain the caller wants, as far as a tool needs it, and what the tool says of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from devstack.speech.addresses import POSTCODE
from devstack.speech.conversation import Action, Say
from devstack.speech.enquiring import Enquiring
from devstack.speech.matching import fold
from devstack.speech.tool_calls import Answered, UseTool
from devstack.speech.understanding import Understood, understand
from domain.number_words import spoken_numbers

CHOOSE_HOUSE = "choose_house"

# What ``domain.chain_text`` writes where nothing may begin before the house is known.
_ASKS = re.compile(
    r"^- (?:This number is for all of our houses|Ce numéro est celui de toutes nos maisons)", re.MULTILINE
)
_BEFORE_NAME = (
    r"(?:(?:for|from|at|with|in|to|pour|a|chez|avec|de|c est) )?(?:(?:the|your|la|le|l|votre|celle de) )*"
    r"(?:(?:house|restaurant|shop|maison|adresse) )?(?:(?:in|at|de|a) )?"
)
_ELSEWHERE = r"(?:for|from|at|with|pour|chez|avec|house|restaurant|maison) (?:(?:the|your|la|le|votre|a|de) )*"
_BEFORE_PLACE = re.compile(
    r"^(?:(?:i m|i am|we re|we are|i live|it s|it is|my (?:post ?code|town) is|je suis|j habite|on est|nous sommes"
    r"|mon code postal est|c est|le|la|in|at|a|dans|pour|for|near|pres de) )+"
)
MOST_PLACE_WORDS = 6
_POLITE = frozenset(("please", "hello", "hi", "bonjour", "s", "il", "vous", "plait"))


class Housing(Enquiring):
    def _asks_for_house(self) -> bool:
        return self._has(CHOOSE_HOUSE) and _ASKS.search(self._turn.menu) is not None

    def _houses(self) -> tuple[str, ...]:
        tool = next((one for one in self._turn.tools if one.name == CHOOSE_HOUSE), None)
        properties: dict[str, Any] = tool.parameters.get("properties", {}) if tool is not None else {}
        return tuple(properties.get("house", {}).get("enum", ()))

    def _house_for(self, text: str) -> list[Action]:
        """The next step to know which house it is; nothing for somebody who wants no house at all."""
        agent = self._agent
        named = [one for one in self._houses() if _says(text, one)]
        if len(named) == 1:
            agent.held = _without(text, named[0]) or agent.held
            return [UseTool(CHOOSE_HOUSE, {"house": named[0]})]
        code = POSTCODE.search(spoken_numbers(text, self._language).upper())
        if code is not None:
            return [UseTool(CHOOSE_HOUSE, {"place": code.group()})]
        understood = understand(text, self._vocabulary, self._language)
        if understood.human or understood.goodbye or understood.insults:
            return []
        place = _BEFORE_PLACE.sub("", fold(text))
        if agent.awaited == "house" and 0 < len(place.split()) <= MOST_PLACE_WORDS and not understood.changes_order:
            return [UseTool(CHOOSE_HOUSE, {"place": place[:40]})]
        if understood.changes_order or understood.table is not None or understood.question is not None:
            agent.held = text
        return [UseTool(CHOOSE_HOUSE, {})]

    def _other_house(self, text: str, understood: Understood) -> list[Action]:
        """The answer to whether to go on with a sister, or a wish for one; nothing when it is neither."""
        agent = self._agent
        if not self._has(CHOOSE_HOUSE):
            return []
        if agent.awaited == "sister" and agent.sister:
            sister, agent.sister, agent.awaited = agent.sister, "", ""
            if (understood.yes or _says(text, sister)) and not understood.no:
                return [UseTool(CHOOSE_HOUSE, {"house": sister})]
            if understood.goodbye or understood.changes_order or understood.table or understood.question:
                return []
            agent.table = None
            stays = Say(self._phrases.stays_here)
            calls, agent.waiting_calls = agent.waiting_calls, []
            return [stays, *self._one_by_one(calls)] if calls else [stays, *self._ask_next()]
        if agent.awaited in ("address", "customer_name", "table_name", "spelling"):
            return []
        named = [one for one in self._houses() if re.search(rf"\b{_ELSEWHERE}{re.escape(fold(one))}\b", fold(text))]
        return [UseTool(CHOOSE_HOUSE, {"house": named[0]})] if len(named) == 1 else []

    def _told_of_house(self, outputs: Sequence[Answered], says: Sequence[str]) -> list[Action] | None:
        """After ``choose_house``, or where a tool offered a sister; None for anything else."""
        agent, said = self._agent, " ".join(says)
        asked = next((one for one in outputs if one.result.house and one.result.agreed is False), None)
        if asked is not None:
            agent.sister = asked.result.house
            return [self._ask(said, "sister")]
        one = next((one for one in outputs if one.call.name == CHOOSE_HOUSE), None)
        if one is None:
            return None
        error = one.result.error
        if error is not None and error.code in ("which_house", "no_house_there", "unknown_house"):
            return [self._ask(said, "house")]
        if error is not None:
            return [Say(said), *self._ask_next()]
        self._read_menu()
        if agent.waiting_calls:
            return [Say(said), *self._one_by_one(agent.waiting_calls)]
        if agent.held:
            held, agent.held = agent.held, ""
            return [Say(said), *self._answer(held)]
        if agent.table is not None and self._has("check_table"):
            wish = {"date": agent.table.day, "time": agent.table.time, "covers": agent.table.covers}
            return [Say(said), UseTool("check_table", wish)]
        if said.rstrip().endswith("?"):
            return [self._ask(said, "instead")]
        return [Say(said), *self._ask_next()]

    def _answer(self, text: str) -> list[Action]:
        raise NotImplementedError


def _says(text: str, name: str) -> bool:
    return f" {fold(name)} " in f" {fold(text)} "


def _without(text: str, name: str) -> str:
    """What else is said; "" where that is nothing to answer."""
    rest = re.sub(rf"\b{_BEFORE_NAME}{re.escape(fold(name))}\b", " ", fold(text))
    words = [word for word in rest.split() if word not in _POLITE]
    return " ".join(words) if len(words) > 2 else ""
