"""The grammar of an order: tokens become phrases, one for each thing spoken of, with what belongs to it.

One pass, left to right. A phrase has a head (an item, or what may be one), the number and size said with it, wishes (an
option and how much of it) and what is done with it. Words that don't fit any rule are left out; words that look like
something wanted but are not understood are kept as ``unsure``, for the agent to ask about. Nothing is ever guessed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from devstack.speech.lexicon import Lexicon
from devstack.speech.matching import fold
from devstack.speech.mentions import Mention
from devstack.speech.parsed import Opening, Parsed, Phrase, Role, Trait, Wish
from devstack.speech.tokens import Token
from devstack.speech.vocabulary import Reading, Vocabulary, amount_of
from devstack.speech.words import stem, stems
from domain.menu import Amount

_SEPARATORS = ("and", "or", "verb", "correct", "weak", "no", "change", "instead_of", "neg", "not")
_BINDING = ("with", "neg", "not", "light", "extra", "on", "for", "instead_of")
MAX_NOTE_WORDS = 4


class Scanner:
    """``in_cart`` are the items of the cart's lines, the one last spoken of last; ``asked_about`` is the item of the
    caller's question right before; ``removing`` that something was taken off right before."""

    def __init__(
        self,
        tokens: Sequence[Token],
        vocabulary: Vocabulary,
        lexicon: Lexicon,
        in_cart: Collection[str] = (),
        *,
        asked_about: str = "",
        removing: bool = False,
    ) -> None:
        self._tokens, self._outline, self._lexicon, self._in_cart = tokens, vocabulary.outline, lexicon, tuple(in_cart)
        self._parsed = Parsed()
        self._more_words = {*lexicon.cues["extra"].split("|"), *lexicon.cues["with"].split("|")}
        self._open: Phrase | None = None  # the phrase that words after it belong to
        self._part: Phrase | None = None  # "one with …" of it
        self._np: Opening | None = None
        self._amount: Amount = "regular"
        self._bound = False  # with, without, on: what comes is no new thing
        self._carried: Amount = "regular"
        self._role: Role = "add"
        self._correcting = False
        self._pointing = False
        self._sparing = False  # the "light" is of what comes anyway
        self._withdrawn = False  # a number was said and is another
        self._of_which = False  # "three, of which one with almonds"
        self._all: list[Phrase] = []  # "both with": what is wished next is of all these
        self._alternative = False  # "or" another thing
        self._only = False
        self._listing = False  # a list of wishes after "with" is going on
        self._recent: list[tuple[Phrase, Wish]] = []
        self._after_stop = False
        self._said_of_those = False
        self._corrected = False  # what was to be corrected has been
        self._wanting = False  # right after "I'd like"
        self._declines = False  # the "not" leaves an ingredient out, and means no other thing
        self._either = False  # this wish, or the one before
        self._served: list[tuple[Phrase, Phrase]] = []  # one for somebody, and the same for another
        self._at = 0
        self._asked_about = asked_about
        if removing and self._goes_on_removing():
            self._role = "remove"

    def _goes_on_removing(self) -> bool:
        """``And the tea too``."""
        if [token.kind for token in self._tokens[:3]] != ["and", "the", "mention"]:
            return False
        mention = self._tokens[2].mention
        return mention is not None and bool({*mention.values("item")} & {*self._in_cart})

    def scan(self) -> Parsed:
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.stop:
                self._stop()
            step = getattr(self, f"_on_{token.kind}", None)
            self._at += 1
            if step is not None:
                step(token)
        self._close()
        self._join_served()
        last = self._parsed.last
        if last is not None and not (last.wishes or last.notes or last.parts or last.quantity or last.more):
            self._parsed.last = None
        return self._parsed

    # --- separators

    def _stop(self) -> None:
        """Punctuation ends what is open; a list of things left out may go on, but nobody can tell."""
        if self._peek() in ("no", "correct"):
            self._withdraw()
        self._close()
        if self._role in ("remove", "deny") and self._next_begins_anew():
            self._role = "add"
        self._amount, self._bound, self._pointing = "regular", False, False
        self._carried = "regular" if self._carried == "regular" else "without"
        self._after_stop = True

    def _next_begins_anew(self) -> bool:
        """``Not fries, coleslaw`` names what is wanted instead; a list of what is not wanted goes on to its last."""
        is_contrast = self._role == "deny" and not self._declines
        goes_on = self._peek() in ("or", "and") or (self._peek() == "mention" and not is_contrast)
        return not (goes_on or self._lists_on())

    def _lists_on(self) -> bool:
        """Whether an "or" is still to come, or a thing of the cart: ``remove the soup, the tea and the rice``."""
        for token in self._tokens[self._at :]:
            if token.kind == "or":
                return True
            if token.kind not in ("the", "of", "mention") and not (token.kind == "a" and self._role == "deny"):
                return False
            items = token.mention.values("item") if token.mention is not None else ()
            if items and self._role == "remove":
                return {*items} <= {*self._in_cart}
        return False

    def _close(self) -> None:
        """No head came: what was opened belongs to the phrase before it, or to the last line."""
        np, self._np = self._np, None
        if np is None:
            return
        if np.unknown:
            if np.quantity or np.indefinite or np.wanted:
                self._head((), " ".join(np.unknown), np)
            return
        if np.quantity and self._asked_about and not (self._open or self._parsed.phrases or self._correcting):
            self._head((self._asked_about,), self._asked_about, np)  # "I'll take two of those"
            return
        if self._is_another_size(np):
            self._head(self._open.items if self._open else (), self._open.said if self._open else "", np)
            return
        target = self._target() if not np.quantity else self._owner()
        if np.other or (np.quantity and self._splits(np)):
            part = Phrase(quantity=np.quantity, wishes=np.wishes)
            part.more = 1 if np.other else 0
            self._owner().parts.append(part)
            self._part = part
            return
        if np.quantity > max(target.quantity, 1) and not self._correcting and not any(map(_is_size, np.wishes)):
            self._parsed.once += [wish.said for wish in np.wishes]
        if np.quantity and self._amount == "extra":
            target.more += np.quantity
            self._amount = "regular"
        elif np.quantity and (self._correcting or target is self._parsed.last or self._said_of_those):
            target.quantity = np.quantity
            self._corrected = self._correcting
        for wish in np.wishes:
            self._take(wish)
        self._said_of_those = False

    def _is_another_size(self, np: Opening) -> bool:
        """ "Three small ones and a medium": what has its size is not divided by another."""
        if self._open is None or self._correcting or not self._open.items or not (np.quantity or np.indefinite):
            return False
        return all(any(_is_size(wish) for wish in one) for one in (np.wishes, self._open.wishes))

    def _splits(self, np: Opening) -> bool:
        """ "One large and one small" of two things; "a large one" of one says its size only."""
        open_ = self._open
        if self._correcting or (self._said_of_those and not (np.wishes or self._bound)):
            return False
        if open_ is None:
            return not self._parsed.phrases and bool(self._in_cart) and (bool(np.wishes) or self._bound)
        total = max(open_.quantity, 1)
        return total > 1 and np.quantity < total and (bool(np.wishes) or self._bound)

    def _target(self) -> Phrase:
        return self._part or self._owner()

    def _owner(self) -> Phrase:
        """The phrase that is open, or what is said of the last line."""
        if self._open is not None:
            return self._open
        if self._parsed.last is None:
            self._parsed.last = Phrase()
        return self._parsed.last

    def _on_and(self, token: Token) -> None:
        self._close()
        if self._corrected:
            self._correcting = self._corrected = False
        if self._bound and self._np is None and self._amount == "without":
            self._carried = "without"
        self._amount, self._bound = self._carried, False
        if self._role in ("remove", "deny") and self._peek() in ("a", "number", "verb", "with"):
            self._role = "add"
        self._recent = []

    def _on_or(self, token: Token) -> None:
        self._close()
        self._either = self._amount == "regular" and self._role == "add" and bool(self._recent)
        self._alternative = self._open is not None and self._role == "add" and self._open.role == "add"
        self._amount = self._carried

    def _on_verb(self, token: Token) -> None:
        self._close()
        self._role, self._amount, self._carried, self._bound, self._listing = "add", "regular", "regular", False, False
        self._recent = []
        if not self._correcting and not self._adds_option():
            self._open = self._part = None
        self._wanting = True

    def _adds_option(self) -> bool:
        """``Add olives`` right after a dish: what is added is of it."""
        following = self._next_mention()
        if following is None or following.values("item", "category"):
            return False
        at, self._at = self._at, self._at + 1
        before_item, self._at = self._before_item(), at
        return bool(following.values("option")) and not before_item

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at].kind if at < len(self._tokens) else "end"

    def _next_mention(self) -> Mention | None:
        return self._tokens[self._at].mention if self._at < len(self._tokens) else None

    def _before(self) -> Token | None:
        """The token before the one that is being read."""
        return self._tokens[self._at - 2] if self._at > 1 else None

    def _next_stops(self) -> bool:
        """Whether the sentence, or a part of it, ends with the token that is being read."""
        return self._at >= len(self._tokens) or self._tokens[self._at].stop

    # --- what begins a new thing

    def _begin(self) -> Opening:
        if self._np is None:
            before = self._before()
            self._np = Opening(wanted=self._wanting, listed=before is not None and before.kind == "and")
        self._wanting = False
        return self._np

    def _on_a(self, token: Token) -> None:
        if not self._bound:
            self._amount = self._carried = "regular"
        if not self._bound or (self._amount == "regular" and self._peek() != "mention"):
            self._begin().indefinite = True

    def _on_the(self, token: Token) -> None:
        if self._removes_that():
            self._parsed.removes_last = True
        elif token.said in self._lexicon.those_with and self._is_told_apart():
            self._tell_apart()
        elif self._is_told_by_size():
            self._open = Phrase(role="remove", told_apart=True)
            self._open.traits.append(Trait(self._tokens[self._at].mention.values("size")))  # type: ignore[union-attr]
            self._parsed.phrases.append(self._open)
            self._at += 2 if self._peek(1) == "number" else 1
        elif self._pointing or not self._bound:
            self._begin().definite = True

    def _on_number(self, token: Token) -> None:
        before = self._before()
        if token.number == 1 and before is not None and before.kind == "the" and self._is_told_apart():
            self._tell_apart()
            return
        counted = self._counted_option() if token.number > 1 and self._bound else ""
        if counted:
            self._parsed.once.append(counted)
            return
        if self._bound and self._listing and self._open is not None and self._peek() == "unknown":
            self._note("regular", f"{token.text} {self._tokens[self._at].text}")  # "with two sugars"
            self._at += 1
            return
        if self._role == "deny" and self._peek() in ("end", "correct", "verb", "and"):
            return
        if self._at < len(self._tokens) and self._tokens[self._at].said in self._lexicon.units:
            return
        if token.number == 1 and self._np is not None and self._np.definite and any(map(_is_size, self._np.wishes)):
            return  # "the large one"
        if self._np is not None and (self._np.quantity or self._np.wishes):
            self._close()
        times = token.said.startswith("x") or (before is not None and before.said in ("times", "fois"))
        if self._open is not None and times:
            self._open.quantity = token.number
            return
        if token.number == 1 and self._bound and self._peek() == "mention" and token.said in ("un", "une"):
            return
        self._begin().quantity = token.number
        if not self._bound:
            self._amount = self._carried = "regular"
        self._bound = False

    def _counted_option(self) -> str:
        """What ``two`` counts in ``with two pumps of syrup``; "" where it is no option."""
        for token in self._tokens[self._at :]:
            if token.mention is not None:
                is_option = token.mention.values("option") and not token.mention.values("item", "size", "category")
                return token.said if is_option else ""
            if token.stop or token.kind not in ("filler", "of", "extra"):
                return ""
        return ""

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

    def _on_another(self, token: Token) -> None:
        self._close()
        if self._open is None and self._in_cart and self._peek() in _BINDING:
            self._repeat_last(alike=False)
            return
        self._begin().quantity = 1

    def _on_other(self, token: Token) -> None:
        self._close()
        if self._open is not None:
            self._begin().other = True
        elif self._in_cart and not self._parsed.phrases:
            self._owner().other = True

    def _ends(self) -> bool:
        return self._next_stops() or self._peek() in ("and", "filler", "verb", "weak")

    # --- how much, and of what

    def _on_with(self, token: Token) -> None:
        if self._np is not None and (self._np.quantity or self._np.other):
            self._bound = True
            self._close()
        before = self._before()
        if before is not None and before.kind == "neg":  # "none with cream"
            return
        self._amount, self._carried, self._bound, self._listing = "regular", "regular", True, True
        self._after_stop = self._pointing = False

    def _on_fewer(self, token: Token) -> None:
        """``One beer less``, ``one fewer``."""
        np, self._np = self._np, None
        if self._open is not None and self._open.quantity and {*self._open.items} & {*self._in_cart}:
            self._open.role = "remove"
        elif np is not None and np.quantity and self._open is None:
            self._parsed.phrases.append(Phrase(tuple(self._in_cart[-1:]), role="remove", quantity=np.quantity))

    def _on_light(self, token: Token) -> None:
        if token.said == "less" and self._ends():
            self._on_fewer(token)
            return
        if self._np is not None and self._np.other:
            self._bound = True
            self._close()
        self._amount, self._bound = amount_of(token.kind), True
        self._sparing = token.said in self._lexicon.sparing

    _on_extra = _on_light

    def _on_side(self, token: Token) -> None:
        """Said behind: of the wishes just named, or before, as the others."""
        if self._recent:
            self._recent[-1][1].amount = "side"
        else:
            self._amount, self._bound = "side", True

    def _on_neg(self, token: Token) -> None:
        if self._np is not None and (self._np.quantity or self._np.other):
            self._bound = True
        self._close()
        self._amount = self._carried = "without"
        self._bound, self._role = True, "remove"
        self._after_stop = self._listing = False

    def _on_not(self, token: Token) -> None:
        self._close()
        self._declines = self._lexicon.declines.fullmatch(token.said) is not None
        self._amount, self._bound, self._role = "without", True, "deny"

    def _on_no(self, token: Token) -> None:
        """``No onions`` takes away, ``no, two`` corrects."""
        stops = self._next_stops()
        following = self._next_mention()
        is_size = following is not None and not following.values("item", "option")
        if (
            stops
            or self._peek() in ("number", "a", "the", "verb", "correct", "not", "weak")
            or is_size
            or token.said in ("non", "nan")
        ):
            self._correct()
        else:
            self._on_neg(token)

    def _on_last(self, token: Token) -> None:
        if self._removes_that():
            self._parsed.removes_last = True
        elif self._tokens[self._at - 2].kind == "instead_of":
            self._correct()

    def _removes_that(self) -> bool:
        before = self._before()
        leaves_out = before is not None and (before.kind == "neg" or (before.kind == "not" and self._declines))
        return leaves_out and self._ends()

    def _on_correct(self, token: Token) -> None:
        """``Actually no mushrooms`` takes away as ``no mushrooms`` does."""
        if self._asked_about and self._lexicon.takes_it.match(token.said):
            self._on_verb(token)  # "j'en veux trois"
            return
        mention = None if self._next_stops() else self._next_mention()
        leaves_out = token.said.endswith(f" {self._lexicon.without}")
        if leaves_out and mention is not None and mention.values("option"):
            self._on_neg(token)
        else:
            self._correct(token.said)

    def _correct(self, said: str = "") -> None:
        self._withdraw()
        if self._withdrawn:
            self._withdrawn, self._role = False, "add"
            return
        self._close()
        if self._at >= len(self._tokens) and self._open is not None and self._open.quantity:
            alone = len(self._parsed.phrases) == 1 and bool(self._in_cart) and said in self._lexicon.in_its_place
            if self._open.role == "add" and ({*self._open.items} & {*self._in_cart} or alone):
                self._open.role = "correct"  # "three colas instead"
            return
        self._correcting, self._role, self._amount, self._carried = True, "add", "regular", "regular"
        self._bound = False
        if self._part is not None:
            self._part = None

    def _withdraw(self) -> None:
        """``And three, no, four``: what is counted was not yet named, and nothing before it is corrected."""
        np = self._np
        if np is not None and np.listed and np.quantity and not (np.unknown or np.wishes):
            self._np, self._withdrawn = None, True

    def _on_weak(self, token: Token) -> None:
        """``Actually``: a change of mind where nothing new is named after it."""
        self._close()
        if self._open is not None or self._peek() in ("number", "mention", "the", "correct"):
            self._correcting = True

    def _on_change(self, token: Token) -> None:
        self._close()
        self._role, self._bound = "old", False

    def _on_instead_of(self, token: Token) -> None:
        self._close()
        self._role, self._amount, self._bound = "old", "without", True

    def _on_on(self, token: Token) -> None:
        """Also ``to``, ``for``: they point at what the words before it belong to."""
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
            if wishes and not any(map(_is_size, wishes)):
                self._np.quantity = 0  # "un œuf sur la pizza": an article
        self._close()
        self._bound, self._pointing = True, True
        self._amount = "regular"

    def _is_for_somebody(self) -> bool:
        """``And one for my wife``: the words behind it name nothing of the menu."""
        if self._np is None or not self._np.quantity or self._np.wishes or self._open is None or not self._open.items:
            return False
        before = ("the", "a", "filler", "unknown")
        said = [token for token in self._tokens[self._at : self._at + 3] if not token.stop]
        return bool(said) and said[0].kind in before and said[0].said not in ("here", "now")

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

    def _old(self) -> Phrase | None:
        return next((one for one in reversed(self._parsed.phrases) if one.role == "old"), None)

    def _on_both(self, token: Token) -> None:
        """What was just said is of all; and what is said next, where they were told apart."""
        if self._open is not None and self._open.parts:
            self._close()
            whole, self._part = self._open, None
            for owner, wish in self._recent:
                if owner in whole.parts and wish in owner.wishes and not _is_size(wish):
                    owner.wishes.remove(wish)
                    whole.wishes.append(wish)
        elif not self._recent:
            self._all = [one for one in self._parsed.phrases if one.role == "add"]
        if len(self._parsed.phrases) > 1 and self._open is not None and self._open.quantity <= 1:
            for phrase in self._parsed.phrases[:-1]:
                phrase.wishes += [wish for owner, wish in self._recent if owner is not phrase]

    def _on_again(self, token: Token) -> None:
        following = self._next_mention()
        if following is not None and following.values("item", "category") and not self._tokens[self._at].stop:
            self._on_another(token)
            return
        self._close()
        alike = token.said not in self._lexicon.others
        if self._open is not None and self._peek() in _BINDING:
            self._repeat(self._open, alike=alike)
        elif self._open is None and self._in_cart:
            self._repeat_last(alike=alike)
        else:
            self._target().more += 1

    def _repeat_last(self, *, alike: bool) -> None:
        self._part = Phrase(quantity=1, again=True, alike=alike)
        self._owner().parts.append(self._part)

    def _repeat(self, phrase: Phrase, *, alike: bool) -> None:
        """``The same again with olives`` has all of the first, ``another one with olives`` its size."""
        wishes = [wish for wish in phrase.wishes if alike or _is_size(wish)]
        self._open = Phrase(phrase.items, phrase.said, phrase.is_category, wishes=wishes)
        self._parsed.phrases.append(self._open)
        self._part = None

    def _on_more(self, token: Token) -> None:
        if self._np is not None and self._np.quantity and not self._np.wishes:
            np, self._np = self._np, None
            self._target().more += np.quantity

    def _on_those(self, token: Token) -> None:
        self._said_of_those = self._np is not None and bool(self._np.quantity)

    def _on_of_which(self, token: Token) -> None:
        self._of_which = self._open is not None

    def _on_half(self, token: Token) -> None:
        """No name of a size has it, so the size after it is not meant either. ``Half the cheese`` is less of it."""
        at = self._at
        while at < len(self._tokens) and self._tokens[at].kind in ("the", "of") and not self._tokens[at].stop:
            at += 1
        mention = self._tokens[at].mention if at < len(self._tokens) and not self._tokens[at].stop else None
        if (
            mention is not None
            and mention.values("option")
            and not any(one.whole for one in mention.readings if one.kind != "option")
        ):
            self._at, self._amount, self._bound, self._sparing = at, "light", True, True
        else:
            self._begin().halved = True

    def _on_ones(self, token: Token) -> None:
        """``Ten large ones``: of what was spoken of last."""
        before = next((one.items for one in reversed(self._parsed.phrases) if one.items), self._in_cart[-1:])
        if self._np is not None and self._open is None and before:
            self._head(tuple(before), token.said, self._np)
        elif self._np is None and " " in token.said and before:
            self._apart()

    def _apart(self) -> None:
        """``Oat milk in one of them``, ``make one of them large``: one alone, with what was just said and what is."""
        whole = self._owner()
        said = [] if self._tokens[self._at - 1].stop else [wish for owner, wish in self._recent if owner is whole]
        self._all = []
        whole.wishes = [wish for wish in whole.wishes if wish not in said]
        self._part = Phrase(quantity=1, wishes=said)
        whole.parts.append(self._part)

    # --- menu words

    def _on_mention(self, token: Token) -> None:
        mention = token.mention
        assert mention is not None
        items = self._narrowed(token) or mention.values("item")
        if self._amount == "without" and not self._bound and token.said.split()[0] in self._more_words:
            self._amount = self._carried = "regular"  # "no ham and extra cheese"
        if self._is_wish(mention, items):
            self._wish(Wish(self._amount, token.said, mention, self._sparing and self._amount == "light"))
        elif self._is_ingredient(mention, items):
            self._note("without", token.text)  # onions, where only the soup is called so
        elif items:
            self._head(items, token.text, self._np)
        elif not (self._touches_head(token) or self._before_item()):
            self._head(mention.values("category"), token.text, self._np, is_category=True)

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

    def _before_item(self) -> bool:
        """Whether an item follows, with nothing between but its sizes and options."""
        at = self._at
        while at < len(self._tokens) and not self._tokens[at].stop:
            token = self._tokens[at]
            if token.kind in ("of", "the", "a") and self._is_size_before(at):
                at += 1
                continue
            if token.mention is None:
                return False
            if token.mention.values("item") or (
                token.mention.values("category") and not token.mention.values("option", "size")
            ):
                return True
            at += 1
        return False

    def _is_size_before(self, at: int) -> bool:
        """``Eight pieces of the roll``, ``half a loaf``: a size that comes before a whole name."""
        before = self._tokens[at - 1]
        return before.kind in ("of", "the", "a") or (before.mention is not None and bool(before.mention.values("size")))

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

    def _wish(self, wish: Wish) -> None:
        if wish.amount == "without" and self._role == "remove" and self._before_item() and _has_size(wish):
            wish.amount = "regular"  # "remove the large pepperoni"
            self._begin().wishes.append(wish)
            return
        if self._np is not None and self._np.halved and _is_size(wish):
            self._np.halved = False
            return
        if self._pointing and self._np is None and wish.amount == "regular" and not self._before_item():
            return  # "room for milk"
        if self._role == "deny" and not self._declines:
            wish.denied = True
        elif self._role == "old" and not _is_size(wish):
            wish.amount, wish.denied = "without", True
        begins_item = self._before_item() and not (self._bound and wish.amount != "regular")
        if (self._np is not None and not (self._np.quantity == 0 and self._bound)) or begins_item:
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
        if self._either and self._recent and wish.amount == "regular" and not _is_size(wish):
            owner, before = self._recent[-1]
            self._either = False
            if before.amount == "regular" and not _is_size(before) and before in owner.wishes:
                owner.wishes.remove(before)
                self._parsed.unsure += [before.said, wish.said]
                return
        self._either = False
        target = self._target()
        if self._correcting and target is self._open:
            target.resized.append(wish)
            self._corrected = True
        else:
            target.wishes.append(wish)
        self._recent.append((target, wish))
        self._give_all(wish, target)

    def _give_all(self, wish: Wish, target: Phrase) -> None:
        for phrase in self._all:
            if phrase is not target:
                phrase.wishes.append(wish)

    # --- heads

    def _head(self, items: tuple[str, ...], said: str, np: Opening | None, *, is_category: bool = False) -> None:
        self._np = None
        np = np or Opening()
        if self._is_left_out_of():
            self._role, self._pointing, np.definite = "add", True, True
        if np.halved:
            self._parsed.halves = True
            return
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

    def _is_known(self, items: Collection[str]) -> bool:
        """Whether one is in the cart, or was spoken of in this sentence."""
        return any(item in self._in_cart or any(item in one.items for one in self._parsed.phrases) for item in items)

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
        elif self._bound and (self._listing or self._amount != "regular"):
            self._note(self._amount, text)
        elif self._pointing or (before is not None and before.kind in ("for", "on")):
            return
        elif self._np is not None:
            self._np.unknown.append(text)
        elif before is not None and before.mention is not None and not token.stop and self._open is not None:
            self._remark(text)
        elif (
            before is not None
            and (before.kind in ("and", "or") or token.stop)
            and self._listing
            and self._open is not None
        ):
            self._note("regular", text)
        elif (before is None or before.kind in ("verb", "and") or token.stop) and self._ends():
            self._wanted(text, before)

    def _names_a_number(self) -> bool:
        """``Pizza quatre fromages``: the number is of a name that nobody knows."""
        if self._peek() != "number" or self._peek(1) != "mention" or self._tokens[self._at].stop:
            return False
        mention = self._tokens[self._at + 1].mention
        return mention is not None and not any(one.whole for one in mention.readings)

    def _wanted(self, text: str, before: Token | None) -> None:
        """A bare name that nobody knows: a thing, where it was asked for."""
        if before is not None and (before.kind == "verb" or (before.kind == "and" and self._open is not None)):
            self._np = Opening(unknown=[text], wanted=True)

    def _joined(self, text: str, following: Token) -> None:
        """``Lobster roll``, ``mushroom burger``: no name of the menu, even if a part of it is one."""
        self._at += 1
        np = self._begin()
        np.wanted = True
        np.unknown.append(f"{text} {following.text}")
        self._close()

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


def _is_size(wish: Wish) -> bool:
    return _has_size(wish) and wish.amount == "regular"


def _has_size(wish: Wish) -> bool:
    return wish.mention is not None and bool(wish.mention.values("size"))
