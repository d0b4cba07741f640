"""The answer to what a caller said: calls for what was understood, a question about what was not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from devstack.speech import menu_card
from devstack.speech.allergy_sounds import Alike, allergen_like
from devstack.speech.bookings import TableWish, table_in
from devstack.speech.conversation import Action, Say
from devstack.speech.matching import fold
from devstack.speech.mentions import find_mentions
from devstack.speech.menu_search import SEARCH_MENU, to_look_up
from devstack.speech.messages import LEAVE_MESSAGE, Messages, about_in, order_before
from devstack.speech.orders import AddItem, RemoveItem
from devstack.speech.postcodes import codes_of, with_postcodes
from devstack.speech.sound_alikes import heard_as
from devstack.speech.spelling import is_unsure
from devstack.speech.tool_calls import Choice, UseTool, add_call, calls_for, line_again
from devstack.speech.two_wishes import two_wishes
from devstack.speech.understanding import Question, Understood, condition_in, understand
from devstack.speech.words import stems, words_of
from domain.allergens import codes_in

# Neither yes nor no is an answer to them.
_OPEN_QUESTIONS = ("customer_name", "spelling", "address", "fulfilment")


class Answering(Messages):
    def _answer(self, text: str) -> list[Action]:
        agent = self._agent
        in_cart = [line.item for line in agent.cart]
        if agent.says_card(text):
            return [Say(f"{self._phrases.no_card} {agent.question}".strip())]
        if self._asks_for_house():
            which = self._house_for(text)
            if which:
                return which
        text = with_postcodes(text, codes_of(self._turn.menu), self._lexicon, agent.awaited, self._language)
        if look_up := self._to_look_up(text):
            agent.held = text
            return look_up
        both = two_wishes(text, self._vocabulary, self._lexicon) if self._has("check_table") else None
        if both is not None:
            agent.table_later, agent.table = table_in(fold(both.table), self._lexicon, self._language), None
            text = both.ordering
        behind = order_before(text, self._vocabulary, self._lexicon) if self._has(LEAVE_MESSAGE) else None
        if behind is not None:
            text, agent.message_later = behind
        condition = condition_in(text, self._lexicon)
        if condition is not None:
            question, then = condition
            asked = understand(question, self._vocabulary, self._language).question
            if asked is not None:
                return self._on_condition(asked, then)
        understood = understand(
            text,
            self._vocabulary,
            self._language,
            agent.awaited,
            in_cart,
            asked_about=agent.asked_about,
            removing=agent.removing,
        )
        understood = self._by_sound(text, understood)
        if agent.on_condition and agent.awaited == "condition" and (understood.yes or understood.no or understood.done):
            calls, agent.on_condition = agent.on_condition, []
            return list(self._one_by_one(calls)) if understood.yes else self._ask_next()
        wrong_name = self._lexicon.wrong_name.search(fold(text)) is not None
        if wrong_name and self._has("set_customer") and not (understood.customer or understood.orders):
            return [self._misnamed()]
        understood, answer = self._settled(text, self._named(understood))
        if answer is not None:
            return answer
        agent.asked_about = understood.question.item if understood.question is not None else ""
        agent.removing = bool(understood.orders) and all(isinstance(one, RemoveItem) for one in understood.orders)
        if understood.insults and not understood.changes_order:
            return self._insulted()
        message = self._message(text, understood)
        if message:
            return message
        if understood.human or (agent.awaited == "human" and understood.yes):
            agent.misses, agent.awaited = 0, ""
            if self._has("transfer_to_human"):
                return [UseTool("transfer_to_human", {"reason": "the caller asked for a person"})]
            return [Say(self._phrases.no_human)]
        elsewhere = self._other_house(text, understood)
        if elsewhere:
            return elsewhere
        if agent.awaited == "cancel":
            answer_to_it = self._cancels(understood)
            if answer_to_it:
                return answer_to_it
        if agent.enquiry is not None or understood.placed:
            about_placed = self._enquire(text, understood)
            if about_placed:
                return about_placed
        if understood.table is not None or agent.table is not None:
            booked = self._book(understood)
            if booked:
                return booked
        understood = self._with_allergies(understood)
        chosen = self._chosen(text, understood) if agent.choices else None
        return chosen if chosen is not None else self._do(understood)

    def _ask_next(self) -> list[Action]:
        """A message or a table that was wished for beside dishes, once nothing of them is open."""
        agent = self._agent
        is_open = agent.choices or agent.allergy_unnamed or agent.on_condition or agent.not_found
        if agent.message_later and not is_open:
            told, agent.message_later = agent.message_later, ""
            return self._begin_message(told, about_in(fold(told)) or "other")
        if agent.table_later is None or is_open:
            return super()._ask_next()
        agent.table, agent.table_later = agent.table_later, None
        return self._book(Understood(table=TableWish()))

    def _to_look_up(self, text: str) -> list[Action]:
        """What may be a dish, on a menu that is too long for the instructions."""
        agent = self._agent
        if not self._has(SEARCH_MENU) or agent.awaited in (
            "customer_name",
            "spelling",
            "table_name",
            "address",
            "table",
            "order_name",
            "order_total",
        ):
            return []
        if agent.choices and agent.choices[0].chosen(text, self._language):
            return []
        queries = to_look_up(text, self._lexicon, agent.looked_up)
        agent.looked_up.update(queries)
        return list(self._one_by_one([UseTool(SEARCH_MENU, {"query": query}) for query in queries]))

    def _on_condition(self, asked: Question, then: str) -> list[Action]:
        """The answer, and then whether what was to follow from it is wanted: only the caller knows what it means."""
        later = understand(then, self._vocabulary, self._language, asked_about=asked.item)
        adds = [one for one in later.orders if isinstance(one, AddItem) and self._is_known(one) and not one.choices]
        self._agent.on_condition = [add_call(one) for one in adds]
        return self._inform(asked)

    def _by_sound(self, text: str, understood: Understood) -> Understood:
        """What was asked for, by its sound, where the words mean nothing; never a yes to the read-back."""
        asked = self._agent.awaited
        named = find_mentions(words_of(text), self._vocabulary, self._lexicon)
        if self._agent.choices or not replace(understood, orders=(), unsure=()).nothing:
            return understood
        if not all(one.misheard for one in named):
            return understood
        if asked == "fulfilment":
            kind = heard_as(text, self._vocabulary.kinds, self._lexicon)
            return replace(understood, orders=(), unsure=(), kind=kind) if kind else understood
        if asked in ("human", "anything_else", "without", "condition"):
            answer = heard_as(text, ("yes", "no"), self._lexicon)
            return replace(understood, orders=(), yes=answer == "yes", no=answer == "no") if answer else understood
        return understood

    def _named(self, understood: Understood) -> Understood:
        """With the name that the caller is sure of: one of a letter, or one that was
        hardly heard, is asked to be spelled once, and then taken."""
        agent = self._agent
        in_doubt = self._misheard and agent.awaited in ("customer_name", "table_name")
        if understood.customer and (in_doubt or is_unsure(understood.customer)) and not agent.asked_to_spell:
            agent.unsure_name = understood.customer
            return replace(understood, customer="", unsure_name=True)
        if agent.awaited == "spelling" and not understood.customer and not understood.changes_order:
            asks = understood.question or understood.human or understood.repeat or understood.goodbye
            understood = understood if asks else replace(understood, customer=agent.unsure_name)
        if understood.customer:
            agent.unsure_name = ""
        return understood

    def _with_allergies(self, understood: Understood) -> Understood:
        """With all that were said so far, where there are new ones: the tool takes them all."""
        agent = self._agent
        awaited = agent.awaited == "allergy"
        agreed = awaited and understood.yes and agent.allergy_like and not any(understood.allergies)
        named = [one for one in understood.allergies if one] + ([agent.allergy_like] if agreed else [])
        sure, doubtful = self._sure_allergies(named, refused=awaited and understood.no)
        said = [one for one in sure if one not in agent.allergies]
        agent.allergies += said
        unnamed = "" in understood.allergies and understood.question is None and not agent.allergies
        denied = awaited and understood.no
        if denied and agent.allergy_like:  # not to that
            agent.allergy_like, denied, unnamed = "", False, True
        agent.allergy_unnamed = bool(doubtful) or ((agent.allergy_unnamed or unnamed) and not (sure or denied))
        if not agent.allergy_unnamed:
            agent.allergy_like, agent.allergy_heard, agent.times_allergy_asked = "", "", 0
        return replace(understood, allergies=tuple(agent.allergies) if said else ("",) if doubtful else ())

    def _sure_allergies(self, named: Sequence[str], *, refused: bool) -> tuple[list[str], list[str]]:
        """Those that are taken, and those that are asked about: of what was spoken, what is neither one of the
        fourteen nor on the menu, nor sounds the same as one of them, nor was heard twice; and all that may as well
        have been another. ``refused``: what it sounds like was wrong."""
        agent, sure, doubtful = self._agent, list[str](), list[str]()
        on_menu = {word for name in self._vocabulary.names for word in name}
        for one in named:
            known = not self._spoken or codes_in(one) or on_menu.intersection(stems(fold(one).split()))
            like = None if known else allergen_like(one, self._language)
            twice = fold(one) == agent.allergy_heard
            if self._misheard and self._spoken:
                like = like or (Alike(one, same=True) if known else None)
                doubtful.append(one)
                agent.allergy_like = like.name if like is not None and not (refused and twice) else ""
                agent.allergy_heard = fold(one)
            elif like is not None and (like.same or (like.name == agent.allergy_like and not refused)):
                sure.append(like.name)
            elif known or (twice and (refused or like is None)):
                sure.append(one)
            else:
                doubtful.append(one)
                agent.allergy_heard = fold(one)
                agent.allergy_like = like.name if like is not None and not refused else ""
        return sure, doubtful

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
        answer = self._told_beside(understood.question) if understood.question is not None else []
        spoken = [one for one in answer if isinstance(one, Say)]
        return [*spoken, *asks, *self._one_by_one([*calls, *(one for one in answer if isinstance(one, UseTool))])]

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
            asks.append(Say(phrases.which_halves if self._has("add_halves") else phrases.no_halves))
        if understood.tampers:
            asks.append(Say(phrases.no_tampering))
        return asks

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
        asked_name = agent.awaited in ("table_name", "spelling")
        if understood.customer and asked_name and self._has("book_table"):
            return [UseTool("book_table", wish | {"name": understood.customer})]
        if understood.table is not None and self._has("check_table"):
            return [UseTool("check_table", wish)]
        return self._missed() if asked_name else []

    def _inform(self, question: Question) -> list[Action]:
        """From the instructions' menu when it is about a dish, else from the tool."""
        told = menu_card.answer(self._menu, self._turn.language, question.item, question.size, question.topic)
        if told:
            self._agent.misses = 0
            return [Say(told), *self._ask_next()]
        if self._has(question.tool):
            return [UseTool(question.tool, question.arguments)]
        return self._missed()

    def _told_beside(self, question: Question) -> list[Action]:
        """The answer to a question that stood beside an order."""
        told = menu_card.answer(self._menu, self._turn.language, question.item, question.size, question.topic)
        if told:
            return [Say(told)]
        return [UseTool(question.tool, question.arguments)] if self._has(question.tool) else []

    def _signal(self, understood: Understood) -> list[Action]:
        """A sentence that changes nothing in the order: yes, no, that's all, again, goodbye."""
        agent, phrases = self._agent, self._phrases
        if understood.repeat and agent.last_said:
            return [Say(agent.last_said)]
        if understood.unsure_name:
            return [self._ask_to_spell()]
        if understood.restores and agent.removed is not None:
            return [line_again(agent.removed)]
        if agent.confirmed or ((understood.goodbye or understood.jest) and not agent.cart):
            return self._goodbye()
        if understood.read_back and self._has("read_cart"):
            return [UseTool("read_cart", {})]
        if agent.allergy_unnamed and (agent.allergy_like or agent.awaited != "allergy"):
            return self._ask_next()
        if (understood.yes or understood.no or understood.done) and agent.awaited in _OPEN_QUESTIONS:
            return self._missed()
        if not understood.nothing:
            agent.misses = 0
        if agent.awaited == "confirm" and understood.yes and agent.not_found:
            return [self._ask_not_found(plainly=True)]
        if agent.awaited == "confirm" and understood.yes and understood.unread:
            return [self._ask(phrases.what_to_change, "items")]
        if agent.awaited == "confirm" and understood.yes:
            return [UseTool("confirm_order", {})]
        if agent.awaited == "confirm" and understood.no:
            return [self._ask(phrases.what_to_change, "items")]
        if understood.no and not understood.done and understood.unread:
            return self._missed()  # "no, …" with a wish that was not understood
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
