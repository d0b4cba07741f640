"""What a token's form says, on a restaurant's page and on the platform's."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import request

from stores import tokens
from web.forms import Form
from web.words import _


@dataclass(frozen=True, slots=True)
class Wanted:
    """``expires_at`` None: until it is revoked."""

    name: str
    scopes: tuple[str, ...]
    expires_at: datetime | None


def blank() -> Form:
    return Form(saved={"lifetime": "365"})


def read(form: Form, allowed: Collection[str]) -> Wanted:
    """What was sent; what is wrong is in ``form``."""
    name = form.text("name", _("Name"), most=tokens.LONGEST_NAME, required=True)
    lifetime = tokens.LIFETIMES[form.choice("lifetime", _("Valid for"), tokens.LIFETIMES)]
    scopes = tuple(scope for scope in allowed if scope in chosen())
    if not scopes:
        form.refuse("scope", _("Rights: choose at least one."))
    return Wanted(name, scopes, datetime.now(UTC) + lifetime if lifetime else None)


def chosen() -> set[str]:
    """The rights that are ticked in what was sent."""
    return set(request.form.getlist("scope"))


def refuse_one_more(form: Form) -> None:
    form.refuse("name", _("Name: at most %(most)s tokens. Revoke one first.", most=tokens.MOST_TOKENS))
