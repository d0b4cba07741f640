"""Sentences after which no order matters: somebody is in danger, and a person has to know at once.

It is decided by words, beside the model. What is not clear goes to a person too: a transfer that was not needed costs
a minute.
"""

from __future__ import annotations

import re
from functools import cache

from domain.names import fold
from domain.phrases import wording_for
from domain.restaurant import Restaurant

EMERGENCY = "emergency"  # why a caller in danger is put through

# Where another number than Europe's 112 is the one to call.
_NUMBERS = {"US": "911", "CA": "911"}


def is_emergency(said: str) -> bool:
    """Whether the caller speaks, in English or French, of a reaction in progress or another danger to somebody."""
    words = fold(re.sub("[’'`]", " ", said))
    danger, reaction, not_now = _patterns()
    return danger.search(words) is not None or (
        reaction.search(words) is not None and not_now.search(words) is None and not said.rstrip().endswith("?")
    )


def emergency_number(country: str) -> str:
    return _NUMBERS.get(country, "112")


def told_in_danger(restaurant: Restaurant) -> str:
    """Whom to call, and that they are put through where the restaurant has a number for that."""
    words = wording_for(restaurant.language)
    said = words.emergency if restaurant.fallback_number else words.emergency_alone
    return said.format(number=emergency_number(restaurant.country))


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Compiled with the first thing that is said, not in the cold start."""
    danger = re.compile(
        r"\b(?:anaphyla\w+|(?:can t|cannot|can not|unable to|struggling to|trouble|difficulty) breath\w*"
        r"|(?:is|he s|she s|i m|are|been) choking|call (?:me )?(?:an ambulance|911|112|999)"
        r"|need an ambulance|unconscious|passed out|collapsed|heart attack|stroke right now|seizure"
        r"|(?:throat|tongue|face|lips) (?:is|are) (?:\w+ )?(?:swelling|closing|swollen)|epi ?pen"
        r"|(?:there s|there is) a fire|(?:is|are) on fire|(?:bleeding|poisoned)"
        r"|choc (?:anaphylactique|allergique)|(?:n )?(?:arrive|arrivons|peut|peux) (?:plus|pas) (?:a )?respirer"
        r"|respire (?:plus|mal|pas)|s etouffe\w*|m etouffe|appel(?:ez|er|le) (?:une ambulance|les secours|le samu"
        r"|les pompiers|le 15|le 18|le 112)|inconsciente?|crise cardiaque|fait un malaise|convulsions?"
        r"|(?:gorge|langue|visage|levres) (?:qui )?(?:gonfle|enfle)\w*|il y a le feu|il y a un incendie"
        r"|saigne (?:beaucoup|enormement)|empoisonne\w*)\b"
    )
    reaction = re.compile(r"\b(?:allergic reaction|reacting to|reaction allergique|(?:fait|faire) une reaction)\b")
    not_now = re.compile(
        r"\b(?:last (?:year|month|week|time)|ago|once|before|used to|could|might|may|would|if|in case|avoid|history"
        r"|deja|autrefois|l an dernier|la derniere fois|il y a (?:\w+ ){1,2}(?:ans?|mois)|pourrait|risque|eviter|si)\b"
    )
    return danger, reaction, not_now
