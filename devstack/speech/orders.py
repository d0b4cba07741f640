"""What a sentence does to the cart: its phrases as adds, changes and removals, each with the menu's own names.

A change that takes an item which the sentence itself brought never reaches the cart. What may be one of several things
keeps them all (``choices``), for the agent to ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from devstack.speech.halves import AddHalves
from devstack.speech.lexicon import Lexicon
from devstack.speech.matching import fold
from devstack.speech.parsed import Parsed, Phrase, Trait, Wish
from devstack.speech.tokens import DOZEN
from devstack.speech.vocabulary import Vocabulary
from devstack.speech.words import stem, stems
from domain.amounts import worded
from domain.menu import Amount


@dataclass(frozen=True, slots=True)
class AddItem:
    """``choices`` are the items that ``item``, as the caller said it, may be; empty where it is one of the menu."""

    item: str
    size: str = ""
    quantity: int = 1
    modifiers: tuple[str, ...] = ()
    note: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangeItem:
    """``target`` is the item of the line to change; "" for the last line. ``quantity_more`` adds to what it has.

    ``part`` is how many of the line are meant, 0 for all.
    """

    target: str = ""
    item: str = ""
    size: str = ""
    quantity: int = 0
    quantity_more: int = 0
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    without: tuple[tuple[str, str], ...] = ()  # an option taken off where the line has it; else the wish to have none
    note: str = ""
    part: int = 0
    traits: tuple[Trait, ...] = ()  # of the line that is meant, where several are of the item
    other: bool = False  # not the last line, but the one before of the same item
    again: bool = False  # one more of it is wished for so, and it stays as it is
    alike: bool = False  # that one has all that it has, not its size alone

    @property
    def nothing(self) -> bool:
        changes = (
            self.item,
            self.size,
            self.quantity,
            self.quantity_more,
            self.add,
            self.remove,
            self.without,
            self.note,
        )
        return not any(changes)


@dataclass(frozen=True, slots=True)
class RemoveItem:
    """``item`` "" is the last line; ``everything`` empties the cart. ``quantity`` 0 is all of the line."""

    item: str = ""
    everything: bool = False
    quantity: int = 0
    choices: tuple[str, ...] = ()
    traits: tuple[Trait, ...] = ()


_PIECES = frozenset(stems(["piece", "pieces", "pcs", "part", "parts"]))

OrderIntent = AddItem | AddHalves | ChangeItem | RemoveItem


@dataclass(slots=True)
class _Chosen:
    """Wishes as the menu has them, for one item."""

    size: str = ""
    modifiers: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    without: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """For a new line: what is left out of it is a wish as another."""
        return ", ".join(dict.fromkeys((*self.notes, *(wish for _, wish in self.without))))


class OrderReader:
    """``in_cart`` are the items of the cart's lines, the last one spoken of last."""

    def __init__(
        self, parsed: Parsed, vocabulary: Vocabulary, lexicon: Lexicon, in_cart: Sequence[str], language: str
    ) -> None:
        self._parsed, self._outline, self._lexicon = parsed, vocabulary.outline, lexicon
        self._in_cart, self._language = list(in_cart), language
        self._intents: list[OrderIntent] = []

    def read(self) -> list[OrderIntent]:
        if self._parsed.removes_last and not self._parsed.phrases:
            return [RemoveItem()] if self._in_cart else []
        if self._parsed.last is not None and self._in_cart:
            self._intents += self._of_last(self._parsed.last)
        phrases = _without_headings(self._parsed.phrases)
        if self._parsed.last is not None and not self._in_cart:
            first = next((one for one in phrases if one.role == "add"), Phrase())
            first.wishes += self._parsed.last.wishes
            first.notes += self._parsed.last.notes
        _tell_new_from_old(phrases)
        olds = [(at, one) for at, one in enumerate(phrases) if one.role == "old"]
        taken_back = [at for at, one in olds if self._is_just_said(one, phrases[:at])]
        replaced = [one for at, one in olds if at not in taken_back]
        for at, phrase in enumerate(phrases):
            if phrase.told_apart:
                self._told_apart(phrase)
            elif phrase.role in ("remove", "deny") or at in taken_back:
                self._remove(phrase)
            elif phrase.role != "old":
                self._say(phrase, replaced)
        if len(replaced) < len(olds) - len(taken_back):  # one thing instead of several: the others go, too
            for phrase in replaced:
                self._remove(phrase)
        return self._intents

    def _is_just_said(self, phrase: Phrase, before: Sequence[Phrase]) -> bool:
        """``A burger, please. Instead of the burger a salad``: it stands in the same sentence, and in no cart."""
        said = {item for one in before if one.role in ("add", "new", "correct") for item in one.items}
        return not set(phrase.items) & set(self._in_cart) and bool(set(phrase.items) & said)

    # --- one phrase

    def _told_apart(self, phrase: Phrase) -> None:
        traits = tuple(phrase.traits)
        if phrase.role == "remove":
            self._intents.append(RemoveItem(traits=traits, quantity=phrase.quantity))
            return
        chosen = self._chosen("", phrase)
        change = ChangeItem(
            size=chosen.size,
            quantity=phrase.quantity,
            quantity_more=phrase.more,
            add=chosen.modifiers,
            remove=chosen.denied,
            without=chosen.without,
            note=", ".join(chosen.notes),
            traits=traits,
        )
        if not change.nothing:
            self._intents.append(change)

    def _say(self, phrase: Phrase, replaced: list[Phrase]) -> None:
        item = phrase.items[0] if len(phrase.items) == 1 else ""
        in_cart = item in self._in_cart
        added = next((one for one in reversed(self._intents) if isinstance(one, AddItem)), None)
        if replaced and replaced[0].items and phrase.role in ("add", "new", "correct"):
            old = replaced.pop(0).items[0]
            if old in self._in_cart and item:
                self._intents.append(replace(self._change(phrase, old), item=item))
                return
            if phrase.role == "new":
                return
        same = next((one for one in self._intents if isinstance(one, AddItem) and one.item == item), None)
        again = same and phrase.definite and not phrase.quantity
        if phrase.role in ("add", "target") and same and again:
            if self._says_more(phrase):  # else it is named again: "the Earl Grey, the lavender one"
                self._add_to(same, phrase)
        elif phrase.role == "correct" and (same or added) is not None:
            self._correct(same or added, phrase)
        elif (
            item and in_cart and (phrase.role in ("target", "correct") or (phrase.definite and self._says_more(phrase)))
        ):
            self._intents.append(self._change(phrase, item))
        elif phrase.role == "correct" and self._in_cart and (item or not phrase.items):
            self._intents.append(replace(self._change(phrase, ""), item=item or phrase.said))
        elif phrase.role != "target" or not phrase.items:
            self._intents += self._adds(phrase)

    def _add_to(self, added: AddItem, phrase: Phrase) -> None:
        """``Two burgers and a cola, the burgers without onions``: more of what was said before."""
        more = self._adds(phrase)[0]
        self._intents[self._intents.index(added)] = replace(
            added,
            size=more.size or added.size,
            modifiers=tuple(dict.fromkeys((*added.modifiers, *more.modifiers))),
            note=", ".join(filter(None, (added.note, more.note))),
        )

    def _says_more(self, phrase: Phrase) -> bool:
        return bool(phrase.quantity or phrase.wishes or phrase.notes or phrase.resized or phrase.more)

    def _remove(self, phrase: Phrase) -> None:
        for item in phrase.items:
            added = next(
                (one for one in self._intents if isinstance(one, AddItem) and item in (one.item, *one.choices)), None
            )
            if added is not None:  # by this same sentence: then it was never in the cart
                self._intents.remove(added)
                return
        there = [item for item in dict.fromkeys(self._in_cart) if item in phrase.items]
        if len(there) == 1:
            self._intents.append(
                RemoveItem(there[0], quantity=phrase.quantity, traits=_traits_of(phrase, "option", "size"))
            )
        elif there:
            self._intents.append(RemoveItem(phrase.said, choices=tuple(there)))

    def _correct(self, added: AddItem | None, phrase: Phrase) -> None:
        """A change of mind about the same thing said before, else about what was said last."""
        news = self._adds(phrase)
        if not news or added is None:
            return
        new = news[0]
        same = new.item == added.item
        at = len(self._intents) - 1 - self._intents[::-1].index(added)
        self._intents[at] = replace(
            new,
            size=new.size or added.size,
            quantity=phrase.quantity or added.quantity,
            modifiers=new.modifiers or (added.modifiers if same else ()),
            note=new.note or (added.note if same else ""),
        )
        self._intents += news[1:]

    def _adds(self, phrase: Phrase) -> list[AddItem]:
        """One line, or one for each part of it that is wished otherwise."""
        items = self._of_that_size(phrase)
        choices = items if len(items) > 1 else ()
        item = items[0] if len(items) == 1 else phrase.said
        quantity = max(phrase.quantity or self._counted(item, phrase), 1) + phrase.more
        whole = self._chosen(item, phrase)
        if not whole.size and phrase.quantity and (size := self._sized_by(item, phrase.quantity)):
            whole.size, quantity = size, 1
        base = AddItem(item, whole.size, quantity, whole.modifiers, whole.note, choices)
        if not phrase.parts:
            return [base]
        lines: list[AddItem] = []
        left, rest = quantity, 0
        for part in phrase.parts:
            own = self._without_rest(self._chosen(item, part), item, phrase)
            if own == _Chosen():
                rest = min(rest + part.quantity, left)  # "two for me": no other than the rest
                continue
            count = left - rest if part.more else min(part.quantity, left)
            left -= count
            rest = min(rest, left)
            if count:
                note = ", ".join(filter(None, (base.note, own.note)))
                kept = (
                    one
                    for one in base.modifiers
                    if not any(self._outline.excludes(item, one, new) for new in own.modifiers)
                )
                modifiers = tuple(dict.fromkeys((*kept, *own.modifiers)))
                lines.append(replace(base, size=own.size or base.size, quantity=count, modifiers=modifiers, note=note))
        return [replace(base, quantity=left), *lines] if left else lines

    def _of_that_size(self, phrase: Phrase) -> tuple[str, ...]:
        """What the phrase may mean: of several, those that come in the size that was said."""
        said = {size for wish in phrase.in_turn if wish.mention is not None for size in wish.mention.values("size")}
        fitting = tuple(item for item in phrase.items if said & {*self._outline.sizes.get(item, ())})
        return fitting if len(phrase.items) > 1 and fitting else phrase.items

    def _sized_by(self, item: str, quantity: int) -> str:
        """``A dozen wings``, where Twelve is a size of theirs; twelve pizzas are not one of 12 inches."""
        sizes = self._outline.sizes.get(item, ()) if quantity >= DOZEN // 2 else ()
        named = ((one, stems(fold(one).split())) for one in sizes)
        return next((one for one, said in named if said[0] == str(quantity) and {*said[1:]} <= _PIECES), "")

    def _counted(self, item: str, phrase: Phrase) -> int:
        """``Two corns``, where Two is the size of another thing: a number after all."""
        said = [*phrase.wishes, *phrase.resized]
        others = (wish for wish in said if wish.mention and wish.mention.values("size"))
        numbers = (stem(wish.said) for wish in others if not self._size(item, wish))
        return next((int(number) for number in numbers if number.isdigit()), 0)

    def _change(self, phrase: Phrase, target: str) -> ChangeItem:
        line = target or (self._in_cart[-1] if self._in_cart else "")
        item = phrase.items[0] if len(phrase.items) == 1 and phrase.items[0] != line else line
        chosen = self._chosen(item, phrase)
        return ChangeItem(
            target=target,
            size=chosen.size,
            quantity=phrase.quantity or self._counted(item, phrase),
            quantity_more=phrase.more,
            add=chosen.modifiers,
            remove=chosen.denied,
            without=chosen.without,
            note=", ".join(chosen.notes),
            traits=_traits_of(phrase, "option") if phrase.definite else (),
        )

    def _of_last(self, phrase: Phrase) -> list[OrderIntent]:
        intents: list[OrderIntent] = []
        for part in phrase.parts:
            change = replace(self._change(part, ""), quantity=0, part=max(part.quantity, 1))
            if part.again and change.nothing:
                phrase.more += 1
            else:
                intents.append(replace(change, again=part.again, alike=part.alike))
        whole = replace(self._change(phrase, ""), other=phrase.other)
        if not whole.nothing:
            intents.append(whole)
        return intents

    # --- wishes

    def _without_rest(self, chosen: _Chosen, item: str, phrase: Phrase) -> _Chosen:
        """``One decaf and one not decaf``: the second is as it comes."""
        plain = [part for part in phrase.parts if all(wish.amount == "regular" for wish in part.in_turn)]
        others = {name for part in plain for name in self._chosen(item, part).modifiers}
        left = tuple(one for one in chosen.without if one[0] not in others)
        return chosen if left == chosen.without else replace(chosen, without=left)

    def _chosen(self, item: str, phrase: Phrase) -> _Chosen:
        chosen = _Chosen(notes=tuple(phrase.notes))
        for wish in phrase.in_turn:
            size = self._size(item, wish)
            if size and (not chosen.size or wish in phrase.resized):
                chosen.size = size
            elif not size and (wish.mention is None or wish.mention.values("option")):
                before = chosen.modifiers
                self._choose(chosen, item, wish)
                if wish in phrase.resized and len(chosen.modifiers) > len(before):  # instead of the one of its group
                    new = chosen.modifiers[-1]
                    kept = (one for one in before if not self._outline.same_group(item, one, new))
                    chosen.modifiers = (*kept, new)
        chosen.modifiers = tuple(dict.fromkeys(chosen.modifiers))
        return chosen

    def _size(self, item: str, wish: Wish) -> str:
        """The item's size of that name; any where the item's are not known. "" also for one that it does not have."""
        if wish.mention is None or wish.amount != "regular":
            return ""
        return next((size for size in wish.mention.values("size") if self._outline.has_size(item, size)), "")

    def _choose(self, chosen: _Chosen, item: str, wish: Wish) -> None:
        """The option by its own name where it is certain. How much of it goes with it where that may be had, else as a
        note; what no option is called so is for the tool to refuse, or for a note when it says how much."""
        readings = [
            one
            for one in (wish.mention.readings if wish.mention is not None else ())
            if one.kind == "option"
            and self._outline.offers(item, one.value)
            and (one.amount != "without" or wish.amount == "without")  # "two sugars" are not "No sugar"
        ]
        exact = [one.value for one in readings if one.amount == wish.amount]
        plain = [one.value for one in readings if one.amount == "regular"]
        one = plain[0] if len(plain) == 1 else ""
        worded_wish = self._words(wish.amount, wish.said)
        if wish.denied and len(plain) > 1 and {*plain} & {*chosen.modifiers}:
            return  # "almond milk instead of regular milk"
        if wish.denied:
            chosen.denied = (*chosen.denied, *plain)
            chosen.modifiers = tuple(name for name in chosen.modifiers if name not in plain)
        elif len(exact) == 1:
            chosen.modifiers = (*chosen.modifiers, exact[0])
        elif wish.amount == "without":
            chosen.without = (*chosen.without, (one, worded_wish))
            chosen.denied = (*chosen.denied, *(one.value for one in readings if one.amount == "extra"))
            chosen.modifiers = tuple(name for name in chosen.modifiers if name not in plain)
        elif wish.amount == "regular":
            chosen.modifiers = (*chosen.modifiers, readings[0].value if len(readings) == 1 else wish.said)
        elif one and self._outline.has_amount(item, one, wish.amount):
            chosen.modifiers = (*chosen.modifiers, self._words(wish.amount, one))
        else:
            is_more = wish.amount == "extra" and one and one not in chosen.modifiers
            chosen.modifiers = (*chosen.modifiers, one) if one and not wish.sparing else chosen.modifiers
            chosen.notes = chosen.notes if is_more else (*chosen.notes, worded_wish)

    def _words(self, amount: Amount, name: str) -> str:
        return worded(amount, name, self._language)


def _traits_of(phrase: Phrase, *kinds: Literal["option", "size"]) -> tuple[Trait, ...]:
    """``The burger with avocado`` is the one that has it, where there are several."""
    said = (wish for wish in phrase.wishes if wish.mention is not None and wish.amount == "regular")
    named = (wish.mention.values(*kinds) for wish in said if wish.mention is not None)
    return tuple(Trait(names) for names in named if names)


def _tell_new_from_old(phrases: Sequence[Phrase]) -> None:
    """``Instead of the burger, two salads``: what is counted behind what is named is what comes in its place."""
    for old, one in pairwise(phrases):
        if old.role == one.role == "old" and not old.quantity and one.quantity and not one.definite:
            one.role = "new"


def _without_headings(phrases: Sequence[Phrase]) -> list[Phrase]:
    """``Two pizzas, a pepperoni and a hawaiian``: the first names what the others are."""
    kept = list(phrases)
    for at, phrase in enumerate(phrases):
        if phrase.role != "add" or not phrase.items:
            continue
        if len(phrase.items) == 1:
            if _is_counted_out(phrase, phrases[at + 1 :]):
                kept.remove(phrase)
            continue
        own = [one for one in phrases[at + 1 :] if one.items and set(one.items) <= set(phrase.items)]
        if own and sum(max(one.quantity, 1) for one in own) == max(phrase.quantity, 1):
            kept.remove(phrase)
            for one in own:
                one.wishes = [*one.wishes, *phrase.wishes]
    return kept


def _is_counted_out(phrase: Phrase, following: Sequence[Phrase]) -> bool:
    """``Two rolls, one with egg and one with tuna``, where "roll" alone is the name of one of them."""
    said, left, sorts = {*stems(fold(phrase.said).split())}, phrase.quantity, set[str]()
    if left < 2 or phrase.wishes or phrase.notes or phrase.parts:
        return False
    for one in following:
        if left <= 0 or one.role != "add" or len(one.items) != 1 or not one.quantity:
            break
        if not said < {*stems(fold(one.items[0]).split())}:
            return False
        left -= one.quantity
        sorts.add(one.items[0])
    return left == 0 and len(sorts) > 1
