"""What the assistant asks for, by its words: any engine's, so by what people say and not by one engine's phrases."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from domain.menu import Menu
from domain.names import fold
from evaluation.scenarios import Topic

# Over folded text, without accents and punctuation. The first that fits the last question counts.
_ENGLISH: tuple[tuple[Topic, str], ...] = (
    ("still_there", r"\b(still there|still on the line|are you there|hello)$"),
    (
        "human",
        r"\b(put you through|connect you|transfer you|(speak|talk) (to|with) (someone|a person|a human|the team))\b",
    ),
    ("missing", r"\b(would you like instead|without (it|that|them)$)"),
    (
        "confirm",
        r"\b(is (that|this|it|everything) (right|correct|all right|ok|okay|fine)|shall i (confirm|place|send|put)"
        r"|(can|may|should) i (confirm|place|send)|would you like (me )?to (confirm|place)|do you (confirm|agree)"
        r"|say yes or no|sound(s)? (right|good)|right$|correct$|go ahead)\b",
    ),
    ("allergies", r"\b(allerg\w+)\b"),
    ("phone", r"\b((phone|telephone|mobile|contact|call ?back) number|number (we|i) can|what number)\b"),
    ("address", r"\b(address|eircode|postcode|where (should|shall|do|can) (we|i|it))\b"),
    ("spelling", r"\bspell\b"),
    ("name", r"\b(name|who is it for|who s it for|who is the order for)\b"),
    ("party", r"\b(how many (people|guests|persons|of you)|(table )?for how many)\b"),
    ("day", r"\b((what|which) (day|date)|when)\b"),
    ("time", r"\bwhat time\b"),
    (
        "fulfilment",
        r"\b((pick ?up|collect\w*|take ?away|deliver\w*|eat(ing)? in|dine in)\b.*\bor\b"
        r"|how would you like (it|to get)|is that for (pick ?up|delivery|eating|collection))",
    ),
    ("change", r"\bwhat (would|do|should) (you|i) (like (me )?to |want to )?change\b"),
    ("size", r"\b((what|which) size|how (big|large))\b"),
    (
        "more",
        r"\b(anything (else|more)|what else|something else|(that|it) (all|everything)|be all|any (drinks|extras))\b",
    ),
    ("again", r"\b(say (it|that) again|repeat|come again|how many would you like|which item)\b"),
    ("open", r"\b(what (would|can|do|may) (you|i)|how (can|may) i (help|serve)|can i (help|get|take)|like to order)\b"),
    ("offer", r"\b(would you like|can i (offer|interest)|how about|fancy|do you want)\b"),
)
_FRENCH: tuple[tuple[Topic, str], ...] = (
    ("still_there", r"\b(toujours la|vous etes la|allo)$"),
    (
        "human",
        r"\b(passe (quelqu un|l equipe|un collegue)|mette en relation|transfere|parler a (quelqu un|l equipe))\b",
    ),
    ("missing", r"\b(a la place|sans (cela|ca)$)"),
    (
        "confirm",
        r"\b(c est (bien (ca|cela)|correct|exact|juste|bon)|est ce (correct|exact|bien (ca|cela)|que c est (bon|bien))"
        r"|je (confirme|valide|passe) la commande|vous confirmez|on valide|dites moi oui ou non|ca vous (convient|va)"
        r"|je (la )?(confirme|valide))\b",
    ),
    ("allergies", r"\b(allerg\w+)\b"),
    ("phone", r"\b(numero de telephone|(quel|votre) numero|vous (joindre|rappeler))\b"),
    ("address", r"\b(adresse|code postal|ou (faut il|doit on|souhaitez vous etre) livrer?)\b"),
    ("spelling", r"\bepeler\b"),
    ("name", r"\b(nom|pour qui)\b"),
    ("party", r"\b((combien de|pour combien de?) ?(personnes|couverts)?|vous serez combien)\b"),
    ("day", r"\b(quel(le)? (jour|date)|quand)\b"),
    ("time", r"\bquelle heure\b"),
    (
        "fulfilment",
        r"\b((a emporter|en livraison|sur place|livre\w*)\b.*\bou\b|comment desirez vous votre commande|vous la desirez"
        r"|c est (a emporter|en livraison|sur place))",
    ),
    ("change", r"\b(voulez|souhaitez|desirez|dois je) ?(vous)? (modifier|changer)\b"),
    ("size", r"\b(quelle (taille|grandeur)|en quelle taille)\b"),
    ("more", r"\b(autre chose|avec (ceci|cela|ca)|d autre|sera tout|c est tout|ensuite)\b"),
    ("again", r"\b(repeter|redire|combien en voulez vous|quel plat de votre commande)\b"),
    ("open", r"\b(que (desirez|voulez|souhaitez|puis)|qu est ce que|je vous ecoute|comment puis je|commander)\b"),
    ("offer", r"\b(voulez|souhaitez|desirez|prendrez|aimeriez)\b"),
)
_PATTERNS = {
    language: tuple((topic, re.compile(pattern)) for topic, pattern in patterns)
    for language, patterns in (("en", _ENGLISH), ("fr", _FRENCH))
}
_MISUNDERSTOOD = re.compile(
    r"\b((did(n t| not)|do(n t| not)|still (did ?n t|did not)) (quite )?(catch|get|understand|hear)"
    r"|n ai (toujours )?pas (compris|entendu|bien (compris|entendu))|pardon je)"
)
_ENDED = re.compile(
    r"\b(good ?bye|bye|order is (confirmed|placed|with the kitchen)|au revoir|bonne (soiree|journee)"
    r"|commande est (confirmee|passee|enregistree)|is booked|est reservee|thank(s| you) for calling)\b"
)
_SENTENCES = re.compile(r"[^.!?…]+[.!?…]*")


@dataclass(frozen=True, slots=True)
class Question:
    """``topic`` None: there is a question, and it is not understood. ``text`` is it, ``heard`` all; both folded."""

    topic: Topic | None
    text: str
    heard: str
    misunderstood: bool = False
    ended: bool = False


def question_of(heard: str, menu: Menu, language: str) -> Question:
    """What the caller has to answer to ``heard``; without a question mark, the last sentence is taken for one."""
    sentences = [one.strip() for one in _SENTENCES.findall(heard) if one.strip()]
    asking = [one for one in sentences if one.endswith("?")]
    whole = folded(heard)
    misunderstood = _MISUNDERSTOOD.search(whole) is not None
    ended = not asking and _ENDED.search(whole) is not None
    last = folded(asking[-1] if asking else (sentences[-1] if sentences else ""))
    topic = _listed(last, menu) or _by_words(last, language)
    if topic is None and not asking:  # a statement: the caller goes on
        topic = "again" if misunderstood else "more"
    return Question(topic, last if asking else whole, whole, misunderstood, ended)


def folded(text: str) -> str:
    return fold(text.replace("’", " ").replace("'", " ").replace("-", " "))


def _by_words(last: str, language: str) -> Topic | None:
    return next((topic for topic, pattern in _PATTERNS[language] if pattern.search(last)), None)


def _listed(last: str, menu: Menu) -> Topic | None:
    """A question that lists sizes, options or items of the menu."""
    sizes = {size.name for item in menu.items for size in item.sizes if size.name}
    options = {option.name for item in menu.items for group in item.modifier_groups for option in group.options}
    if len(said_names(last, options)) >= 2:
        return "option"
    if len(said_names(last, sizes)) >= 2:
        return "size"
    return "which" if len(said_names(last, {item.name for item in menu.items})) >= 2 else None


def said_names(text: str, names: Iterable[str]) -> list[str]:
    """Those of ``names`` that the folded ``text`` has as whole words; not those that stand inside a longer one."""
    found: list[str] = []
    left = f" {text} "
    for name in sorted(names, key=len, reverse=True):
        needle = f" {folded(name)} "
        if needle in left:
            found.append(name)
            left = left.replace(needle, " | ")
    return found
