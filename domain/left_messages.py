"""Messages that callers leave for the team: what one is. The tool that takes them is ``domain.message_tools``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

About = Literal["lost_property", "complaint", "supplier", "group", "other"]
KINDS: tuple[About, ...] = get_args(About)
LONGEST = 500  # characters


class LeftMessage(NamedTuple):
    """Personal, all but ``about``. ``phone`` is in E.164, "" for the number that the caller shows."""

    about: About
    text: str
    name: str = ""
    phone: str = ""
    wants_call: bool = True


def with_message(known: Sequence[LeftMessage], left: LeftMessage) -> tuple[LeftMessage, ...]:
    """A call leaves one message of each kind; said again, it changes that one. So a handler that goes on with a call
    may take it a second time, and the team still has it once."""
    return (*(one for one in known if one.about != left.about), left)
