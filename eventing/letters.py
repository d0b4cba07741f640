"""Dead letters: messages that somebody could not take, kept as they came until they are replayed or too old.

What makes a letter is often that it is no valid event, so nothing here depends on reading one. The headers and the
body are what is kept; id, type, source and restaurant are read as far as possible, for those who look at it.

The same event that the same subscriber could not take is one letter, however often the Broker brings it. Brokers do
not always say who failed (a real one is silent when a subscriber timed out, or answered with what is no event): such a
letter may be anybody's, so each one is kept.

A replay goes through the outbox, marked with its letter (``replayof``). When it fails again, that is written on the
letter, which then counts one failure more and stands among the open ones again.
"""

from __future__ import annotations

import base64
import codecs
import contextlib
import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import msgspec

from stores.paging import Narrowing, Position
from stores.postgres import Connection
from stores.text import UNSTORABLE

MAX_SHOWN = 500  # characters of an attribute; longer ones are whole in the headers or the body
MAX_REASON = 1000
REPLAY_OF = "replayof"
# The Broker's own extensions: who failed, with which status and text. A replay goes without.
DESTINATION, STATUS, TEXT = "knativeerrordest", "knativeerrorcode", "knativeerrordata"
_BROKERS = (DESTINATION, STATUS, TEXT, "knativearrivaltime", "knativebrokerttl")
_ADDED_ON_THE_WAY = frozenset(f"ce-{name}" for name in (*_BROKERS, REPLAY_OF))
_OF_THE_MESSAGE = frozenset({"content-type", "content-encoding"})
_SECRET = frozenset({"authorization", "cookie", "proxy-authorization"})  # the Broker's token for us, and the like

State = Literal["open", "replayed", "failed again"]


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that came back, and what could be read of it; "" for what could not."""

    headers: dict[str, str]
    body: bytes
    truncated: bool = False
    event_id: str = ""
    type: str = ""
    source: str = ""
    restaurant_id: str | None = None
    subscriber: str = ""
    reason: str = ""
    replay_of: str | None = None

    @property
    def identity(self) -> bytes | None:
        """The same for the same event and the same subscriber; None unless all of it is known."""
        known = (self.source, self.event_id, self.subscriber)
        if not all(known):
            return None
        return hashlib.sha256(json.dumps(known).encode()).digest()


class KeptLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``dead_letter``. ``failures`` counts the first failure and those of its replays."""

    id: str
    event_id: str
    type: str
    source: str
    restaurant_id: str | None
    subscriber: str
    reason: str
    headers: dict[str, str]
    body: bytes
    truncated: bool
    failures: int
    received_at: datetime
    failed_at: datetime
    replayed_at: datetime | None

    @property
    def state(self) -> State:
        if self.replayed_at is None:
            return "open"
        return "failed again" if self.failed_at > self.replayed_at else "replayed"


def read(headers: Mapping[str, str], body: bytes, *, truncated: bool = False) -> Letter:
    """The letter that a request is; raises nothing, whatever was sent. Header names may have any case."""
    kept = {name.lower(): UNSTORABLE.sub("�", value) for name, value in headers.items()}
    kept = {name: value for name, value in kept.items() if name not in _SECRET}
    document = _document(body)
    attributes = {name.removeprefix("ce-"): unquote(value) for name, value in kept.items() if name.startswith("ce-")}
    data: Any = document
    if kept.get("content-type", "").strip().lower().startswith("application/cloudevents"):
        attributes = {name: value for name, value in document.items() if isinstance(value, str)} | attributes
        data = document.get("data")
    restaurant = attributes.get("restaurantid") or (data.get("restaurantId") if isinstance(data, dict) else "")
    status, text = attributes.get(STATUS, ""), readable(attributes.get(TEXT, ""))
    return Letter(
        headers=kept,
        body=body,
        truncated=truncated,
        event_id=_storable(attributes.get("id", "")),
        type=_storable(attributes.get("type", "")),
        source=_storable(attributes.get("source", "")),
        restaurant_id=_uuid(restaurant),
        subscriber=subscriber_of(_storable(attributes.get(DESTINATION, ""))),
        reason=_storable(f"{status} {text}".strip()),
        replay_of=_uuid(attributes.get(REPLAY_OF)),
    )


async def keep(connection: Connection, letter: Letter) -> str:
    """Write the letter, or that its replay has failed again; the id of its row. Needs the platform role."""
    if letter.replay_of is not None:
        again: str | None = await connection.fetchval(
            _FAILED_AGAIN, letter.replay_of, letter.subscriber, letter.reason[:MAX_REASON]
        )
        if again is not None:
            return again
    kept: str = await connection.fetchval(
        _KEEP,
        letter.restaurant_id,
        letter.event_id[:MAX_SHOWN],
        letter.type[:MAX_SHOWN],
        letter.source[:MAX_SHOWN],
        letter.headers,
        letter.body,
        letter.truncated,
        letter.subscriber[:MAX_SHOWN],
        letter.reason[:MAX_REASON],
        letter.identity,
    )
    return kept


# Where either side does not say who failed, it is taken for the same: better counted once too often than looking
# delivered. Only the first failure after a replay counts: the Broker may bring it several times.
_FAILED_AGAIN = """
update dead_letter set
    failures = failures + (replayed_at is not null and failed_at <= replayed_at)::integer,
    failed_at = clock_timestamp(),
    reason = case when $3 = '' then reason else $3 end
where id = $1 and ($2 = '' or subscriber in ('', 'relay', $2))
returning id
"""
_KEEP = """
insert into dead_letter as kept (
    restaurant_id, event_id, type, source, headers, body, truncated, subscriber, reason, identity
) values ((select id from restaurant where id = $1), $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (identity) do update set
    failures = kept.failures + (kept.replayed_at is not null and kept.failed_at <= kept.replayed_at)::integer,
    failed_at = clock_timestamp(),
    reason = excluded.reason
returning id
"""


async def replay(connection: Connection, letter_id: str) -> bool:
    """Have the letter published again, as it came; False if there is none, or its body was cut off.

    Needs the platform role. Consumers that took the event before will not take it twice. A replay that still waits
    in the outbox is not doubled.
    """
    return bool(await connection.fetch(_REPLAY.format(which="id = $1"), letter_id))


async def replay_all(connection: Connection) -> int:
    """Replay every letter that is not delivered and is whole; how many. Needs the platform role."""
    return len(await connection.fetch(_REPLAY.format(which="replayed_at is null or failed_at > replayed_at")))


# The event itself may be waiting in the outbox, too: the replay has an id of its own there.
_REPLAY = """
with replayed as (
    update dead_letter set replayed_at = clock_timestamp() where not truncated and ({which})
    returning id, restaurant_id, type
)
insert into outbox (event_id, restaurant_id, type, dead_letter_id)
select 'replay/' || id, restaurant_id, type, id from replayed
on conflict (dead_letter_id) do update set next_at = now()
returning dead_letter_id
"""


_COLUMNS = (
    "id, event_id, type, source, restaurant_id, subscriber, reason, headers, truncated, failures, received_at,"
    " failed_at, replayed_at"
)


async def listed(
    connection: Connection, *, delivered: bool = False, limit: int = 100, after: Position | None = None
) -> list[KeptLetter]:
    """The latest ones first, without their bodies; those replayed and not back only with ``delivered``."""
    narrowing = Narrowing(limit)
    if not delivered:
        narrowing.by("(replayed_at is null or failed_at > replayed_at)")
    narrowing.below(after, "failed_at", "uuid")
    rows = await connection.fetch(
        f"select {_COLUMNS}, ''::bytea as body from dead_letter{narrowing.where} order by failed_at desc, id limit $1",
        *narrowing.values,
    )
    return [KeptLetter(**dict(row)) for row in rows]


async def one(connection: Connection, letter_id: str) -> KeptLetter | None:
    row = await connection.fetchrow(f"select {_COLUMNS}, body from dead_letter where id = $1", letter_id)
    return None if row is None else KeptLetter(**dict(row))


def as_sent(headers: Mapping[str, str], letter_id: str) -> dict[str, str]:
    """The headers of a replay: the message's own, without what the Broker added, and which letter it is of."""
    own = {
        name: value
        for name, value in headers.items()
        if name in _OF_THE_MESSAGE or (name.startswith("ce-") and name not in _ADDED_ON_THE_WAY)
    }
    return own | {f"ce-{REPLAY_OF}": letter_id}


def subscriber_of(destination: str) -> str:
    """A short, stable name for the destination that failed.

    The in-memory Broker names its filter (``http://broker-filter…/triggers/<namespace>/<trigger>/<uid>``), other
    Brokers the Service (``http://order-logger.<namespace>.svc…``): the Trigger's or the Service's name.
    """
    with contextlib.suppress(ValueError):
        url = urlsplit(destination)
        steps = url.path.strip("/").split("/")
        if steps[0] == "triggers" and len(steps) > 2:
            return steps[2]
        return (url.hostname or "").split(".")[0] or destination
    return destination


def readable(text: str) -> str:
    """What the subscriber answered. Brokers send it in base64, cut off after 1024 characters, or as it was."""
    with contextlib.suppress(ValueError):  # not base64, or not of a text
        whole = text[: len(text) - len(text) % 4] or text
        return codecs.getincrementaldecoder("utf-8")().decode(base64.b64decode(whole, validate=True)).strip()
    return text


def _document(body: bytes) -> dict[str, Any]:
    """The body as a JSON object if it is one, also with the control characters that JSON forbids."""
    try:
        document = json.loads(body.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _storable(text: str) -> str:
    return UNSTORABLE.sub("�", text)


def _uuid(text: object) -> str | None:
    if isinstance(text, str):
        with contextlib.suppress(ValueError):
            return str(uuid.UUID(text))
    return None
