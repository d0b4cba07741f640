"""Which reply is being made, and which is owed: an engine makes one at a time, and begins some by itself.

A reply that we ask for may be refused because another one has begun in the same moment; a sentence that waits is said
right after it.
"""

from collections import deque

ENDED_REPLIES = 32  # kept, since an engine may tell of an end twice


class Replies:
    """``id`` is the reply that the engine makes, ``audible_id`` the same until the caller speaks over it.

    ``item`` is what that reply is saying, ``spoke`` whether it has made a sound. ``asked`` for a reply that has not
    begun. ``owed`` is one to ask for as soon as one may: a sentence, or "" for any; an ``urgent`` one also while they
    speak.
    """

    def __init__(self) -> None:
        self.id = ""
        self.audible_id = ""
        self.item = ""
        self.spoke = False
        self.asked = False
        self.owed: str | None = None
        self.urgent = False
        self._asked_for = ""  # in case it is refused
        self._ended: deque[str] = deque(maxlen=ENDED_REPLIES)

    @property
    def under_way(self) -> bool:
        return bool(self.id) or self.asked

    def owe(self, sentence: str = "") -> None:
        """``sentence`` is to be said; without one, what is owed already, or anything."""
        self.owed = sentence or self.owed or ""

    def ask(self, sentence: str) -> None:
        self.owed = None
        self.urgent = False
        self.asked = True
        self._asked_for = sentence

    def refused(self) -> None:
        """Another one is being made."""
        self.asked = False
        self.owed = self.owed or self._asked_for

    def begins(self, reply_id: str) -> None:
        self.id = self.audible_id = reply_id
        self.spoke = self.asked = False
        self.item = ""
        self.owed = self.owed or None  # a reply for a tool's answer, or for keys, is as good as this one

    def ends(self, reply_id: str) -> bool:
        """False when that is known."""
        if reply_id in self._ended:
            return False
        self._ended.append(reply_id)
        if reply_id == self.id:
            self.id = ""
        return True

    def inaudible(self) -> None:
        """What the reply still says is not played."""
        self.audible_id = ""

    def talked_over(self) -> None:
        self.inaudible()
        self.owed = None if self.owed is None else ""  # what was to be said word for word may be wrong by now
        self._asked_for = ""

    def abandoned(self) -> None:
        """It was cancelled: nothing more is expected of it."""
        self.id = self.audible_id = ""
        self.asked = False

    def lost(self) -> None:
        """The engine is gone."""
        self.abandoned()
        self.owed = None
