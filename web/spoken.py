"""An order as the kitchen hears it, in the restaurant's language and not the reader's."""

from flask_babel import force_locale  # type: ignore[import-untyped]

from stores.orders import Order
from web.language import LANGUAGES
from web.words import _, fulfilments

MOST_LINES = 8


def order(order: Order, language: str) -> str:
    """Like ``Order 12. Pick-up. 2 Margherita Large. 1 Cola.``; of a long one the first lines. Never a name."""
    with force_locale(language if language in LANGUAGES else LANGUAGES[0]):
        said = [_("Order %(number)s", number=order.number), fulfilments()[order.fulfilment]]
        said += [f"{line.quantity} {line.name} {line.size_name}".strip() for line in order.lines[:MOST_LINES]]
        if len(order.lines) > MOST_LINES:
            said.append(_("and more"))
        if order.allergies:
            said.append(_("Allergy"))
    return ". ".join(said) + "."
