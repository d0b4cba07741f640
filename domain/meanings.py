"""What callers' words mean, as far as restaurants are asked about it: words of both languages that stand for one thing.

A plain list, as a restaurant's questions are few and of one kind. ``carte`` is a menu or a card: what has two meanings
is told apart by the words beside it, or stands for neither.
"""
# ruff: noqa: E501 - a meaning is one line

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from domain.names import fold

# A word means this when it begins so; a phrase when it is said so.
_CONCEPTS: dict[str, str] = {
    "parking": "park|parks|parking|car|car park|garer|gare|stationn|voiture|garage",
    "paying": "pay|payment|card|cards|cash|credit|debit|visa|mastercard|amex|contactless|apple pay|cheque|bitcoin|payer|paye|paiement|regler|reglement|especes|liquide|cb|carte bleue|carte bancaire|par carte|titres restaurant|ticket restaurant|tickets restaurant|ticket resto|tickets resto|sans contact",
    "voucher": "voucher|gift card|gift cards|gift certificate|bon cadeau|bons cadeaux|carte cadeau|cartes cadeaux|cheque cadeau",
    "loyalty": "loyalty|loyalty card|points|stamp card|fidelite|carte de fidelite",
    "discount": "discount|student|students|promotion|happy hour|remise|reduction|etudiant",
    "animals": "dog|dogs|doggy|puppy|pet|pets|animal|animals|cat|cats|chien|chiens|chienne|toutou|animaux|chat|chats",
    "children": "child|children|kid|kids|toddler|toddlers|baby|babies|highchair|high chair|high chairs|pram|enfant|enfants|gamin|gamins|bebe|bebes|petits|chaise haute|chaises hautes|poussette|fils|fille|son|daughter",
    "vegan": "vegan|vegans|plant based|animal products|vegane|veganes|vegetalien",
    "vegetarian": "vegetarian|vegetarians|veggie|meatless|meat free|without meat|no meat|vegetarien|sans viande",
    "gluten": "gluten|coeliac|coeliacs|celiac|wheat|coeliaque|cœliaque|ble",
    "halal": "halal|hallal",
    "kosher": "kosher|casher|cacher",
    "allergies": "allergy|allergies|allergic|allergen|allergens|nut|nuts|allergie|allergique|allergene|arachide|noix",
    "internet": "wifi|wi fi|internet|wlan|plug|plugs|charge my phone|prise",
    "outdoors": "terrace|outside|outdoor|outdoors|patio|garden|balcony|terrasse|dehors|exterieur|plein air|jardin",
    "access": "wheelchair|wheelchairs|accessible|accessibility|disabled|step free|ramp|stairs|fauteuil|handicap|pmr|escalier|mobilite reduite",
    "booking": "book|booking|bookings|reserve|reservation|reservations|table|tables|walk in|reserver",
    "delivery": "deliver|delivers|delivery|deliveries|deliveroo|uber eats|bring it|bring the food|livrer|livre|livrez|livraison|livraisons|livreur|courier|driver",
    "duration": "how long|how much time|how many minutes|how fast|quickly|duration|wait|waiting|combien de temps|combien de minutes|duree|delai|delais|attente|attendre|rapidement|vite",
    "place": "where are you|address|located|location|directions|find you|get to you|whereabouts|ou etes|adresse|situe|vous trouve|vous trouver|ou se trouve|c est ou",
    "transport": "bus|metro|subway|train|station|tram|tramway|rer|luas|dart",
    "takeaway": "takeaway|take away|take out|to go|collection|pick up|a emporter|emporter",
    "birthday": "birthday|birthdays|anniversary|cake|anniversaire|gateau",
    "groups": "group|groups|party|parties|private|privatis|function|wedding|weddings|catering|cater|groupe|groupes|mariage|traiteur|seminaire",
    "alcohol": "alcohol|wine|wines|beer|beers|byo|corkage|cocktail|alcool|vin|vins|biere|bieres|bouchon",
    "smoking": "smoke|smoking|vape|fumer|fumeur|fumeurs|cigarette",
    "music": "music|concert|dj|karaoke|musique|live band",
    "jobs": "job|jobs|hiring|vacancy|vacancies|work for you|cv|emploi|recrut|stage|embauche",
    "invoice": "invoice|receipt|facture|recu|note de frais|ticket de caisse",
    "lost": "lost|forgot|left behind|left my|oublie|perdu|objet trouve",
    "toilets": "toilet|toilets|restroom|bathroom|toilettes|wc",
    "dress": "dress code|wear|tenue|habille",
    "sport": "football|match|rugby|tv|screen|ecran|tele",
    "hours": "open|opening|opens|close|closes|closing|closed|ouvert|ouverte|ouverts|ouvrez|ferme|fermez|horaires|christmas|noel|holiday|holidays|ferie|feries",
    "origin": "local|origin|organic|homemade|home made|fresh|frozen|bio|maison|origine|frais|surgele|surgeles",
    "complaint": "complain|complaint|refund|plainte|rembours|reclamation",
}
_STEM = 4  # letters from which on a word is known by its beginning


@cache
def _phrases() -> dict[tuple[str, ...], str]:
    known = {}
    for meaning, words in _CONCEPTS.items():
        for group in words.split("|"):
            parts = tuple(fold(group).split())
            known[parts] = meaning
    return known


def meanings(text: str) -> Iterator[tuple[str, bool]]:
    """What a text is about, in its order: a meaning and True, or a word that has none and False."""
    words = fold(text).split()
    known = _phrases()
    longest = max(map(len, known))
    at = 0
    while at < len(words):
        for length in range(min(longest, len(words) - at), 0, -1):
            meaning = known.get(tuple(words[at : at + length]))
            if meaning is not None:
                yield meaning, True
                at += length
                break
        else:
            begun = _begun(words[at])
            yield (begun, True) if begun else (words[at], False)
            at += 1


@cache
def _begun(word: str) -> str:
    """The meaning of a word that goes on after one of the list's: ``stationnement``, ``vegetariennes``."""
    found = [
        (len(parts[0]), meaning)
        for parts, meaning in _phrases().items()
        if len(parts) == 1 and len(parts[0]) > _STEM and word.startswith(parts[0])
    ]
    return max(found)[1] if found else ""
