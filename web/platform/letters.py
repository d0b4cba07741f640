"""Dead letters: what somebody could not take, why, and having it published again.

A letter's body is what a stranger sent, and may hold callers' data: it is shown on the letter's own page only, as text,
and that it was looked at is in the audit log.
"""

import uuid

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from eventing import letters
from eventing.letters import KeptLetter
from stores.postgres import Connection
from web import paging
from web.access import platform
from web.platform.pages import audit, everywhere, platform_blueprint
from web.words import _, plural

blueprint = platform_blueprint("letters", __name__)

PAGE = 100
SHOWN_BYTES = 64 * 1024


@blueprint.get("/letters")
@platform
def index() -> ResponseReturnValue:
    delivered = request.args.get("delivered") == "yes"
    after = paging.asked_for(uuid.UUID)
    found = everywhere(lambda connection: letters.listed(connection, delivered=delivered, limit=PAGE + 1, after=after))
    return render_template(
        "platform/letters.html",
        found=found[:PAGE],
        more=len(found) > PAGE,
        is_first=after is None,
        delivered=delivered,
        states=_states(),
        link_after=paging.link_after,
    )


@blueprint.get("/letters/<uuid:letter_id>")
@platform
def show(letter_id: str) -> ResponseReturnValue:
    async def work(connection: Connection) -> KeptLetter | None:
        found = await letters.one(connection, str(letter_id))
        if found is not None:
            await audit(connection, "letter.read", found.restaurant_id, subject=found.id)
        return found

    letter = everywhere(work)
    if letter is None:
        abort(404)
    body = letter.body[:SHOWN_BYTES].decode("utf-8", "backslashreplace")
    return render_template(
        "platform/letter.html", letter=letter, body=body, cut=len(letter.body) > SHOWN_BYTES, states=_states()
    )


@blueprint.post("/letters/<uuid:letter_id>/replay")
@platform
def replay(letter_id: str) -> ResponseReturnValue:
    async def work(connection: Connection) -> tuple[KeptLetter | None, bool]:
        found = await letters.one(connection, str(letter_id))
        if found is None:
            return None, False
        done = await letters.replay(connection, found.id)
        if done:
            await audit(
                connection, "letter.replayed", found.restaurant_id, subject=found.id, after={"type": found.type}
            )
        return found, done

    letter, done = everywhere(work)
    if letter is None:
        abort(404)
    if done:
        flash(_("It is published again. If it fails once more it comes back here."), "saved")
    else:
        flash(_("This letter was cut off when it came, so it can't be published again."), "error")
    return redirect(url_for(".show", letter_id=letter.id), 303)


@blueprint.post("/letters/replay")
@platform
def replay_all() -> ResponseReturnValue:
    async def work(connection: Connection) -> int:
        count = await letters.replay_all(connection)
        if count:
            await audit(connection, "letter.all_replayed", after={"letters": count})
        return count

    count = everywhere(work)
    said = plural("%(num)s letter is published again.", "%(num)s letters are published again.", count)
    flash(said, "saved")
    return redirect(url_for(".index"), 303)


def _states() -> dict[str, str]:
    return {"open": _("Open"), "replayed": _("Published again"), "failed again": _("Failed again")}
