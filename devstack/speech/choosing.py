"""A call that waits for the caller to choose: which size, which option, which of several dishes."""

from __future__ import annotations

from dataclasses import replace

from devstack.speech.addresses import with_digits
from devstack.speech.conversation import Action, Say
from devstack.speech.leaving import Leaving
from devstack.speech.matching import fold
from devstack.speech.orders import AddItem, ChangeItem
from devstack.speech.tool_calls import CHOOSABLE, Answered, Choice, UseTool, add_call, remove_call
from devstack.speech.understanding import Understood, understand

MOST_SUGGESTED = 5  # names that are like one that is not on the menu; more are just the menu


class Choosing(Leaving):
    def _choice(self, one: Answered) -> bool:
        """Whether the caller must choose before the call can be made; then it waits."""
        error = one.result.error
        if error is not None and error.code == "unknown_item" and len(error.allowed) > MOST_SUGGESTED:
            return False
        if error is not None and error.code == "unknown_modifier" and len(error.allowed) != 1:
            return False  # asked about like an option that was left out of a new dish
        if error is None or error.field not in CHOOSABLE or not error.allowed or not one.call.name:
            return False
        if error.code == "not_served_now":
            return False  # what is allowed are hours
        say = one.result.say
        if error.code == "unknown_item" and len(error.allowed) == 1:
            say = self._phrases.closest.format(name=one.call.arguments.get("item", ""), only=error.allowed[0])
        self._agent.choices.append(Choice(one.call, error.field, tuple(error.allowed), say))
        return True

    def _chosen(self, text: str, understood: Understood) -> list[Action] | None:
        """The caller's answer to a choice; None when it is about something else."""
        agent = self._agent
        choice = agent.choices[0]
        values = choice.chosen(text, self._language)
        if not values and understood.yes and len(choice.allowed) == 1:
            values = list(choice.allowed)
        if not values and (self._is_certain(understood) or understood.question is not None):
            return None
        if not values and (understood.no or understood.done or self._wants_none(text)):
            return self._not_chosen(choice, understood)
        if not values:
            missed = self._missed() if understood.nothing else []
            return [Say(choice.say)] if understood.repeat or not missed else missed
        agent.choices.pop(0)
        agent.misses = 0
        call = self._taken(choice, values, understood, text)
        named = {word for value in values for word in fold(value).split()} | {
            *fold(str(call.arguments.get("item", ""))).split()
        }
        call = self._with_unknown(call, understood, named)
        others = [
            one
            for one in understood.orders
            if isinstance(one, AddItem) and self._is_known(one) and not self._is_the_choice(one, choice, named)
        ]
        return list(self._one_by_one([call, *(add_call(one) for one in others)]))

    def _with_unknown(self, call: UseTool, understood: Understood, named: set[str]) -> UseTool:
        """``Yes, a dirty mocha``: what nobody knows is refused as an option, and asked about."""
        if call.name != "add_item":
            return call
        first = {*fold(str(call.arguments["item"])).split()}
        more: list[str] = []
        notes = [str(call.arguments.get("note") or "")]
        for one in understood.orders:
            if isinstance(one, AddItem) and not self._is_known(one):
                strange = " ".join(word for word in fold(one.item).split() if word not in first)
                is_same = bool(first & {*fold(one.item).split()})
                more += [strange] if {*strange.split()} - named else []
                more += one.modifiers if is_same else ()
                notes += [one.note] if is_same else []
        options = [*dict.fromkeys([*(call.arguments.get("modifiers") or []), *more])]
        said = {"modifiers": options, "note": ", ".join(filter(None, dict.fromkeys(notes)))}
        return replace(call, arguments=call.arguments | {name: value for name, value in said.items() if value})

    def _is_the_choice(self, one: AddItem, choice: Choice, named: set[str]) -> bool:
        """``Fries`` is what was asked about, though there is a side of fries, too."""
        words = set(fold(one.item).split())
        is_option = choice.field in ("modifiers", "add_modifiers") and one.quantity == 1
        return words <= named or (is_option and bool(words & named - self._lexicon.known))

    def _wants_none(self, text: str) -> bool:
        return any(word in self._lexicon.cues["neg"].split("|") for word in fold(text).split())

    def _not_chosen(self, choice: Choice, understood: Understood) -> list[Action]:
        """No choice: without it where it is an option more, else asked once more before the thing is left out."""
        agent = self._agent
        extra = {name for name in choice.call.arguments.get(choice.field) or [] if name not in self._vocabulary.options}
        if choice.field in ("modifiers", "add_modifiers") and extra:
            agent.choices.pop(0)
            kept = [name for name in choice.call.arguments[choice.field] if name not in extra]
            if not kept and set(choice.call.arguments) == {"line", choice.field}:
                return [Say(self._phrases.left_out), *self._ask_next()]
            return list(self._one_by_one([UseTool(choice.call.name, choice.call.arguments | {choice.field: kept})]))
        if understood.done and not understood.no and not choice.insisted:
            agent.choices[0] = replace(choice, insisted=True)
            return [Say(self._asked(choice.say))]
        agent.choices.pop(0)
        return [Say(self._phrases.left_out), *self._ask_next()]

    def _taken(self, choice: Choice, values: list[str], understood: Understood, text: str) -> UseTool:
        """The call that waited, with what was chosen, and what else was said of it."""
        call = choice.call
        if call.name == "remove_item":
            return next(remove_call(line) for line in reversed(self._agent.cart) if line.item == values[0])
        for value in values if choice.field in ("modifiers", "add_modifiers") else values[:1]:
            call = Choice(call, choice.field, choice.allowed, "").taken(value)
        if choice.field == "size" and fold(with_digits(values[0], self._language)).split()[0] == str(
            call.arguments.get("quantity")
        ):
            call.arguments["quantity"] = 1  # "four wings", where four is a size
        said = next((one for one in understood.orders if isinstance(one, AddItem) and one.item == values[0]), None)
        if choice.field == "item":
            call = _with_changes(call, understand(text, self._vocabulary, self._language, "", values[:1]), values[0])
        if choice.field == "item" and said is not None:
            more = add_call(said).arguments
            if said.quantity == 1:
                del more["quantity"]
            call = UseTool(call.name, call.arguments | more)
        return call

    def _is_certain(self, understood: Understood) -> bool:
        """Whether the sentence changes the order by what is on the menu; an unknown word may be an answer unheard."""
        orders = [one for one in understood.orders if not isinstance(one, AddItem) or self._is_known(one)]
        return bool(orders or understood.kind or understood.address or understood.time or understood.halves)


def _with_changes(call: UseTool, understood: Understood, item: str) -> UseTool:
    """``Yes, with oat milk``: what is said of the dish that is taken."""
    for one in understood.orders:
        if isinstance(one, ChangeItem) and one.target in ("", item) and not (one.item or one.traits):
            options = [*(call.arguments.get("modifiers") or []), *one.add]
            notes = [str(call.arguments.get("note") or ""), one.note, *(wish for _, wish in one.without)]
            more = {"modifiers": list(dict.fromkeys(options)), "note": ", ".join(filter(None, notes)), "size": one.size}
            call = UseTool(call.name, call.arguments | {name: value for name, value in more.items() if value})
    return call
