"""What was asked for and cannot be had: no order goes on without it before the caller has let go of it.

A dish that was not found, or an option that was refused. Each is said not to be on the order and asked about: what
instead, or nothing? Named something else, it is settled; so it is by "nothing". Whoever passes over the question is
told again, and asked for a yes to the order without it; who still does not give one is offered a person.
"""

from __future__ import annotations

from dataclasses import replace

from devstack.speech.asking import Asking
from devstack.speech.conversation import Action, Say
from devstack.speech.matching import fold
from devstack.speech.orders import AddItem, ChangeItem, OrderIntent
from devstack.speech.tool_calls import Answered, UseTool
from devstack.speech.understanding import Understood

MISSING_DISH = "missing_dish"
_OFF = ("unavailable_item", "unavailable_size", "not_served_now")  # on the menu, and not to be had now


class Leaving(Asking):
    def _note_not_found(self, one: Answered) -> bool:
        """Whether the refused call was for something that the menu does not have, as far as it was understood."""
        error = one.result.error
        if error is not None and error.code in _OFF:
            known = {*map(fold, [*self._agent.not_found, *self._waiting()])}
            self._agent.not_found += [name for name in one.result.not_found if fold(name) not in known]
            return False  # why it cannot be had is said
        if error is None or error.code != "unknown_item" or one.call.name not in ("add_item", "change_item"):
            return False
        name = str(one.call.arguments.get("item", "")).strip()
        if not name:
            return False
        if fold(name) not in map(fold, self._agent.not_found):
            self._agent.not_found.append(name)
        return True

    def _learn_not_found(self, one: Answered) -> None:
        """What the tools wait for and the caller has not been asked about yet, as an option or a handler before left
        it; and what is settled by now."""
        agent, told = self._agent, one.result.not_found
        gone = {*map(fold, agent.unsettled)} - {*map(fold, told)}
        agent.not_found = [name for name in agent.not_found if fold(name) not in gone]
        agent.unsettled = tuple(told)
        error = one.result.error
        if error is not None and (error.code != "unknown_modifier" or len(error.allowed) == 1):
            return
        known = {_singular(name) for name in (*agent.not_found, *self._waiting())}
        new = [name for name in told if _singular(name) not in known]
        agent.not_found += new
        if one.result.not_possible or error is not None:
            agent.options |= {*map(fold, new)}

    def _waiting(self) -> list[str]:
        """What a choice waits for: its dish, or its options."""
        found: list[str] = []
        for choice in self._agent.choices:
            arguments = choice.call.arguments
            item, named = str(arguments.get("item", "")), arguments.get(choice.field)
            found += [item, f"{item} {arguments.get('size', '')}".strip()]
            found += map(str, named) if isinstance(named, list) else ()
        return found

    def _settled(self, text: str, understood: Understood) -> tuple[Understood, list[Action] | None]:
        """What is left of the sentence to be done, and the answer to it where nothing is."""
        agent = self._agent
        if agent.awaited not in ("instead", "without") or not agent.not_found:
            return understood, None
        named = [one for one in understood.orders if self._takes_another(one)]
        if named:
            agent.not_found = agent.not_found[len(named) :]
            agent.times_not_found = 0
            return understood, None
        lets_go = self._lexicon.lets_go.search(fold(text)) is not None or understood.done
        agrees = understood.yes if agent.awaited == "without" else understood.no
        if lets_go or agrees:
            agent.not_found.clear()
            agent.times_not_found = agent.misses = 0
            agent.done_ordering = agent.done_ordering or understood.done
            understood = replace(understood, orders=())  # "leave it out" takes nothing off that is on the order
            return understood, None if understood.changes_order else [Say(self._phrases.left_out), *self._ask_next()]
        if not understood.changes_order and (understood.yes or understood.no):
            return understood, [self._ask_not_found(plainly=agent.awaited == "instead")]
        return understood, None

    def _settling(self, actions: list[Action]) -> list[Action]:
        """``actions``, and before them the tool's calls for what the caller has settled by now."""
        agent = self._agent
        still_open = set(map(fold, [*agent.not_found, *self._waiting()]))
        settled = [dish for dish in agent.unsettled if fold(dish) not in still_open]
        if not settled or not self._has(MISSING_DISH):
            return actions
        uses = [one for one in actions if isinstance(one, UseTool)]
        said = [one for one in actions if isinstance(one, Say)]
        took = any(one.name in ("add_item", "change_item") for one in uses)
        answer = "chose_another" if took else "let_go"
        calls = [UseTool(MISSING_DISH, {"dish": dish, "caller": answer}) for dish in settled]
        spoken = said if uses else said[:1]  # else the next question comes after the tool's answer
        return [*spoken, *self._one_by_one([*calls, *uses, *([] if self._turn.parallel else agent.waiting_calls)])]

    def _takes_another(self, intent: OrderIntent) -> bool:
        """In place of the first that was not found: a dish for a dish, an option of a line for an option."""
        if fold(self._agent.not_found[0]) in self._agent.options:
            names = self._vocabulary.options
            return isinstance(intent, ChangeItem) and bool(intent.size or names.intersection(intent.add))
        return isinstance(intent, AddItem) and self._is_known(intent)

    def _is_known(self, intent: AddItem) -> bool:
        return bool(intent.choices) or intent.item in self._vocabulary.items


def _singular(name: str) -> str:
    return fold(name).removesuffix("s")
