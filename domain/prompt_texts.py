"""The fixed words of the system prompt, one block per language. Written for a model that speaks on a phone."""

from __future__ import annotations

from typing import NamedTuple

from domain.menu import HalvesRule
from domain.spoken_time import language_of


class PromptTexts(NamedTuple):
    """``spoken_by_ai`` and ``recorded`` are added to a greeting that does not say so (``domain.notices``)."""

    persona: str
    styles: dict[str, str]  # by domain.restaurant.Style; what stands for {style} in the persona
    restaurant: str
    offers: tuple[str, str, str]  # pickup, delivery, dine in
    zone: str
    menu: str
    menu_key: str
    menu_is_searched: str
    shelf: str
    halves: dict[HalvesRule, str]
    served: str
    comes_with: str
    stays: str
    part: str
    within: str
    as_for: str
    included: str
    no_category: str
    allergens: str
    no_allergens: str
    choose: str
    sold_out: str
    also: str
    faq: str
    now: str
    date_and_time: str
    is_open: str
    is_always_open: str
    is_closed: str
    is_closed_with_orders_ahead: str
    is_closed_for_long: str
    greeting: str
    spoken_by_ai: str
    recorded: str


_ENGLISH = PromptTexts(
    persona=(
        "You are the voice assistant of the restaurant “{name}” and you answer its phone. You are {style}."
        " You speak English; if the caller speaks another language, follow them. You have already greeted"
        " the caller. If asked, say that you are an AI assistant."
    ),
    styles={
        "warm": "warm, quick and precise",
        "brief": "friendly and as brief as possible: no small talk, no sentence that could be left out",
        "formal": "courteous and formal, as in a fine restaurant; you never use slang or first names",
    },
    restaurant="The restaurant",
    offers=("Pickup is offered.", "Delivery is offered.", "Eating in is offered."),
    zone="- Delivery {name} ({codes}): minimum {minimum}, fee {fee}",
    menu="Menu",
    menu_key=(
        "Prices in {currency}, tax included, per size; “+” is what an option adds; what a thing is also called"
        " may stand for it in the tools."
    ),
    menu_is_searched=(
        "The menu is too long to stand here. Before you name a dish, a price or an allergen, or add a dish that"
        " you have not looked up, call search_menu with the caller’s words and use the names it gives."
    ),
    shelf="- {name}: {count}",
    halves={
        "dearer": "two halves can be had, at the price of the dearer",
        "average": "two halves can be had, at the middle of their prices",
        "half_each": "two halves can be had, at half the price of each",
    },
    served="Served only",
    comes_with="Comes with",
    stays="always in it",
    part="choose one, part of the combo; the combo's size is its size",
    within="{group} of {option}",
    as_for="as for {item}",
    included="{count} included in the price",
    no_category="Also",
    allergens="Allergens",
    no_allergens="not listed",
    choose="choose at least {minimum}, at most {maximum}",
    sold_out="sold out today",
    also="also",
    faq="Questions with an answer",
    now="Now",
    date_and_time="It is {day} {year}, {clock} ({zone}).",
    is_open="The restaurant is open until {time}.",
    is_always_open="The restaurant is open day and night.",
    is_closed="The restaurant is CLOSED and opens {time}: no order can be confirmed now. Say so at once.",
    is_closed_with_orders_ahead=(
        "The restaurant is CLOSED and opens {time}: orders are taken for after that. Say so at once."
    ),
    is_closed_for_long="The restaurant is CLOSED and no opening is known: no order can be confirmed. Say so at once.",
    greeting="Hello, this is the AI assistant of {name}. What can I get you?",
    spoken_by_ai="You are speaking with an AI assistant.",
    recorded="This call is recorded.",
)

_FRENCH = PromptTexts(
    persona=(
        "Tu es l’assistant vocal du restaurant « {name} » et tu réponds à son téléphone. Tu es {style}."
        " Tu parles français et tu vouvoies l’appelant ; s’il parle une autre langue, suis-le. Tu l’as déjà"
        " salué. Si on te le demande, dis que tu es une intelligence artificielle."
    ),
    styles={
        "warm": "chaleureux, rapide et précis",
        "brief": "aimable et aussi bref que possible : pas de bavardage, aucune phrase dont on peut se passer",
        "formal": "courtois et soutenu, comme dans une grande maison ; jamais de familiarité",
    },
    restaurant="Le restaurant",
    offers=("La vente à emporter est proposée.", "La livraison est proposée.", "On peut manger sur place."),
    zone="- Livraison {name} ({codes}) : minimum {minimum}, frais {fee}",
    menu="Carte",
    menu_key=(
        "Prix en {currency}, TVA comprise, par taille ; « + » est ce qu’ajoute une option ; ce que l’on appelle"
        " « aussi » autrement peut être nommé ainsi dans les outils."
    ),
    menu_is_searched=(
        "La carte est trop longue pour figurer ici. Avant de nommer un plat, un prix ou un allergène, ou d’ajouter un"
        " plat que tu n’as pas cherché, appelle search_menu avec les mots de l’appelant et prends les noms qu’il donne."
    ),
    shelf="- {name} : {count}",
    halves={
        "dearer": "deux moitiés possibles, au prix de la plus chère",
        "average": "deux moitiés possibles, à la moyenne des prix",
        "half_each": "deux moitiés possibles, à la moitié de chaque prix",
    },
    served="Servi seulement",
    comes_with="Composition",
    stays="toujours dedans",
    part="un au choix, compris dans la formule ; la taille de la formule est la sienne",
    within="{group} de {option}",
    as_for="comme pour {item}",
    included="{count} compris dans le prix",
    no_category="Et aussi",
    allergens="Allergènes",
    no_allergens="non indiqués",
    choose="choisir au moins {minimum}, au plus {maximum}",
    sold_out="plus disponible aujourd’hui",
    also="aussi",
    faq="Questions qui ont une réponse",
    now="En ce moment",
    date_and_time="Nous sommes le {day} {year}, il est {clock} ({zone}).",
    is_open="Le restaurant est ouvert jusqu’à {time}.",
    is_always_open="Le restaurant est ouvert jour et nuit.",
    is_closed="Le restaurant est FERMÉ et ouvre {time} : aucune commande ne peut être confirmée. Dis-le tout de suite.",
    is_closed_with_orders_ahead=(
        "Le restaurant est FERMÉ et ouvre {time} : les commandes sont prises pour après. Dis-le tout de suite."
    ),
    is_closed_for_long=(
        "Le restaurant est FERMÉ, sans réouverture connue : aucune commande ne peut être confirmée. Dis-le tout de"
        " suite."
    ),
    greeting="Bonjour, ici l’assistant IA de {name}. Que puis-je faire pour vous ?",
    spoken_by_ai="Vous parlez à un assistant IA.",
    recorded="Cet appel est enregistré.",
)

TEXTS = {"en": _ENGLISH, "fr": _FRENCH}


def texts_for(language: str) -> PromptTexts:
    return TEXTS[language_of(language)]
