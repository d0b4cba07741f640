"""A call without audio: the agent on one side, the domain's tools on the other."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from devstack.speech.agent import Agent, Say, TurnContext
from devstack.speech.protocol.items import Content, FunctionCall, FunctionCallOutput, Item, Message, new_id
from devstack.speech.protocol.session_config import SessionTool
from domain.carts import new_cart
from domain.order import Cart
from domain.prompts import instructions
from domain.tools import OrderState, apply, tool_schemas
from seeds.build import faq_of, menu_of, restaurant_of
from seeds.files import SEED_FILES, read

SATURDAY_EVENING = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
MAX_ROUNDS = 8

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


def tools_of(state: OrderState) -> list[SessionTool]:
    return [msgspec.convert(tool, SessionTool) for tool in tool_schemas(state.restaurant, state.menu)]


class TextCall:
    """``caller`` says a sentence; ``calls`` and ``said`` are what the assistant did and said in answer to it."""

    def __init__(self, language: str, *, greeted: bool = True, state: OrderState | None = None) -> None:
        self.state = state or seeded(language)
        self.language = language
        self.agent = Agent()
        self.items: list[Item] = [_assistant("Hello.")] if greeted else []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.said = ""
        self._tools = tools_of(self.state)
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

    def caller(self, *sentences: str) -> str:
        for sentence in sentences:
            content = [Content(type="input_audio", transcript=sentence)]
            self.items.append(Message(id=new_id("item"), role="user", content=content))
            heard = self.state.agreement.version >= 0  # each reply is played to its end before the caller speaks
            agreement = replace(self.state.agreement, heard=heard, answered=heard, answer=sentence)
            self.state = replace(self.state, agreement=agreement)
            self.respond()
        return self.said

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
        outcome = apply(self.state, name, arguments, SATURDAY_EVENING)
        self.state = outcome.state
        return FunctionCallOutput(id=new_id("item"), call_id=call.call_id, output=json.dumps(outcome.result))


def _assistant(text: str) -> Message:
    return Message(id=new_id("item"), role="assistant", content=[Content(type="output_audio", transcript=text)])
