"""What of a sentence has been read, and what is open: every rule of the grammar reads and sets it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from devstack.speech.lexicon import Lexicon
from devstack.speech.mentions import Mention
from devstack.speech.parsed import Opening, Parsed, Phrase, Role, Wish
from devstack.speech.tokens import Token
from devstack.speech.vocabulary import Vocabulary
from devstack.speech.words import stems
from domain.menu import Amount


class State:
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
        self._of_it = False  # what is corrected is how the dish spoken of is to be
        self._at = 0
        self._asked_about = asked_about
        self._removing = removing

    # --- the tokens around

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at].kind if at < len(self._tokens) else "end"

    def _before(self) -> Token | None:
        """The token before the one that is being read."""
        return self._tokens[self._at - 2] if self._at > 1 else None

    def _next_mention(self) -> Mention | None:
        return self._tokens[self._at].mention if self._at < len(self._tokens) else None

    def _next_stops(self) -> bool:
        """Whether the sentence, or a part of it, ends with the token that is being read."""
        return self._at >= len(self._tokens) or self._tokens[self._at].stop

    def _ends(self) -> bool:
        return self._next_stops() or self._peek() in ("and", "filler", "verb", "weak", "also")

    def _before_item(self) -> bool:
        """Whether an item follows, with nothing between but its sizes and options."""
        at = self._at
        while at < len(self._tokens) and not self._tokens[at].stop:
            token = self._tokens[at]
            if token.kind in ("of", "the", "a") and self._is_size_before(at):
                at += 1
                continue
            if token.kind == "unknown" and at > self._at and {*stems(token.said.split())} <= self._outline.group_words:
                at += 1  # "a triple shot espresso"
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

    # --- what words belong to

    def _begin(self) -> Opening:
        if self._np is None:
            before = self._before()
            self._np = Opening(wanted=self._wanting, listed=before is not None and before.kind == "and")
        self._wanting = False
        return self._np

    def _target(self) -> Phrase:
        return self._part or self._owner()

    def _owner(self) -> Phrase:
        """The phrase that is open, else the one just ordered, else what is said of the last line."""
        if self._open is not None:
            return self._open
        said = self._parsed.phrases[-1] if self._parsed.phrases else None
        if said is not None and said.role == "add" and said.items and self._parsed.last is None:
            return said
        if self._parsed.last is None:
            self._parsed.last = Phrase()
        return self._parsed.last

    def _old(self) -> Phrase | None:
        return next((one for one in reversed(self._parsed.phrases) if one.role == "old"), None)

    def _is_known(self, items: Collection[str]) -> bool:
        """Whether one is in the cart, or was spoken of in this sentence."""
        return any(item in self._in_cart or any(item in one.items for one in self._parsed.phrases) for item in items)


def is_size(wish: Wish) -> bool:
    return has_size(wish) and wish.amount == "regular"


def has_size(wish: Wish) -> bool:
    return wish.mention is not None and bool(wish.mention.values("size"))
