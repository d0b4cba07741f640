"""How a call can end, and how sure its number is: the same words in the call lane, the events, the call log and its
database check.
"""

from typing import Literal

Outcome = Literal[
    "order_confirmed",
    "reservation_made",
    "answered",
    "abandoned",
    "transferred",
    "message_taken",
    "busy",
    "superseded",
    "failed",
    "lost",
]

# Why we hang up: a tool's reasons, and our own.
ToolEnding = Literal["done", "abuse", "prank", "wrong_number"]
Ending = Literal["done", "abuse", "prank", "wrong_number", "silence", "time_limit"]

# Why a cart is left that nobody agreed to: the words of the event and of the call log.
LeftBecause = Literal["caller_hung_up", "transferred", "engine_failed", "handler_lost", "not_saved"]

# How surely the caller's network says that the number is the caller's (SHAKEN); "" where it says nothing.
Attestation = Literal["", "A", "B", "C", "failed"]
