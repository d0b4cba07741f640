"""Tool results without the domain's guidance: what the guard is worth, measured without it.

The call handler and the domain are as ever; what they tell the model beside a tool's own answer is left out on the
way. Nothing can switch that off in a call of a restaurant's.
"""

from __future__ import annotations

import msgspec

# The domain's view of the cart, what is missing, the best next step, what was left out of a wish.
GUIDANCE = ("cart", "missing", "next", "not_possible")


def unguided(output: str) -> str:
    """A tool result with nothing but its own answer; an error is its code."""
    result = msgspec.json.decode(output)
    bare = {key: value for key, value in result.items() if key not in GUIDANCE}
    if "error" in bare:
        bare["error"] = {"code": bare["error"]["code"]}
    return msgspec.json.encode(bare).decode()
