"""How much of a thing, as it is said and as the kitchen reads it: "no onions", "extra cheese", « sauce à part »."""

from __future__ import annotations

from typing import NamedTuple

from domain.menu import Amount
from domain.names import fold


class _Words(NamedTuple):
    """``text`` is what is written; a spoken name is taken apart by what stands before or behind it, folded."""

    text: str
    before: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()


_SAID: dict[str, dict[Amount, _Words]] = {
    "en": {
        "light": _Words("light {name}", ("light ", "a little ", "just a little ", "easy on the ", "easy on ", "less ")),
        "extra": _Words("extra {name}", ("extra ", "double ", "lots of ", "more ")),
        "side": _Words("{name} on the side", (), (" on the side",)),
        "without": _Words("no {name}", ("no ", "without ", "leave off the ", "leave out the ", "hold the ")),
    },
    "fr": {
        "light": _Words("peu de {name}", ("un peu de ", "un peu d ", "peu de ", "peu d ", "moins de ", "moins d ")),
        "extra": _Words("extra {name}", ("extra ", "double ", "beaucoup de ", "beaucoup d ", "plus de ", "plus d ")),
        "side": _Words("{name} à part", (), (" a part", " a cote")),
        "without": _Words("sans {name}", ("sans ", "pas de ", "pas d ")),
    },
}


def worded(amount: Amount, name: str, language: str) -> str:
    """``no Onions`` as the menu's language says it; a regular amount is the bare name."""
    if amount == "regular":
        return name
    return _of(language)[amount].text.format(name=name)


def taken_apart(said: str, language: str) -> tuple[Amount, str] | None:
    """The amount and the folded name in ``said``; None when no amount is said."""
    folded = fold(said)
    for amount, words in _of(language).items():
        for start in words.before:
            if folded.startswith(start) and folded != start.strip():
                return amount, folded.removeprefix(start)
        for end in words.behind:
            if folded.endswith(end) and folded != end.strip():
                return amount, folded.removesuffix(end)
    return None


def _of(language: str) -> dict[Amount, _Words]:
    return _SAID["fr" if language.startswith("fr") else "en"]
