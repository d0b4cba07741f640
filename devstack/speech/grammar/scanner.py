"""A sentence, token by token: separators, articles and numbers, how much of something, what is taken back."""

from __future__ import annotations

from devstack.speech.grammar.lines import Lines
from devstack.speech.grammar.state import is_size
from devstack.speech.parsed import Parsed, Phrase, Trait
from devstack.speech.tokens import Token
from devstack.speech.vocabulary import amount_of

_DEGREES = frozenset(("degree", "degrees", "degre", "degres"))
_HESITATES = frozenset(("wait", "hold on", "attendez"))


class Scanner(Lines):
    def scan(self) -> Parsed:
        if self._removing and self._goes_on_removing():
            self._role = "remove"
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.stop:
                self._stop()
            if self._tells_how():
                continue
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

    def _tells_how(self) -> bool:
        """``Not too hot``, ``served at room temperature``: how it is made is told to the kitchen."""
        lexicon, start = self._lexicon, self._at + (self._peek() == "and")
        end = at = start
        while (
            at < len(self._tokens) and self._tokens[at].mention is None and (at == start or not self._tokens[at].stop)
        ):
            words = {*self._tokens[at].said.split()}
            if self._tokens[at].kind == "number" and self._tokens[at + 1 : at + 2]:
                words = {*self._tokens[at + 1].said.split()} & _DEGREES or words  # "at 70 degrees"
            if not words <= lexicon.manner_words | lexicon.manner:
                break
            at += 1
            end = at if words & lexicon.manner else end
        if end == start:
            return False
        if end < len(self._tokens) and self._names_it(self._tokens[end]):
            return self._is_served_so(start, end)
        start += self._tokens[start].kind == "a"  # "a hot one"
        if self._open is None and not (self._correcting and self._in_cart) and not self._follows_order():
            return False
        said = self._text(start, end)
        self._close()
        self._target().notes.append(f"{lexicon.not_so} {said}" if self._is_denied(start) else said)
        self._at, self._role, self._amount, self._bound = end, "add", "regular", False
        return True

    def _is_served_so(self, start: int, end: int) -> bool:
        """``An extra hot mocha``; a mere ``nice hot mocha`` is what it is anyway."""
        following = self._tokens[end].mention
        if following is None or not following.values("item"):
            return False
        said = [word for word in self._text(start, end).split() if word not in self._lexicon.praise]
        if len(said) == 1 and {*said} != {self._lexicon.hot}:
            return False
        if len(said) > 1:
            self._begin().notes.append(" ".join(said))
        self._begin().indefinite = True
        self._at = end
        return True

    def _text(self, start: int, end: int) -> str:
        return " ".join(token.text for token in self._tokens[start:end]).lower()

    def _is_denied(self, start: int) -> bool:
        """Whether the clause before says that it is not to be so."""
        for token in reversed(self._tokens[:start]):
            if {*token.said.split()} & self._lexicon.denials:
                return True
            if token.stop:
                break
        return False

    def _names_it(self, token: Token) -> bool:
        """Whether what follows is the thing that is hot: ``hot chocolate``, ``hot wings``."""
        return not token.stop and token.kind in ("mention", "unknown")

    def _follows_order(self) -> bool:
        return bool(self._parsed.phrases) and self._parsed.phrases[-1].role == "add"

    def _goes_on_removing(self) -> bool:
        """``And the tea too``."""
        if [token.kind for token in self._tokens[:3]] != ["and", "the", "mention"]:
            return False
        mention = self._tokens[2].mention
        return mention is not None and bool({*mention.values("item")} & {*self._in_cart})

    # --- separators

    def _stop(self) -> None:
        """Punctuation ends what is open; a list of things left out may go on, but nobody can tell."""
        if self._peek() in ("no", "correct"):
            self._withdraw()
        self._close()
        self._of_which = False
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

    def _on_and(self, token: Token) -> None:
        self._close()
        self._of_which = False
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
        self._of_which = False
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

    # --- what begins a new thing

    def _on_a(self, token: Token) -> None:
        if self._takes_from_cart():
            self._begin().quantity = 1
            return
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

    def _takes_from_cart(self) -> bool:
        """``Enlevez une fondue`` is one of two."""
        mention = self._next_mention()
        return self._role == "remove" and mention is not None and bool({*mention.values("item")} & {*self._in_cart})

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
        if self._recount(token):
            return
        named = before is not None and before.mention is not None and not token.stop
        if token.number == 1 and named and self._open is not None and self._open.definite and self._ends():
            return  # "the lavender one"
        if self._role == "deny" and self._peek() in ("end", "correct", "verb", "and"):
            return
        if self._at < len(self._tokens) and self._tokens[self._at].said in self._lexicon.units:
            return
        if token.number == 1 and self._np is not None and self._np.definite and any(map(is_size, self._np.wishes)):
            return  # "the large one"
        if self._np is not None and (self._np.quantity or self._np.wishes):
            self._close()
        times = token.said.startswith("x") or (before is not None and before.said in ("times", "fois"))
        if self._open is not None and times:
            self._open.quantity = token.number
            return
        is_article = self._bound and self._peek() == "mention" and token.said in ("un", "une")
        if token.number == 1 and is_article and not self._takes_from_cart():
            return
        self._begin().quantity = token.number
        if not self._bound:
            self._amount = self._carried = "regular"
        self._bound = False

    # --- how much, and of what

    def _on_light(self, token: Token) -> None:
        if token.said == "less" and self._ends():
            self._on_fewer(token)
            return
        if self._np is not None and self._np.other:
            self._bound = True
            self._close()
        self._amount, self._carried, self._bound = amount_of(token.kind), "regular", True
        self._sparing = token.said in self._lexicon.sparing

    _on_extra = _on_light

    def _on_side(self, token: Token) -> None:
        """Said behind: of the wishes just named, or before, as the others."""
        if self._recent:
            self._recent[-1][1].amount = "side"
        else:
            self._amount, self._bound = "side", True

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

    def _on_neg(self, token: Token) -> None:
        self._of_which = False  # "of which none with cream"
        if self._np is not None and (self._np.quantity or self._np.other):
            self._bound = True
        self._close()
        self._amount = self._carried = "without"
        self._bound, self._role = True, "remove"
        self._after_stop = self._listing = False

    def _on_not(self, token: Token) -> None:
        following = self._next_mention()
        if self._np is not None and self._np.quantity and following is not None and following.values("option"):
            self._on_neg(token)  # "one decaf and one not decaf"
            return
        self._close()
        self._declines = self._lexicon.declines.fullmatch(token.said) is not None
        self._amount, self._bound, self._role = "without", True, "deny"

    # --- what was meant otherwise

    def _on_no(self, token: Token) -> None:
        """``No onions`` takes away, ``no, two`` corrects."""
        stops = self._next_stops()
        following = self._next_mention()
        is_size = following is not None and not following.values("item", "option")
        if (
            stops
            or self._peek() in ("number", "a", "the", "verb", "correct", "not", "weak", "last")
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
        return leaves_out and not self._tokens[self._at - 1].stop and self._ends()

    def _on_correct(self, token: Token) -> None:
        """``Actually no mushrooms`` takes away as ``no mushrooms`` does."""
        if self._asked_about and self._lexicon.takes_it.match(token.said):
            self._on_verb(token)  # "j'en veux trois"
            return
        before = self._before()
        if token.said in _HESITATES and before is not None and before.kind == "and":
            return  # "and then, wait, yes, two of those"
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
        is_placed = said in self._lexicon.in_its_place
        if self._at >= len(self._tokens) and self._open is not None and (self._open.quantity or is_placed):
            alone = len(self._parsed.phrases) == 1 and bool(self._in_cart) and is_placed
            if self._open.role == "add" and ({*self._open.items} & {*self._in_cart} or alone):
                self._open.role = "correct"  # "three colas instead"
            return
        self._correcting, self._role, self._amount, self._carried = True, "add", "regular", "regular"
        self._bound = False
        is_pronoun = said.split()[-1:] and said.split()[-1] in self._lexicon.cues["last"].split("|")
        self._of_it = bool(is_pronoun) and self._peek() not in ("a", "number", "the")
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
