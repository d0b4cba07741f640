"""Who changed what in the restaurant, the newest first, with what it was before."""

import re
from datetime import datetime
from typing import Any

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue

from stores import audit
from web import formats, language, words
from web.access import managers
from web.place.menu.problem_words import reasons
from web.place.tenancy import in_restaurant, restaurant, restaurant_blueprint
from web.words import _

blueprint = restaurant_blueprint("history", __name__)

PAGE = 50
LONGEST_TEXT = 160
_DIGESTS = {"menu.photo_changed"}  # what they keep of a photo says nothing to a reader
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$")


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
        actions={f"menu.{name}": label for name, label in reasons().items()} | words.audited(),
        differences=differences,
        fields=words.audited_fields(),
        is_first=not below,
    )


def differences(action: str, before: Any, after: Any) -> list[tuple[str, str, str]]:
    """``(what, before, after)`` of what an entry changed; what stayed as it was is left out."""
    if action in _DIGESTS:
        return []
    if not isinstance(before, dict) and not isinstance(after, dict):
        return [("", _text(before), _text(after))] if before != after else []
    old, new = (one if isinstance(one, dict) else {} for one in (before, after))
    names = [*old, *(name for name in new if name not in old)]
    return [(name, _text(old.get(name)), _text(new.get(name))) for name in names if old.get(name) != new.get(name)]


def _text(value: Any) -> str:
    if value is None or value == "" or value == []:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        text = ", ".join(_text(one) for one in value)
    elif isinstance(value, dict):
        names = words.audited_fields()
        told = ((names.get(name, name.replace("_", " ")), _text(one)) for name, one in value.items())
        text = ", ".join(f"{name}: {one}" for name, one in told if one)
    else:
        text = _moment(str(value)) or str(value)
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def _moment(text: str) -> str:
    """A moment as it is written in the log, as the restaurant's clocks show it; "" for any other text."""
    if not _MOMENT.match(text):
        return ""
    at, zone, reader = datetime.fromisoformat(text), restaurant().zone, language.current()
    return f"{formats.day(at, zone, reader)}, {formats.clock(at, zone)}"
