"""Events of what a restaurant tells its callers: menu, address and rules, FAQ, greeting; and of their caches."""

from __future__ import annotations

from typing import ClassVar

from eventing.catalogue.base import Milliseconds, Payload, Uuid


class MenuChanged(Payload, frozen=True, kw_only=True):
    """``item_ids`` are the items whose price, name, availability or modifiers changed; empty for the whole menu."""

    TYPE: ClassVar[str] = "com.alloresto.menu.changed"

    item_ids: tuple[Uuid, ...] = ()
    reason: str = ""


class RestaurantChanged(Payload, frozen=True, kw_only=True):
    """``fields`` are the changed fields of the restaurant, as the domain names them (``name``, ``openings``, …)."""

    TYPE: ClassVar[str] = "com.alloresto.restaurant.changed"

    fields: tuple[str, ...]


class FaqChanged(Payload, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "com.alloresto.faq.changed"

    faq_ids: tuple[Uuid, ...] = ()


class GreetingChanged(Payload, frozen=True, kw_only=True):
    """The text or the voice of the greeting changed; its audio has to be rendered again."""

    TYPE: ClassVar[str] = "com.alloresto.greeting.changed"

    text: str
    voice: str
    language: str


class GreetingRendered(Payload, frozen=True, kw_only=True):
    """The greeting's audio is ready: µ-law, 8 kHz, at the Redis key ``key``."""

    TYPE: ClassVar[str] = "com.alloresto.greeting.rendered"

    text: str
    voice: str
    language: str
    key: str
    duration_ms: Milliseconds


class CacheInvalidated(Payload, frozen=True, kw_only=True):
    """``keys`` are the Redis keys that are gone; the next call builds them again."""

    TYPE: ClassVar[str] = "com.alloresto.cache.invalidated"

    keys: tuple[str, ...]
