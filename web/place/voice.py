"""How the restaurant sounds: language, voice, greeting and style, recording, and who takes the callers it can't serve.

The greeting is rendered elsewhere (``functions.greeting_renderer``), by the voice that greets; this page shows when it
is ready and plays what callers hear.
"""

import audioop
import io
import wave
import zlib

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain.greetings import greeting_text, notices_due
from domain.restaurant import Restaurant
from stores import greetings
from stores.greetings import Greeting
from web import context, words
from web.access import managers, staff
from web.database import UnavailableError
from web.forms import Form
from web.place import changes
from web.place.forwarding import read_number
from web.place.tenancy import restaurant, restaurant_blueprint
from web.words import _

blueprint = restaurant_blueprint("voice", __name__)

LONGEST_GREETING = 600
RATE_HZ = 8000
SAMPLE_BYTES = 2
REDIS_WITHIN_S = 1.0
_FIELDS = ("language", "voice", "greeting", "style", "upsell", "record_calls", "fallback", "fallback_number")


@blueprint.get("/voice")
@managers
def index() -> ResponseReturnValue:
    saved = {name: getattr(restaurant(), name) for name in _FIELDS}
    return _page(Form(saved=saved | dict(zip(_ranks(), restaurant().engines, strict=False))))


@blueprint.post("/voice")
@managers
def save() -> ResponseReturnValue:
    form, place = Form(request.form), restaurant()
    values: dict[str, object] = {
        "language": form.choice("language", _("Language"), words.spoken_languages()),
        "voice": form.choice("voice", _("Voice"), _voices(place)),
        "greeting": form.text("greeting", _("Greeting"), most=LONGEST_GREETING),
        "style": form.choice("style", _("Style"), words.styles()),
        "upsell": form.is_on("upsell"),
        "record_calls": form.is_on("record_calls"),
        "fallback": form.choice("fallback", _("When nobody can serve"), words.fallbacks()),
    }
    if _engines():
        values["engines"] = _engine_order(form)
    # One number for both: emptied here, it would leave the other without any.
    forwards = "forward" in (values["fallback"], place.when_closed)
    values["fallback_number"] = read_number(form, place.country, required=forwards)
    if form.problems:
        return _page(form, status=422)
    changes.save("voice.changed", values)
    flash(_("Saved. It holds from the next call on."), "good")
    return redirect(url_for(".index"), 303)


@blueprint.post("/voice/check")
@managers
def check() -> ResponseReturnValue:
    """What callers would hear of the greeting as it is typed."""
    form = Form(request.form)
    return render_template("place/voice/_check.html", **_checked(form))


@blueprint.get("/voice/greeting")
@staff
def rendered() -> ResponseReturnValue:
    """Whether what callers hear is what is saved; drawn anew until it is."""
    return render_template("place/voice/_greeting.html", **_rendered())


@blueprint.get("/voice/greeting.wav")
@staff
def play() -> ResponseReturnValue:
    """The greeting as callers hear it, a WAV of 16 bits: browsers differ in what they make of G.711."""
    found = _load()
    if found is None:
        return Response(status=404)
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(SAMPLE_BYTES)
        file.setframerate(RATE_HZ)
        file.writeframes(audioop.ulaw2lin(found.audio, SAMPLE_BYTES))
    return Response(written.getvalue(), mimetype="audio/wav")


def _page(form: Form, status: int = 200) -> ResponseReturnValue:
    page = render_template(
        "place/voice/voice.html",
        form=form,
        voices=_voices(restaurant()),
        styles=words.styles(),
        fallbacks=words.fallbacks(),
        ranks=_ranks(),
        engines={"": "–", **_engines()},
        languages=words.spoken_languages(),
        longest=LONGEST_GREETING,
        **_checked(form),
        **_rendered(),
    )
    return page, status


def _voices(place: Restaurant) -> dict[str, str]:
    """The voices to choose from, "" for the operator's; one that was chosen before stays."""
    offered = [name.strip() for name in context.settings().web_voices.split(",") if name.strip()]
    names = dict.fromkeys([*offered, place.voice] if place.voice else offered)
    return {"": _("The usual one"), **{name: name.capitalize() for name in names}}


def _engines() -> dict[str, str]:
    """The engines to choose from; none where there is but one."""
    names = dict.fromkeys(name.strip() for name in context.settings().web_engines.split(",") if name.strip())
    return {name: name.capitalize() for name in names} if len(names) > 1 else {}


def _ranks() -> list[str]:
    """The fields of the order, first to last."""
    return [f"engine_{number}" for number in range(1, len(_engines()) + 1)]


def _engine_order(form: Form) -> list[str]:
    """The engines as typed, without the places left empty; none for the operator's order."""
    order: list[str] = []
    for rank in _ranks():
        name = form.choice(rank, _("Engine"), ["", *_engines()])
        if name in order:
            form.refuse(rank, _("%(field)s: it stands further up already.", field=_("Engine")))
        elif name:
            order.append(name)
    return order


class _Typed:
    """As much of a restaurant as its greeting is made of, as typed."""

    def __init__(self, form: Form) -> None:
        self.name = restaurant().name
        self.language = "en" if form.typed("language") == "en" else "fr"
        self.greeting = " ".join(form.typed("greeting").split())[:LONGEST_GREETING]
        self.record_calls = form.is_on("record_calls")


def _checked(form: Form) -> dict[str, object]:
    typed = _Typed(form)
    return {"heard": greeting_text(typed), "added": notices_due(typed), "typed": typed}


def _rendered() -> dict[str, object]:
    place, found = restaurant(), _load()
    is_ready = found is not None and found.text == greeting_text(place) and place.voice in ("", found.voice)
    # In the address, so that a browser does not play what it had before.
    version = zlib.crc32(found.audio) if found else 0
    return {"audio": found, "is_ready": is_ready, "version": version}


def _load() -> Greeting | None:
    """None, too, while Redis is away: the page is whole without it."""
    restaurant_id = restaurant().id
    try:
        return context.database().redis(lambda redis: greetings.load(redis, restaurant_id), within_s=REDIS_WITHIN_S)
    except UnavailableError:
        return None
