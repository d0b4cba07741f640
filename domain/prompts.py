"""What the voice model is told: who it is, the rules, the restaurant, the menu; and what speech-to-text should expect.

The restaurant's part holds nothing that changes with the clock and may be cached until the restaurant, its menu or
its FAQ change; the moment's part is made for each call and comes last, so that a prompt cache can share the
rest. Nothing about a caller, and no private number, ever stands in a prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from domain import hours, roles, spoken_time
from domain.menu import Menu, ModifierGroup, ModifierOption
from domain.menu_text import fits, menu_text
from domain.money import format_cents
from domain.names import fold
from domain.promises import AHEAD
from domain.prompt_texts import PromptTexts, texts_for
from domain.restaurant import FaqEntry, Restaurant

# About 9,000 tokens: the Realtime session takes 16,384 for instructions and tools together. The sections' own bounds
# add up to less (the menu's is in ``domain.menu_text``); each cuts at a line's end.
MAX_INSTRUCTIONS = 28_000
MAX_ABOUT = 3_000
MAX_FAQ = 4_000
MAX_TRANSCRIPTION_WORDS = 200
# Exceptions further away than this are looked up by the tool.
EXCEPTIONS_DAYS = 14


def instructions(restaurant: Restaurant, menu: Menu, faq: tuple[FaqEntry, ...], now: datetime) -> str:
    """The whole system prompt in the restaurant's language, at most ``MAX_INSTRUCTIONS`` characters."""
    return f"{restaurant_instructions(restaurant, menu, faq)}\n\n{moment_instructions(restaurant, now)}"


def brief_instructions(restaurant: Restaurant, menu: Menu, now: datetime) -> str:
    """The whole system prompt while there is more to do than can be done: to be brief, no descriptions of items, and
    no questions, which ``look_up_faq`` answers. Rules, prices, choices and allergens are all there."""
    brief = replace(restaurant, style="brief")
    told = _restaurant_instructions(brief, menu, (), with_descriptions=False)
    return f"{told}\n\n{moment_instructions(restaurant, now)}"


def restaurant_instructions(restaurant: Restaurant, menu: Menu, faq: tuple[FaqEntry, ...]) -> str:
    """The part that may be cached: persona, rules, address, hours of the week, delivery, menu, FAQ."""
    return _restaurant_instructions(restaurant, menu, faq, with_descriptions=True)


def _restaurant_instructions(
    restaurant: Restaurant, menu: Menu, faq: tuple[FaqEntry, ...], *, with_descriptions: bool
) -> str:
    texts = texts_for(restaurant.language)
    sections = (
        texts.persona.format(name=restaurant.name, style=texts.styles[restaurant.style]),
        roles.told(restaurant),
        f"# {texts.restaurant}\n{_about(restaurant, texts)}",
        f"# {texts.menu}\n{menu_text(menu, texts, with_descriptions=with_descriptions)}",
        f"# {texts.faq}\n{_faq(faq)}" if faq else "",
    )
    return "\n\n".join(section for section in sections if section)


def version_of(restaurant: Restaurant, instructions: str, tools: Sequence[Mapping[str, Any]]) -> str:
    """Twelve hex digits that are the same for what a model is told and may do alike, whatever the time of day."""
    from hashlib import sha256  # OpenSSL: not before the engine has been dialled

    lasting = instructions.rpartition(f"\n\n# {texts_for(restaurant.language).now}\n")[0] or instructions
    return sha256(f"{lasting}\n{list(tools)!r}".encode()).hexdigest()[:12]


def moment_instructions(restaurant: Restaurant, now: datetime) -> str:
    """The part that is true now: local date and time, open or closed, hours that differ soon."""
    texts = texts_for(restaurant.language)
    local = hours.local_time(restaurant, now)
    day = spoken_time.day_name(local.date(), restaurant.language)
    lines = [
        f"# {texts.now}",
        texts.date_and_time.format(day=day, year=local.year, clock=local.strftime("%H:%M"), zone=restaurant.zone),
    ]
    opening = hours.next_opening(restaurant, now)
    if hours.is_open(restaurant, now):
        until = hours.spoken_closing(restaurant, now)
        lines.append(texts.is_open.format(time=until) if until else texts.is_always_open)
    elif opening:
        at = hours.local_time(restaurant, opening)
        ahead = restaurant.orders_ahead and opening <= now + AHEAD
        closed = texts.is_closed_with_orders_ahead if ahead else texts.is_closed
        lines.append(closed.format(time=spoken_time.moment(at, local.date(), restaurant.language)))
    else:
        lines.append(texts.is_closed_for_long)
    last = local.date() + timedelta(days=EXCEPTIONS_DAYS)
    soon = sorted(one.day for one in restaurant.exceptions if local.date() <= one.day <= last)
    lines += [hours.spoken_hours(restaurant, day) for day in soon]
    return "\n".join(lines)


def transcription_prompt(menu: Menu) -> str:
    """Names on the menu, for Whisper to expect, at most 200 words: items, options and sizes, then what else they are
    called, as far as it has a word of its own.

    Other names stand at the front: Whisper forgets the front of a prompt that is too long for it.
    """
    options = [option for item in menu.items for group in item.modifier_groups for option in _with_inner(group)]
    names = [item.name for item in menu.items] + [option.name for option in options]
    names += [size.name for item in menu.items for size in item.sizes if size.name]
    kept, room = _within(names, MAX_TRANSCRIPTION_WORDS)
    known = {word for name in kept for word in fold(name).split()}
    aliases = [alias for item in menu.items for alias in item.aliases]
    aliases += [alias for option in options for alias in option.aliases]
    others, _ = _within([alias for alias in aliases if not known.issuperset(fold(alias).split())], room)
    return ", ".join([*others, *kept]) + "." if kept else ""


def _with_inner(group: ModifierGroup) -> Iterator[ModifierOption]:
    for option in group.options:
        yield option
        for inner in option.groups:
            yield from inner.options


def _within(names: list[str], words: int) -> tuple[list[str], int]:
    """The first of the names, each once, that have together at most so many words, and how many words are left."""
    kept: list[str] = []
    for name in dict.fromkeys(" ".join(name.split()) for name in names):
        if len(name.split()) > words:
            break
        words -= len(name.split())
        kept.append(name)
    return kept, words


def has_whole_menu(restaurant: Restaurant, menu: Menu) -> bool:
    """Whether the instructions hold the whole menu; else the model looks things up with ``search_menu``."""
    return fits(menu, texts_for(restaurant.language))


def _about(restaurant: Restaurant, texts: PromptTexts) -> str:
    place = f"{restaurant.postcode} {restaurant.city}".strip()
    address = ", ".join(part for part in (restaurant.street, place) if part)
    lines = [f"{restaurant.name}, {address}." if address else f"{restaurant.name}."]
    for weekday in range(7):
        spans = spoken_time.spans_text(hours.weekly_spans(restaurant, weekday), restaurant.language)
        lines.append(f"- {spoken_time.weekday_name(weekday, restaurant.language)}: {spans}")
    offered = (restaurant.pickup, restaurant.delivery, restaurant.dine_in)
    lines += [line for line, is_offered in zip(texts.offers, offered, strict=True) if is_offered]
    if restaurant.delivery:
        for zone in restaurant.delivery_zones:
            minimum = format_cents(zone.minimum_cents, restaurant.currency, restaurant.language)
            fee = format_cents(zone.fee_cents, restaurant.currency, restaurant.language)
            codes = ", ".join(zone.postcodes)
            lines.append(texts.zone.format(name=zone.name, codes=codes, minimum=minimum, fee=fee))
    return _bounded(lines, MAX_ABOUT)


def _faq(faq: tuple[FaqEntry, ...]) -> str:
    return _bounded([f"- {entry.question} {entry.answer}" for entry in faq], MAX_FAQ)


def _bounded(lines: list[str], limit: int) -> str:
    """Whole lines up to ``limit`` characters: half a price would be a wrong price."""
    kept: list[str] = []
    size = 0
    for line in lines:
        size += len(line) + 1
        if size > limit:
            break
        kept.append(line)
    return "\n".join(kept)
