"""A call without audio: the agent on one side, the domain's tools on the other."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml

from devstack.speech.agent import Agent, Say, TurnContext
from devstack.speech.protocol.items import Content, FunctionCall, FunctionCallOutput, Item, Message, new_id
from devstack.speech.protocol.session_config import SessionTool
from domain.carts import new_cart
from domain.names import fold
from domain.order import Cart, CartLine
from domain.placed import PlacedOrder
from domain.placed_tools import wanted as wanted_orders
from domain.prompts import instructions
from domain.reservations import Book, DiningTable
from domain.tools import CancelPlaced, OrderState, Transfer, apply, table_time, tool_schemas
from seeds.build import faq_of, menu_of, restaurant_of
from seeds.files import SEED_FILES, SeedFile, read

SATURDAY_EVENING = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
MAX_ROUNDS = 8
_FREE = Book(tables=(DiningTable("1", "Room", "1", 8),))

ORDER_ID = "11111111-1111-4111-8111-111111111111"


def seeded(language: str) -> OrderState:
    for file in SEED_FILES:
        content = read(file)
        if content.restaurant.language == language:
            menu = menu_of(content)
            return OrderState(
                restaurant_of(content),
                menu,
                faq_of(content),
                new_cart(menu, ORDER_ID),
                "call-1",
            )
    raise LookupError(f"no seed restaurant speaks {language}")


_MENUS = Path(__file__).parent / "menus"
_RESTAURANT = {
    "currency": "EUR",
    "zone": "Europe/Dublin",
    "street": "1 Quay",
    "city": "Howth",
    "phone": "+353209110099",
    "greeting": "Hello.",
    "delivery": True,
    "dine_in": True,
    "fallback_number": "+353209110098",
}
_ZONES = [{"name": "Near", "postcodes": ["D13", "69001"], "minimum": 10, "fee": 2, "minutes": 15}]
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@cache
def restaurant_named(name: str) -> OrderState:
    """One of the seeds by its slug, or a restaurant with the menu of ``menus/<name>.yaml``."""
    content = next((one for one in map(read, SEED_FILES) if one.restaurant.slug == name), None)
    if content is None:
        raw = yaml.load((_MENUS / f"{name}.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
        about = {**_RESTAURANT, "slug": name, "name": name, "language": raw.pop("language"), "postcode": "D13"}
        hours = {day: ["11:00-23:30"] for day in _DAYS}
        raw |= {"restaurant": about, "opening_hours": hours, "delivery_zones": _ZONES}
        content = msgspec.convert(raw, SeedFile)
    menu = menu_of(content)
    return OrderState(restaurant_of(content), menu, faq_of(content), new_cart(menu, ORDER_ID), "call-1")


class Wanted(NamedTuple):
    """A line of a cart as the tests write it: ``2 Latte [Large] + Oat milk ; sugar``."""

    quantity: int
    item: str
    size: str
    options: frozenset[str]
    note: str

    def fits(self, line: CartLine) -> bool:
        """Whether ``line`` is just this. A wish may be an option's amount or a note: what counts is that it is told."""
        regular = {one.name for one in line.modifiers if one.amount == "regular"}
        wishes = fold(" ".join([line.note, *(one.name for one in line.modifiers if one.amount != "regular")]))
        told = all(word in wishes for word in fold(self.note).split()) and bool(wishes) <= bool(self.note)
        named = (line.quantity, line.item_name, line.size_name, frozenset(regular))
        return told and named == (self.quantity, self.item, self.size, self.options)


_WANTED = re.compile(
    r"(?P<quantity>\d+) (?P<item>[^\[+;]+)(?:\[(?P<size>[^\]]+)\])?(?P<options>[^;]*)(?:;(?P<note>.*))?$"
)


def wanted(text: str) -> Wanted:
    found = _WANTED.match(text)
    assert found, text
    options = frozenset(one.strip() for one in found["options"].split("+") if one.strip())
    return Wanted(int(found["quantity"]), found["item"].strip(), found["size"] or "", options, found["note"] or "")


def cart_is(cart: Cart, lines: Sequence[str]) -> bool:
    """Whether the cart has these lines and no other, in any order; lines of one thing may be one or several."""
    left = list(cart.lines)
    for line in map(wanted, lines):
        found = next((one for one in left if line.fits(one)), None)
        if found is None:
            return False
        left.remove(found)
    return not left


def tools_of(state: OrderState) -> list[SessionTool]:
    return [msgspec.convert(tool, SessionTool) for tool in tool_schemas(state.restaurant, state.menu)]


class TextCall:
    """``caller`` says a sentence; ``calls`` and ``said`` are what the assistant did and said in answer to it."""

    def __init__(self, language: str, *, greeted: bool = True, state: OrderState | None = None) -> None:
        """``language`` is the caller's; without ``state`` it is that of a seed."""
        self.state = state or seeded(language)
        self.language = language
        self.transferred = self.cancelled = False
        self.used: list[str] = []
        self.heard: list[str] = []
        self.agent = Agent()
        self.items: list[Item] = [_assistant("Hello.")] if greeted else []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.said = ""
        self._tools = tools_of(self.state)
        self.placed: tuple[PlacedOrder, ...] = ()
        self._menu = instructions(self.state.restaurant, self.state.menu, self.state.faq, SATURDAY_EVENING)

    @property
    def cart(self) -> Cart:
        return self.state.cart

    @property
    def lines(self) -> list[tuple[int, str, str, tuple[str, ...]]]:
        return [
            (line.quantity, line.item_name, line.size_name, tuple(option.name for option in line.modifiers))
            for line in self.cart.lines
        ]

    def caller(self, *sentences: str, interrupts: bool = False) -> str:
        """Each reply is played to its end before the caller speaks, unless the caller ``interrupts`` it."""
        for sentence in sentences:
            content = [Content(type="input_audio", transcript=sentence)]
            self.items.append(Message(id=new_id("item"), role="user", content=content))
            heard = self.state.agreement.version >= 0 and not interrupts
            agreement = replace(self.state.agreement, heard=heard, answered=heard, answer=sentence)
            self.state = replace(self.state, agreement=agreement, turn=self.state.turn + 1)
            self.heard.append(self.respond())
        return self.said

    def unheard(self) -> str:
        """What is said to a sentence of which no word was recognised."""
        self.items.append(Message(id=new_id("item"), role="user", content=[Content(type="input_audio", transcript="")]))
        return self.respond(expects_reply=True)

    def cut_off(self, after: str) -> str:
        """What is said to a sound without words that cut the last reply off behind ``after``."""
        said = next(one for one in reversed(self.items) if isinstance(one, Message))
        assert said.text.startswith(after)
        said.content[0].transcript = after
        return self.unheard()

    def unsurely(self, sentence: str) -> str:
        """What is said to a name that speech-to-text hardly heard."""
        content = [Content(type="input_audio", transcript=sentence)]
        self.items.append(Message(id=new_id("item"), role="user", content=content))
        return self.respond(unsure=frozenset({self.items[-1].id}))

    def respond(self, **overrides: Any) -> str:
        self.calls, self.said = [], ""
        for _ in range(MAX_ROUNDS):
            turn: dict[str, Any] = {"tool_choice": "auto", "parallel": True, "menu": self._menu} | overrides
            actions = self.agent.respond(TurnContext(list(self.items), self._tools, language=self.language, **turn))
            outputs = [
                self._perform(action.name, action.arguments) for action in actions if not isinstance(action, Say)
            ]
            for action in actions:
                if isinstance(action, Say):
                    self.said = f"{self.said} {action.text}".strip()
                    self.items.append(_assistant(action.text))
            self.items += outputs
            if not outputs:
                return self.said
        raise AssertionError("the agent only calls tools and does not speak")

    def _perform(self, name: str, arguments: dict[str, Any]) -> FunctionCallOutput:
        call = FunctionCall(id=new_id("item"), name=name, arguments=json.dumps(arguments), call_id=new_id("call"))
        self.items.append(call)
        self.calls.append((name, arguments))
        self.used.append(name)
        at = table_time(self.state, name, arguments, SATURDAY_EVENING)
        state = replace(self.state, book=_FREE) if at else self.state
        if wanted_orders(state, name, arguments) is not None:
            state = replace(state, placed=self.placed)
        outcome = apply(state, name, arguments, SATURDAY_EVENING)
        self.state = outcome.state
        self.transferred |= isinstance(outcome.effect, Transfer)
        self.cancelled |= isinstance(outcome.effect, CancelPlaced)
        return FunctionCallOutput(id=new_id("item"), call_id=call.call_id, output=json.dumps(outcome.result))


def call_to(slug: str, *said: str) -> TextCall:
    """A call of that restaurant in its language, in which so much was said."""
    state = restaurant_named(slug)
    call = TextCall(state.restaurant.language, state=state)
    call.caller(*said)
    return call


def _assistant(text: str) -> Message:
    return Message(id=new_id("item"), role="assistant", content=[Content(type="output_audio", transcript=text)])
