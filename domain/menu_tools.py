"""The tool for a menu that is too long for the prompt: what on it looks like what the caller said."""

from __future__ import annotations

from datetime import datetime

from domain.choices import sellable
from domain.errors import Refused
from domain.menu_search import found
from domain.menu_text import item_text
from domain.prompt_texts import texts_for
from domain.tool_outcomes import OrderState, ToolAnswer, words_of
from domain.tool_parameters import Arguments


def search_menu(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    query = arguments.text("query")
    items = found(state.menu, query)
    on_sale = [item for item in items if sellable(state.menu, item)]
    if not items:
        shelves = tuple(category.name for category in state.menu.categories)
        raise Refused("unknown_item", "Nothing on the menu looks like this.", shelves, "query", subject=query)
    words = words_of(state)
    texts = texts_for(words.language)
    names = [item.name for item in on_sale]
    say = words.found.format(items=words.listing(names, words.last_and)) if names else ""
    told = [{"name": item.name, "menu": item_text(state.menu, item, texts)} for item in items]
    return ToolAnswer(state, say, None, {"items": told})
