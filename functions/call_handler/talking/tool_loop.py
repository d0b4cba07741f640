"""The model proposes, the domain decides, this performs: one tool call after the other, in the model's order."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from domain.order import ConfirmedOrder
from domain.tools import ConfirmOrder, EndCall, OrderState, ToolOutcome, Transfer, apply
from functions.call_handler.engines.base import ToolCall
from functions.call_handler.remembering.orders import OrderRefusedError, Receipt
from process import logs

log = logs.get(__name__)

_INTERRUPTED = {
    "ok": False,
    "error": {
        "code": "interrupted",
        "field": "",
        "message": "Not done: the caller spoke first. Listen, then call it again if it is still wanted.",
        "allowed": [],
    },
}


INTERRUPTED = msgspec.json.encode(_INTERRUPTED).decode()


class Orders(Protocol):
    async def confirm(self, order: ConfirmedOrder) -> Receipt | None:
        """The receipt, or None when it will be written later. Raises OrderRefusedError."""


OnTool = Callable[[ToolCall, dict[str, Any], bool, float], None]


class ToolLoop:
    """Holds what is agreed so far (``state``) and how the call shall end, once the model asked for it (``closing``)."""

    def __init__(self, state: OrderState, orders: Orders, on_tool: OnTool) -> None:
        self.state = state
        self.closing: Transfer | EndCall | None = None
        self._orders = orders
        self._on_tool = on_tool

    async def run(self, call: ToolCall) -> str:
        """Perform ``call`` and give the JSON for the model. Never raises for what the model asked."""
        started = datetime.now(UTC)
        arguments = _arguments(call.arguments)
        if arguments is None:
            result = _refusal("bad_arguments", "arguments", "The arguments have to be a JSON object.")
        else:
            result = await self._apply(call.name, arguments, started)
        elapsed_ms = (datetime.now(UTC) - started).total_seconds() * 1000
        ok = bool(result.get("ok"))
        log.info("tool", tool=call.name, ok=ok, ms=round(elapsed_ms, 1))
        self._on_tool(call, arguments or {}, ok, elapsed_ms)
        return msgspec.json.encode(result).decode()

    async def _apply(self, name: str, arguments: dict[str, Any], now: datetime) -> dict[str, Any]:
        try:
            outcome = apply(self.state, name, arguments, now)
            self.state = outcome.state
            return await self._perform(outcome)
        except Exception:  # an error of ours must not leave the caller in silence: the model can say so
            log.exception("tool failed", tool=name)
            return _refusal("internal", "", "This did not work. Say so, and offer to put the caller through.")

    async def _perform(self, outcome: ToolOutcome) -> dict[str, Any]:
        effect = outcome.effect
        if isinstance(effect, ConfirmOrder):
            return await self._confirm(effect.order, outcome.result)
        if isinstance(effect, Transfer | EndCall):
            self.closing = effect
        return outcome.result

    async def _confirm(self, order: ConfirmedOrder, result: dict[str, Any]) -> dict[str, Any]:
        try:
            receipt = await self._orders.confirm(order)
        except OrderRefusedError:
            return result | _refusal(
                "not_saved", "order", "The order could not be saved. Say so, and offer to put the caller through."
            )
        if receipt is None:
            return result | {"order": {"pending": True}}
        return result | {"order": {"number": receipt.number}}


def _arguments(text: str) -> dict[str, Any] | None:
    try:
        value = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, UnicodeError):
        return None
    return value if isinstance(value, dict) else None


def _refusal(code: str, field: str, message: str) -> dict[str, Any]:
    return {"ok": False, "error": {"code": code, "field": field, "message": message, "allowed": []}}
