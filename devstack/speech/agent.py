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
from dataclasses import dataclass, field, replace

from devstack.speech import menu_card
from devstack.speech.addresses import with_digits
from devstack.speech.bookings import TableWish
from devstack.speech.lexicon import LEXICONS, language_said
from devstack.speech.matching import fold
from devstack.speech.orders import AddItem, RemoveItem
from devstack.speech.phrases import PHRASES, AgentPhrases
from devstack.speech.protocol.items import FunctionCallOutput, Item, Message
from devstack.speech.protocol.session_config import NamedTool, SessionTool, ToolChoice
from devstack.speech.tool_calls import (
    CHOOSABLE,
    Answered,
    Choice,
    ReportedLine,
    UseTool,
    add_call,
    answered,
    calls_for,
    line_again,
    put_right,
    remove_call,
)
from devstack.speech.understanding import Awaited, Question, Understood, understand
from devstack.speech.vocabulary import Vocabulary, vocabulary_of
from domain.card_numbers import CardWatch

MISSES_BEFORE_HUMAN = 3
SILENCES_BEFORE_GOODBYE = 2
MOST_SUGGESTED = 5  # names that are like one that is not on the menu; more are just the menu
MOST_NAMED = 6  # choices read out

_TO_SAY = re.compile(
    r"^\s*(?:please )?(?:say|dis|dites)\b[\w ,']{0,60}?\s*"
    r"(?:[:：]\s*[\"“«]?(?P<after>.+?)[\"”»]?|[\"“«](?P<quoted>.+?)[\"”»]\.?)\s*$",
    re.IGNORECASE | re.DOTALL,
)
_RESUME = re.compile(r"\b(?:resume|continue|cut off|carry on|go on|interrupted|reprends|reprenez|continuez?|coupee?)\b")


@dataclass(frozen=True, slots=True)
class Say:
    text: str


Action = Say | UseTool


@dataclass(frozen=True, slots=True)
class TurnContext:
    """All that one response may use. ``expects_reply``: the caller said something, even if it came out as no words."""

    items: Sequence[Item]
    tools: Sequence[SessionTool]
    tool_choice: ToolChoice
    parallel: bool
    language: str
    instructions: str = ""  # of this response alone
    menu: str = ""  # the session's instructions
    expects_reply: bool = False
    silence: bool = False


@dataclass
class Agent:
    """One conversation's memory; everything else is in the items."""

    awaited: Awaited = ""
    missing: tuple[str, ...] = ("items",)
    cart: list[ReportedLine] = field(default_factory=list)
    done_ordering: bool = False
    confirmed: bool = False
    choices: list[Choice] = field(default_factory=list)
    last_line: int = 0  # the one last spoken of
    allergies: list[str] = field(default_factory=list)
    allergy_unnamed: bool = False  # one was spoken of, and not to what
    asked_about: str = ""  # the item of the caller's last sentence, if that was a question
    removing: bool = False  # the caller's last sentence took something off
    removed: ReportedLine | None = None  # the line taken off last
    table: TableWish | None = None
    language: str = ""  # the caller's
    misses: int = 0
    said_goodbye: bool = False  # in words of its own, right before end_call
    warned: bool = False  # to stay polite
    silences: int = 0
    last_said: str = ""
    question: str = ""
    _waiting_calls: list[UseTool] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _cards: CardWatch | None = None
    _turns: int = 0

    def respond(self, turn: TurnContext) -> list[Action]:
        """What to do next, in order. Empty when there is nothing to answer."""
        marked = _TO_SAY.match(turn.instructions)
        if marked:
            return self._spoken([Say((marked["after"] or marked["quoted"]).strip())])
        new = [item for item in turn.items if item.id not in self._seen]
        self._seen = {item.id for item in turn.items}
        return self._spoken(_TurnReply(self, turn, new).actions())

    def says_card(self, text: str) -> bool:
        """Whether it is a card's number, or goes on with one: nobody repeats it, or takes it for anything else."""
        self._turns += 1
        if self._cards is None:
            self._cards = CardWatch(self.language)
        return self._cards.heard(str(self._turns), text).is_card

    def _spoken(self, actions: list[Action]) -> list[Action]:
        said = " ".join(action.text for action in actions if isinstance(action, Say))
        self.last_said = said or self.last_said
        return [action for action in actions if not isinstance(action, Say) or action.text]


class _TurnReply:
    """One response in the making."""

    def __init__(self, agent: Agent, turn: TurnContext, new: Sequence[Item]) -> None:
        self._agent, self._turn, self._new = agent, turn, new
        heard = " ".join(self._heard())
        agent.language = language_said(heard, agent.language or turn.language)
        self._language = agent.language
        self._phrases: AgentPhrases = PHRASES[self._language]
        self._lexicon = LEXICONS[self._language]
        self._vocabulary: Vocabulary = vocabulary_of(turn.tools, turn.language, turn.menu)

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
            return self._permitted(self._resume() if resumes else self._merge(after_tools, self._answer(text)))
        if outputs:
            return self._permitted(after_tools)
        if self._turn.silence:
            self._agent.silences += 1
            over = self._agent.confirmed or self._agent.silences > SILENCES_BEFORE_GOODBYE
            if over and self._has("end_call"):
                return self._permitted([UseTool("end_call", {})])
            return self._permitted([Say(f"{self._phrases.still_there} {self._agent.question}".strip())])
        if heard:  # sounds without words
            return [Say(self._again(self._phrases.not_understood[0]))] if self._turn.expects_reply else []
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
        if self._agent.cart or not self._has("read_cart"):
            return [cut_off, *self._ask_next()]
        return [cut_off, UseTool("read_cart", {})]

    # --- tools have answered

    def _after_tools(self, outputs: Sequence[Answered]) -> list[Action]:
        agent, says, again = self._agent, list[str](), list[UseTool]()
        for one in outputs:
            self._learn(one)
            retry = put_right(one)
            if retry is not None:
                again.append(retry)
            elif not self._choice(one):
                says.append(one.result.say)
        says = [say for say in dict.fromkeys(says) if say]
        if again or agent._waiting_calls:
            return [Say(" ".join(says)), *self._one_by_one([*again, *agent._waiting_calls])]
        if agent.choices:
            return [Say(" ".join([*says, self._asked(agent.choices[0].say)]))]
        return self._and_then(outputs, says)

    def _learn(self, one: Answered) -> None:
        agent, result = self._agent, one.result
        if result.missing is not None:
            agent.missing = tuple(result.missing)
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
        if one.result.ok and one.call.name == "add_item" and lines:
            agent.last_line = lines[-1].line
        elif one.result.ok and one.call.name == "change_item":
            agent.last_line = int(one.call.arguments.get("line") or 0)
        agent.cart = sorted(lines, key=lambda line: line.line == agent.last_line)

    def _choice(self, one: Answered) -> bool:
        """Whether the caller must choose before the call can be made; then it waits."""
        error = one.result.error
        if error is not None and error.code == "unknown_item" and len(error.allowed) > MOST_SUGGESTED:
            return False
        if error is None or error.field not in CHOOSABLE or not error.allowed or not one.call.name:
            return False
        self._agent.choices.append(Choice(one.call, error.field, tuple(error.allowed), one.result.say))
        return True

    def _and_then(self, outputs: Sequence[Answered], says: list[str]) -> list[Action]:
        """What is said after the tools' own words: the next question, or goodbye."""
        agent = self._agent
        names = {one.call.name for one in outputs if one.result.ok}
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
        if any(one.result.error and one.result.error.code == "not_read_back" for one in refused):
            return [UseTool("read_cart", {})]
        if refused or all(one.result.missing is None for one in outputs):
            return [Say(" ".join(says) or self._phrases.done)]
        if says and says[-1].rstrip().endswith("?"):
            agent.awaited = "confirm" if "read_cart" in names else agent.awaited
            agent.question = says[-1] if "read_cart" not in names else self._phrases.confirm
            return [Say(" ".join(says))]
        return [Say(" ".join(says)), *self._ask_next()]

    def _ask_next(self) -> list[Action]:
        """The next question by ``missing``; the read-back when only that is missing."""
        agent, phrases = self._agent, self._phrases
        if agent.confirmed:
            return []
        if agent.choices:
            return [Say(self._asked(agent.choices[0].say))]
        if agent.allergy_unnamed:
            return [self._ask(phrases.which_allergy, "allergy")]
        if "items" in agent.missing:
            return [self._ask(phrases.what_else if agent.cart else phrases.what_to_order, "items")]
        if not agent.done_ordering:
            return [self._ask(phrases.anything_else, "anything_else")]
        if "fulfilment" in agent.missing:
            return [self._ask(phrases.which_fulfilment.format(kinds=self._kinds()), "fulfilment")]
        if "address" in agent.missing:
            return [self._ask(phrases.address, "address")]
        if "customer_name" in agent.missing:
            return [self._ask(phrases.customer_name, "customer_name")]
        if "read_back" in agent.missing and self._has("read_cart"):
            return [UseTool("read_cart", {})]
        return [self._ask(phrases.confirm, "confirm")]

    def _kinds(self) -> str:
        names = [self._phrases.kinds.get(kind, kind) for kind in self._vocabulary.kinds or ("pickup", "delivery")]
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {self._phrases.last_or} {names[-1]}"

    # --- the caller has spoken

    def _answer(self, text: str) -> list[Action]:
        agent = self._agent
        in_cart = [line.item for line in agent.cart]
        if agent.says_card(text):
            return [Say(f"{self._phrases.no_card} {agent.question}".strip())]
        understood = understand(
            text,
            self._vocabulary,
            self._language,
            agent.awaited,
            in_cart,
            asked_about=agent.asked_about,
            removing=agent.removing,
        )
        agent.asked_about = understood.question.item if understood.question is not None else ""
        agent.removing = bool(understood.orders) and all(isinstance(one, RemoveItem) for one in understood.orders)
        if understood.insults and not understood.changes_order:
            return self._insulted()
        if understood.human or (agent.awaited == "human" and understood.yes):
            agent.misses, agent.awaited = 0, ""
            if self._has("transfer_to_human"):
                return [UseTool("transfer_to_human", {"reason": "the caller asked for a person"})]
            return [Say(self._phrases.no_human)]
        if understood.table is not None or agent.table is not None:
            booked = self._book(understood)
            if booked:
                return booked
        said = [one for one in understood.allergies if one and one not in agent.allergies]
        agent.allergies += said  # the tool takes all that were said so far
        asked_to_what = agent.awaited == "allergy" and understood.no
        unnamed = "" in understood.allergies and understood.question is None and not agent.allergies
        agent.allergy_unnamed = (agent.allergy_unnamed or unnamed) and not (said or asked_to_what)
        understood = replace(understood, allergies=tuple(agent.allergies) if said else ())
        chosen = self._chosen(text, understood) if agent.choices else None
        return chosen if chosen is not None else self._do(understood)

    def _do(self, understood: Understood) -> list[Action]:
        """The calls for what was understood, and a question about what was not."""
        agent = self._agent
        asks = self._doubts(understood)
        calls = self._calls(understood)
        if not (calls or agent.cart) and any(
            isinstance(one, RemoveItem) and one.everything for one in understood.orders
        ):
            return self._ask_next() if agent.choices else self._goodbye()
        if understood.question is not None and not understood.orders:
            return [*asks, *self._inform(understood.question), *self._one_by_one(calls)]
        if not calls and agent.choices and not asks:
            return self._ask_next()
        if not calls:
            return [Say(" ".join([*(one.text for one in asks), agent.question]))] if asks else self._signal(understood)
        agent.misses = 0
        if understood.done or (agent.awaited == "anything_else" and not understood.orders):  # moved on
            agent.done_ordering = True
        return [*asks, *self._one_by_one(calls)]

    def _calls(self, understood: Understood) -> list[UseTool]:
        agent = self._agent
        if any(isinstance(one, RemoveItem) and one.everything for one in understood.orders):
            agent.choices.clear()
        for intent in understood.orders:
            if isinstance(intent, AddItem | RemoveItem) and intent.choices:
                removal = UseTool("remove_item", {"item": intent.item})
                call = add_call(intent) if isinstance(intent, AddItem) else removal
                agent.choices.append(Choice(call, "item", intent.choices, self._which(intent.choices)))
        return [call for call in calls_for(understood, agent.cart) if self._has(call.name)]

    def _doubts(self, understood: Understood) -> list[Say]:
        phrases = self._phrases
        asks = [Say(phrases.with_or_without.format(name=name)) for name in understood.unsure]
        asks += [Say(phrases.only_once.format(name=name)) for name in understood.once]
        if understood.halves:
            asks.append(Say(phrases.no_halves))
        if understood.tampers:
            asks.append(Say(phrases.no_tampering))
        return asks

    def _which(self, names: Sequence[str]) -> str:
        said = [*names[: MOST_NAMED - 1], names[-1]] if len(names) > MOST_NAMED else list(names)
        return self._phrases.which_one.format(names=f"{', '.join(said[:-1])} {self._phrases.last_or} {said[-1]}")

    def _book(self, understood: Understood) -> list[Action]:
        """A table, from the first wish to its booking; nothing when the caller is speaking of something else."""
        agent, phrases = self._agent, self._phrases
        agent.table = (agent.table or TableWish()).with_more(understood.table or TableWish())
        if understood.table is None and (understood.no or (understood.changes_order and not understood.customer)):
            agent.table = None
            return []
        for known, question in (
            (agent.table.day, phrases.table_day),
            (agent.table.time, phrases.table_time),
            (agent.table.covers, phrases.table_covers),
        ):
            if not known:
                return [self._ask(question, "table")]
        wish = {"date": agent.table.day, "time": agent.table.time, "covers": agent.table.covers}
        if understood.customer and agent.awaited == "table_name" and self._has("book_table"):
            return [UseTool("book_table", wish | {"name": understood.customer})]
        if understood.table is not None and self._has("check_table"):
            return [UseTool("check_table", wish)]
        return [self._ask(phrases.table_name, "table_name")] if agent.awaited == "table_name" else []

    def _inform(self, question: Question) -> list[Action]:
        """From the instructions' menu when it is about a dish, else from the tool."""
        told = menu_card.answer(self._turn.menu, self._turn.language, question.item, question.size, question.topic)
        if told:
            self._agent.misses = 0
            return [Say(told), *self._ask_next()]
        if self._has(question.tool):
            return [UseTool(question.tool, question.arguments)]
        return self._missed()

    def _signal(self, understood: Understood) -> list[Action]:
        """A sentence that changes nothing in the order: yes, no, that's all, again, goodbye."""
        agent, phrases = self._agent, self._phrases
        if understood.repeat and agent.last_said:
            return [Say(agent.last_said)]
        if understood.restores and agent.removed is not None:
            return [line_again(agent.removed)]
        if agent.confirmed or ((understood.goodbye or understood.jest) and not agent.cart):
            return self._goodbye()
        if understood.read_back and self._has("read_cart"):
            return [UseTool("read_cart", {})]
        if agent.allergy_unnamed and agent.awaited != "allergy":
            return self._ask_next()
        if not understood.nothing:
            agent.misses = 0
        if agent.awaited == "confirm" and understood.yes:
            return [UseTool("confirm_order", {})]
        if agent.awaited == "confirm" and understood.no:
            return [self._ask(phrases.what_to_change, "items")]
        if understood.done or (understood.no and agent.awaited in ("anything_else", "items", "")):
            agent.done_ordering = True
            if "items" not in agent.missing:
                return self._ask_next()
            if not agent.cart:
                return self._goodbye()
            # Too little for a delivery, and nothing more is wanted: then pick-up.
            return [self._ask(phrases.which_fulfilment.format(kinds=self._kinds()), "fulfilment")]
        if understood.yes and agent.awaited == "anything_else":
            return [self._ask(phrases.what_else, "anything_else")]
        if understood.goodbye:
            return self._goodbye()
        if understood.hello or understood.yes or understood.no:
            return self._ask_next()
        return self._missed()

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
        agent.misses += 1
        if agent.misses < MISSES_BEFORE_HUMAN:
            return [Say(self._again(phrases.not_understood[(agent.misses - 1) % len(phrases.not_understood)]))]
        if self._has("transfer_to_human") and agent.awaited != "human":
            return [self._ask(phrases.offer_human, "human")]
        return [Say(phrases.no_human)]

    def _again(self, sorry: str) -> str:
        return f"{sorry} {self._agent.question or self._phrases.what_to_order}"

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
        call = self._taken(choice, values, understood)
        named = {word for value in values for word in fold(value).split()} | {
            *fold(str(call.arguments.get("item", ""))).split()
        }
        others = [
            one
            for one in understood.orders
            if isinstance(one, AddItem) and self._is_known(one) and not set(fold(one.item).split()) <= named
        ]
        return list(self._one_by_one([call, *(add_call(one) for one in others)]))

    def _wants_none(self, text: str) -> bool:
        return any(word in self._lexicon.cues["neg"].split("|") for word in fold(text).split())

    def _not_chosen(self, choice: Choice, understood: Understood) -> list[Action]:
        """No choice: without it where it is an option more, else asked once more before the thing is left out."""
        agent = self._agent
        extra = {name for name in choice.call.arguments.get(choice.field) or [] if name not in self._vocabulary.options}
        if choice.field in ("modifiers", "add_modifiers") and extra:
            agent.choices.pop(0)
            kept = [name for name in choice.call.arguments[choice.field] if name not in extra]
            return list(self._one_by_one([UseTool(choice.call.name, choice.call.arguments | {choice.field: kept})]))
        if understood.done and not understood.no and not choice.insisted:
            agent.choices[0] = replace(choice, insisted=True)
            return [Say(self._asked(choice.say))]
        agent.choices.pop(0)
        return [Say(self._phrases.left_out), *self._ask_next()]

    def _taken(self, choice: Choice, values: list[str], understood: Understood) -> UseTool:
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
        if choice.field == "item" and said is not None:
            more = add_call(said).arguments
            if said.quantity == 1:
                del more["quantity"]
            call = UseTool(call.name, call.arguments | more)
        return call

    def _is_known(self, intent: AddItem) -> bool:
        return bool(intent.choices) or intent.item in self._vocabulary.items

    def _is_certain(self, understood: Understood) -> bool:
        """Whether the sentence changes the order by what is on the menu; an unknown word may be an answer unheard."""
        orders = [one for one in understood.orders if not isinstance(one, AddItem) or self._is_known(one)]
        return bool(orders or understood.kind or understood.address or understood.time or understood.halves)

    # --- what all replies share

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
            self._agent._waiting_calls = []
            return list(calls)
        self._agent._waiting_calls = list(calls[1:])
        return list(calls[:1])

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
