"""What is said of a thing: its sizes, its options and how much of them, notes for the kitchen."""

from __future__ import annotations

from devstack.speech.grammar.state import State, has_size, is_size
from devstack.speech.matching import fold
from devstack.speech.parsed import Phrase, Wish
from domain.menu import Amount

MAX_NOTE_WORDS = 4


class Wishes(State):
    def _wish(self, wish: Wish) -> None:
        if wish.amount == "without" and self._role == "remove" and self._before_item() and has_size(wish):
            wish.amount = "regular"  # "remove the large pepperoni"
            self._begin().wishes.append(wish)
            return
        if self._np is not None and self._np.halved and is_size(wish):
            self._np.halved = False
            return
        if self._pointing and self._np is None and wish.amount == "regular" and not self._before_item():
            return  # "room for milk"
        if self._role == "deny" and not self._declines:
            wish.denied = True
        elif self._role == "old" and not is_size(wish):
            wish.amount, wish.denied = "without", True
        begins_item = self._before_item() and not (self._bound and wish.amount != "regular")
        points = self._np is not None and self._pointing and self._np.definite and is_size(wish)  # "in the large ones"
        if (self._np is not None and (points or not (self._np.quantity == 0 and self._bound))) or begins_item:
            self._begin().wishes.append(wish)
        elif self._after_stop and self._carried == "without" and wish.amount == "regular" and not self._bound:
            self._unsure_of(wish)
        else:
            self._take(wish)
        if wish.amount == "without" and not wish.denied:
            self._carried = "without"
        self._amount, self._bound = "regular", False

    def _unsure_of(self, wish: Wish) -> None:
        """``No onions, pickles``: with or without them?"""
        is_size = wish.mention is not None and wish.mention.values("size")
        if is_size:
            self._take(wish)
        else:
            self._parsed.unsure.append(wish.said)

    def _take(self, wish: Wish) -> None:
        if self._either and self._recent and wish.amount == "regular" and not is_size(wish):
            owner, before = self._recent[-1]
            self._either = False
            if before.amount == "regular" and not is_size(before) and before in owner.wishes:
                owner.wishes.remove(before)
                self._parsed.unsure += [before.said, wish.said]
                return
        self._either = False
        target = self._target()
        if target is self._open and (self._correcting or target.alike):
            target.said_first = target.said_first if target.resized else len(target.wishes)
            target.resized.append(wish)
            self._corrected = self._correcting
        else:
            target.wishes.append(wish)
        self._recent.append((target, wish))
        self._give_all(wish, target)

    def _give_all(self, wish: Wish, target: Phrase) -> None:
        for phrase in self._all:
            if phrase is not target:
                phrase.wishes.append(wish)

    def _counted_option(self) -> str:
        """What ``two`` counts in ``with two pumps of syrup``; "" where it is no option."""
        for token in self._tokens[self._at :]:
            if token.mention is not None:
                is_option = token.mention.values("option") and not token.mention.values("item", "size", "category")
                return token.said if is_option else ""
            if token.stop or token.kind not in ("filler", "of", "extra"):
                return ""
        return ""

    def _note(self, amount: Amount, text: str) -> None:
        if self._role == "deny":
            return
        wish = Wish(amount, text.lower())
        if self._np is not None and self._open is None:
            self._np.wishes.append(wish)
        else:
            self._target().wishes.append(wish)
            self._recent.append((self._target(), wish))
            self._give_all(wish, self._target())
        self._amount, self._bound = "regular", False

    def _remark(self, text: str) -> None:
        """Words right behind an item: told to the kitchen as they are, unless they are a claim. A single one is more
        often what kind of dish it is."""
        words = text.lower().split()
        if 1 < len(words) <= MAX_NOTE_WORDS and not {*fold(text).split()} & self._lexicon.claims:
            self._target().notes.append(text.lower())
