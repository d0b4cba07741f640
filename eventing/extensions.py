"""The names of an event's attributes, and what a SinkBinding adds to them. Apart from the events themselves, so that
who sends none need not load the catalogue.
"""

import re

import msgspec

CONTEXT = ("id", "source", "specversion", "type", "datacontenttype", "dataschema", "subject", "time")
NAME = re.compile(r"[a-z0-9]+")


def overrides(k_ce_overrides: str) -> dict[str, str]:
    """The extensions that a SinkBinding wants on everything sent: the value of ``K_CE_OVERRIDES``, "" for none.

    Raises ValueError, naming the variable, when it is not ``{"extensions": {name: value}}``.
    """
    if not k_ce_overrides:
        return {}
    try:
        extensions = msgspec.json.decode(k_ce_overrides, type=_Overrides).extensions
    except msgspec.DecodeError as error:
        raise ValueError(f'K_CE_OVERRIDES: {error}; expected {{"extensions": {{"name": "value"}}}}') from None
    for name in extensions:
        if not NAME.fullmatch(name) or name in (*CONTEXT, "data"):
            raise ValueError(f"K_CE_OVERRIDES: {name!r} is not an extension's name (lower-case letters and digits)")
    return extensions


class _Overrides(msgspec.Struct, frozen=True):
    extensions: dict[str, str] = {}
