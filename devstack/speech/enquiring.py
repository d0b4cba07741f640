"""An order that was placed before: whose it is, as far as a tool needs it, and what the tool says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from devstack.speech.choosing import Choosing
from devstack.speech.conversation import Action, Enquiry, Say
from devstack.speech.matching import fold
from devstack.speech.tool_calls import Answered, UseTool
from devstack.speech.understanding import Understood
from domain.number_words import spoken_numbers

FIND_ORDER = "find_order"
CHANGE_ORDER = "change_order"
CANCEL_ORDER = "cancel_order"


class Enquiring(Choosing):
    def _enquire(self, text: str, understood: Understood) -> list[Action]:
        """The next step to know whose order it is; nothing when the caller is speaking of something else."""
        agent = self._agent
        if not self._has(FIND_ORDER) or (agent.enquiry is None and not self._is_between_orders()):
            return []
        asked = agent.awaited if agent.enquiry is not None else ""
        known = agent.enquiry or Enquiry()
        if understood.placed:
            known = replace(known, errand=understood.placed)
        if understood.customer:
            known = replace(known, name=understood.customer)
        if asked == "order_total" and _has_number(text, self._language):
            known = replace(known, total=fold(text))
        elif asked in ("order_name", "order_total") and not understood.customer and not understood.placed:
            return self._not_told(understood)
        agent.enquiry, agent.misses = known, 0
        if not known.name:
            return [self._ask(self._phrases.order_name, "order_name")]
        return [UseTool(FIND_ORDER, {"name": known.name} | ({"total": known.total} if known.total else {}))]

    def _is_between_orders(self) -> bool:
        """Whoever asks after their order in the middle of one means that one."""
        agent = self._agent
        return agent.confirmed or not (agent.cart or agent.choices or agent.not_found)

    def _not_told(self, understood: Understood) -> list[Action]:
        """Neither a name nor a sum: something else is wanted, or the caller does not know."""
        agent = self._agent
        if understood.orders or understood.kind or understood.goodbye or understood.question is not None:
            agent.enquiry, agent.awaited = None, ""
            return []
        if understood.no or understood.done or agent.awaited == "order_total":
            agent.enquiry = None
            return self._to_the_team()
        return self._missed()

    def _told_of_order(self, outputs: Sequence[Answered], says: Sequence[str]) -> list[Action]:
        agent, enquiry = self._agent, self._agent.enquiry
        error = next((one.result.error for one in outputs if one.call.name == FIND_ORDER), None)
        said = " ".join(says)
        if error is None:
            agent.enquiry = None
            if enquiry is not None and enquiry.errand != "status":
                tool = CHANGE_ORDER if enquiry.errand == "change" else CANCEL_ORDER
                if self._has(tool):
                    return [UseTool(tool, {})]
            return [Say(said), self._ask(self._phrases.anything_else, "anything_else")]
        if error.code in ("total_needed", "order_not_found"):
            return [self._ask(said, "order_total")]
        agent.enquiry = None
        return [Say(said), *self._to_the_team()]

    def _told_of_change(self, outputs: Sequence[Answered], says: Sequence[str]) -> list[Action]:
        """After ``change_order`` or ``cancel_order``: what to change, whether to cancel, or that it is too late."""
        agent, said = self._agent, " ".join(says)
        one = next(one for one in outputs if one.call.name in (CHANGE_ORDER, CANCEL_ORDER))
        if one.result.error is not None:
            return [Say(said), *self._to_the_team()]
        if one.call.name == CHANGE_ORDER:
            agent.confirmed, agent.done_ordering = False, False
            return [self._ask(said, "items")]
        if said.rstrip().endswith("?"):
            return [self._ask(said, "cancel")]
        agent.confirmed, agent.cart = False, []
        return [Say(said), self._ask(self._phrases.anything_else, "anything_else")]

    def _cancels(self, understood: Understood) -> list[Action]:
        """The answer to whether the order is to be cancelled; nothing when it is none."""
        self._agent.awaited = ""
        if understood.yes or (understood.placed == "cancel" and not understood.no):
            return [UseTool(CANCEL_ORDER, {})]
        if understood.no:
            return [Say(self._phrases.stays), self._ask(self._phrases.anything_else, "anything_else")]
        return []

    def _to_the_team(self) -> list[Action]:
        if self._has("transfer_to_human"):
            return [self._ask(self._phrases.put_through, "human")]
        return self._ask_next()


def _has_number(text: str, language: str) -> bool:
    return any(word.isdigit() for word in spoken_numbers(text, language).split())
