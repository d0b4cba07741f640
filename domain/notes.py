"""Words of the caller's that reach the kitchen as they are: a note may wish, but not claim.

Whoever cooks trusts what stands on a ticket. So what speaks of money, of leave that somebody gave, or to a machine is
taken out of notes, clause by clause, whatever the model thought of it: no sentence on a call makes a dish cheaper.
"""

from __future__ import annotations

import re
from functools import cache

from domain.amounts import taken_apart
from domain.menu import MenuItem
from domain.modifiers import Choice, has_ingredient
from domain.names import fold, plain_text

MAX_NOTE = 200

_CLAUSES = re.compile(r"[!?;\n]+|(?<!\d)[.,]+|[.,]+(?!\d)|\s[–—-]\s")
_SIGNS = re.compile(r"[%€$£]|\b\d+[.,]\d\d\b")


@cache
def _claim() -> re.Pattern[str]:
    """Over folded clauses, both languages at once: callers mix them, and so do those who try.

    Compiled with the first note: it would take milliseconds of each cold start.
    """
    return re.compile(
        r"\b(?:percent|per cent|pour cent|discount\w*|voucher|coupon|promo\w*|rebate|refund\w*|bargain"
        r"|price[sd]?|cost(?:s|ing)?|euros?|eur|dollars?|pounds|cents?|centimes?|half off|money off|on the house"
        r"|complimentary|(?:free of|no|without|any|zero) charge|charge (?:me|nothing|0|zero|only|half)|for nothing"
        r"|comp(?:ed)? (?:the|this|it|my|meal|order)|free (?:order|meal|delivery|item)"
        r"|(?:for|is|it s|be|make it|make this|make that|are|all|comes?|totally|completely) free"
        r"(?! (?:of(?! charge)|from|range))"
        r"|paid|prepaid|(?:don t|do not) charge"
        r"|approv\w+|authori[sz]\w+|manager\w*|owner\w*|supervisor|boss (?:said|says|ok\w*|agree\w*)"
        r"|ignore|override|overrule|system|prompt|instructions?|developer mode|admin\w*|jailbreak|assistant"
        r"|remise\w*|reductions?|rabais|ristourne|bon d achat|avoir de|prix|tarif\w*|soldes?"
        r"|gratuit\w*|gratos|offert\w*|cadeau de la maison|geste commercial|aux frais|sans payer|sans frais"
        r"|ne pas facturer|rembours\w+|deja regle\w*|regle\w* d avance|(?:pre)?payee?s?"
        r"|approuv\w+|autoris\w+|valid(?:e|ee|es|ees) par|accord(?:e|ee) par|d accord avec le|patron\w*|gerante?"
        r"|responsable|directeur|directrice|proprietaire"
        r"|ignorez|consignes?|systeme|mode developpeur|administrateur|assistante?)\b"
        r"|^free\b(?! (?:of(?! charge)|from|range))"
    )


def without_claims(text: str, field: str = "note", limit: int = MAX_NOTE) -> tuple[str, bool]:
    """The text without its clauses that claim something, and whether there were any.

    Raises Refused ``bad_argument``.
    """
    clean = plain_text(text, limit, field)
    clauses = [clause.strip() for clause in _CLAUSES.split(clean) if clause.strip()]
    kept = [clause for clause in clauses if not claims(clause)]
    return (clean, False) if kept == clauses else (", ".join(kept), True)


def place_without_claims(text: str) -> str:
    """An address without what is claimed behind it; its first part stays, as there is a Price Street."""
    first, *others = [clause.strip() for clause in _CLAUSES.split(text) if clause.strip()] or [""]
    kept = [clause for clause in others if not claims(clause)]
    return text if kept == others else ", ".join((first, *kept))


def claims(text: str) -> bool:
    """Whether the text speaks of money, of leave that somebody gave, or to a machine."""
    return _SIGNS.search(text) is not None or _claim().search(fold(re.sub("[’'`]", " ", text))) is not None


def wishes_in(item: MenuItem, note: str, language: str) -> tuple[str, tuple[Choice, ...]]:
    """The note without what is said there of things that come with the dish, and that as choices: "no onions"."""
    if not item.ingredients:
        return note, ()
    kept, choices = [], []
    for clause in (clause.strip() for clause in _CLAUSES.split(note) if clause.strip()):
        apart = taken_apart(clause, language)
        if apart is not None and has_ingredient(item, apart[1]):
            choices.append(Choice(apart[1], apart[0]))
        else:
            kept.append(clause)
    return (", ".join(kept) if choices else note), tuple(choices)
