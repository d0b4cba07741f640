"""What every reply of the agent may need: the next question, a goodbye, a sentence that was not understood."""

from __future__ import annotations

from collections.abc import Sequence

from devstack.speech.addresses import Awaited
from devstack.speech.conversation import Action, Memory, Say, TurnContext
from devstack.speech.lexicon import LEXICONS
from devstack.speech.matching import fold
from devstack.speech.menu_search import as_menu
from devstack.speech.phrases import PHRASES, AgentPhrases
from devstack.speech.tool_calls import UseTool
from devstack.speech.vocabulary import Vocabulary, vocabulary_of
from domain.names import repeatable

MISSES_BEFORE_HUMAN = 3
MOST_NAMED = 6  # choices read out
ASKED_BEFORE_HUMAN = 3  # times about what was not found
MOST_ALLERGY_ASKED = 3


class Asking:
    """In ``language``, the caller's."""

    def __init__(self, memory: Memory, turn: TurnContext) -> None:
        self._agent, self._turn = memory, turn
        self._language = memory.language
        self._phrases: AgentPhrases = PHRASES[self._language]
        self._lexicon = LEXICONS[self._language]
        self._misheard = False  # a name may have been
        self._spoken = False  # and not typed
        self._read_menu()

    def _read_menu(self) -> None:
        """The menu as the instructions have it, and what was looked up of it."""
        found = self._agent.found
        self._menu = f"{self._turn.menu}\n{as_menu(found)}" if found else self._turn.menu
        self._vocabulary: Vocabulary = vocabulary_of(self._turn.tools, self._turn.language, self._menu, found)

    def _ask_next(self) -> list[Action]:
        """The next question by ``missing``; the read-back when only that is missing."""
        agent, phrases = self._agent, self._phrases
        if agent.confirmed:
            return []
        if agent.choices:
            return [Say(self._asked(agent.choices[0].say))]
        if agent.allergy_unnamed:
            return self._ask_allergy()
        if agent.on_condition:
            named = [
                f"{call.arguments.get('quantity', 1)} {call.arguments.get('item', '')}" for call in agent.on_condition
            ]
            return [self._ask(phrases.shall_i_add.format(names=f" {phrases.last_and} ".join(named)), "condition")]
        if agent.not_found:
            return [self._ask_not_found()]
        if "items" in agent.missing:
            return [self._ask(phrases.what_else if agent.cart else phrases.what_to_order, "items")]
        if not agent.done_ordering:
            return [self._ask(phrases.anything_else, "anything_else")]
        if "fulfilment" in agent.missing:
            return [self._ask(phrases.which_fulfilment.format(kinds=self._kinds()), "fulfilment")]
        if "address" in agent.missing:
            return [self._ask(phrases.address, "address")]
        if "customer_name" in agent.missing:
            return [self._ask_to_spell() if agent.unsure_name else self._ask(phrases.customer_name, "customer_name")]
        if "read_back" in agent.missing and self._has("read_cart"):
            return [UseTool("read_cart", {})]
        return [self._ask(phrases.confirm, "confirm")]

    def _ask_not_found(self, *, plainly: bool = False) -> Say:
        """What instead of what was not found, or nothing? Asked again, or ``plainly``: is it right without it?"""
        agent, phrases = self._agent, self._phrases
        agent.times_not_found += 1
        if agent.times_not_found > ASKED_BEFORE_HUMAN and self._has("transfer_to_human"):
            agent.times_not_found = 0
            return self._ask(phrases.offer_human, "human")
        named = [name for name in agent.not_found if repeatable(name)]
        names = f" {phrases.last_and} ".join(named[:MOST_NAMED]) or phrases.something
        if plainly or (agent.times_not_found > 1 and agent.awaited != "without"):
            return self._ask(phrases.right_without.format(name=names), "without")
        are_options = all(fold(name) in agent.options for name in agent.not_found)
        asked = phrases.option_instead if are_options else phrases.what_instead
        return self._ask(asked.format(name=names), "instead")

    def _ask_allergy(self) -> list[Action]:
        """To what it is, or whether to what it sounds like; one that is never understood is on the order as that, and
        a person takes the call."""
        agent, phrases = self._agent, self._phrases
        agent.times_allergy_asked += 1
        if agent.times_allergy_asked <= MOST_ALLERGY_ASKED:
            like = agent.allergy_like
            return [self._ask(phrases.which_allergy_of.format(name=like) if like else phrases.which_allergy, "allergy")]
        agent.allergy_unnamed, agent.times_allergy_asked, agent.awaited = False, 0, ""
        told = [UseTool("set_allergies", {"allergens": [*agent.allergies, phrases.unclear_allergy]})]
        told += [UseTool("transfer_to_human", {"reason": phrases.unclear_allergy})]
        return list(self._one_by_one([call for call in told if self._has(call.name)]))

    def _ask_to_spell(self) -> Say:
        agent, phrases = self._agent, self._phrases
        agent.asked_to_spell = True
        heard = phrases.heard_name.format(name=agent.unsure_name) if repeatable(agent.unsure_name) else ""
        return self._ask(f"{heard} {phrases.spell_name}".strip(), "spelling")

    def _misnamed(self) -> Say:
        """The caller says that the name is wrong: it is asked to be spelled, and in the end a person takes it."""
        agent = self._agent
        agent.times_misnamed, agent.unsure_name = agent.times_misnamed + 1, ""
        if agent.times_misnamed >= ASKED_BEFORE_HUMAN and self._has("transfer_to_human"):
            return self._ask(self._phrases.offer_human, "human")
        return self._ask_to_spell()

    def _kinds(self) -> str:
        names = [self._phrases.kinds.get(kind, kind) for kind in self._vocabulary.kinds or ("pickup", "delivery")]
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {self._phrases.last_or} {names[-1]}"

    def _which(self, names: Sequence[str]) -> str:
        said = [*names[: MOST_NAMED - 1], names[-1]] if len(names) > MOST_NAMED else list(names)
        return self._phrases.which_one.format(names=f"{', '.join(said[:-1])} {self._phrases.last_or} {said[-1]}")

    def _insulted(self) -> list[Action]:
        """One warning; the second time the call is over."""
        if self._agent.warned:
            return self._goodbye(self._phrases.not_like_this)
        self._agent.warned = True
        return [Say(f"{self._phrases.be_polite} {self._agent.question or self._phrases.what_to_order}")]

    def _goodbye(self, words: str = "") -> list[Action]:
        """With ``words`` of the agent's own, or with those of the tool."""
        if not self._has("end_call"):
            return [Say(words or self._phrases.farewell)]
        self._agent.said_goodbye = bool(words)
        return [*([Say(words)] if words else []), UseTool("end_call", {})]

    def _missed(self) -> list[Action]:
        agent, phrases = self._agent, self._phrases
        if agent.allergy_unnamed and agent.awaited == "allergy":
            return [Say(phrases.not_understood[0]), *self._ask_allergy()]
        agent.misses += 1
        if agent.not_found and agent.awaited in ("instead", "without"):
            return [self._ask_not_found(plainly=agent.awaited == "instead")]
        if agent.awaited in ("customer_name", "table_name") and not agent.asked_to_spell:
            return [Say(phrases.not_understood[0]), self._ask_to_spell()]
        if agent.misses < MISSES_BEFORE_HUMAN:
            return [Say(self._again(phrases.not_understood[(agent.misses - 1) % len(phrases.not_understood)]))]
        if self._has("transfer_to_human") and agent.awaited != "human":
            return [self._ask(phrases.offer_human, "human")]
        return [Say(phrases.no_human)]

    def _again(self, sorry: str) -> str:
        return f"{sorry} {self._agent.question or self._phrases.what_to_order}"

    def _ask(self, question: str, awaited: Awaited) -> Say:
        self._agent.awaited = awaited
        return Say(self._asked(question))

    def _asked(self, question: str) -> str:
        self._agent.question = question
        return question

    def _has(self, tool: str) -> bool:
        return tool in self._vocabulary.tools and self._turn.tool_choice != "none"

    def _one_by_one(self, calls: Sequence[UseTool]) -> list[UseTool]:
        """All calls at once, or the first now and the others after its output."""
        if self._turn.parallel:
            self._agent.waiting_calls = []
            return list(calls)
        self._agent.waiting_calls = list(calls[1:])
        return list(calls[:1])
