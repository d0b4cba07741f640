"""Who changed what in the restaurant, the newest first, with what it was before."""

from typing import Any

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue

from stores import audit
from web import words
from web.access import managers
from web.place.tenancy import in_restaurant, restaurant_blueprint

blueprint = restaurant_blueprint("history", __name__)

PAGE = 50
LONGEST_TEXT = 160


@blueprint.get("/history")
@managers
def index() -> ResponseReturnValue:
    below = request.args.get("below", "")
    if below and not (below.isascii() and below.isdecimal() and len(below) <= 18):
        abort(400)
    entries = in_restaurant(lambda connection: audit.recent(connection, PAGE + 1, int(below) if below else None))
    return render_template(
        "place/history/history.html",
        entries=entries[:PAGE],
        more=len(entries) > PAGE,
        actions=words.audited(),
        differences=differences,
        is_first=not below,
    )


def differences(before: Any, after: Any) -> list[tuple[str, str, str]]:
    """``(what, before, after)`` of what an entry changed; what stayed as it was is left out."""
    if not isinstance(before, dict) and not isinstance(after, dict):
        return [("", _text(before), _text(after))] if before != after else []
    old, new = (one if isinstance(one, dict) else {} for one in (before, after))
    names = [*old, *(name for name in new if name not in old)]
    return [(name, _text(old.get(name)), _text(new.get(name))) for name in names if old.get(name) != new.get(name)]


def _text(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, list):
        text = ", ".join(_text(one) for one in value)
    elif isinstance(value, dict):
        text = ", ".join(f"{name}: {_text(one)}" for name, one in value.items())
    else:
        text = str(value)
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
