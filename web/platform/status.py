"""What staff write on the public status page: incidents, notes to them, and their end."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import cast

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain import status as rules
from domain.status import Impact
from stores import status
from stores.errors import NotFoundError
from stores.postgres import Connection
from web import status as public
from web.access import platform
from web.database import Work
from web.platform.pages import ZONE, audit, everywhere, platform_blueprint
from web.words import _

blueprint = platform_blueprint("platform_status", __name__)

LONGEST_TITLE = 200
LONGEST_NOTE = 2000


@blueprint.get("/status")
@platform
def index() -> ResponseReturnValue:
    return _page({}, "")


def _page(typed: dict[str, str], problem: str) -> ResponseReturnValue:
    first = datetime.now(UTC).date() - timedelta(days=rules.DAYS - 1)
    found = everywhere(lambda connection: status.overview(connection, first))
    body = render_template(
        "platform/status.html",
        components=public.shown(found, datetime.now(UTC)),
        incidents=found.incidents,
        names=public.names(),
        states=public.states(),
        impacts=public.impacts(),
        typed=typed,
        chosen=request.form.getlist("components"),
        problem=problem,
        longest_title=LONGEST_TITLE,
        longest_note=LONGEST_NOTE,
        zone=ZONE,
    )
    return body, 422 if problem else 200


@blueprint.post("/status/incidents")
@platform
def begin() -> ResponseReturnValue:
    typed = {name: request.form.get(name, "").strip() for name in ("impact", "title_fr", "title_en")}
    chosen = [name for name in rules.COMPONENTS if name in request.form.getlist("components")]
    titles = (typed["title_fr"], typed["title_en"])
    if typed["impact"] not in rules.IMPACTS or not chosen:
        return _page(typed, _("Choose what it is, and at least one part of the service."))
    if not any(titles) or max(map(len, titles)) > LONGEST_TITLE:
        return _page(
            typed, _("Write a title in one language at least, of at most %(most)s characters.", most=LONGEST_TITLE)
        )

    async def work(connection: Connection) -> None:
        incident_id = await status.open_incident(
            connection,
            impact=cast(Impact, typed["impact"]),
            components=chosen,
            titles=titles,
        )
        after = {"impact": typed["impact"], "components": chosen, "title": titles[0] or titles[1]}
        await audit(connection, "incident.opened", subject=incident_id, after=after)

    everywhere(work)
    return _done(_("It is on the status page."))


@blueprint.post("/status/incidents/<uuid:incident_id>/notes")
@platform
def note(incident_id: uuid.UUID) -> ResponseReturnValue:
    texts = (request.form.get("text_fr", "").strip(), request.form.get("text_en", "").strip())
    if not any(texts) or max(map(len, texts)) > LONGEST_NOTE:
        return _page({}, _("Write a note in one language at least, of at most %(most)s characters.", most=LONGEST_NOTE))

    async def work(connection: Connection) -> None:
        await status.add_note(connection, str(incident_id), texts)
        await audit(connection, "incident.noted", subject=str(incident_id))

    return _known(work, _("It is on the status page."))


@blueprint.post("/status/incidents/<uuid:incident_id>/end")
@platform
def end(incident_id: uuid.UUID) -> ResponseReturnValue:
    async def work(connection: Connection) -> None:
        await status.end_incident(connection, str(incident_id))
        await audit(connection, "incident.ended", subject=str(incident_id))

    return _known(work, _("The incident has ended."))


def _known(work: Work[None], said: str) -> ResponseReturnValue:
    try:
        everywhere(work)
    except NotFoundError:
        abort(404)
    return _done(said)


def _done(said: str) -> ResponseReturnValue:
    public.kept().forget()  # other workers show it within seconds
    flash(said, "saved")
    return redirect(url_for(".index"), 303)
