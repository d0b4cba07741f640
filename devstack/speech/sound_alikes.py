"""An answer of few possible ones by its sound: ``sercher`` for ``chercher``, ``peek up`` for ``pick up``.

Only for what was asked for, and only where the words mean nothing else.
"""

from __future__ import annotations

from collections.abc import Collection

from devstack.speech.lexicon import Lexicon
from devstack.speech.matching import fold, likeness, sound

ENOUGH = 0.72
CLEARLY = 0.08  # better than the next
LEAST_SOUNDS = 4  # of what is heard: shorter words sound like each other


def heard_as(text: str, answers: Collection[str], lexicon: Lexicon) -> str:
    """The one of ``answers`` that ``text`` sounds like; "" for none, or for more than one."""
    said = fold(text).split()
    ways = {"".join(map(sound, said)), "".join(sound(word) for word in said if word not in lexicon.known)}
    ways = {one for one in ways if len(one) >= LEAST_SOUNDS}
    scores = sorted(
        (
            (
                max(
                    (likeness(one, "".join(map(sound, known.split()))) for one in ways for known in known_as),
                    default=0.0,
                ),
                answer,
            )
            for answer in answers
            for known_as in (lexicon.sounds_like.get(answer, "").split("|"),)
        ),
        reverse=True,
    )
    best, answer = scores[0] if scores else (0.0, "")
    next_best = scores[1][0] if len(scores) > 1 else 0.0
    return answer if best >= ENOUGH and best - next_best >= CLEARLY else ""
