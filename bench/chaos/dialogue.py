"""What the scripted model does next: it takes one order, reads it back, and confirms it after a yes.

Pure: what was said and what the tools answered goes in, the next ``Step`` comes out. It keeps to what a good model
does; the faults are the engine's (``engine``), not the model's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from bench.chaos.tones import ASK_HZ, CONFIRMED_HZ, READ_BACK_HZ, Voice

ITEM = "Caesar salad"  # of Harbour Pizza; sold in one size, without required options
ASK = "What would you like?"
READ_BACK_S = 2.5
SENTENCE_S = 0.8


@dataclass(frozen=True, slots=True)
class Wish:
    """What one caller wants. ``name`` and ``voice`` are that caller's alone."""

    name: str
    quantity: int
    voice: Voice

    @property
    def words(self) -> str:
        return f"{self.quantity} {ITEM} to pick up please, my name is {self.name}"


@dataclass(frozen=True, slots=True)
class ToolUse:
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One response: a sentence, as a tone of ``seconds``, tools, or first the one and then the other."""

    text: str = ""
    hertz: int = ASK_HZ
    seconds: float = SENTENCE_S
    tools: tuple[ToolUse, ...] = ()


END = ToolUse("end_call", {})
READ = ToolUse("read_cart", {})


class Dialogue:
    """One conversation with one engine session; another session of the same call begins a new one."""

    def __init__(self) -> None:
        self.wish: Wish | None = None
        self._cart: dict[str, Any] = {}
        self._heard = ""  # "order" or "yes", until it is acted upon
        self._result: tuple[str, dict[str, Any]] | None = None  # of the last tool, until it is told
        self._has_read = False
        self._postponed: Step | None = None
        self._read_back = ""

    # --- What happened ------------------------------------------------------------------------------------------

    def resumed(self, told: str) -> None:
        """The handler's note to a fresh engine: where the call stands, as a JSON object within a sentence."""
        begin, end = told.find("{"), told.rfind("}")
        if begin >= 0:
            self._cart = orjson.loads(told[begin : end + 1])

    def ordered(self, wish: Wish) -> None:
        self.wish, self._heard = wish, "order"

    def agreed(self) -> None:
        self._heard = "yes"

    def tool_answered(self, name: str, output: str) -> None:
        result = orjson.loads(output)
        self._result = name, result
        if result.get("ok"):
            self._note(name)

    def said(self, step: Step) -> None:
        """``step`` was spoken to its end."""
        if step.hertz == READ_BACK_HZ:
            self._has_read = True
        self._result = None

    def postponed(self, step: Step) -> None:
        """``step`` was not spoken to its end, or not at all: it is next, unless the caller says something else."""
        self._postponed = step

    def _note(self, name: str) -> None:
        if name == "add_item":
            self._cart["lines"] = [ITEM]
        elif name == "set_fulfilment":
            self._cart["fulfilment"] = "pickup"
        elif name == "set_customer" and self.wish is not None:
            self._cart["customer_name"] = self.wish.name
        elif name == "confirm_order":
            self._cart["confirmed"] = True

    # --- What follows -------------------------------------------------------------------------------------------

    def next_step(self) -> Step:
        heard, self._heard = self._heard, ""
        postponed, self._postponed = self._postponed, None
        if postponed is not None and not heard:
            return postponed
        if self._result is not None and not heard:
            return self._after_tool(*self._result)
        self._result = None
        if self._cart.get("confirmed"):
            return Step("Your order is confirmed. Goodbye!", CONFIRMED_HZ, tools=(END,))
        if heard == "yes" and self._has_read:
            return Step(tools=(ToolUse("confirm_order", {}),))
        missing = self._missing()
        if missing is None:
            return Step(ASK)
        return Step(tools=(*missing, READ))

    def exactly(self, sentence: str) -> Step:
        """The handler wants this sentence word for word."""
        if sentence == self._read_back:
            return Step(sentence, READ_BACK_HZ, READ_BACK_S)
        return Step(sentence)

    def _missing(self) -> tuple[ToolUse, ...] | None:
        """The tools that complete the cart; None when it is not known with what."""
        wish, wanted = self.wish, []
        if not self._cart.get("lines"):
            wanted.append(ToolUse("add_item", {"item": ITEM, "quantity": wish.quantity if wish else 1}))
        if not self._cart.get("fulfilment"):
            wanted.append(ToolUse("set_fulfilment", {"kind": "pickup"}))
        if not self._cart.get("customer_name"):
            wanted.append(ToolUse("set_customer", {"name": wish.name if wish else ""}))
        return None if wanted and wish is None else tuple(wanted)

    def _after_tool(self, name: str, result: dict[str, Any]) -> Step:
        say = str(result.get("say") or "")
        if result.get("ok") and name == "read_cart":
            self._read_back = say
            return Step(say, READ_BACK_HZ, READ_BACK_S)
        if result.get("ok") and name == "confirm_order":
            return Step(say, CONFIRMED_HZ, tools=(END,))
        if name == "confirm_order" and result.get("error", {}).get("code") != "not_saved":
            return Step(tools=(READ,))  # not heard, not answered, the menu changed: it is read again
        return Step(say or ASK)
