"""The one list of what the API does. ``@operation`` puts a function on it, with all that others need to know of it.

The function gets the transaction (of the restaurant in the path, or the platform's) and what was asked, read and
checked; it returns the answer's struct, or raises Problem, NotFoundError or what the stores raise.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import msgspec

from stores.ciphers import PiiCipher
from stores.postgres import Connection
from web.api.clients import Client
from web.api.scopes import Scope

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

Q = TypeVar("Q")
B = TypeVar("B")
Answer = TypeVar("Answer")

PREFIX = "/api/v1"
RESTAURANT = "restaurantId"

_PARAMETER = re.compile(r"\{(\w+)\}")


class Nothing(msgspec.Struct, frozen=True):
    """An operation without query parameters, or without a body."""


@dataclass(frozen=True, slots=True)
class Asked(Generic[Q, B]):
    """One request: ``path`` has the ids in the path, ``seen`` what If-Match says, "" without it.

    ``restaurant_id`` is the path's, "" without one; ``scopes`` what the client may do there.
    """

    client: Client
    scopes: frozenset[str]
    restaurant_id: str
    path: Mapping[str, str]
    query: Q
    body: B
    seen: str
    pii: PiiCipher

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes


Work = Callable[[Connection, Asked[Any, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Operation:
    """``path`` is as OpenAPI writes it, after PREFIX. ``scope`` "" takes any valid token; ``public`` none at all.

    ``location`` names the path of what was made, after PREFIX, filled with the answer's fields; ``etag`` is the field
    of the answer that If-Match is compared with. ``problems`` are the kinds that it may answer beside those that follow
    from the rest. ``guard`` looks at the body before the transaction, may raise Problem, and returns what is to be done
    once the operation has succeeded.
    """

    name: str
    method: Method
    path: str
    summary: str
    tag: str
    work: Work
    answer: Any
    scope: Scope | Literal[""] = ""
    query: Any = Nothing
    body: Any = None
    status: int = 200
    location: str = ""
    public: bool = False
    platform: bool = False
    if_match: bool = False
    etag: str = ""
    max_body: int = 64 * 1024
    problems: tuple[str, ...] = ()
    guard: Callable[[Any], Callable[[], None]] | None = None
    description: str = ""

    @property
    def parameters(self) -> tuple[str, ...]:
        """The path's parameters, in order."""
        return tuple(_PARAMETER.findall(self.path))

    @property
    def in_restaurant(self) -> bool:
        return RESTAURANT in self.parameters

    @property
    def takes_key(self) -> bool:
        """Whether an Idempotency-Key counts: for what would have an effect each time that it is sent."""
        return self.method == "POST" and not self.public


@dataclass(slots=True)
class Registry:
    operations: list[Operation] = field(default_factory=list)

    def operation(
        self, method: Method, path: str, *, tag: str, answer: Any, **rest: Any
    ) -> Callable[[Callable[[Connection, Asked[Any, Any]], Awaitable[Answer]]], Any]:
        """Declare the function under it; see Operation. Its docstring's first line is the summary."""

        def declare(work: Work) -> Work:
            summary, _, description = (work.__doc__ or "").strip().partition("\n\n")
            name = _camel(work.__name__)
            text = " ".join(description.split())
            self.operations.append(
                Operation(name, method, path, summary.rstrip("."), tag, work, answer, description=text, **rest)
            )
            return work

        return declare


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


REGISTRY = Registry()
operation = REGISTRY.operation
