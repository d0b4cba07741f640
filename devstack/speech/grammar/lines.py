"""What points at things spoken of before: the one with olives, another, both, one of them, one for somebody."""

from __future__ import annotations

from devstack.speech.grammar.heads import Heads
from devstack.speech.grammar.state import is_size
from devstack.speech.matching import fold
from devstack.speech.mentions import Mention
from devstack.speech.parsed import Opening, Phrase, Trait, Wish
from devstack.speech.tokens import Token
from devstack.speech.vocabulary import Reading
from devstack.speech.words import stem

_BINDING = ("with", "neg", "not", "light", "extra", "on", "for", "instead_of")


class Lines(Heads):
    # --- told apart

    def _is_told_apart(self) -> bool:
        """``The one with``: a line of the cart is pointed at by what it has."""
        named = self._np is not None and bool(self._np.wishes)
        return not named and self._open is None and bool(self._in_cart) and self._peek() in ("with", "neg")

    def _is_told_by_size(self) -> bool:
        """``Remove the large one``, ``enlevez la grande``."""
        mention = self._next_mention()
        if mention is None or not mention.values("size") or mention.values("item", "category"):
            return False
        before = self._before()
        if before is None or not (before.kind == "neg" or (before.kind == "not" and self._declines)):
            return False
        if self._open is not None or not self._in_cart:
            return False
        return self._tokens[self._at + 1 : self._at + 2] == [] or self._peek(1) not in (
            "mention",
            "of",
            "the",
            "unknown",
        )

    def _tell_apart(self) -> None:
        self._np = None
        self._open = Phrase(role="remove" if self._role in ("remove", "deny") else "target", told_apart=True)
        self._parsed.phrases.append(self._open)
        absent = self._peek() == "neg"
        self._at += 1
        while self._at < len(self._tokens) and not self._tokens[self._at].stop:
            mention = self._next_mention()
            following = self._tokens[self._at + 1].mention if self._at + 1 < len(self._tokens) else None
            if mention is not None and mention.values("option", "size"):
                self._open.traits.append(Trait(mention.values("option", "size"), absent))
            elif self._peek() not in ("the", "a", "of") and not (self._peek() == "and" and following is not None):
                break
            self._at += 1

    # --- more of them

    def _on_another(self, token: Token) -> None:
        self._close()
        if self._open is None and self._in_cart and self._peek() in _BINDING:
            self._repeat_last(alike=False)
            return
        if self._open is not None and self._open.items and self._peek() in _BINDING:
            self._repeat(self._open, alike=False)
            return
        self._begin().quantity = 1

    def _on_again(self, token: Token) -> None:
        following = self._next_mention()
        if following is not None and following.values("item", "category") and not self._tokens[self._at].stop:
            self._on_another(token)
            return
        self._close()
        alike = token.said not in self._lexicon.others
        if self._peek() in ("filler", "a") and self._peek(1) == "mention" and not self._tokens[self._at].stop:
            self._at += 1  # "le même en moyen"
        if self._open is not None and (self._peek() in _BINDING or self._next_says_size()):
            self._repeat(self._open, alike=alike)
        elif self._open is None and self._in_cart:
            self._repeat_last(alike=alike)
        else:
            self._target().more += 1

    def _next_says_size(self) -> bool:
        mention = self._next_mention()
        return mention is not None and not self._next_stops() and bool(mention.values("size"))

    def _repeat_last(self, *, alike: bool) -> None:
        self._part = Phrase(quantity=1, again=True, alike=alike)
        self._owner().parts.append(self._part)

    def _repeat(self, phrase: Phrase, *, alike: bool) -> None:
        """``The same again with olives`` has all of the first, ``another one with olives`` its size."""
        wishes = [wish for wish in phrase.wishes if alike or is_size(wish)]
        self._open = Phrase(phrase.items, phrase.said, phrase.is_category, wishes=wishes, alike=alike)
        self._parsed.phrases.append(self._open)
        self._part = None

    def _on_more(self, token: Token) -> None:
        if self._np is not None and self._np.quantity and not self._np.wishes:
            np, self._np = self._np, None
            self._target().more += np.quantity

    # --- some of them

    def _on_other(self, token: Token) -> None:
        self._close()
        if self._role in ("remove", "deny"):  # "one without, the others …"
            self._role, self._amount, self._carried, self._bound = "add", "regular", "regular", False
        said = self._parsed.phrases[-1] if self._parsed.phrases else None
        if self._open is None and said is not None and said.role == "add" and said.parts:
            self._open = said  # "two lattes. I'd like one of them with … and the other …"
        if self._open is not None:
            self._begin().other = True
        elif self._in_cart and not self._parsed.phrases:
            self._owner().other = True

    def _on_both(self, token: Token) -> None:
        """What was just said is of all; and what is said next, where they were told apart."""
        if self._open is not None and self._open.parts:
            self._close()
            whole, self._part = self._open, None
            for owner, wish in self._recent:
                if owner in whole.parts and wish in owner.wishes and not is_size(wish):
                    owner.wishes.remove(wish)
                    whole.wishes.append(wish)
        elif not self._recent:
            self._all = [one for one in self._parsed.phrases if one.role == "add"]
        if len(self._parsed.phrases) > 1 and self._open is not None and self._open.quantity <= 1:
            for phrase in self._parsed.phrases[:-1]:
                phrase.wishes += [wish for owner, wish in self._recent if owner is not phrase]

    def _on_those(self, token: Token) -> None:
        self._said_of_those = self._np is not None and bool(self._np.quantity)

    def _on_of_which(self, token: Token) -> None:
        self._of_which = self._open is not None

    def _on_fewer(self, token: Token) -> None:
        """``One beer less``, ``one fewer``."""
        np, self._np = self._np, None
        if self._open is not None and self._open.quantity and {*self._open.items} & {*self._in_cart}:
            self._open.role = "remove"
        elif np is not None and np.quantity and self._open is None:
            self._parsed.phrases.append(Phrase(tuple(self._in_cart[-1:]), role="remove", quantity=np.quantity))

    def _on_ones(self, token: Token) -> None:
        """``Ten large ones``: of what was spoken of last."""
        before = next((one.items for one in reversed(self._parsed.phrases) if one.items), self._in_cart[-1:])
        if self._pointing and self._np is not None and self._np.definite and self._points_by_size(self._np):
            self._np = None
        elif self._np is not None and self._open is None and before:
            self._head(tuple(before), token.said, self._np)
        elif self._np is None and " " in token.said and before:
            self._apart()

    def _points_by_size(self, np: Opening) -> bool:
        """``Two large and two small, with milk in the large ones``."""
        sizes = {size for wish in np.wishes if wish.mention is not None for size in wish.mention.values("size")}
        named = [part for one in self._parsed.phrases for part in (one, *one.parts)]
        meant = [
            one
            for one in named
            if any(wish.mention is not None and sizes & {*wish.mention.values("size")} for wish in one.wishes)
        ]
        if len(meant) != 1:
            return False
        for owner, wish in self._recent:
            if wish in owner.wishes and not is_size(wish):
                owner.wishes.remove(wish)
                meant[0].wishes.append(wish)
        return True

    def _apart(self) -> None:
        """``Oat milk in one of them``, ``make one of them large``: one alone, with what was just said and what is."""
        whole = self._owner()
        said = [] if self._tokens[self._at - 1].stop else [wish for owner, wish in self._recent if owner is whole]
        self._all = []
        whole.wishes = [wish for wish in whole.wishes if wish not in said]
        self._part = Phrase(quantity=1, wishes=said)
        whole.parts.append(self._part)

    # --- on it, for somebody

    def _on_with(self, token: Token) -> None:
        if self._np is not None and (self._np.quantity or self._np.other):
            self._bound = True
            self._close()
        before = self._before()
        if before is not None and before.kind == "neg":  # "none with cream"
            return
        self._amount, self._carried, self._bound, self._listing = "regular", "regular", True, True
        self._after_stop = self._pointing = False

    def _on_on(self, token: Token) -> None:
        """Also ``to``, ``for``: they point at what the words before it belong to."""
        if self._peek() == "other":
            self._close()  # "and for the other"
            return
        if self._role == "old":
            self._close()
            self._role = "new" if self._old() is not None else "add"
            self._correcting = self._role == "add" and not self._recent  # "swap that for a cola"
            self._amount, self._bound, self._carried = "regular", False, "regular"
            return
        mention = self._next_mention()
        is_option = mention is not None and mention.values("option") and not mention.values("item", "category")
        if token.said in self._lexicon.served_on and is_option and self._open is not None:
            self._on_with(token)
            return
        if token.said in self._lexicon.for_whom and self._sized_for():
            return
        if token.said in self._lexicon.for_whom and self._is_for_somebody():
            self._serve()
            return
        if self._np is not None and self._np.quantity == 1 and self._open is None:
            wishes = self._np.wishes
            if wishes and not any(map(is_size, wishes)):
                self._np.quantity = 0  # "un œuf sur la pizza": an article
        self._close()
        self._bound, self._pointing = True, True
        self._amount = "regular"

    def _sized_for(self) -> bool:
        """``A tart for six``, where six is how its size is called."""
        if self._open is None or self._peek() != "number":
            return False
        said = self._tokens[self._at]
        sizes = [size for item in self._open.items for size in self._outline.sizes.get(item, ())]
        size = next((one for one in sizes if stem(fold(one).split()[0]) == str(said.number)), "")
        has_one = any(wish.mention and {*wish.mention.values("size")} & {*sizes} for wish in self._open.wishes)
        if not size or has_one:
            return False
        mention = Mention(said.start, said.end, (Reading("size", size),), 1.0)
        self._target().wishes.append(Wish("regular", said.said, mention))
        self._at += 1
        return True

    def _is_for_somebody(self) -> bool:
        """``And one for my wife``: the words behind it name nothing of the menu."""
        if self._np is None or not self._np.quantity or self._np.wishes or self._open is None or not self._open.items:
            return False
        before = ("the", "a", "filler", "unknown")
        said = [token for token in self._tokens[self._at : self._at + 3] if not token.stop]
        return bool(said) and said[0].kind in before and said[0].said not in ("here", "now")

    def _serve(self) -> None:
        """A part of what was ordered for several, else as many more of it; the one whom it is for is no matter."""
        assert self._np is not None and self._open is not None
        np, whole, self._np = self._np, self._open, None
        if np.quantity < whole.quantity:
            self._part = Phrase(quantity=np.quantity)
            whole.parts.append(self._part)
        else:
            self._repeat(whole, alike=False)
            self._open.quantity = np.quantity
            self._served.append((whole, self._open))
        self._pointing = False
        while self._peek() in ("the", "a", "filler", "unknown") and not self._tokens[self._at].stop:
            self._at += 1

    def _join_served(self) -> None:
        """Two of one thing, where neither is wished otherwise."""
        for first, other in self._served:
            if not (other.parts or other.notes or first.parts or first.notes) and other.wishes == first.wishes:
                first.quantity = max(first.quantity, 1) + other.quantity
                self._parsed.phrases.remove(other)
