"""What the voice model is told of a chain: which houses there are, and how it goes on in one of them."""
# ruff: noqa: E501 - a rule is one line of the prompt

from __future__ import annotations

from datetime import datetime

from domain import hours
from domain.chains import Chain, House
from domain.restaurant import Restaurant
from domain.spoken_time import language_of, spans_text

MAX_TEXT = 3_500  # characters; a chain has at most 20 houses
MAX_CODES = 12  # postcodes told of a house; choose_house knows them all

_RULES = {
    "en": (
        "Our houses",
        "- This number is for all of our houses. Before anything else find out which one the caller wants, or their postcode or town, and call choose_house with it; a house that the caller names at once needs no question. Until then take no order and speak of no dish, price or time.",
        "- We are the house {house}. The caller may want another one of ours: call choose_house with its name; say its `say`, and call it again only after a clear yes. When a tool offers a sister house, ask its question; without a clear yes nothing goes on there, and you go on here. Never offer a house by yourself, and say of one only what stands here or what a tool says.",
        "{name}: {place}. Today {today}.",
        "Delivers to {codes}.",
    ),
    "fr": (
        "Nos maisons",
        "- Ce numéro est celui de toutes nos maisons. Avant toute chose, trouve laquelle veut l’appelant, ou son code postal ou sa ville, et appelle choose_house ; une maison que l’appelant nomme d’emblée ne demande aucune question. D’ici là, ne prends aucune commande et ne parle d’aucun plat, prix ni heure.",
        "- Nous sommes la maison {house}. L’appelant peut en vouloir une autre : appelle choose_house avec son nom ; dis sa phrase `say`, et ne le rappelle qu’après un oui clair. Quand un outil propose une autre maison, pose sa question ; sans oui clair rien ne continue là-bas, et tu continues ici. Ne propose jamais une maison de toi-même, et n’en dis que ce qui figure ici ou ce que dit un outil.",
        "{name} : {place}. Aujourd’hui {today}.",
        "Livre à {codes}.",
    ),
}


def chain_instructions(chain: Chain | None, restaurant: Restaurant, asks: bool, now: datetime) -> str:
    """A section of the prompt; "" for a restaurant in no chain. ``asks``: the caller's house is not known yet."""
    if chain is None or not chain.serving:
        return ""
    heading, ask, here, line, delivers = _RULES[language_of(restaurant.language)]
    own = chain.by_id(restaurant.id)
    rule = ask if asks else here.format(house=own.name if own is not None else restaurant.name)
    told = f"# {heading}: {chain.name}\n{rule}"
    for house in chain.serving:
        if len(told) > MAX_TEXT:
            break
        told += f"\n- {_line(house, line, delivers, now)}"
    return told


def _line(house: House, line: str, delivers: str, now: datetime) -> str:
    about = house.about
    place = ", ".join(part for part in (about.street, f"{about.postcode} {about.city}".strip()) if part)
    today = spans_text(hours.spans_on(about, hours.local_time(about, now).date()), about.language)
    told = line.format(name=house.name, place=place or house.name, today=today)
    codes = [code for zone in about.delivery_zones for code in zone.postcodes]
    return f"{told} {delivers.format(codes=', '.join(codes[:MAX_CODES]))}" if about.delivery and codes else told
