"""The language of the campaign: every sentence is a tone, and its pitch says which sentence it is.

So neither end needs a speech model, and either knows what it heard even when the other one died meanwhile. Tones of
8 kHz µ-law; the pitches lie far enough apart for a count of zero crossings over some frames.
"""

from __future__ import annotations

import audioop
import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator

RATE = 8000
FRAME_BYTES = 160
LEVEL = 6000  # of 32767
LOUD_RMS = 1000  # half of it would still pass; comfort noise and codec silence lie below 50
TOLERANCE = 0.08  # one crossing more or less in a frame of the lowest tone is 5 %

# What the assistant says.
READ_BACK_HZ = 500
ASK_HZ = 650
CONFIRMED_HZ = 850
BEEP_HZ = 1000  # the bridge's own, before a message
# What the caller says: an order is two pitches, one after the other, which are the caller's own; yes is one for all.
# They lie 19 % apart or more: on a busy machine nearer ones were taken for one another.
ORDER_HZ = (1250, 1520, 1850, 2700, 3280)
YES_HZ = 2200
ALL_HZ = (READ_BACK_HZ, ASK_HZ, CONFIRMED_HZ, BEEP_HZ, *ORDER_HZ, YES_HZ)

Voice = tuple[int, ...]
VOICES: tuple[Voice, ...] = tuple(itertools.permutations(ORDER_HZ, 2))
"""One for each of 20 callers. Half of one is nobody's, so that a caller who is heard in part is asked again."""
ENOUGH_FRAMES = 8


def tone(hertz: float, seconds: float) -> bytes:
    """µ-law, in whole frames."""
    samples = math.ceil(seconds * RATE / FRAME_BYTES) * FRAME_BYTES
    wave = (round(LEVEL * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(samples))
    return audioop.lin2ulaw(b"".join(value.to_bytes(2, "little", signed=True) for value in wave), 2)


def said(voice: Voice, seconds: float) -> bytes:
    """Its pitches one after the other, ``seconds`` for all of them."""
    return b"".join(tone(hertz, seconds / len(voice)) for hertz in voice)


def heard(frames: Iterable[int]) -> Voice:
    """The pitches of a turn in the order in which they came, without those of a few frames.

    Where packets were lost on the way, a frame here and there says another.
    """
    places: defaultdict[int, list[int]] = defaultdict(list)
    for place, hertz in enumerate(frames):
        places[hertz].append(place)
    enough = {hertz: sum(at) / len(at) for hertz, at in places.items() if len(at) >= ENOUGH_FRAMES}
    return tuple(sorted(enough, key=enough.__getitem__))


def is_loud(ulaw: bytes) -> bool:
    return bool(ulaw) and audioop.rms(audioop.ulaw2lin(ulaw, 2), 2) > LOUD_RMS


def crossings(ulaw: bytes) -> int:
    """How often the sign changes: twice a period."""
    return audioop.cross(audioop.ulaw2lin(ulaw, 2), 2)


def pitches(ulaw: bytes) -> Iterator[int]:
    """The known pitch of each whole frame that has one."""
    for at in range(0, len(ulaw) - FRAME_BYTES + 1, FRAME_BYTES):
        frame = ulaw[at : at + FRAME_BYTES]
        hertz = pitch(crossings(frame), FRAME_BYTES)
        if hertz is not None:
            yield hertz


def pitch(crossed: int, samples: int) -> int | None:
    """The known pitch with so many zero crossings in so many samples; None for a voice, noise or too little."""
    if samples < FRAME_BYTES:
        return None
    hertz = crossed * RATE / 2 / samples
    nearest = min(ALL_HZ, key=lambda known: abs(known - hertz))
    return nearest if abs(nearest - hertz) <= TOLERANCE * nearest else None
