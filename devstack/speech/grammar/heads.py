"""The things spoken of: items of the menu, what may be one of several, and names that nobody knows."""

from __future__ import annotations

from devstack.speech.grammar.state import is_size
from devstack.speech.grammar.wishes import Wishes
from devstack.speech.matching import fold
from devstack.speech.mentions import Mention
from devstack.speech.parsed import Opening, Phrase, Wish
from devstack.speech.tokens import Token
from devstack.speech.vocabulary import SIZE_WORDS
from devstack.speech.words import stem, stems

_ADDS = ("add", "ajout", "rajout")
_FLAVOURED = ("flavored", "flavoured")
_ONE = frozenset(("one", "un", "une"))


class Heads(Wishes):
    # --- an opening that no head came for

    def _close(self) -> None:
        """No head came: what was opened belongs to the phrase before it, or to the last line."""
        np, self._np = self._np, None
        if np is None:
            return
        if np.unknown and np.quantity and self._splits_unknown(np):
            wishes = [*np.wishes, Wish("regular", " ".join(np.unknown))]
            self._part = Phrase(quantity=np.quantity, wishes=wishes)
            self._owner().parts.append(self._part)
            return
        if np.unknown:
            if self._says_how(np):
                self._unheard(" ".join([*([str(np.quantity)] if np.quantity else []), *np.unknown]))
            elif np.quantity or np.indefinite or np.wanted:
                self._head((), " ".join(np.unknown), np)
            return
        if np.quantity and self._asked_about and not (self._open or self._parsed.phrases or self._correcting):
            self._head((self._asked_about,), self._asked_about, np)  # "I'll take two of those"
            return
        if self._is_another_size(np):
            self._head(self._open.items if self._open else (), self._open.said if self._open else "", np)
            return
        if self._open is None and not self._in_cart and (sized := self._named_by_size(np)):
            self._head((sized,), sized, np)
            return
        if self._open is None:
            self._open = self._divided(np)
        if self._open is not None:
            self._count_by_size(np, self._open.items)
        target = self._target() if not np.quantity else self._owner()
        if np.other or (np.quantity and self._splits(np)):
            part = Phrase(quantity=np.quantity, wishes=np.wishes)
            part.more = 1 if np.other else 0
            self._owner().parts.append(part)
            self._part = part
            return
        if np.quantity > max(target.quantity, 1) and not self._correcting and not any(map(is_size, np.wishes)):
            self._parsed.once += [wish.said for wish in np.wishes]
        if np.quantity and self._amount == "extra":
            target.more += np.quantity
            self._amount = "regular"
        elif np.quantity and (self._correcting or target is self._parsed.last or self._said_of_those):
            target.quantity = np.quantity
            self._corrected = self._correcting
        elif self._counts_what_was_named(np):
            target.quantity = np.quantity
        for wish in np.wishes:
            self._take(wish)
        self._said_of_those = False

    def _named_by_size(self, np: Opening) -> str:
        """``A teapot``, where tea alone comes in one."""
        said = {size for wish in np.wishes if wish.mention is not None for size in wish.mention.values("size")}
        telling = {size for size in said if fold(size) not in SIZE_WORDS and not stem(fold(size)).isdigit()}
        named = [item for item, sizes in self._outline.sizes.items() if telling & {*sizes}]
        return named[0] if len(named) == 1 and (np.quantity or np.indefinite) else ""

    def _says_how(self, np: Opening) -> bool:
        """``I'd like it with a syrup``, ``served at a zorglub``: nothing else than the dish that was spoken of."""
        is_with = self._bound and self._listing and self._amount == "regular" and not np.quantity
        return self._role == "add" and (self._of_it or is_with) and (self._open is not None or bool(self._in_cart))

    def _unheard(self, text: str) -> None:
        """What nobody knows and may change what was ordered: it is refused as an option, and asked about."""
        if self._open is not None or self._parsed.phrases or self._in_cart:
            self._target().wishes.append(Wish("regular", text.lower()))

    def _recount(self, token: Token) -> bool:
        """``No, not one soup, two``: as many of what is on the order, and none of it is taken off."""
        denied = self._open
        if denied is None or denied.wishes or not token.stop or not self._ends() or len(denied.items) != 1:
            return False
        contradicts = denied.role == "deny" and bool(denied.quantity)  # "pas une" is one word, and takes away
        contradicts |= denied.role == "remove" and self._tokens[0].kind == "no" and not denied.quantity
        if not contradicts or denied.items[0] not in self._in_cart:
            return False
        denied.role, denied.quantity, self._role = "target", token.number, "add"
        return True

    def _divided(self, np: Opening) -> Phrase | None:
        """``Two lattes? I want one regular and one decaf``: the sentence before is of the same ones."""
        last = next(reversed(self._parsed.phrases), None)
        if last is None or last.role != "add" or not last.items or self._correcting:
            return None
        is_part = 0 < np.quantity < last.quantity and (bool(np.wishes) or self._bound or np.plain)
        return last if is_part else None

    def _counts_what_was_named(self, np: Opening) -> bool:
        """``Fish cakes, two``; ``four snails, hmm, five``."""
        if self._open is None or self._open.parts or np.wishes or self._bound or self._pointing:
            return False
        if self._peek() in ("mention", "unknown"):
            return False
        return self._open.role == "add" and np.quantity > self._open.quantity and bool(self._open.items)

    def _is_another_size(self, np: Opening) -> bool:
        """ "Three small ones and a medium": what has its size is not divided by another; ``one regular and one decaf``
        are two."""
        if self._open is not None and self._open.plain and np.listed and np.quantity and np.wishes:
            return True
        if self._open is None or self._correcting or not self._open.items or not (np.quantity or np.indefinite):
            return False
        if np.plain and np.listed and np.quantity and self._open.wishes and self._open.quantity <= 1:
            return True
        return all(any(is_size(wish) for wish in one) for one in (np.wishes, self._open.wishes))

    def _splits_unknown(self, np: Opening) -> bool:
        """``Two of them, one zorglub and the other large``: no other thing, but how one of them is to be."""
        if self._open is None or not self._open.items or np.quantity >= self._open.quantity:
            return False
        return (self._peek(), self._peek(1)) == ("and", "other") or self._peek() == "other"

    def _splits(self, np: Opening) -> bool:
        """ "One large and one small" of two things; "a large one" of one says its size only."""
        open_ = self._open
        if self._correcting or (self._said_of_those and not (np.wishes or self._bound)):
            return False
        if open_ is None:
            return not self._parsed.phrases and bool(self._in_cart) and (bool(np.wishes) or self._bound)
        total = max(open_.quantity, 1)
        return total > 1 and np.quantity < total and (bool(np.wishes) or self._bound or np.plain)

    # --- menu words

    def _on_mention(self, token: Token) -> None:
        mention = token.mention
        assert mention is not None
        items = self._narrowed(token) or mention.values("item")
        if self._amount == "without" and not self._bound and token.said.split()[0] in self._more_words:
            self._amount = self._carried = "regular"  # "no ham and extra cheese"
        if items and (self._names_the_head_again(token) or self._is_measured(token)):
            return
        if self._sounds_so_in_list(mention, items) or self._is_with_a_part(mention, items):
            self._note("regular", token.text)
            return
        if self._is_before_another(token, items):
            self._begin().unknown.append(token.text)
            return
        if self._describes_unknown(mention):
            self._note("regular", f"{token.text} {self._tokens[self._at].text}")
            self._at += 1
            return
        if self._is_part_of_it(mention, items):
            self._note(self._amount, token.text)
            return
        if self._is_wish(mention, items):
            self._wish(Wish(self._amount, token.said, mention, self._sparing and self._amount == "light"))
        elif self._is_ingredient(mention, items):
            self._note("without", token.text)  # onions, where only the soup is called so
        elif items:
            self._head(items, token.text, self._np)
        elif not (self._touches_head(token) or self._before_item()):
            self._head(mention.values("category"), token.text, self._np, is_category=True)

    def _names_the_head_again(self, token: Token) -> bool:
        """``An English Breakfast tea``, where another tea alone has the word in its name: it says what kind it is."""
        before, mention = self._before(), token.mention
        if before is None or before.mention is None or mention is None or token.stop or self._np is not None:
            return False
        both = {*before.mention.values("item")} & {*mention.values("item")}
        if both and self._open is not None and both & {*self._open.items}:
            self._open.items = tuple(one for one in self._open.items if one in both)  # "a ginger … cold steep tea"
            return True
        is_head = any(one.kind == "item" and one.whole for one in before.mention.readings)
        return is_head and self._lexicon.is_head_last and not any(one.whole for one in mention.readings)

    def _sounds_so_in_list(self, mention: Mention, items: tuple[str, ...]) -> bool:
        """``With oat milk and cholate``: what a dish is to be with is no other dish for its sound alone."""
        return bool(items) and mention.misheard and self._listing and self._np is None and self._open is not None

    def _is_with_a_part(self, mention: Mention, items: tuple[str, ...]) -> bool:
        """``A latte with chocolate``, where only hot chocolate is called so: no drink more."""
        before = self._before()
        is_bound = self._bound or (before is not None and before.kind == "and")
        if not items or not is_bound or not self._listing or self._amount != "regular" or self._role != "add":
            return False
        is_part = not any(one.whole for one in mention.readings) and not mention.values("option", "size")
        return is_part and self._np is None and self._open is not None and not self._is_known(items)

    def _is_before_another(self, token: Token, items: tuple[str, ...]) -> bool:
        """``A chocolate latte``, where chocolate is a part of another's name."""
        if not items or token.mention is None or any(one.whole for one in token.mention.readings):
            return False
        at = self._at + (self._at < len(self._tokens) and self._tokens[self._at].said in _FLAVOURED)
        following = self._tokens[at].mention if at < len(self._tokens) and not self._tokens[at].stop else None
        if following is None or self._next_stops() or self._role != "add" or not self._lexicon.is_head_last:
            return False
        whole = [one.value for one in following.readings if one.kind == "item" and one.whole]
        return bool(whole) and not {*whole} & {*items}

    def _describes_unknown(self, mention: Mention) -> bool:
        """``Double chocolate``, where Double is an option of its own."""
        if self._peek() != "unknown" or self._next_stops() or self._np is not None or self._open is None:
            return False
        if self._tokens[self._at].said in self._lexicon.measures:
            return False  # "double shots"
        said = {word for one in mention.values("option") for word in fold(one).split()}
        return bool(said) and not mention.values("item", "size") and said <= self._lexicon.weak_words and self._listing

    def _is_part_of_it(self, mention: Mention, items: tuple[str, ...]) -> bool:
        """``A bagel with cream cheese, light on the cream cheese``: no second bagel."""
        if self._amount not in ("light", "extra", "side") or not self._bound or self._open is None:
            return False
        return bool({*items} & {*self._open.items}) and not any(one.whole for one in mention.readings)

    def _is_measured(self, token: Token) -> bool:
        """``With two espresso shots``, ``and a shot of espresso``: a part of the dish before, and no other dish."""
        measures, lexicon = self._tokens[self._at : self._at + 1], self._lexicon
        behind = bool(measures) and not measures[0].stop and measures[0].said in lexicon.measures
        before = [one.said for one in self._tokens[max(0, self._at - 3) : self._at - 1]]
        is_of = len(before) == 2 and before[0] in lexicon.measures and self._tokens[self._at - 2].kind == "of"
        if self._open is None or not self._open.items or not (behind or is_of):
            return False
        self._at += behind
        self._np = None
        self._amount = "regular"
        self._note("regular", f"{token.text} {measures[0].text}" if behind else f"{before[0]} {before[1]} {token.text}")
        return True

    def _narrowed(self, token: Token) -> tuple[str, ...]:
        """``Quatre éclairs, deux au café``: of the things called so, the one with that in its name."""
        before = self._before()
        if before is None or before.kind != "of" or self._np is None or not self._np.quantity:
            return ()
        several = next((one.items for one in reversed(self._parsed.phrases) if len(one.items) > 1), ())
        said = {*stems(token.said.split())}
        fitting = tuple(item for item in several if said <= {*stems(fold(item).split())})
        return fitting if len(fitting) == 1 else ()

    def _is_ingredient(self, mention: Mention, items: tuple[str, ...]) -> bool:
        """``No onions``, where only the soup is called so."""
        if not items or self._amount != "without" or self._role != "remove" or self._is_known(items):
            return False
        if self._open is not None:
            return True
        whole = any(one.whole for one in mention.readings if one.kind == "item")
        return not whole and not any(self._is_head(mention, item) for item in items)

    def _is_head(self, mention: Mention, item: str) -> bool:
        """Whether the words say what kind of thing it is, and not what is in it."""
        name = fold(item).split()
        said = " ".join(token.said for token in self._tokens if token.mention is mention)
        return stem(name[-1 if self._lexicon.is_head_last else 0]) in stems(said.split())

    def _is_wish(self, mention: Mention, items: tuple[str, ...]) -> bool:
        """Whether an option or a size is meant, and not an item of the same name."""
        small = mention.values("option", "size")
        if not small or not (items or mention.values("category")):
            return bool(small)
        if self._role != "add" and any(item in self._in_cart for item in items) and not self._open:
            return False
        heads = self._open.items if self._open is not None else self._in_cart[-1:]
        offered = any(self._outline.offers(item, one) for item in heads for one in mention.values("option"))
        whole_item = any(one.whole for one in mention.readings if one.kind == "item")
        if offered and (self._bound or self._np is None):
            return True
        if self._before_item() and not whole_item:
            return True
        return not whole_item and offered

    def _touches_head(self, token: Token) -> bool:
        """``A pepperoni pizza``: the category's word says nothing more."""
        before = self._before()
        return (
            before is not None
            and before.mention is not None
            and bool(before.mention.values("item"))
            and not token.stop
            and self._np is None
        )

    # --- a head

    def _head(self, items: tuple[str, ...], said: str, np: Opening | None, *, is_category: bool = False) -> None:
        self._np, self._of_it = None, False
        np = np or Opening()
        if np.unknown and items and self._role == "add":  # "an upside down macchiato"
            items, said = (), " ".join([*np.unknown, said])
        if self._is_left_out_of():
            self._role, self._pointing, np.definite = "add", True, True
        if np.halved:
            self._parsed.halves = True
            return
        self._count_by_size(np, items)
        if self._is_alternative(items):
            return
        if self._of_which and self._open is not None and 0 < np.quantity < self._open.quantity:
            self._open.quantity -= np.quantity
        self._of_which = False
        known = [
            item for item in items if item in self._in_cart or any(item in one.items for one in self._parsed.phrases)
        ]
        if (
            len(items) > 1
            and len(set(known)) == 1
            and (np.definite or self._correcting or self._role in ("remove", "deny", "old"))
        ):
            items = (known[0],)
        phrase = Phrase(items, said, is_category, self._role, np.quantity, 0, np.definite, np.wishes)
        phrase.plain = np.plain and np.quantity == 1
        phrase.notes += np.notes
        if self._pointing and np.definite and items and items[0] in known:
            phrase.role = "target"
            self._point_at(phrase)
        elif self._pointing and self._parsed.last is not None and not self._parsed.phrases:
            phrase.wishes += self._parsed.last.wishes
            self._parsed.last = None
        elif phrase.role == "add" and (
            self._correcting or (self._only and np.quantity and {*items} & {*self._in_cart})
        ):
            phrase.role = "correct"  # "only one cola", where there are two
        is_there = phrase.role not in ("deny", "remove") or bool(known) or self._open is None
        self._parsed.phrases.append(phrase)
        if is_there:  # "not too spicy": what follows is of the dish before
            self._open, self._part = phrase, None
        self._amount, self._bound, self._pointing, self._listing, self._wanting = "regular", False, False, False, False
        self._carried, self._correcting, self._corrected, self._recent = "regular", False, False, []
        self._all, self._only = [], False
        if phrase.role == "new":
            self._role = "add"

    def _count_by_size(self, np: Opening, items: tuple[str, ...]) -> None:
        """``Four toasts``, where Four is the size of another thing: a number after all."""
        for wish in [one for one in np.wishes if is_size(one) and (stem(one.said).isdigit() or one.said in _ONE)]:
            sizes = wish.mention.values("size") if wish.mention is not None else ()
            if (
                items
                and not np.quantity
                and not any(self._outline.has_size(one, size) for one in items for size in sizes)
            ):
                np.quantity = 1 if wish.said in _ONE else int(stem(wish.said))
                np.wishes.remove(wish)

    def _is_left_out_of(self) -> bool:
        """``Take the egg out of the soup``: the soup stays."""
        if self._role not in ("remove", "deny") or self._after_stop or not self._recent:
            return False
        return self._recent[-1][1].amount == "without"

    def _is_alternative(self, items: tuple[str, ...]) -> bool:
        """``A tea or a coffee``: one of them, and nobody has said which."""
        is_one, self._alternative = self._alternative and bool(items) and self._role == "add", False
        if is_one and self._open is not None and self._open.items:
            self._open.items = tuple(dict.fromkeys((*self._open.items, *items)))
            return True
        return False

    def _point_at(self, phrase: Phrase) -> None:
        """The wishes just said are of ``phrase``, and not of what was spoken of before."""
        recent = [wish for _, wish in self._recent]
        for owner, wish in self._recent:
            if wish in owner.wishes:
                owner.wishes.remove(wish)
        last = self._parsed.last
        if last is not None and not self._parsed.phrases:
            recent = [*last.wishes, *(wish for wish in recent if wish not in last.wishes)]
            self._parsed.last = None
        phrase.wishes += recent

    # --- words that are on no list

    def _on_filler(self, token: Token) -> None:
        """``Without sauce`` is told to the kitchen, whichever of them would come."""
        self._only = self._only or token.said in self._lexicon.only
        if token.said in self._lexicon.groups and self._amount == "without" and self._bound and not token.stop:
            self._note("without", token.text)

    def _on_unknown(self, token: Token) -> None:
        start = self._at - 1
        if token.said in self._lexicon.simple and self._next_mention() is not None:
            if self._np is not None:
                self._np.plain = True
            return
        if token.said in self._lexicon.simple and self._np is not None and self._np.quantity and self._ends():
            self._np.plain = True  # "one regular and one decaf"
            return
        said = [token.text]
        while self._at < len(self._tokens) and not self._tokens[self._at].stop and self._peek() in ("unknown", "of"):
            if self._peek() == "of" and self._peek(1) != "unknown":
                break
            said.append(self._tokens[self._at].text)
            self._at += 1
        if self._names_a_number():
            said += [one.text for one in self._tokens[self._at : self._at + 2]]
            self._at += 2
        text = " ".join(said)
        if self._role == "old" or set(stems(token.said.split())) <= self._outline.group_words:
            return
        before = self._tokens[start - 1] if start else None
        following = self._tokens[self._at] if self._at < len(self._tokens) and not self._tokens[self._at].stop else None
        if following is not None and following.mention is not None and following.mention.values("item", "category"):
            if self._role == "add" and not (before and before.kind in ("for", "on", "filler") and self._np is None):
                self._joined(text, following)
        elif self._amount == "without":
            self._note("without", text)
        elif self._bound and self._amount == "extra" and fold(text) in SIZE_WORDS:
            self._note("regular", f"{self._tokens[start - 1].text} {text}")  # "extra large" is no more of anything
        elif self._bound and (self._listing or self._amount != "regular"):
            self._note(self._amount, text)
        elif self._pointing or (before is not None and before.kind in ("for", "on")):
            if self._is_in_it(start):
                self._unheard(text)
            return
        elif self._np is not None:
            self._np.unknown.append(text)
        elif before is not None and before.mention is not None and not token.stop and self._open is not None:
            if not self._names_another(text, before):
                self._remark(text)
        elif (
            before is not None
            and (before.kind in ("and", "or") or token.stop)
            and self._listing
            and (self._open is not None or self._in_cart)
        ):
            self._note("regular", text)
        elif token.stop and self._open is not None and self._open.role == "add" and self._ends():
            self._unheard(text)  # "a small coffee, black"
        elif self._of_it and self._role == "add":
            self._unheard(text)
        elif (before is None or before.kind in ("verb", "and") or token.stop) and self._ends():
            self._wanted(text, before)

    def _is_in_it(self, start: int) -> bool:
        """``I'd like it in a tall cup``."""
        said = [one for one in self._tokens[max(0, start - 3) : start] if one.kind != "a"][-2:]
        return [one.kind for one in said] == ["last", "on"] and said[-1].said in self._lexicon.served_on

    def _names_another(self, text: str, before: Token) -> bool:
        """``A chicken chow mein``, where only another dish has chicken in its name: no dish of the menu."""
        mention, phrase = before.mention, self._open
        if mention is None or phrase is None or not self._lexicon.is_head_last or phrase.role != "add":
            return False
        if not mention.values("item") or any(one.whole for one in mention.readings) or phrase.said != before.text:
            return False
        phrase.items, phrase.said = (), f"{phrase.said} {text}"
        return True

    def _names_a_number(self) -> bool:
        """``Pizza quatre fromages``: the number is of a name that nobody knows."""
        if self._peek() != "number" or self._peek(1) != "mention" or self._tokens[self._at].stop:
            return False
        mention = self._tokens[self._at + 1].mention
        return mention is not None and not any(one.whole for one in mention.readings)

    def _wanted(self, text: str, before: Token | None) -> None:
        """A bare name that nobody knows: a thing, where it was asked for."""
        adds = before is not None and before.kind == "verb" and before.said.split()[-1].startswith(_ADDS)
        if adds and (self._parsed.phrases or self._in_cart):
            self._unheard(text)  # "add chocolate sauce"
            return
        if before is not None and (before.kind == "verb" or (before.kind == "and" and self._open is not None)):
            self._np = Opening(unknown=[text], wanted=True)

    def _joined(self, text: str, following: Token) -> None:
        """``Lobster roll``, ``mushroom burger``: no name of the menu, even if a part of it is one."""
        self._at += 1
        np = self._begin()
        np.wanted = True
        np.unknown.append(f"{text} {following.text}")
        self._close()
