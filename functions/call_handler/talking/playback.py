"""What the caller has really heard: a clock for the audio queued at the bridge.

Audio is queued faster than it is played. The bridge tells by marks how far it is; between marks the
position is interpolated, and it never passes audio that is not queued nor a mark that has not come back.
When the engine stalls, the queue runs empty in the middle of an item; what was heard of the item before that is
kept, since the engine counts from the item's beginning. Pure: the time (seconds, any monotonic clock) is always an
argument.
"""

import math
from collections import deque

import msgspec

from protocols.media import BYTES_PER_MS

MARK_EVERY_MS = 400.0
REMEMBERED_ITEMS = 16  # those that a cut or a read-back may still ask for


class _Segment(msgspec.Struct):
    """Audio of one content part of one item, at its place in the queue (ms). ``item_id`` "" is the greeting."""

    item_id: str
    content_index: int
    start_ms: float
    length_ms: float


class Cut(msgspec.Struct, frozen=True):
    """An item of which the caller heard only the first ``audio_end_ms``, never more than it is long."""

    item_id: str
    content_index: int
    audio_end_ms: int


class Playback:
    """The bridge's queue since it last ran empty. ``greeting_ms`` of greeting are in it from the start."""

    def __init__(self, now: float, greeting_ms: float = 0.0) -> None:
        self._segments: deque[_Segment] = deque()
        self._marks: dict[str, float] = {}
        self._queued_ms = 0.0
        self._marked_ms = 0.0
        self._mark_count = 0
        self._heard_before: dict[tuple[str, int], float] = {}  # of items that are not, or not only, in the queue
        self._known_ms = 0.0
        self._known_at = now
        if greeting_ms > 0:
            self._segments.append(_Segment("", 0, 0.0, greeting_ms))
            self._queued_ms = greeting_ms

    def queue(self, item_id: str, content_index: int, byte_count: int, now: float) -> None:
        """``byte_count`` µ-law bytes of an item were sent to the bridge."""
        if self.idle(now):
            self._known_ms, self._known_at = self._queued_ms, now
            self._retire(self._queued_ms)
        length_ms = byte_count / BYTES_PER_MS
        last = self._segments[-1] if self._segments else None
        if last is not None and (last.item_id, last.content_index) == (item_id, content_index):
            last.length_ms += length_ms
        else:
            self._segments.append(_Segment(item_id, content_index, self._queued_ms, length_ms))
        self._queued_ms += length_ms

    def mark_due(self) -> bool:
        """True when enough audio went out since the last mark for another one."""
        return self._queued_ms - self._marked_ms >= MARK_EVERY_MS

    def mark(self) -> str:
        """The name of a new mark, to be sent behind all audio queued so far."""
        self._mark_count += 1
        name = f"p{self._mark_count}"
        self._marks[name] = self._marked_ms = self._queued_ms
        return name

    def returned(self, name: str, now: float) -> None:
        """The bridge gave a mark back: all before it was played. A mark flushed by a clear is unknown by then."""
        position = self._marks.get(name)
        if position is None:
            return
        self._marks = {other: at for other, at in self._marks.items() if at > position}
        self._known_ms, self._known_at = position, now

    def played_ms(self, now: float) -> float:
        """Position in the queue, ms."""
        position = self._known_ms + (now - self._known_at) * 1000.0
        limit = min(self._marks.values(), default=self._queued_ms)
        return max(self._known_ms, min(position, limit, self._queued_ms))

    def ms_left(self, now: float) -> float:
        """How much is queued and not played yet, ms."""
        return self._queued_ms - self.played_ms(now)

    def idle(self, now: float) -> bool:
        """Everything queued has been played."""
        return self.played_ms(now) >= self._queued_ms

    def heard_ms(self, item_id: str, now: float) -> float:
        """How much of the item's audio was played, ms."""
        return self._ms_until(item_id, self.played_ms(now))

    def length_ms(self, item_id: str) -> float:
        """How much audio of the item was queued and not cut, ms."""
        return self._ms_until(item_id, math.inf)

    def _ms_until(self, item_id: str, position: float) -> float:
        before = sum(ms for (item, _), ms in self._heard_before.items() if item == item_id)
        return before + sum(_played(segment, position) for segment in self._segments if segment.item_id == item_id)

    def shares_heard(self, now: float) -> list[tuple[str, float]]:
        """Of each item that is playing or waits for it, in order, how much of its queued audio was heard (0 to 1)."""
        position = self.played_ms(now)
        waiting = (one.item_id for one in self._segments if one.start_ms + one.length_ms > position)
        return [(item, self.heard_ms(item, now) / self.length_ms(item)) for item in dict.fromkeys(waiting)]

    def clear(self, now: float) -> list[Cut]:
        """The queue was thrown away: what was cut, oldest first; empty when nothing was playing."""
        position = self.played_ms(now)
        cuts = [
            Cut(
                segment.item_id,
                segment.content_index,
                int(self._heard_before.get((segment.item_id, segment.content_index), 0.0) + _played(segment, position)),
            )
            for segment in self._segments
            if segment.item_id and segment.start_ms + segment.length_ms > position
        ]
        self._retire(position)
        self._marks.clear()
        self._queued_ms = self._marked_ms = self._known_ms = 0.0
        self._known_at = now
        return cuts

    def _retire(self, position: float) -> None:
        """The queue begins anew: keep how much of each item was heard up to ``position``."""
        for segment in self._segments:
            part = (segment.item_id, segment.content_index)
            self._heard_before[part] = self._heard_before.get(part, 0.0) + _played(segment, position)
        self._segments.clear()
        while len(self._heard_before) > REMEMBERED_ITEMS:
            del self._heard_before[next(iter(self._heard_before))]


def _played(segment: _Segment, position: float) -> float:
    return min(max(0.0, position - segment.start_ms), segment.length_ms)
