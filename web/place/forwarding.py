"""The restaurant's own number, the only one that callers are put through to: read in the two places that offer it."""

from domain.phone_numbers import InvalidNumberError, one_form
from web.forms import Form
from web.words import _

LONGEST = 30
SHORTEST_E164 = 8


def read_number(form: Form, country: str, *, required: bool) -> str:
    """``fallback_number`` in its one form; "" when there is none."""
    typed = form.text("fallback_number", _("Your number"), most=LONGEST, required=False)
    if not typed:
        if required:
            form.refuse("fallback_number", _("Your number: callers are forwarded to it, so it is needed."))
        return ""
    try:
        number = one_form(typed, country)
    except InvalidNumberError:
        number = ""
    if not number.startswith("+") or len(number) < SHORTEST_E164:
        form.refuse("fallback_number", _("Your number: write a telephone number such as +33 4 65 71 00 42."))
    return number
