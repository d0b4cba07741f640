"""Finding dishes by words, as a caller says them, on a menu that is too long to be read out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from domain.menu import Menu, MenuItem
from domain.names import closest_owners, fold

MAX_FOUND = 6
_ENGLISH = {"an", "and", "for", "have", "in", "like", "of", "or", "please", "some", "the", "to", "two", "with"}
_FRENCH = {"au", "aux", "avec", "de", "des", "deux", "du", "en", "et", "la", "le", "les", "pour", "sur", "un", "une"}
_SMALL = _ENGLISH | _FRENCH
_NAME, _CATEGORY, _REST = 4, 2, 1  # what a word is worth that is found there


def found(menu: Menu, query: str) -> tuple[MenuItem, ...]:
    """At most six items, best first: those that hold the most of the query's words, in their name above all."""
    known = _stems(text for item in menu.items for text in (item.name, *item.aliases))
    wanted = {_nearest(word, known) for word in _stems([query]) - _SMALL}
    categories = {category.id: category.name for category in menu.categories}
    scored = [(_score(item, categories.get(item.category_id, ""), wanted), item) for item in menu.items]
    best = sorted((pair for pair in scored if pair[0]), key=lambda pair: (-pair[0], len(pair[1].name)))
    if not best:
        names = closest_owners(query, ((item.name, item.aliases) for item in menu.items))
        return tuple(item for name in names for item in menu.items if item.name == name)[:MAX_FOUND]
    enough = best[0][0] / 2
    return tuple(item for score, item in best[:MAX_FOUND] if score >= enough)


def _score(item: MenuItem, category: str, wanted: set[str]) -> float:
    """The share of the item's own name that was said counts too: "cola" is rather "Cola" than "Cola chicken"."""
    best = 0.0
    for name in (item.name, *item.aliases):
        own = _stems([name])
        if own:
            best = max(best, _NAME * len(own & wanted) + len(own & wanted) / len(own))
    rest = _stems([item.description, *(one.name for one in item.ingredients)])
    return best + _CATEGORY * len(_stems([category]) & wanted) + _REST * len(rest & wanted)


def _nearest(word: str, known: set[str]) -> str:
    """The word itself, or the one that it may be a slip of."""
    if word in known:
        return word
    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.8)), word)


def _stems(texts: Iterable[str]) -> set[str]:
    return {_stem(word) for text in texts for word in fold(text).split() if len(word) > 1}


def _stem(word: str) -> str:
    return word.rstrip("sx") if len(word) > 3 else word
