"""French first, English beside it: who chose keeps the choice in a cookie, else the browser's wish decides."""

from datetime import UTC, datetime
from typing import cast
from urllib.parse import urlsplit

from flask import Blueprint, Flask, g, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import Babel  # type: ignore[import-untyped]

from web import formats
from web.access import anyone
from web.words import _, plural

LANGUAGES = ("fr", "en")
COOKIE = "alloresto_language"
ONE_YEAR_S = 365 * 24 * 3600

blueprint = Blueprint("language", __name__)


def current() -> str:
    """The language of this request's answer."""
    if "language" not in g:
        g.language = _asked_for()
    return cast(str, g.language)


def _asked_for() -> str:
    chosen = request.cookies.get(COOKIE, "")
    return chosen if chosen in LANGUAGES else request.accept_languages.best_match(LANGUAGES, default="fr")


def attach(app: Flask) -> None:
    """Translations, and what the templates need to write numbers and times in the reader's language."""
    Babel(app, locale_selector=current, default_locale="fr")

    @app.context_processor
    def words() -> dict[str, object]:
        return {"language": current(), "_": _, "ngettext": plural}

    app.add_template_filter(lambda cents, currency: formats.money(cents, currency, current()), "money")
    app.add_template_filter(lambda cents: formats.price_input(cents, current()), "price_input")
    app.add_template_filter(lambda moment, zone: formats.clock(moment, zone), "clock")
    app.add_template_filter(lambda moment, zone: formats.day(moment, zone, current()), "day")
    app.add_template_filter(lambda day: formats.long_date(day, current()), "date")
    app.add_template_filter(lambda moment: formats.ago(moment, datetime.now(UTC), current()), "ago")
    app.add_template_filter(lambda number: formats.percent(number, current()), "percent")
    app.add_template_filter(formats.duration, "duration")
    app.add_template_filter(formats.dial, "dial")


def local_path(target: str) -> str:
    """``target`` when it is a path of this site, else ``/``: nobody is sent elsewhere by a crafted link."""
    parts = urlsplit(target)
    inside = not parts.scheme and not parts.netloc and target.startswith("/") and not target.startswith("//")
    return target if inside and "\\" not in target else "/"


@blueprint.post("/language")
@anyone
def choose() -> ResponseReturnValue:
    response = redirect(local_path(request.form.get("next", "/")), 303)
    if request.form.get("language") in LANGUAGES:
        response.set_cookie(
            COOKIE,
            request.form["language"],
            max_age=ONE_YEAR_S,
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )
    return response
