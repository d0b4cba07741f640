"""What callers say, as data: numbers, sizes, and the phrases by which an intent is known, per language.

Phrases are regular expressions over folded text (lower case, no accents, apostrophes as spaces).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Pattern = re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Lexicon:
    numbers: dict[str, int]
    articles: frozenset[str]  # before an item, "one of it"
    fillers: frozenset[str]  # between a number and an item
    with_words: frozenset[str]
    without_words: frozenset[str]
    without: str  # how a wish is written for the kitchen
    joiners: frozenset[str]
    weak_words: frozenset[str]  # never enough to recognise an item by
    yes: Pattern
    no: Pattern
    done: Pattern
    goodbye: Pattern
    thanks: Pattern
    hello: Pattern
    human: Pattern
    repeat: Pattern
    read_back: Pattern
    question: Pattern
    order_verb: Pattern
    allergens: Pattern
    contents: Pattern
    hours: Pattern
    table: Pattern
    correction: Pattern
    change: Pattern
    into: Pattern
    instead: Pattern
    remove: Pattern
    negated: Pattern
    everything: Pattern
    the_last: Pattern
    another: Pattern
    kinds: dict[str, Pattern]
    name: Pattern  # over the original text: names are known by their capital
    name_answer: Pattern
    address: Pattern
    days: dict[str, str]


def _any(*phrases: str) -> Pattern:
    return re.compile(r"\b(?:" + "|".join(phrases) + r")\b")


_ENGLISH_NUMBERS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]
_FRENCH_NUMBERS = [
    "zero",
    "un",
    "deux",
    "trois",
    "quatre",
    "cinq",
    "six",
    "sept",
    "huit",
    "neuf",
    "dix",
    "onze",
    "douze",
    "treize",
    "quatorze",
    "quinze",
    "seize",
    "dix-sept",
    "dix-huit",
    "dix-neuf",
    "vingt",
]

ENGLISH = Lexicon(
    numbers={word: value for value, word in enumerate(_ENGLISH_NUMBERS)} | {"couple": 2, "pair": 2, "dozen": 12},
    articles=frozenset({"a", "an", "the", "another", "some", "my", "that", "this"}),
    fillers=frozenset(
        {"of", "pizza", "pizzas", "portion", "portions", "order", "orders", "bottle", "bottles"}
        | {"glass", "glasses", "slice", "plate", "x", "more", "cans", "can", "side", "sides"}
    ),
    with_words=frozenset({"with", "extra", "plus", "add", "added", "topped", "on"}),
    without="no",
    without_words=frozenset({"no", "without", "minus", "hold", "remove"}),
    joiners=frozenset({"and", "or", "also", "some", "the", "a", "of", "then", "please"}),
    weak_words=frozenset(
        [
            "still",
            "hot",
            "cold",
            "fresh",
            "green",
            "red",
            "white",
            "black",
            "blue",
            "house",
            "special",
            "day",
            "with",
            "no",
            "extra",
            "small",
            "medium",
            "large",
            "free",
            "base",
            "side",
            "on",
            "the",
            "of",
            "and",
            "a",
            "in",
            "to",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "sweet",
            "big",
            "thin",
            "classic",
            "crispy",
            "pizza",
        ]
    ),
    yes=_any(
        "yes",
        "yeah",
        "yep",
        "yup",
        "correct",
        "that s right",
        "that is right",
        "exactly",
        "perfect",
        "sure",
        "absolutely",
        "sounds good",
        "go ahead",
        "of course",
        "please do",
        "okay",
        "ok",
        "that s fine",
        "all good",
        "that s correct",
        "that is correct",
        "right",
    ),
    no=_any("no", "nope", "nah", "not really", "wrong", "incorrect", "that s not right"),
    done=_any(
        "that s (?:all|it|everything)",
        "that is (?:all|it|everything)",
        "that will be (?:all|it)",
        "that ll be (?:all|it)",
        "nothing (?:else|more)",
        "i m (?:done|good|fine)",
        "no thanks",
        "no thank you",
        "just that",
        "that would be (?:all|it)",
        "all for now",
        "all done",
    ),
    goodbye=_any("bye", "goodbye", "bye bye", "see you", "have a (?:good|nice) (?:day|evening|night|one)"),
    thanks=_any("thanks", "thank you", "cheers"),
    hello=_any("hello", "hi", "hey", "good (?:morning|afternoon|evening)"),
    human=_any(
        r"(?:speak|talk) (?:to|with) (?:a |an |the |some)?\w*\s?(?:human|person|someone|somebody|manager|staff|one)",
        "real person",
        "human",
        "put me through",
        "transfer me",
        "the manager",
        "a person",
        "speak to someone",
    ),
    repeat=_any(
        "repeat(?: that)?",
        "say (?:that|it) again",
        "pardon",
        "come again",
        "what did you say",
        "say again",
        "i didn t (?:hear|catch|get) (?:that|you)",
        "one more time",
    ),
    read_back=_any(
        "what s (?:in )?my order",
        "read (?:it|that|my order|the order) back",
        "what do i have",
        "what have i ordered",
        "how much (?:is|does) (?:it|that|my order|the order|everything)(?: come to| altogether| in total)?",
        "what s the total",
        "the total",
    ),
    question=re.compile(
        r"^(?:(?:and|so|hi|hello|um|uh|sorry|excuse me|yes|actually|please) )*(?:how|what|whats|where|which|when|who|why|"
        r"do you|do your|does|is there|is your|is the|is it|is that|are you|are there|are your|are the|are dogs|"
        r"are children|have you got|can you tell|could you tell|can i (?:pay|park|bring|book)|tell me)\b"
        r"|\b(?:allerg\w+|vegan|halal|kosher|parking|park nearby|opening hours|gluten free pizza)\b.*\?"
    ),
    order_verb=_any(
        "i d like",
        "i would like",
        "i ll have",
        "i will have",
        "i ll take",
        "i want",
        "can i (?:have|get|order|take)",
        "could i (?:have|get|order)",
        "could we have",
        "can we (?:have|get)",
        "give me",
        "get me",
        "we d like",
        "we ll have",
        "i need",
        "may i have",
        "to order",
        "let me (?:have|get)",
        "order",
    ),
    allergens=_any(r"allerg\w+", "contain", "gluten", "dairy", "nuts"),
    contents=_any("what s (?:in|on)", "what is (?:in|on)", "what comes", "ingredients"),
    hours=_any("opening hours", "open(?:ing)?", "close[sd]?", "closing", "what time are you"),
    table=_any("(?:book|reserve) (?:a |the )?table", "table for", "reservation", "booking"),
    correction=_any(
        "make (?:that|it|this|them|those)",
        "i mean",
        "i meant",
        "no sorry",
        "sorry no",
        "no wait",
        "wait no",
        "rather",
        "scratch that",
        "change (?:that|it) to",
        "on second thoughts?",
        "correction",
        "actually no",
    ),
    change=_any("change", "replace", "swap", "switch", "make", "turn"),
    into=_any("to", "with", "for", "by", "into"),
    instead=_any("instead", "in place", "rather than"),
    remove=_any(
        "remove",
        "take (?:off|out|away)",
        "cancel",
        "delete",
        "drop",
        "forget",
        "scratch",
        "get rid of",
        "leave out",
        "i don t want",
        "don t want",
        "without",
        "skip",
        "no longer want",
        "take the",
    ),
    negated=re.compile(r"\bno(?: more| the)?$"),
    everything=_any(
        "cancel (?:everything|the order|my order|it all|all)", "start (?:over|again|from scratch)", "forget everything"
    ),
    another=_any("another one", "one more", "and another"),
    the_last=_any("that", "it", "that one", "this one", "the last one", "the last item", "last one"),
    kinds={
        "pickup": _any(
            "pick(?:ing)? ?up",
            "pick (?:it|them|that) up",
            "collect(?:ion|ing)?",
            "take ?away",
            "take ?out",
            "to go",
            "come (?:and|to) (?:get|collect|pick)",
            "carry ?out",
            "i ll come",
            "to take away",
            "pickup",
        ),
        "delivery": _any("deliver(?:y|ed|ing)?", "bring it", "sent? to my"),
        "dine_in": _any(
            "eat(?:ing)? in", "din(?:e|ing) in", "sit(?:ting)? in", "eat (?:it )?(?:here|there)", "in the restaurant"
        ),
    },
    name=re.compile(
        r"\b(?:[Mm]y name(?:'s| is)|[Tt]he name(?:'s| is)|[Nn]ame(?:'s| is)|[Ii]t(?:'s| is) for|[Tt]his is|[Uu]nder(?: the name)?(?: of)?"
        r"|[Ii]n the name of|[Tt]hat(?:'s| is) for|[Ii](?:'m| am)|[Cc]all me|[Ff]or) (?P<name>[A-Z][\w'-]+(?: [A-Z][\w'-]+)?)"
    ),
    name_answer=re.compile(
        r"^\W*(?:(?:yes|yeah|uh|um|er|so|well|okay|ok|sure|please|it's|its|it is|that's|that is|for|under|the name is|the name|my name is"
        r"|name is|i'm|i am|this is|call me|put)\b[\s,]*)*(?P<name>[^\d?!.,]{2,40}?)(?:,? (?:please|thanks|thank you))?[\s.!,]*$",
        re.IGNORECASE,
    ),
    address=re.compile(
        r"^(?:.*?\b(?:deliver(?:ed|y)?(?: it| that)?(?: please)?,? (?:to|at)|address is|live (?:at|in)|send it to)|"
        r"\W*(?:(?:yes|uh|um|sure|okay|it's|it is|that's|to|at|my)\b[\s,]*)*)\s*(?P<address>.+?)[\s.,!]*$",
        re.IGNORECASE,
    ),
    days={
        day: day
        for day in (
            "today",
            "tomorrow",
            "tonight",
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
            "sunday",
        )
    }
    | {"tonight": "today"},
)

FRENCH = Lexicon(
    numbers={word: value for value, word in enumerate(_FRENCH_NUMBERS)} | {"une": 1, "douzaine": 12},
    articles=frozenset(
        {"un", "une", "le", "la", "les", "l", "des", "du", "de", "d", "ma", "mon", "mes", "cette", "ce"}
    ),
    fillers=frozenset(
        {"pizza", "pizzas", "portion", "portions", "bouteille", "bouteilles", "verre", "verres", "fois", "x"}
        | {"part", "parts", "autre", "autres", "assiette", "canette", "canettes"}
    ),
    with_words=frozenset({"avec", "supplement", "supplements", "plus", "ajoutez", "ajouter", "rajoutez", "extra"}),
    without="sans",
    without_words=frozenset({"sans", "pas", "enlevez", "retirez"}),
    joiners=frozenset({"et", "ou", "puis", "aussi", "de", "d", "du", "des", "le", "la", "les", "l", "un", "une"}),
    weak_words=frozenset(
        [
            "de",
            "la",
            "le",
            "les",
            "du",
            "des",
            "au",
            "aux",
            "a",
            "en",
            "et",
            "petit",
            "petite",
            "moyen",
            "moyenne",
            "grand",
            "grande",
            "chaud",
            "chaude",
            "vert",
            "verte",
            "rouge",
            "blanc",
            "blanche",
            "avec",
            "sans",
            "un",
            "une",
            "deux",
            "trois",
            "quatre",
            "cinq",
            "base",
            "sauce",
            "bien",
            "point",
            "maison",
            "jour",
            "pizza",
            "supplement",
            "verts",
            "frais",
        ]
    ),
    yes=_any(
        "oui",
        "ouais",
        "d accord",
        "c est (?:bien )?(?:ca|exact|bon|parfait|juste|correct)",
        "exactement",
        "parfait",
        "tout a fait",
        "ok",
        "tres bien",
        "voila",
        "allez y",
        "volontiers",
        "je confirme",
        "bien sur",
        "c est bien ca",
    ),
    no=_any("non", "pas du tout", "ce n est pas (?:ca|bon)", "c est pas (?:ca|bon)"),
    done=_any(
        "c est tout",
        "ce sera tout",
        "ca sera tout",
        "ca ira",
        "rien d autre",
        "rien de plus",
        "non merci",
        "c est bon",
        "ca suffit",
        "j ai fini",
        "tout est bon",
        "ce serait tout",
        "se sera tout",
    ),
    goodbye=_any("au revoir", "bonne (?:journee|soiree)", "a bientot", "salut", "a tout a l heure"),
    thanks=_any("merci"),
    hello=_any("bonjour", "bonsoir", "allo"),
    human=_any(
        r"parler a (?:quelqu un|une personne|un humain|un responsable|un employe|un serveur|une vraie personne|l equipe)",
        "un humain",
        "une vraie personne",
        "passez moi quelqu un",
        "le patron",
        "un conseiller",
    ),
    repeat=_any(
        "repete[rz]?",
        "pardon",
        "comment",
        "vous pouvez redire",
        "redites",
        "encore une fois",
        "je n ai pas (?:compris|entendu)",
    ),
    read_back=_any(
        "ma commande c est quoi",
        "relisez",
        "recapitule[rz]?",
        "qu est ce que j ai commande",
        "combien (?:ca|cela) fait",
        "ca fait combien",
        "quel est le total",
        "le total",
    ),
    question=re.compile(
        r"^(?:(?:et|alors|bonjour|euh|pardon|excusez moi|oui|dites) )*(?:comment|quels?|quelles?|ou est|ou etes|quand|pourquoi|qui|est ce qu\w*|"
        r"avez vous|vous avez|y a t il|il y a|c est quoi|combien (?:de temps|coute|ca|cela)|faites vous|vous faites|acceptez vous|vous acceptez|"
        r"peut on|on peut|puis je|qu est ce|etes vous|vous etes|livrez vous|vous livrez|a quelle heure|jusqu a quelle)\b"
        r"|\b(?:allerg\w+|vegan|halal|casher|parking|stationnement)\b.*\?"
    ),
    order_verb=_any(
        "je voudrais",
        "j aimerais",
        "je vais prendre",
        "je prends",
        "je prendrai",
        "je veux",
        "on voudrait",
        "on va prendre",
        "donnez moi",
        "mettez(?: moi)?",
        "pour commander",
        "commander",
        "il me faudrait",
        "je souhaite",
        "je souhaiterais",
        "j aurais voulu",
        "est ce que je (?:peux|pourrais) avoir",
        "puis je avoir",
        "on prend",
        "ajoutez",
        "rajoutez",
    ),
    allergens=_any(r"allerg\w+", "contient", "gluten", "lactose", "fruits a coque"),
    contents=_any("qu est ce qu il y a", "il y a quoi", "c est quoi", "ingredients", "composition"),
    hours=_any(
        "horaires?",
        "ouverts?",
        "ouvrez",
        "fermez",
        "fermes?",
        "a quelle heure",
        "jusqu a quelle heure",
        "ouverture",
        "fermeture",
    ),
    table=_any("reserver", "reservation", "une table"),
    correction=_any(
        "plutot",
        "je voulais dire",
        "non pardon",
        "pardon non",
        "finalement",
        "en fait non",
        "mettez en plutot",
        "rectification",
        "mettez en",
        "faites en",
        "non attendez",
    ),
    change=_any(
        "changez", "changer", "remplacez", "remplacer", "echangez", "mettez", "mettre", "transformez", "passez"
    ),
    into=_any("par", "en", "contre", "pour", "avec"),
    instead=_any("a la place", "au lieu", "plutot que"),
    remove=_any(
        "enlevez",
        "enlever",
        "enleve",
        "retirez",
        "retirer",
        "retire",
        "supprimez",
        "supprimer",
        "annulez",
        "annuler",
        "oubliez",
        "je ne veux (?:plus|pas)",
        "je veux plus",
        "sans",
        "laissez tomber",
        "otez",
    ),
    negated=re.compile(r"\b(?:pas|plus)(?: de| d| du| la| le| l)?$"),
    everything=_any(
        "annulez (?:tout|la commande|ma commande)", "on recommence", "recommencez", "tout annuler", "oubliez tout"
    ),
    another=_any("encore une?", "une? (?:autre|de plus)"),
    the_last=_any("ca", "cela", "le dernier", "la derniere", "celui la", "celle la"),
    kinds={
        "pickup": _any(
            "a? ?emporter",
            "emporte",
            "venir (?:la |le |les )?chercher",
            "viens (?:la |le |les )?chercher",
            "viendrai",
            "je passe(?:rai)?",
            "passer (?:la |le |les )?(?:prendre|chercher)",
            "retirer sur place",
            "a retirer",
            "click and collect",
        ),
        "delivery": _any("livraison", "livre[rzse]?", "livrees?", "faire livrer", "a domicile"),
        "dine_in": _any("sur place", "manger (?:la|ici|chez vous)", "au restaurant"),
    },
    name=re.compile(
        r"\b(?:[Jj]e m['’]appelle|[Mm]on nom(?:,? c['’]est| est)|[Aa]u nom d[e'’]|[Cc]['’]est pour|[Ll]e nom(?:,? c['’]est| est)|[Cc]['’]est au nom de"
        r"|[Aa]u nom|[Pp]our) ?(?:[Mm]onsieur |[Mm]adame |[Mm]\. |[Mm]me )?(?P<name>[A-ZÀ-Ý][\w'’-]+(?: [A-ZÀ-Ý][\w'’-]+)?)"
    ),
    name_answer=re.compile(
        r"^\W*(?:(?:oui|euh|alors|bah|ben|donc|c['’]est|ce sera|ça sera|au nom de|au nom d['’]|mon nom est|mon nom c['’]est|le nom est|je m['’]appelle|pour"
        r"|mettez|monsieur|madame)(?:\b|(?<=['’]))[\s,]*)*(?P<name>[^\d?!.,]{2,40}?)(?:,? (?:s['’]il vous pla[iî]t|merci))?[\s.!,]*$",
        re.IGNORECASE,
    ),
    address=re.compile(
        r"^(?:.*?\b(?:adresse(?:,? c['’]est| est)|livr(?:er|ez|aison|ée?)(?: moi)?(?:,? s'il vous plaît)?,? (?:au|à|chez moi au)|habite(?: au| à)?)|"
        r"\W*(?:(?:oui|euh|alors|c['’]est|au|à|donc)(?:\b|(?<=['’]))[\s,]*)*)\s*(?P<address>.+?)[\s.,!]*$",
        re.IGNORECASE,
    ),
    days={"aujourd hui": "aujourd’hui", "demain": "demain", "ce soir": "aujourd’hui"}
    | {day: day for day in ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")},
)

LEXICONS = {"en": ENGLISH, "fr": FRENCH}

# Sizes that mean the same, whatever the menu calls them (folded).
SIZES = (
    frozenset(["small", "little", "petite", "petit", "mini"]),
    frozenset(["medium", "regular", "normal", "normale", "moyenne", "moyen", "standard"]),
    frozenset(["large", "big", "grande", "grand", "lodge"]),
)

# Common names of things by which callers order what the menu calls otherwise; used only when the menu has the right side.
OTHER_NAMES = {
    "coke": ("cola", "coca cola", "coca"),
    "coca": ("cola", "coca cola"),
    "coca cola": ("cola",),
    "cola": ("coca cola", "coca"),
    "fries": ("chips", "french fries", "frites"),
    "french fries": ("chips", "fries"),
    "lasagna": ("lasagne", "lasagnes"),
    "margarita": ("margherita",),
    "marguerite": ("margherita",),
    "veggie": ("vegetarian", "vegetarienne"),
    "hawaii": ("hawaiian",),
    "quattro formaggi": ("four cheeses", "four cheese", "quatre fromages"),
    "frites": ("portion de frites",),
}
