"""The same call again: a model that is refused twice for the same reason is told why, and after that gets no third try.

It stands beside the tools and looks at their results. What depends on the caller's answer is no repetition: a
confirmation that came too early may come again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.errors import Code

MAX_CALL = 500  # characters by which a call is known again

_OF_THE_MOMENT: frozenset[Code] = frozenset(
    (
        "not_read_back",
        "not_heard",
        "not_answered",
        "caller_speaking",
        "not_agreed",
        "menu_changed",
        "dish_open",
        "not_asked",
    )
)
_EXPLAINED = (
    "{message} The same call was refused before for the same reason, and will be again: do not repeat it. Ask the"
    " caller for what is allowed, or go on with something else."
)
_NO_MORE = (
    "Refused {times} times, last as {code}: {message} Do not call it so again: say that it is not possible, and offer"
    " transfer_to_human."
)


class Repeats:
    """What a call's model was refused last."""

    def __init__(self) -> None:
        self._last: tuple[str, str] = ("", "")
        self._times = 0

    def judged(self, name: object, arguments: object, result: dict[str, Any]) -> dict[str, Any]:
        """A tool's result, explained where it refuses the same call for the second time or more."""
        error = result.get("error")
        if not error or error["code"] in _OF_THE_MOMENT:
            return result
        said = sorted(arguments.items(), key=str) if isinstance(arguments, Mapping) else arguments
        refused = (f"{name} {said!r}"[:MAX_CALL], error["code"])
        self._times = self._times + 1 if refused == self._last else 1
        self._last = refused
        if self._times == 1:
            return result
        if self._times == 2:
            return result | {"error": error | {"message": _EXPLAINED.format(message=error["message"])}}
        message = _NO_MORE.format(times=self._times, code=error["code"], message=error["message"])
        told = {"code": "repeated_call", "field": "", "message": message, "allowed": ["transfer_to_human"]}
        step = {"call": "transfer_to_human", "when": "the caller agrees to it"}
        return result | {"error": told, "next": step}
