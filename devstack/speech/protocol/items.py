"""Conversation items and the conversation that holds them, in order."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from devstack.speech.protocol.errors import ProtocolError, from_validation

MAX_ITEMS = 1000  # then the oldest go, as with truncation "auto"

Status = Literal["completed", "incomplete", "in_progress"]


def new_id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(10)}"


class Content(msgspec.Struct, omit_defaults=True):
    """``transcript`` is null in the audio of a caller whose words are not known yet: clients look for the field."""

    type: Literal["input_text", "input_audio", "output_text", "output_audio"]
    text: str | UnsetType = UNSET
    transcript: str | UnsetType | None = UNSET
    audio: str | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        if self.type == "input_audio" and self.transcript is UNSET:
            self.transcript = None

    @property
    def words(self) -> str:
        """What was written or said, as far as it is known."""
        return next((part for part in (self.text, self.transcript) if isinstance(part, str) and part), "")


class _ItemFields(msgspec.Struct, tag_field="type", kw_only=True):
    id: str = ""
    object: Literal["realtime.item"] = "realtime.item"
    status: Status = "completed"


class Message(_ItemFields, tag="message"):
    role: Literal["system", "user", "assistant"]
    content: list[Content]

    @property
    def text(self) -> str:
        """What was written or said, as far as it is known."""
        return " ".join(part.words for part in self.content).strip()


class FunctionCall(_ItemFields, tag="function_call"):
    name: str
    arguments: str
    call_id: str = ""


class FunctionCallOutput(_ItemFields, tag="function_call_output"):
    call_id: str
    output: str


Item = Message | FunctionCall | FunctionCallOutput

_CONTENT_OF_ROLE = {
    "system": {"input_text"},
    "user": {"input_text", "input_audio"},
    "assistant": {"output_text", "output_audio"},
}


def parse_item(raw: dict[str, Any], root: str = "item") -> Item:
    """A client's item, with an id. Raises ProtocolError."""
    try:
        item: Item = msgspec.convert(raw, Item)
    except msgspec.ValidationError as error:
        raise from_validation(error, root) from error
    if isinstance(item, Message):
        for index, part in enumerate(item.content):
            if part.type not in _CONTENT_OF_ROLE[item.role]:
                allowed = ", ".join(sorted(_CONTENT_OF_ROLE[item.role]))
                message = f"Invalid value: '{part.type}'. A {item.role} message takes: {allowed}."
                raise ProtocolError(message, code="invalid_value", param=f"{root}.content[{index}].type")
    item.id = item.id or new_id("item")
    return item


@dataclass
class Heard:
    """What a caller can have heard of an assistant's audio item: its clauses and where each ends."""

    clauses: list[tuple[str, int]] = field(default_factory=list)

    @property
    def duration_ms(self) -> int:
        return self.clauses[-1][1] if self.clauses else 0

    def until(self, end_ms: int) -> str:
        """The clauses that had begun by then; a clause that was cut counts as heard."""
        starts = [0, *(end for _, end in self.clauses)]
        return " ".join(text for (text, _), start in zip(self.clauses, starts, strict=False) if start < end_ms)


class RealtimeConversation:
    """Items in order. ``heard`` has the audio timeline of assistant items that this server spoke."""

    def __init__(self) -> None:
        self.id = new_id("conv")
        self._items: list[Item] = []
        self.heard: dict[str, Heard] = {}

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def last_id(self) -> str | None:
        return self._items[-1].id if self._items else None

    @property
    def last_said(self) -> str:
        """The assistant's last words."""
        said = (item.text for item in reversed(self._items) if isinstance(item, Message) and item.role == "assistant")
        return next(said, "")

    def find(self, item_id: str, verb: str) -> Item:
        """Raises ProtocolError for an id that is not here; ``verb`` says what was tried."""
        for item in self._items:
            if item.id == item_id:
                return item
        message = f"Error {verb} item: the item with id '{item_id}' does not exist."
        raise ProtocolError(message, code=f"item_{_STEMS[verb]}_invalid_item_id", param="item_id")

    def insert(self, item: Item, previous_item_id: str | None = None) -> str | None:
        """Put ``item`` after ``previous_item_id`` (``root``: first; None: last); the id it now follows.

        Raises ProtocolError for a taken id or an unknown predecessor.
        """
        if any(known.id == item.id for known in self._items):
            message = f"Error adding item: an item with id '{item.id}' already exists."
            raise ProtocolError(message, code="item_create_duplicate_item_id", param="item.id")
        at = len(self._items)
        if previous_item_id == "root":
            at = 0
        elif previous_item_id is not None:
            at = self._items.index(self.find(previous_item_id, "adding")) + 1
        self._items.insert(at, item)
        if len(self._items) > MAX_ITEMS:
            self.heard.pop(self._items.pop(0).id, None)
            at -= 1
        return self._items[at - 1].id if at > 0 else None

    def delete(self, item_id: str) -> None:
        self._items.remove(self.find(item_id, "deleting"))
        self.heard.pop(item_id, None)

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Forget what the caller has not heard of an assistant's audio. Raises ProtocolError."""
        item = self.find(item_id, "truncating")
        if not isinstance(item, Message) or item.role != "assistant" or content_index >= len(item.content):
            message = "Only the audio of an assistant message can be truncated."
            raise ProtocolError(message, code="invalid_value", param="item_id")
        heard = self.heard.get(item_id, Heard())
        if not 0 <= audio_end_ms <= heard.duration_ms:
            message = f"Audio content of {heard.duration_ms}ms is already shorter than {audio_end_ms}ms"
            raise ProtocolError(message, code="invalid_value", param="audio_end_ms")
        item.content[content_index].transcript = heard.until(audio_end_ms)
        heard.clauses = [(text, min(end, audio_end_ms)) for text, end in heard.clauses]


_STEMS = {"adding": "create", "deleting": "delete", "retrieving": "retrieve", "truncating": "truncate"}
