"""The scripted caller: answers what is asked, so that it meets engines that ask in another order, or for less.

Pure: words in, the next move out. It knows what it wants (``Scenario.expect``) and answers a size, an option, a name
from that where the scenario says nothing else. ``trouble`` is set when the caller itself did not know what to do; such
a run says nothing about the assistant.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from evaluation.files import Case
from evaluation.names import same_name
from evaluation.questions import Question, folded, question_of, said_names
from evaluation.scenarios import ExpectedLine, ExpectedOrder, ExpectedTable, Sentence, Topic

ASKED_AT_MOST = 4  # times for one thing; then a caller hangs up, and that is the assistant's doing
TURNS_AT_MOST = 30
WRONG_NAME_SAID_AT_MOST = 2


@dataclass(frozen=True, slots=True)
class Say:
    """``interrupt_ms``: so long into the answer before it."""

    text: str
    interrupt_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Press:
    keys: str


@dataclass(frozen=True, slots=True)
class Listen:
    """Says nothing until the assistant speaks again."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """``patient``: the other side may do it first."""

    patient: bool = False


Move = Say | Press | Listen | HangUp

_PRESSES = re.compile(r"^\(presses ([0-9*#]+)\)$")

_DEFAULTS: dict[str, dict[Topic, str]] = {
    "en": {
        "more": "No, that's all, thank you.",
        "confirm": "Yes, that's right.",
        "offer": "No, thank you.",
        "human": "No, thank you.",
        "missing": "Nothing, thank you.",
        "allergies": "No allergies.",
        "still_there": "Yes, I'm here.",
        "phone": "You can use the number I'm calling from.",
        "open": "Nothing, thank you. Goodbye.",
        "change": "Nothing, it is fine.",
    },
    "fr": {
        "more": "Non, c'est tout, merci.",
        "confirm": "Oui, c'est bien ça.",
        "offer": "Non merci.",
        "human": "Non merci.",
        "missing": "Rien, merci.",
        "allergies": "Pas d'allergie.",
        "still_there": "Oui, je suis là.",
        "phone": "Vous pouvez garder le numéro qui s'affiche.",
        "open": "Rien, merci. Au revoir.",
        "change": "Rien, c'est bon.",
    },
}
_FULFILMENTS = {
    "en": {"pickup": "Pick-up, please.", "dine_in": "Eating in.", "delivery": "Delivery, please."},
    "fr": {
        "pickup": "Ce sera à emporter, s'il vous plaît.",
        "dine_in": "C'est pour manger sur place.",
        "delivery": "En livraison, s'il vous plaît.",
    },
}
_NAMES = {"en": "My name is {name}.", "fr": "Au nom de {name}."}
# Letters by names and words, as people spell on the telephone.
_SPELLING = {
    "en": (
        "{letter} for {word}",
        "Alpha Bravo Charlie David Echo Freddie George Harry India Jack Kilo Lima Mike November Oscar Peter Queen "
        "Robert Sugar Tango Uncle Victor William X-ray Yellow Zebra",
    ),
    "fr": (
        "{letter} comme {word}",
        "Antoine Bernard Camille Daniel Émile François Gérard Henri Isabelle Jacques Karine Louis Marie Nicolas "
        "Olivier Pierre Québec Robert Sophie Thomas Ursule Victor Washington Xavier Yvonne Zoé",
    ),
}
_READ_NAME = {
    "en": re.compile(r"\bin the name of (?P<name>[^.,;!?]+)"),
    "fr": re.compile(r"\bau nom d(?:e |['’])(?P<name>[^.,;!?]+)"),
}
_WRONG_NAME = {"en": "No, the name is wrong.", "fr": "Non, ce n'est pas le bon nom."}
_PROTEST = {"en": "No, I didn't ask for that.", "fr": "Non, je n'ai pas demandé ça."}
_NOTHING = {"en": "Nothing, thank you.", "fr": "Rien, merci."}
_YES = {"en": "Yes, please.", "fr": "Oui, s'il vous plaît."}
# What an assistant says not to be on the order: the words before.
_NOT_THERE = {
    "en": re.compile(r"(?:\S+ ){1,5}(?=(?:isn t|is not|aren t|are not) on (?:your|the) order)"),
    "fr": re.compile(r"(?:\S+ ){1,5}(?=(?:n est|ne sont) pas dans (?:votre|la) commande)"),
}
_SMALL = frozenset("a an the of on in it with and so that s de du la le un une et avec donc".split())  # noqa: SIM905
_WITH = {"en": "with", "fr": "avec"}
_LAST_AND = {"en": " and ", "fr": " et "}


@dataclass
class ScriptedCaller:
    """One call's. ``opening`` first, then ``reply`` to all that the assistant said since the caller last spoke."""

    case: Case
    trouble: str = ""  # why this run tells nothing about the assistant
    gave_up: str = ""  # why the caller hung up on an assistant that did not get on
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        sentences = [one if isinstance(one, Sentence) else Sentence(one) for one in self.case.scenario.say]
        self._wishes = [Say(one.say, one.interrupt_ms) for one in sentences]
        self._next_wish = 0
        self._asked: Counter[str] = Counter()
        self._given: Counter[str] = Counter()
        self._heard = ""

    @property
    def language(self) -> str:
        return self.case.language

    def sentences(self) -> tuple[str, ...]:
        """All that this caller may come to say: what has to be spoken aloud is made before the call."""
        scenario = self.case.scenario
        spoken = [wish.text for wish in self._wishes] + [one.say for one in scenario.asked]
        for said in scenario.answers.values():
            spoken += [said] if isinstance(said, str) else said
        spoken += [_PROTEST[self.language], _NOTHING[self.language]]
        spoken += [_WRONG_NAME[self.language], self._spelled()] if self._name else []
        for topic, default in _DEFAULTS[self.language].items():
            spoken += [] if topic in scenario.answers else [default]
        order = self._order
        if order is not None:
            spoken += [_FULFILMENTS[self.language][order.fulfilment], _NAMES[self.language].format(name=order.name)]
            for line in order.lines:
                spoken += [self._size_of(line), self._options_of(line), self._item_of(line), self._line_again(line)]
        table = self._table
        if table is not None:
            spoken.append(_NAMES[self.language].format(name=table.name))
        return tuple(dict.fromkeys(one for one in spoken if one and not one.startswith("(")))

    def ordinary(self) -> Iterator[tuple[Topic, str]]:
        """What is answered where the scenario says nothing of it, with what each answers."""
        given = self.case.scenario.answers
        ordinary = dict(_DEFAULTS[self.language])
        ordinary["name"] = self._implied("name", Question("name", "", ""))
        ordinary["fulfilment"] = self._implied("fulfilment", Question("fulfilment", "", ""))
        for topic, text in ordinary.items():
            if text and topic not in given:
                yield topic, text

    def opening(self) -> Move:
        return self._wish()

    def interrupting(self) -> Say | None:
        """The sentence to say into the answer that comes now, if there is one."""
        if self._next_wish < len(self._wishes) and self._wishes[self._next_wish].interrupt_ms is not None:
            wish = self._wish()
            return wish if isinstance(wish, Say) else None
        return None

    def reply(self, heard: str) -> Move:
        if len(self.said) >= TURNS_AT_MOST:
            self.gave_up = f"no end after {TURNS_AT_MOST} sentences"
            return HangUp()
        asked = question_of(heard, self.case.place.menu, self._heard_language(heard))
        self._heard += f" {asked.heard}"
        if asked.ended and self._next_wish >= len(self._wishes):
            return HangUp(patient=True)
        own = self._asked_for(asked)
        if own:
            return self._act(own)
        if asked.topic in ("more", "open") and self._next_wish < len(self._wishes):
            return self._wish()
        topic = self._meant(asked)
        if topic == "confirm" and self._is_misnamed(heard):
            self._given["wrong name"] += 1
            return self._act(_WRONG_NAME[self.language])
        if topic is None:
            self.trouble = f"the caller does not understand the question: {asked.text}"
            return HangUp()
        self._asked[topic] += 1
        if self._asked[topic] > ASKED_AT_MOST:
            self.gave_up = f"asked {ASKED_AT_MOST} times for the same ({topic})"
            return HangUp()
        answer = self._answer(topic, asked)
        if not answer:
            self.trouble = f"the script has no answer to {topic}: {asked.text}"
            return HangUp()
        return self._act(answer)

    # --- What is meant ------------------------------------------------------------------------------------------

    def _heard_language(self, heard: str) -> str:
        """An assistant that follows the caller's language asks in it; else it asks in the restaurant's."""
        own = question_of(heard, self.case.place.menu, self.language).topic
        return self.language if own is not None else self.case.place.language

    def _meant(self, asked: Question) -> Topic | None:
        if asked.topic == "again" and not self._answers("again"):
            return "again" if self.said else "open"
        return asked.topic

    def _answers(self, topic: Topic) -> tuple[str, ...]:
        said = self.case.scenario.answers.get(topic, ())
        return (said,) if isinstance(said, str) else tuple(said)

    def _asked_for(self, asked: Question) -> str:
        """From ``asked``: each of its entries once."""
        for at, one in enumerate(self.case.scenario.asked):
            if not self._given[f"asked {at}"] and any(
                f" {folded(word)} " in f" {asked.heard} " for word in one.about.split("|")
            ):
                self._given[f"asked {at}"] += 1
                return one.say
        return ""

    def _answer(self, topic: Topic, asked: Question) -> str:
        answers = self._answers(topic)
        if answers:
            at = min(self._given[topic], len(answers) - 1)
            self._given[topic] += 1
            return answers[at]
        return self._implied(topic, asked) or _DEFAULTS[self.language].get(topic, "")

    def _implied(self, topic: Topic, asked: Question) -> str:
        """What a caller who wants the expected end answers."""
        order = self._order
        if topic == "again":
            return self.said[-1] if self.said else ""
        if topic == "open" and order is not None:  # it has forgotten, or never understood, what this caller wants
            return self.said[0] if self.said else ""
        if topic == "name":
            return _NAMES[self.language].format(name=self._name) if self._name else ""
        if topic == "spelling":
            return self._spelled()
        if topic in ("size", "option", "which") and self._is_about_something_else(asked):
            return _PROTEST[self.language]
        if order is None:
            return ""
        if topic == "fulfilment":
            return _FULFILMENTS[self.language][order.fulfilment]
        if topic == "missing":  # something is not on the order: what this caller has not heard to be on it
            unheard = [line for line in order.lines if not said_names(self._heard, [line.item])]
            return self._line_again(unheard[0]) if unheard else self._detail_again(order, asked)
        if topic == "offer" and self._is_wanted(order, asked):
            return self._taking(order, asked)
        line = self._line_asked_about(order, asked)
        if topic == "size":
            return self._size_of(line) if line else ""
        if topic == "option":
            return self._options_of(line, asked) if line else _NOTHING[self.language]
        return self._item_of(line) if line and topic == "which" else ""

    def _detail_again(self, order: ExpectedOrder, asked: Question) -> str:
        """The option or the wish for the kitchen that is said not to be on the order, where this caller wants it."""
        named = _NOT_THERE[self.language].search(asked.heard)
        words = {*named[0].split()} if named is not None else set()
        for line in order.lines:
            for wanted in filter(None, (*line.options, line.note)):
                if {*folded(wanted).split()} & words - _SMALL:
                    return f"{_WITH[self.language]} {wanted}.".capitalize()
        return ""

    def _is_wanted(self, order: ExpectedOrder, asked: Question) -> bool:
        """A dish is offered in place of another, and it is one that this caller wants and has not heard yet."""
        before = self._heard.removesuffix(asked.heard)
        offered = said_names(asked.text, [line.item for line in order.lines])
        return bool(offered) and not said_names(before, offered)

    def _taking(self, order: ExpectedOrder, asked: Question) -> str:
        """Yes to the dish that is offered, and what it is to be with: that was said of one that there is none of."""
        offered = said_names(asked.text, [line.item for line in order.lines])
        line = next(one for one in order.lines if one.item in offered)
        before = self._heard.removesuffix(asked.heard)
        unheard = [one for one in filter(None, (*line.options, line.note)) if not said_names(before, [one])]
        yes, and_ = _YES[self.language], _LAST_AND[self.language]
        return f"{yes[:-1]}, {_WITH[self.language]} {and_.join(unheard)}." if unheard else yes

    def _is_about_something_else(self, asked: Question) -> bool:
        """The question names things of the menu, and none that this caller wants."""
        named = said_names(asked.text, {item.name for item in self.case.place.menu.items})
        wanted = {line.item for line in self._order.lines} if self._order else set()
        return bool(named) and not wanted.intersection(named)

    def _line_asked_about(self, order: ExpectedOrder, asked: Question) -> ExpectedLine | None:
        """The wanted line that the question names; the only one that it can be about, where it names none."""
        named = said_names(asked.text, {line.item for line in order.lines})
        lines = [line for line in order.lines if line.item in named]
        if not named:
            lines = [line for line in order.lines if asked.topic != "size" or line.size]
        return lines[0] if lines and (named or len({(one.size, one.options) for one in lines}) == 1) else None

    def _is_misnamed(self, heard: str) -> bool:
        """The order is read back in the name of somebody else, by its sound; said twice at most."""
        read = _READ_NAME[self.language].search(heard)
        wanted = self._order.name if self._order is not None else ""
        if read is None or not wanted or self._given["wrong name"] >= WRONG_NAME_SAID_AT_MOST:
            return False
        return not same_name(read["name"], wanted)

    def _spelled(self) -> str:
        """The name by its letters; as it was, where nothing tells it."""
        form, of_letters = _SPELLING[self.language]
        by_letter = {folded(word)[0].upper(): word for word in of_letters.split()}
        letters = [letter for letter in folded(self._name).upper() if letter in by_letter]
        told = ", ".join(form.format(letter=letter, word=by_letter[letter]) for letter in letters)
        return f"{told}." if told else ""

    @property
    def _name(self) -> str:
        order, table = self._order, self._table
        return (order.name if order else "") or (table.name if table else "")

    def _size_of(self, line: ExpectedLine) -> str:
        return f"{line.size}." if line.size else ""

    def _options_of(self, line: ExpectedLine, asked: Question | None = None) -> str:
        """Of the options that the question offers; all of them where it does not say."""
        wanted = list(line.options)
        if asked is not None:
            offered = said_names(asked.text, wanted)
            wanted = [one for one in wanted if one in offered] or wanted
        return f"{_LAST_AND[self.language].join(wanted)}." if wanted else _NOTHING[self.language]

    def _line_again(self, line: ExpectedLine) -> str:
        options = _LAST_AND[self.language].join(line.options)
        named = " ".join(filter(None, (str(line.quantity), line.size, line.item)))
        return f"{named} {_WITH[self.language]} {options}." if options else f"{named}."

    def _item_of(self, line: ExpectedLine) -> str:
        return f"{line.item}."

    @property
    def _order(self) -> ExpectedOrder | None:
        return next((end.order for end in self.case.scenario.expect if end.order is not None), None)

    @property
    def _table(self) -> ExpectedTable | None:
        return next((end.table for end in self.case.scenario.expect if end.table is not None), None)

    # --- What is done -------------------------------------------------------------------------------------------

    def _wish(self) -> Move:
        wish = self._wishes[self._next_wish]
        self._next_wish += 1
        return self._act(wish.text, wish.interrupt_ms)

    def _act(self, text: str, interrupt_ms: int | None = None) -> Move:
        pressed = _PRESSES.match(text)
        if pressed:
            return Press(pressed[1])
        if text == "(hangs up)":
            return HangUp()
        if text == "(says nothing)":
            return Listen()
        self.said.append(text)
        return Say(text, interrupt_ms)
