"""What the synthetic caller says, as recordings of 8 kHz µ-law, and what has to be written at the end.

``python -m devstack.speech.render_rehearsal`` makes the recordings: the caller's image has no voice.
"""

from __future__ import annotations

from pathlib import Path

CLIPS = Path(__file__).parent / "clips"
VOICE = "am_michael"
SENTENCES = {
    "order": "Hello, I would like one Margherita, please.",
    "pickup": "Pick up, please.",
    "name": "My name is Anna.",
    "yes": "Yes, that is right.",
}
OPENING = ("order", "pickup", "name")
"""Said in turn; then "yes" until the order is there."""

DISH = "Margherita"
FULFILMENT = "pickup"
CURRENCY = "EUR"
TOTAL_CENTS = 1000


def recordings() -> dict[str, bytes]:
    return {name: (CLIPS / f"{name}.ulaw").read_bytes() for name in SENTENCES}
