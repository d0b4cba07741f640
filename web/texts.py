"""The two functions that translate, typed: flask-babel has no types of its own."""

from flask_babel import gettext, ngettext  # type: ignore[import-untyped]


def _(message: str, **values: object) -> str:
    """``message`` in the reader's language, with ``%(name)s`` filled in."""
    return str(gettext(message, **values))


def plural(one: str, many: str, number: int) -> str:
    """``%(num)s`` in either is the number."""
    return str(ngettext(one, many, number))
