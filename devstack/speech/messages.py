"""A message for the team in a caller's words: whether there is one, what it is about, and how it gets to its tool.

What is told is what was said, as it was said; nothing is taken out of it or put into it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from devstack.speech.conversation import Action, Say
from devstack.speech.housing import Housing
from devstack.speech.lexicon import Lexicon
from devstack.speech.matching import fold
from devstack.speech.tool_calls import Answered, UseTool
from devstack.speech.two_wishes import BETWEEN, names_dish
from devstack.speech.understanding import Understood
from devstack.speech.vocabulary import Vocabulary
from domain.left_messages import LONGEST, About
from domain.number_words import spoken_numbers

LEAVE_MESSAGE = "leave_message"
NO_CALL = "none"
LEAST_DIGITS = 8  # of a telephone number
LEAST_TOLD = 5  # words beside those that only ask to leave one

_TEAM = r"(?:manager|owner|boss|team|staff|management)"
_EQUIPE = r"(?:gerante?|patronn?e?|responsable|equipe|directeur|directrice|proprietaire)"
_ASKS = re.compile(
    rf"\b(?:(?:can|could|would|will) (?:you|i) (?:please )?(?:tell|let|inform|warn) (?:the|your) {_TEAM}"
    rf"|(?:please )?(?:tell|let|inform) (?:the|your) {_TEAM}"
    rf"|(?:leave|take|pass on) (?:a|my|this) message(?: for (?:the|your) {_TEAM})?|message for (?:the|your) {_TEAM}"
    rf"|(?:dire|transmettre|prevenir|faire savoir|dites|transmettez|prevenez)"
    rf" (?:au|a la|a l|le|la|l|a votre) {_EQUIPE}"
    rf"|(?:laisser|prendre|transmettre|prenez) (?:un|ce|mon) message"
    rf"(?: (?:pour|a|au) (?:(?:le|la|l|votre) )?{_EQUIPE})?"
    rf"|message pour (?:le|la|l|votre) ?{_EQUIPE})\b"
)
_ABOUT: tuple[tuple[About, re.Pattern[str]], ...] = (
    (
        "lost_property",
        re.compile(
            r"\b(?:(?:i|we) (?:\w+ )?(?:left|lost|forgot|forgotten) (?:my|our) (?!order|name|address|number|food)"
            r"|lost property|lost and found|(?:found|left behind) (?:a|my|an) \w+ (?:in|at|on)"
            r"|(?:ai|avons|on a) (?:oublie|perdu|laisse) (?:mon|ma|mes|notre|nos) (?!commande|adresse|nom|numero)"
            r"|objets? (?:trouves?|perdus?))\b"
        ),
    ),
    (
        "supplier",
        re.compile(r"\b(?:(?:your|a) supplier|wholesaler|unpaid invoice|(?:votre|un|le) fournisseur|grossiste)\b"),
    ),
    (
        "complaint",
        re.compile(
            r"\b(?:(?:to|i) complain|(?:make|have|file) a complaint|complaint about"
            r"|me plaindre|(?:faire|deposer|ai) une (?:plainte|reclamation))\b"
        ),
    ),
    (
        "group",
        re.compile(
            r"\b(?:private (?:party|event|hire)|(?:a|large|big) group of|privatis\w+|groupe de|evenement prive)\b"
        ),
    ),
)


def about_in(folded: str) -> About | None:
    """What kind of message it is; None for no message at all."""
    for about, said in _ABOUT:
        if said.search(folded):
            return about
    return "other" if _ASKS.search(folded) else None


def order_before(text: str, vocabulary: Vocabulary, lexicon: Lexicon) -> tuple[str, str] | None:
    """``A pepperoni, and tell the manager …``: what is ordered, and the message behind it; None for one wish."""
    clauses = [one.strip(" ,.;") for one in BETWEEN.split(text)]
    at = next((at for at, one in enumerate(clauses) if about_in(fold(one)) is not None), 0)
    if not any(names_dish(one, vocabulary, lexicon) for one in clauses[:at]):
        return None
    return ", ".join(clauses[:at]), ", ".join(clauses[at:])


class Messages(Housing):
    def _message(self, text: str, understood: Understood) -> list[Action]:
        """The next step of a message to the team; nothing when the caller is speaking of something else."""
        agent = self._agent
        if not self._has(LEAVE_MESSAGE):
            return []
        if agent.message is not None and agent.awaited in ("message", "message_number", "number_right"):
            return self._more_of_message(text, understood)
        about = about_in(fold(text))
        if about is None or understood.table is not None:
            return []
        return self._begin_message(text, about)

    def _begin_message(self, text: str, about: About) -> list[Action]:
        agent = self._agent
        agent.misses = 0
        agent.message = {"about": about}
        if about == "other" and len(_ASKS.sub(" ", fold(text)).split()) < LEAST_TOLD:
            return [self._ask(self._phrases.which_message, "message")]
        return self._leave(text)

    def _more_of_message(self, text: str, understood: Understood) -> list[Action]:
        agent = self._agent
        assert agent.message is not None
        if agent.awaited == "message":
            return self._leave(text)
        if agent.awaited == "number_right" and understood.yes:
            return [UseTool(LEAVE_MESSAGE, agent.message)]
        number = _number_in(text, self._language)
        if number:
            agent.message["phone"] = number
        elif understood.no and agent.awaited == "message_number":
            agent.message["phone"] = NO_CALL
        else:
            return [self._ask(self._phrases.which_number, "message_number")]
        return [UseTool(LEAVE_MESSAGE, agent.message)]

    def _leave(self, text: str) -> list[Action]:
        agent = self._agent
        assert agent.message is not None
        told: dict[str, Any] = agent.message | {"message": text.strip()[:LONGEST]}
        number = _number_in(text, self._language)
        agent.message = told | ({"phone": number} if number else {})
        return [UseTool(LEAVE_MESSAGE, agent.message)]

    def _told_of_message(self, outputs: Sequence[Answered], says: Sequence[str]) -> list[Action]:
        """It is left, or a number is asked about or for, or it can't be."""
        agent, said = self._agent, " ".join(says)
        one = next(one for one in outputs if one.call.name == LEAVE_MESSAGE)
        if one.result.error is None:
            if said.rstrip().endswith("?"):
                return [self._ask(said, "number_right")]
            agent.message, agent.awaited = None, ""
            if agent.cart and not agent.confirmed:
                return [Say(said), *self._ask_next()]
            return [Say(said), self._ask(self._phrases.anything_else, "anything_else")]
        if one.result.error.code in ("number_needed", "bad_number"):
            return [self._ask(said, "message_number")]
        agent.message = None
        if one.result.error.code == "emergency":
            return [Say(said)]
        return [Say(said), *self._to_the_team()]


def _number_in(text: str, language: str) -> str:
    """A telephone number's digits, spoken or written; "" where there is none."""
    digits = re.findall(r"\+?\d[\d ]*", spoken_numbers(text, language))
    longest = max((one.replace(" ", "") for one in digits), key=len, default="")
    return longest if len(longest) >= LEAST_DIGITS else ""
