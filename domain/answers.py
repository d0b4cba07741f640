"""What a caller's words mean as the answer to a read-back: a yes, a no, or neither.

A yes is one only when every word beside it is known to change nothing. So the words that take a yes back need not be
complete, and what is not understood is asked again.

Everything here is matched on folded words: no case, no accents, no punctuation.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from typing import Literal

from domain.names import fold
from domain.number_words import NUMBER_WORDS, spoken_numbers
from domain.spoken_time import DAY_MINUTES

Answer = Literal["yes", "no", "unclear"]

_NUMBER = "(?:{})".format("|".join((r"\d+", *sorted(NUMBER_WORDS))))
_WELL = (
    r"(?:(?:that|it) (?:is|s)|thats|its|that (?:will|ll) be|(?:c|ce) (?:est|sera)|ca) (?:all|it|everything|right|fine"
    r"|good|great|perfect|correct|grand|ok|okay|all right|alright|tout|ca|bon|bien(?! que)|parfait|tres bien|va)"
)
# Taken out first: a "no" or a "but" inside them means nothing. A "no" that opens a yes is one of them.
_HARMLESS = re.compile(
    r"\b(?:(?:(?:no|nope|nah|non|nan) )+(?:(?:thanks|thank you|merci) )?"
    rf"(?:{_WELL}|that s me|(?:c est )?parfait|perfect|all good)(?! (?:not|pas|wrong))"
    r"|no (?:problem|worries|bother|doubt)|not (?:a|any) (?:problem|bother)|not bad|without a doubt|why not"
    r"|(?:don t|dont|do not|no need to) worry(?: about it)?|but yes|nothing else|no more$"
    r"|(?:pas de|sans|aucun) (?:probleme|souci|doute|faute|hesiter)s?|sans aucun doute|pas mal|mais (?:oui|si)"
    r"|mais bien sur|pourquoi pas|(?:ne )?vous inquietez pas|rien d autre|plus rien|je veux bien|encore merci"
    r"|merci encore|(?:that s |thats )?(?:exactly )?(?:what|everything|all) i (?:want|wanted|said|ordered|asked for)"
    r"|ce que (?:je |j )(?:veux|voulais|ai dit|ai demande|ai commande)|(?:for|pour) (?:now|the moment|le moment)"
    r"|(?:that|it|everything) should (?:be )?(?:it|all|do|fine|good|right|everything|ok)"
    r"|i (?:want|would like|d like) to (?:confirm|order) (?:it|that|the order)|no need for anything else"
    r"|ca ne pose pas de probleme|i said yes|j ai dit oui)\b"
)
# Then the times: when the food is wanted may stand beside a yes, as long as it is when it was wished for.
_TIME = re.compile(
    r"\b(?:(?P<from_now>in|dans) |(?:at|by|for|a|pour|vers|around) )?(?:(?:half|quarter|past|to) )*"
    rf"(?:{_NUMBER} )+(?:heures?|h|o clock|pm|am|p m|a m)\b(?: et (?:demie?|quart)| {_NUMBER}\b)*"
    rf"|\b(?:(?:at|by|a|vers|around)|(?:for|pour) (?:half|quarter)) (?:(?:half|quarter|past|to) )*"
    rf"{_NUMBER}(?: {_NUMBER})*\b(?: et demie?)?"
    r"|\b(?:midi|minuit|noon|midnight)\b(?: et (?:demie?|quart))?"
)
_HALF_A_DAY = DAY_MINUTES // 2
# And what says nothing of what is ordered: how much, a farewell. Any other number may be another quantity.
_BESIDE = re.compile(
    rf"\b(?:(?:for|a|pour|in) )?(?:{_NUMBER} )+(?:euros?|pounds?|dollars?|francs?|cents?|percent|pour cent)\b"
    rf"(?: (?:and )?{_NUMBER}\b)*"
    rf"|\b(?:(?:in|dans) (?:{_NUMBER} )+minutes|(?:{_NUMBER} )+minutes (?:is|c est))\b"
    r"|\b(?:see you (?:then|later|soon|there)|mm h+m+|thanks a (?:lot|million|mil)|a tout (?:a l heure|de suite))\b"
)
# Each is an answer wherever it stands. Callers may answer in another language than the restaurant's: the commonest
# ones of Europe stand with English and French.
_YES = re.compile(
    r"\b(?:yes|yess|yessir|ye|yeah|yea|yep|yup|yah|aye|go (?:ahead|for it)|absolutely|definitely|certainly|of course"
    r"|please do|(?:let s )?do (?:it|that)|agreed|totally|obviously|naturally|oui|ouii+|ouais|ouaip"
    r"|tout a fait|absolument|bien sur|bien entendu|carrement|evidemment|allez y|vas y|vous pouvez y aller"
    r"|je confirme|je valide|d accord|d acc|dac"
    r"|entendu|volontiers|(?:avec|with) (?:plaisir|pleasure)|claro|vale|ja|jawohl|genau|sim|tak|da|va bene|certo"
    r"|perfetto)\b|^si(?: si)*$|^it is$"
)
# These are too, but for a caller who asks: "is that right?".
_PRAISE = re.compile(
    r"\b(?:correct(?! (?:the|it|that|me))|right|exactly|exacte?|correcte|perfect|sure|ok|okay|okey|oki|okie|o k|fine"
    r"|great|good(?! (?:question|evening|morning|afternoon|day|night))|lovely|brilliant|grand|cool|fab|fantastic"
    r"|wonderful"
    r"|excellente?|awesome|amazing|beautiful|marvellous|deal|all set|confirm|confirmed"
    r"|that (?:is|s) (?:it|all|everything|the one)|thats it|(?:that|it) works|works for me"
    r"|(?:sounds|looks) (?:about )?(?:good|right|great|perfect)"
    r"|happy with (?:that|it)|bang on|spot on|all right|alright|righto|very well|indeed|fair enough|you got it|you bet"
    r"|that (?:ll|will) do|i ll take (?:it|that)|place (?:the order|it)|send it|let s go"
    r"|c est (?:ca|cela|bon|bien ca|juste|correcte?|note|parti|tout|top|le cas|en ordre)|exactement|parfait"
    r"|parfaitement|voila|tres bien|super bien|impeccable|impec|nickel|super|genial|magnifique|top"
    r"|ca (?:marche|roule|ira)"
    r"|ca me (?:va|convient|parait bien)|on fait comme ca|faisons comme ca|commandez"
    r"|confirme|confirmer|valide|valider|affirmatif|effectivement"
    r"|tout(?: est)? bon|tout va bien|on est bons|on y va|allons y|banco|marche conclu|faites|je prends(?: ca)?)\b"
)
_QUESTION = re.compile(
    r"^(?:(?:and|so|et|euh|um|uh) )?(?:is|are|do|does|did|can|could|will|would|should|what|which|where|when|why|how|who"
    r"|est ce|qu|que|quoi|quel\w*|combien|comment|ou|pourquoi|quand|vous etes)\b"
)
# What takes a yes back, puts a condition to it or changes the order.
_BUT = re.compile(
    r"\b(?:no|nope|nah|not|don t|dont|doesn t|isn t|isnt|ain t|won t|can t|cannot|never|but|wait|actually|wrong"
    r"|incorrect|instead|change|except|only if|hold on|hang on|cancel|remove|forget|too (?:much|expensive|dear)|make it"
    r"|make that|rather|maybe|perhaps|sorry|mistake|add|also|as well|plus|another|without|if|unless|let me think"
    r"|non|nan|pas|mais|attendez|attends|plutot|finalement|enfin|en fait|sauf|annul\w*|enlev\w*|retir\w*|trop|faux"
    r"|fausse|erreur|chang\w*|un instant|minute|ajout\w*|rajout\w*|aussi|en plus|peut etre|desole|pardon|sans"
    r"|je ne sais|ca fait beaucoup|vous etes sure?|are you sure|we ll see|si (?!si\b)|nein|nicht|aber|pero|nie)\b"
)
# Words around a yes that change nothing. Any other may be an addition, another size or address, a hedge: "yes and a
# Coke", "oui une petite", "yes mostly". To ask once more costs seconds, a wrong order a meal.
_AROUND_A_YES = """
    a about again ah all alors am and are at au bah be beaucoup been ben bien bientot bill bitte bon bonne bonsoir boss
    by bye c ca can card carte cash ce cela cheers chercher collect combien commande comme compris confirmer d danke
    dans day de do dokey dokie donc eh en er especes est et euh evening everything faire fait favor for go good goodbye
    gracias grazie here heu heure how i il in is it its j je journee l la le liquide ll long love m ma maam madam madame
    man mate may me meme merci mm mmm moi monsieur much my name nicely night nom nous now nuit of oh on order ordre
    paierai pal par passe passerai pay payer peut peux pick plait please por pour pouvez pret prete qu quand que quelle
    re ready recuperer regler reglerai revoir s same see senor sera serai serait sir so soiree sont suis ta take te
    temps thank thanks that thats the then there this time to tous tout uh um up valider ve very viendrai viens vous we
    well what when will with would y you
"""
_AROUND = frozenset(_AROUND_A_YES.split())


def answer_of(said: str, name: str = "", wanted: datetime | None = None) -> Answer:
    """What ``said`` means as the answer to a read-back: ``yes`` only when nothing in it takes the yes back.

    "Sure, how long will it take?" is a yes; "yes but the total is wrong", "not yet" and "oui enfin non" are ``no``;
    "uh-huh", "is that right?" and "yes, and a Coke" are ``unclear``. ``name`` is the caller's, who may say it again,
    as they may the time that they ``wanted`` the food at (local); any other time is ``unclear``.
    """
    # With its accent it is the Spanish or Italian yes; without, the French "if", unless it stands alone.
    words = fold(_apart(re.sub(r"\b[Ss][íì]\b", " yes ", unicodedata.normalize("NFC", said))))
    words = _HARMLESS.sub(" yes ", words)
    other_time = any(not _is_time(time, wanted) for time in _TIME.finditer(words))
    words = " ".join(_BESIDE.sub(" ", _TIME.sub(" ", words)).split())
    if _BUT.search(words):
        return "no"
    asks = _QUESTION.search(words) or said.rstrip().endswith("?")
    praise = _PRAISE.match(words) if asks else _PRAISE.search(words)
    agrees = _YES.search(words) or (praise and not (asks and praise.end() == len(words)))
    around = set(_PRAISE.sub(" ", _YES.sub(" ", words)).split())
    known = around <= _AROUND | set(fold(name).split())
    return "yes" if agrees and known and not other_time else "unclear"


def _apart(said: str) -> str:
    """``20h30`` and ``8pm`` in words of their own."""
    return re.sub(r"(?<=\d) ?(h|[ap]\.?m\b\.?) ?(?=\d|\W|$)", r" \1 ", said, flags=re.IGNORECASE)


def _is_time(time: re.Match[str], wanted: datetime | None) -> bool:
    """Whether the time that was said may be ``wanted``; one that counts from now is not known to be."""
    if wanted is None or time["from_now"]:
        return False
    clock = wanted.hour * 60 + wanted.minute
    meant = [_minutes(spoken_numbers(time[0], language)) for language in ("en", "fr")]
    return any(one is not None and (one[0] - clock) % one[1] == 0 for one in meant)


def _minutes(time: str) -> tuple[int, int] | None:
    """Minutes after midnight, and what they repeat after: half a day, unless it is said which half is meant.

    None for what is no time in this language: number words of another are left over.
    """
    words = time.split()
    numbers = [int(word) for word in words if word.isdigit()]
    if "midi" in words or "noon" in words:
        numbers, sure = [12], True
    elif "minuit" in words or "midnight" in words:
        numbers, sure = [0], True
    elif not 1 <= len(numbers) <= 2 or NUMBER_WORDS & set(words):
        return None
    else:
        sure = numbers[0] > 12 or bool({"am", "pm", "m"} & set(words))
        if sure and numbers[0] <= 12:
            numbers[0] = numbers[0] % 12 + (12 if {"pm", "p"} & set(words) else 0)
    minutes = numbers[0] * 60 + sum(numbers[1:])
    if {"half", "demi", "demie"} & set(words):
        minutes += 30
    elif {"quarter", "quart"} & set(words):
        minutes += -15 if "to" in words else 15
    return minutes, DAY_MINUTES if sure else _HALF_A_DAY
