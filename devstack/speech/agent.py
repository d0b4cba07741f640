"""The rule-based agent: takes an order by telephone with nothing but the session's tools.

It knows the menu from the tools' enums (prices, allergens and other names from the session's instructions, see
``menu_card``) and the order from the tools' results, asks for what ``missing`` names, and
speaks each result's ``say``. It never decides prices, availability or times.

``response.create`` with its own ``instructions``: what is marked as text to be said is said as it is, and nothing
else. Marked is what begins with ``Say`` and has a colon or quotes: ``Say: …``, ``Say exactly this sentence: …``,
``Say "…"``, and in French ``Dis : …``, ``Dites exactement : …``, ``Dites « … »``. Any other instructions are
ignored: this agent cannot follow free text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from devstack.speech.answering import Answering
from devstack.speech.conversation import Action, Memory, Say, TurnContext
from devstack.speech.enquiring import CANCEL_ORDER, CHANGE_ORDER, FIND_ORDER
from devstack.speech.lexicon import language_said
from devstack.speech.matching import fold
from devstack.speech.menu_search import SEARCH_MENU
from devstack.speech.messages import LEAVE_MESSAGE
from devstack.speech.protocol.items import FunctionCallOutput, Item, Message
from devstack.speech.protocol.session_config import NamedTool
from devstack.speech.tool_calls import Answered, ReportedLine, UseTool, answered, put_right
from domain.sentences import from_sentence_at

__all__ = ["Action", "Agent", "Say", "TurnContext"]

SILENCES_BEFORE_GOODBYE = 2

_TO_SAY = re.compile(
    r"^\s*(?:please )?(?:say|dis|dites)\b[\w ,']{0,60}?\s*"
    r"(?:[:：]\s*[\"“«]?(?P<after>.+?)[\"”»]?|[\"“«](?P<quoted>.+?)[\"”»]\.?)\s*$",
    re.IGNORECASE | re.DOTALL,
)
_RESUME = re.compile(r"\b(?:resume|continue|cut off|carry on|go on|interrupted|reprends|reprenez|continuez?|coupee?)\b")
MOST_SAID_AGAIN = 2  # in a row: a noise that comes again and again is not talked against


class Agent(Memory):
    """One conversation."""

    def respond(self, turn: TurnContext) -> list[Action]:
        """What to do next, in order. Empty when there is nothing to answer."""
        marked = _TO_SAY.match(turn.instructions)
        if marked:
            return self._spoken([Say((marked["after"] or marked["quoted"]).strip())])
        new = [item for item in turn.items if item.id not in self.seen]
        self.seen = {item.id for item in turn.items}
        return self._spoken(_TurnReply(self, turn, new).actions())

    def _spoken(self, actions: list[Action]) -> list[Action]:
        said = " ".join(action.text for action in actions if isinstance(action, Say))
        self.last_said = said or self.last_said
        return [action for action in actions if not isinstance(action, Say) or action.text]


class _TurnReply(Answering):
    """One response in the making."""

    def __init__(self, memory: Memory, turn: TurnContext, new: Sequence[Item]) -> None:
        self._new = new
        memory.language = language_said(" ".join(self._heard()), memory.language or turn.language)
        super().__init__(memory, turn)
        self._misheard = any(item.id in turn.unsure for item in new)
        heard = [part for one in new if isinstance(one, Message) for part in one.content]
        self._spoken = any(part.type == "input_audio" for part in heard)

    def actions(self) -> list[Action]:
        outputs = [answered(item, self._turn.items) for item in self._new if isinstance(item, FunctionCallOutput)]
        heard = self._heard()
        if heard and any(heard):
            self._agent.silences = 0
        after_tools = self._after_tools(outputs) if outputs else []
        if heard and any(heard):
            text = " ".join(heard)
            # A user text item may be no caller's sentence, but a client that asks to go on.
            resumes = len(text.split()) > 3 and _RESUME.search(fold(text)) is not None and "resume" in fold(text)
            answer = self._resume() if resumes else self._merge(after_tools, self._settling(self._answer(text)))
            return self._permitted(answer)
        if outputs:
            return self._permitted(after_tools)
        if self._turn.silence:
            self._agent.silences += 1
            over = self._agent.confirmed or self._agent.silences > SILENCES_BEFORE_GOODBYE
            if over and self._has("end_call"):
                return self._permitted([UseTool("end_call", {})])
            return self._permitted([Say(f"{self._phrases.still_there} {self._agent.question}".strip())])
        if heard:  # sounds without words
            return self._permitted(self._cut_off() or self._missed()) if self._turn.expects_reply else []
        return self._permitted(self._unprompted())

    def _heard(self) -> list[str]:
        """What the user said since the assistant last spoke; earlier lines are history."""
        heard: list[str] = []
        for item in self._new:
            if isinstance(item, Message) and item.role == "assistant":
                heard = []
            elif isinstance(item, Message) and item.role == "user":
                heard.append(item.text)
        return heard

    def _cut_off(self) -> list[Action]:
        """What a sound cut off is said again, from the beginning of its sentence; nothing where all was heard."""
        agent = self._agent
        said, heard = (" ".join(text.split()) for text in (agent.last_said, self._heard_last()))
        if len(heard) >= len(said) or not said.startswith(heard) or agent.misses >= MOST_SAID_AGAIN:
            return []
        agent.misses += 1
        return [Say(from_sentence_at(said, len(heard) - 1))]

    def _heard_last(self) -> str:
        """What the caller has heard of the last answer, which may be several items."""
        heard: list[str] = []
        for item in reversed(self._turn.items):
            if not isinstance(item, Message) or item.role != "assistant":
                if heard:
                    break
                continue
            heard.insert(0, item.text)
        return " ".join(heard)

    def _unprompted(self) -> list[Action]:
        """``response.create`` with nothing new from the caller or a tool: a beginning, a call taken over, a nudge."""
        told = [item.role for item in self._new if isinstance(item, Message)]
        if self._agent.question and "system" not in told:
            return [Say(self._agent.question)]
        if "user" in told or "system" in told:
            return self._resume()
        if "assistant" in told:
            return [self._ask(self._phrases.what_to_order, "items")]
        return [self._ask(self._phrases.greeting, "items")]

    def _resume(self) -> list[Action]:
        """Another handler had this call: say so, and learn from the tools where the order stands."""
        cut_off = Say(self._phrases.cut_off)
        self._agent.done_ordering = self._agent.done_ordering or self._was_done()
        if self._agent.cart or not self._has("read_cart"):
            return [cut_off, *self._ask_next()]
        return [cut_off, UseTool("read_cart", {})]

    def _was_done(self) -> bool:
        """Whether the caller's last words before were that this is all."""
        said = [item.text for item in self._turn.items if isinstance(item, Message) and item.role == "user"]
        return bool(said) and self._lexicon.done.search(fold(said[-1])) is not None

    # --- tools have answered

    def _after_tools(self, outputs: Sequence[Answered]) -> list[Action]:
        agent, says, again = self._agent, list[str](), list[UseTool]()
        for one in outputs:
            if one.call.name == SEARCH_MENU:
                agent.found |= {dish.name: dish.menu for dish in one.result.items}
                continue
            self._learn(one)
            retry = put_right(one)
            if retry is not None:
                again.append(retry)
            elif not (self._choice(one) or self._note_not_found(one)):
                says.append(one.result.say)
        says = [say for say in dict.fromkeys(says) if say]
        told = self._told_of_house(outputs, says)
        if told is not None:
            return told
        if agent.held and not agent.waiting_calls:
            self._read_menu()
            held, agent.held = agent.held, ""
            return self._answer(held)
        if again or agent.waiting_calls:
            return [Say(" ".join(says)), *self._one_by_one([*again, *agent.waiting_calls])]
        if agent.choices:
            return [Say(" ".join([*says, self._asked(agent.choices[0].say)]))]
        return self._and_then(outputs, says)

    def _learn(self, one: Answered) -> None:
        agent, result = self._agent, one.result
        if result.missing is not None:
            agent.missing = tuple(result.missing)
            self._learn_not_found(one)
        if result.ok and one.call.name == "set_fulfilment":
            agent.choices = [choice for choice in agent.choices if choice.call.name != one.call.name]
        if result.ok and one.call.name == "remove_item":
            gone = one.call.arguments.get("line")
            agent.removed = next((line for line in agent.cart if line.line == gone), agent.removed)
        if result.cart is not None:
            self._learn_lines(one, result.cart.lines)
        if result.ok and one.call.name == "confirm_order":
            agent.confirmed = True
        if one.call.name == "read_cart" and "fulfilment" not in agent.missing:
            agent.done_ordering = True

    def _learn_lines(self, one: Answered, lines: list[ReportedLine]) -> None:
        agent = self._agent
        if one.result.ok and one.call.name in ("add_item", "add_halves") and lines:
            agent.last_line = lines[-1].line
        elif one.result.ok and one.call.name == "change_item":
            agent.last_line = int(one.call.arguments.get("line") or 0)
        agent.cart = sorted(lines, key=lambda line: line.line == agent.last_line)

    def _and_then(self, outputs: Sequence[Answered], says: list[str]) -> list[Action]:
        """What is said after the tools' own words: the next question, or goodbye."""
        agent = self._agent
        names = {one.call.name for one in outputs if one.result.ok}
        if any(one.call.name == LEAVE_MESSAGE for one in outputs):
            return self._told_of_message(outputs, says)
        if any(one.call.name == FIND_ORDER for one in outputs):
            return self._told_of_order(outputs, says)
        if any(one.call.name in (CHANGE_ORDER, CANCEL_ORDER) for one in outputs):
            return self._told_of_change(outputs, says)
        if "check_table" in names and self._has("book_table"):
            return [Say(" ".join([*says, self._ask(self._phrases.table_name, "table_name").text]))]
        if "book_table" in names:
            agent.table = None
            return [Say(" ".join([*says, self._ask(self._phrases.anything_else, "anything_else").text]))]
        if "end_call" in names and agent.said_goodbye:
            return []
        if names & {"end_call", "transfer_to_human"}:
            return [Say(" ".join(says))]
        if "confirm_order" in names:
            # Who has more to say speaks into the farewell, and is not hung up on.
            agent.awaited, agent.question = "", ""
            return self._goodbye(" ".join([*says, self._phrases.farewell]))
        refused = [one for one in outputs if one.call.name == "confirm_order" and one.result.error]
        if any(one.result.error and one.result.error.code in ("not_read_back", "not_heard") for one in refused):
            return [UseTool("read_cart", {})]
        if refused or all(one.result.missing is None for one in outputs):
            return [Say(" ".join(says) or self._phrases.done)]
        if "read_cart" in names and agent.not_found:
            return [Say(" ".join([*says, self._ask_not_found(plainly=True).text]))]
        if says and says[-1].rstrip().endswith("?"):
            agent.awaited = "instead" if agent.not_found else agent.awaited  # which of several options
            agent.awaited = "confirm" if "read_cart" in names else agent.awaited
            agent.question = says[-1] if "read_cart" not in names else self._phrases.confirm
            return [Say(" ".join(says))]
        return [Say(" ".join(says)), *self._ask_next()]

    # --- what may be done

    def _merge(self, after_tools: list[Action], answer: list[Action]) -> list[Action]:
        """Tools answered while the caller spoke: new calls first, else what the tools said goes before."""
        calls = [action for action in after_tools if isinstance(action, UseTool) and action.name != "read_cart"]
        if any(isinstance(action, UseTool) for action in answer):
            return [*calls, *answer]
        return [*calls, *answer] if self._agent.choices or not after_tools else [*after_tools[:1], *calls, *answer]

    def _permitted(self, actions: list[Action]) -> list[Action]:
        """``tool_choice``: none allows no call, required wants one, a named tool allows only that."""
        choice = self._turn.tool_choice
        joined: list[Action] = []  # neighbouring sentences as one message
        for action in actions:
            if isinstance(action, Say) and joined and isinstance(joined[-1], Say):
                joined[-1] = Say(f"{joined[-1].text} {action.text}".strip())
            else:
                joined.append(action)
        if choice == "auto":
            return joined
        if choice == "none":
            return [action for action in joined if isinstance(action, Say)] or [Say(self._phrases.go_on)]
        wanted = choice.name if isinstance(choice, NamedTool) else ""
        calls: list[Action] = [one for one in joined if isinstance(one, UseTool) and wanted in ("", one.name)]
        names = [wanted] if wanted else [tool.name for tool in self._turn.tools]
        fallback = "read_cart" if "read_cart" in names else (names[0] if names else "")
        return calls or ([UseTool(fallback, {})] if fallback else joined)
