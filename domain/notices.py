"""What a caller has to be told before anything else: that an AI speaks, and that the call is recorded.

A greeting that says so in its own words is left as it is; to any other the sentence is added. Whether it does is
decided by what is said of whom, clause by clause: "Record Pizza" and "notre recette enregistrée" are no notice, "this
call is not recorded" says the opposite. Where it is in doubt it counts as unsaid: a caller who is told twice has lost
two seconds, one who was not told has been deceived.

Only the restaurant's own language counts, as it is what its callers understand.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from domain.names import fold


class _Words(NamedTuple):
    """Patterns over folded clauses. ``denied`` anywhere in a clause takes what else it says back."""

    speaks: re.Pattern[str]
    recorded: re.Pattern[str]
    denied: re.Pattern[str]


_CLAUSES = re.compile(r"[.!?;:…\n]+|,| – | — | - ")
_APOSTROPHES = re.compile(r"[’'`´]")

_ENGLISH_ADVERB = r"(?:(?:also|always|being|now|currently|\w+ly|for(?: \w+){1,3} (?:purposes|reasons)) ){0,3}"
_ENGLISH = _Words(
    speaks=re.compile(
        r"\b(?:an?|the|our|your|with|to|by|am|is|i m|this is|powered by) (?:\w+ ){0,3}?"
        r"(?:ai|artificial intelligence|(?:virtual|voice|digital|automated|automatic|automatised|computer) "
        r"(?:\w+ )?(?:assistant|agent|voice|system|receptionist|waiter|host|attendant)|robot|chatbot|voicebot|bot)\b"
        r"|\bai (?:assistant|agent|voice|system|receptionist|waiter|host|attendant)\b"
        r"|\bartificial intelligence\b"
        r"|^(?:virtual|voice|digital|automated) (?:assistant|agent|receptionist)\b"
    ),
    recorded=re.compile(
        r"\b(?:this|your|the|all|these|our|phone|telephone)? ?(?:phone |telephone )?(?:calls?|conversations?|lines?) "
        rf"(?:is|are|may be|might be|can be|could be|will be|gets?) {_ENGLISH_ADVERB}(?:recorded|taped)\b"
        rf"|\bwe (?:may |will |also |always )?(?:record|tape) (?:this|your|the|all|our)? ?"
        r"(?:phone |telephone |incoming )?(?:calls?|conversations?)\b"
        r"|\byou are (?:being |now )?recorded\b"
        r"|\b(?:on|this is) a recorded line\b"
    ),
    denied=re.compile(
        r"\b(?:not|no|never|none|neither|nor|nobody|nothing|without|cannot|\w+n t|isn|aren|don|hardly|rarely|whether|if"
        r"|unless|instead of|rather than|anything but)\b"
    ),
)

_FRENCH_ADVERB = (
    r"(?:(?:aussi|toujours|desormais|systematiquement|egalement|\w+ment|pour (?:des|une|la|le)(?: \w+){1,3}"
    r"|a des fins (?:de|d)(?: \w+){1,2}) ){0,3}"
)
_FRENCH = _Words(
    speaks=re.compile(
        r"\b(?:une?|l|la|le|notre|votre|avec|a|par|suis|est|ici) (?:\w+ ){0,3}?"
        r"(?:ia|intelligence artificielle|robot|chatbot|voicebot|bot)\b"
        r"|\bintelligence artificielle\b"
        r"|\b(?:assistante?|agente?|voix|receptionniste|serveur|serveuse|hotesse|standardiste|standard) (?:\w+ )?"
        r"(?:ia|virtuel(?:le)?|vocale?|numerique|automatique|automatise|automatisee|artificiel(?:le)?)\b"
        r"|\b(?:assistante?|agente?) \w+ (?:par )?(?:ia|intelligence artificielle)\b"
    ),
    recorded=re.compile(
        r"\b(?:appels?|communications?|conversations?|echanges?|entretiens?|lignes?)(?: telephoniques?)? "
        r"(?:est|sont|sera|seront|peut etre|peuvent etre|pourra etre|pourront etre|va etre|vont etre"
        rf"|est susceptible d etre|sont susceptibles d etre) {_FRENCH_ADVERB}enregistre(?:e|s|es)?\b"
        r"|\b(?:nous|on) (?:enregistrons|enregistre) (?:aussi |toujours )?"
        r"(?:cet|ces|votre|vos|l|les|nos|tous les|chaque) ?(?:appels?|communications?|conversations?|echanges?)\b"
        r"|\bvous etes (?:desormais |actuellement )?enregistre(?:e|s|es)?\b"
    ),
    denied=re.compile(
        r"\b(?:ne|n|pas|jamais|aucun|aucune|sans|ni|non|nul|nulle|guere|rarement|si|plutot qu|au lieu d|tout sauf)\b"
    ),
)
_BY_LANGUAGE = {"en": _ENGLISH, "fr": _FRENCH}


def tells_of_ai(greeting: str, name: str, language: str) -> bool:
    """Whether callers hear from it that a machine speaks. ``name`` is the restaurant's, which says nothing of that.

    ``language`` is ``en`` or ``fr``.
    """
    words = _BY_LANGUAGE[language]
    return _is_said(words.speaks, words.denied, greeting, name)


def told_of_ai_by(text: str, name: str, language: str) -> int | None:
    """After how many of its letters ``text`` has said that an AI speaks; None when it never does."""
    ends = [match.end() for match in _CLAUSES.finditer(text)]
    return next((end for end in (*ends, len(text)) if tells_of_ai(text[:end], name, language)), None)


def tells_of_recording(greeting: str, name: str, language: str) -> bool:
    """Whether callers hear from it that the call is recorded. As ``tells_of_ai``."""
    words = _BY_LANGUAGE[language]
    return _is_said(words.recorded, words.denied, greeting, name)


def _is_said(said: re.Pattern[str], denied: re.Pattern[str], greeting: str, name: str) -> bool:
    return any(said.search(clause) and not denied.search(clause) for clause in _clauses(greeting, name))


def _clauses(greeting: str, name: str) -> list[str]:
    """Folded, without the restaurant's name."""
    # An acronym with dots would fall into clauses of one letter.
    text = re.sub(r"\b([AI])\.\s?([AI])\.", r"\1\2", greeting)
    clauses = (fold(_APOSTROPHES.sub(" ", clause)) for clause in _CLAUSES.split(text))
    bare = fold(_APOSTROPHES.sub(" ", name))
    if not bare:
        return [clause for clause in clauses if clause]
    without = re.compile(rf"\b{re.escape(bare)}\b")
    return [stripped for clause in clauses if (stripped := " ".join(without.sub(" ", clause).split()))]
