"""A caller who agrees."""

from domain.agreement import Agreement
from domain.order import Cart


def agreed(cart: Cart) -> Agreement:
    """The caller heard this cart and said yes."""
    return Agreement(cart.version, heard=True, answered=True, answer="Yes, please.")
