"""What a sentence does to the cart: adds, changes, removals, from the menu words found in it and the words between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from devstack.speech.lexicon import Lexicon
from devstack.speech.matching import fold
from devstack.speech.mentions import Mention, Word

MAX_QUANTITY = 50

Role = Literal["add", "remove", "old", "target", "correct"]


@dataclass(frozen=True, slots=True)
class AddItem:
    item: str
    size: str = ""
    quantity: int = 1
    modifiers: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class ChangeItem:
    """``target`` is the item of the line to change; "" for the last line. ``quantity_more`` adds to what it has."""

    target: str = ""
    item: str = ""
    size: str = ""
    quantity: int = 0
    quantity_more: int = 0
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoveItem:
    """``item`` "" is the last line; ``everything`` empties the cart."""

    item: str = ""
    everything: bool = False


OrderIntent = AddItem | ChangeItem | RemoveItem


@dataclass
class _Chunk:
    """One item mention with what belongs to it."""

    item: str
    cue: str  # the words before it that say what to do with it
    whole_gap: str
    size: str = ""
    quantity: int = 0
    modifiers: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    notes_of: dict[str, str] = field(default_factory=dict)  # the same wishes as words for the kitchen
    definite: bool = False
    role: Role = "add"


class OrderReader:
    """Reads one sentence. ``in_cart`` are the items of the cart's lines, the last one last."""

    def __init__(
        self, words: Sequence[Word], mentions: Sequence[Mention], lexicon: Lexicon, in_cart: Sequence[str]
    ) -> None:
        self._words, self._mentions, self._lexicon, self._in_cart = words, mentions, lexicon, in_cart
        self._by_start = {mention.start: mention for mention in mentions}
        self._before = _Chunk("", "", "")
        self._items = [mention for mention in mentions if mention.kind == "item"]

    def read(self) -> list[OrderIntent]:
        sentence = self._text(0, len(self._words))
        if self._lexicon.everything.search(sentence):
            return [RemoveItem(everything=True)]
        if not self._items:
            return self._without_items(sentence)
        chunks = self._chunks()
        for index, chunk in enumerate(chunks):
            following = chunks[index + 1] if index + 1 < len(chunks) else None
            chunk.role = self._role(chunk, chunks[index - 1] if index else None, following)
        return self._intents(chunks)

    # --- taking the sentence apart

    def _chunks(self) -> list[_Chunk]:
        chunks: list[_Chunk] = []
        previous_end = 0
        zones = [self._zone_before(item, index) for index, item in enumerate(self._items)]
        for index, item in enumerate(self._items):
            zone = zones[index]
            chunk = _Chunk(item.value, self._cue(previous_end, zone), self._text(previous_end, item.start))
            self._read_before(chunk, zone, item.start)
            end = zones[index + 1] if index + 1 < len(zones) else len(self._words)
            if index == 0:
                # ``no pickles please and a tiramisu``: options before the first item and an "and" are the last line's.
                joined = zone > 0 and self._words[zone - 1].folded in ("and", "et", "puis", "then", "also", "aussi")
                self._read_options(self._before if joined and self._in_cart else chunk, 0, zone)
            for at in range(item.end, end):
                mention = self._by_start.get(at)
                if mention is not None and mention.kind == "size" and not chunk.size:
                    chunk.size = mention.value
            self._read_options(chunk, item.end, end)
            previous_end = item.end
            chunks.append(chunk)
        return chunks

    def _zone_before(self, item: Mention, index: int) -> int:
        """Where the words that count and size ``item`` begin."""
        floor = self._items[index - 1].end if index else 0
        at = item.start
        while at > floor:
            covering = self._covering(at - 1)
            word = self._words[at - 1].folded
            counts = covering is not None and covering.kind in ("size", "number")
            if not counts and word not in self._lexicon.articles | self._lexicon.fillers:
                break
            at = covering.start if covering is not None and counts else at - 1
        return max(at, floor)

    def _read_before(self, chunk: _Chunk, start: int, end: int) -> None:
        for at in range(start, end):
            mention = self._by_start.get(at)
            if mention is not None and mention.kind == "size":
                chunk.size = mention.value
            elif mention is not None and mention.kind == "number":
                chunk.quantity = int(mention.value)
            elif self._words[at].folded in ("the", "le", "la", "les", "l", "my", "ma", "mon"):
                chunk.definite = True
        if not (chunk.quantity or chunk.definite):
            chunk.quantity = self._misheard_number(start)

    def _misheard_number(self, zone: int) -> int:
        """``to large pizzas``, ``and for colas``: a number by its sound, where no preposition can stand."""
        value = self._lexicon.homophones.get(self._words[zone - 1].folded, 0) if zone else 0
        begins = zone == 1 or (zone > 1 and self._words[zone - 2].folded in self._lexicon.joiners)
        return value if begins else 0

    def _read_options(self, chunk: _Chunk, start: int, end: int) -> None:
        """Options between two places, and what is not wanted but is no option: a note."""
        at = start
        negated = False
        while at < end:
            mention = self._by_start.get(at)
            word = self._words[at].folded
            if mention is not None and mention.kind == "modifier":
                own = fold(mention.value).split()[0] in self._lexicon.without_words
                if negated and not own:
                    chunk.without.append(mention.value)
                    said = self._text(mention.start, mention.end)
                    names_it = said.split(" ", 1)[0] in self._lexicon.without_words
                    chunk.notes_of[mention.value] = said if names_it else f"{self._lexicon.without} {said}"
                else:
                    chunk.modifiers.append(mention.value)
                at = mention.end
                continue
            if word in self._lexicon.without_words or self._lexicon.remove.fullmatch(word):
                negated = True
                at = self._note(chunk, at, end)
                continue
            if word in self._lexicon.with_words:
                negated = False
            at += 1

    def _note(self, chunk: _Chunk, at: int, end: int) -> int:
        """``no anchovies`` where no option is called so; returns where to go on."""
        after = at + 1
        while after < end and self._words[after].folded in self._lexicon.articles:
            after += 1
        last = after
        while last < end and last - after < 3 and self._covering(last) is None:
            if self._words[last].folded in self._lexicon.joiners | self._lexicon.with_words:
                break
            last += 1
        wanted = self._words[at].folded in ("no", "without", "sans") and after < last
        if (
            wanted
            and (last < end or end == len(self._words))
            and (last == len(self._words) or self._covering(last) is None)
        ):
            chunk.notes.append(" ".join(word.text for word in self._words[at:last]).lower())
            return last
        return at + 1

    def _covering(self, at: int) -> Mention | None:
        return next((mention for mention in self._mentions if mention.start <= at < mention.end), None)

    def _text(self, start: int, end: int) -> str:
        return " ".join(word.folded for word in self._words[start:end])

    def _cue(self, start: int, end: int) -> str:
        """The words just before an item's own: after the last option and the last joining word."""
        for at in range(end - 1, start - 1, -1):
            covering = self._covering(at)
            if covering is not None and covering.kind in ("modifier", "size"):
                return self._text(at + 1, end)
            if self._words[at].folded in ("and", "et", "then", "puis") and at < end - 1:
                return self._text(at + 1, end)
        return self._text(start, end)

    # --- what it means

    def _role(self, chunk: _Chunk, previous: _Chunk | None, following: _Chunk | None) -> Role:
        lexicon, cue = self._lexicon, chunk.cue
        if lexicon.instead.search(cue):
            return "old"
        if following is not None and lexicon.change.search(cue) and lexicon.into.search(following.cue.split(" ")[-1]):
            return "old"
        if lexicon.remove.search(cue) or (lexicon.negated.search(cue) and chunk.item in self._in_cart):
            return "remove"
        if previous is not None and previous.role == "remove" and all(word in lexicon.joiners for word in cue.split()):
            return "remove"
        changes = chunk.size or chunk.quantity or chunk.modifiers or chunk.without
        if chunk.item in self._in_cart and chunk.definite and changes:
            return "target"
        return "correct" if lexicon.correction.search(chunk.whole_gap) else "add"

    def _intents(self, chunks: list[_Chunk]) -> list[OrderIntent]:
        intents: list[OrderIntent] = []
        if self._before.modifiers or self._before.without:
            intents.append(_change(self._before, "", item=""))
        replaced = [chunk.item for chunk in chunks if chunk.role == "old"]
        for chunk in chunks:
            if chunk.role == "remove":
                added = next((one for one in intents if isinstance(one, AddItem) and one.item == chunk.item), None)
                if added is not None:  # by this same sentence: then it was never in the cart
                    intents.remove(added)
                else:
                    intents.append(RemoveItem(chunk.item))
            elif chunk.role == "target":
                intents.append(_change(chunk, chunk.item, item=""))
            elif chunk.role == "correct":
                self._correct(intents, chunk)
            elif chunk.role == "add":
                old = replaced.pop(0) if replaced else ""
                if old in self._in_cart:
                    intents.append(_change(chunk, old, item=chunk.item))
                else:
                    intents.append(_added(chunk))
        return intents

    def _correct(self, intents: list[OrderIntent], chunk: _Chunk) -> None:
        """A change of mind: about what was just said, else that item in the cart, else the last line."""
        last = intents[-1] if intents else None
        if isinstance(last, AddItem):
            added = _added(chunk)
            same = last.item == chunk.item
            size = added.size or (last.size if same else "")
            quantity = chunk.quantity or last.quantity
            intents[-1] = replace(
                added, size=size, quantity=quantity, modifiers=added.modifiers or (last.modifiers if same else ())
            )
        elif chunk.item in self._in_cart:
            intents.append(_change(chunk, chunk.item, item=""))
        elif self._in_cart:
            intents.append(_change(chunk, "", item=chunk.item))
        else:
            intents.append(_added(chunk))

    def _without_items(self, sentence: str) -> list[OrderIntent]:
        """Options, sizes and numbers alone speak of the last line, as far as there is one."""
        if not self._in_cart:
            return []
        lexicon = self._lexicon
        chunk = _Chunk("", "", sentence)
        self._read_options(chunk, 0, len(self._words))
        sizes = [mention.value for mention in self._mentions if mention.kind == "size"]
        counted = (
            one
            for one in self._mentions
            if one.kind == "number" and self._text(one.start, one.end) not in lexicon.articles
        )
        numbers = [int(mention.value) for mention in counted]
        corrects = lexicon.correction.search(sentence) is not None
        if chunk.modifiers or chunk.without or (sizes and (corrects or len(self._words) <= 6)):
            size = sizes[-1] if sizes else ""
            quantity = numbers[0] if numbers and corrects else 0
            return [ChangeItem(size=size, quantity=quantity, add=tuple(chunk.modifiers), remove=tuple(chunk.without))]
        if lexicon.another.search(sentence):
            return [ChangeItem(quantity_more=1)]
        if numbers and corrects:
            return [ChangeItem(quantity=min(numbers[-1], MAX_QUANTITY))]
        if lexicon.remove.search(sentence) and lexicon.the_last.search(sentence):
            return [RemoveItem()]
        return []


def _added(chunk: _Chunk) -> AddItem:
    return AddItem(
        item=chunk.item,
        size=chunk.size,
        quantity=min(chunk.quantity or 1, MAX_QUANTITY),
        modifiers=tuple(dict.fromkeys(chunk.modifiers)),
        note=", ".join([*chunk.notes, *chunk.notes_of.values()]),
    )


def _change(chunk: _Chunk, target: str, *, item: str) -> ChangeItem:
    return ChangeItem(
        target=target,
        item=item,
        size=chunk.size,
        quantity=min(chunk.quantity, MAX_QUANTITY) if not item or chunk.quantity > 1 else 0,
        add=tuple(dict.fromkeys(chunk.modifiers)),
        remove=tuple(dict.fromkeys(chunk.without)),
    )
