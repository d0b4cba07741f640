"""Everybody who may log in: found, disabled, given a new password."""

import secrets
from dataclasses import dataclass
from typing import TypeVar

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from stores import people, second_factors, users
from stores.errors import NotFoundError
from stores.people import Person
from stores.postgres import Connection
from stores.users import Membership
from web import context
from web.access import platform
from web.database import Work
from web.identity import accounts, mails
from web.identity.addresses import LONGEST_EMAIL
from web.platform.pages import audit, everywhere, password_page, platform_blueprint
from web.words import _

T = TypeVar("T")

blueprint = platform_blueprint("people", __name__)

PAGE = 50
LONGEST_SEARCH = 80


@dataclass(frozen=True, slots=True)
class _Page:
    person: Person
    memberships: tuple[Membership, ...]
    has_second_step: bool


@blueprint.get("/people")
@platform
def index() -> ResponseReturnValue:
    text = request.args.get("q", "")[:LONGEST_SEARCH]
    after = request.args.get("after", "")[:LONGEST_EMAIL]
    staff = request.args.get("staff") == "yes"
    found = everywhere(lambda connection: people.search(connection, text, PAGE + 1, after=after, staff=staff))
    return render_template("platform/people.html", found=found[:PAGE], more=len(found) > PAGE, text=text, staff=staff)


@blueprint.get("/people/<uuid:user_id>")
@platform
def show(user_id: str) -> ResponseReturnValue:
    async def work(connection: Connection) -> _Page:
        person = await people.get(connection, str(user_id))
        return _Page(
            person,
            await people.memberships(connection, person.id),
            await second_factors.has_one(connection, person.id),
        )

    page = _known(work)
    return render_template("platform/person.html", page=page, person=page.person, is_self=_is_self(page.person))


@blueprint.post("/people/<uuid:user_id>/disable")
@platform
def disable(user_id: str) -> ResponseReturnValue:
    return _set_disabled(str(user_id), True, _("Disabled. They are out at their next request."))


@blueprint.post("/people/<uuid:user_id>/enable")
@platform
def enable(user_id: str) -> ResponseReturnValue:
    return _set_disabled(str(user_id), False, _("Enabled. They can log in again."))


def _set_disabled(user_id: str, disabled: bool, said: str) -> ResponseReturnValue:
    async def work(connection: Connection) -> None:
        person = await people.get(connection, user_id)
        if _is_self(person):
            abort(403)  # nobody else might be left to undo it
        if (person.disabled_at is not None) == disabled:
            return
        await people.set_disabled(connection, user_id, disabled)
        action = "user.disabled" if disabled else "user.enabled"
        await audit(connection, action, subject=user_id, after={"email": person.email})

    _known(work)
    flash(said, "saved")
    return redirect(url_for(".show", user_id=user_id), 303)


@blueprint.post("/people/<uuid:user_id>/password")
@platform
def reset_password(user_id: str) -> ResponseReturnValue:
    """A new password, told once. Whoever is logged in with the old one is out at the next request."""
    password = secrets.token_urlsafe(12)

    async def work(connection: Connection) -> str:
        person = await people.get(connection, str(user_id))
        if _is_self(person):
            abort(403)  # it would end the session that has to read the answer
        await users.set_password(connection, str(user_id), password)
        await audit(connection, "user.password_reset", subject=str(user_id), after={"email": person.email})
        return person.email

    return password_page(_known(work), password, url_for(".show", user_id=user_id))


@blueprint.post("/people/<uuid:user_id>/second-step/reset")
@platform
def reset_second_step(user_id: str) -> ResponseReturnValue:
    """For somebody who has lost both the app and the recovery codes; they are told by mail."""

    async def work(connection: Connection) -> str | None:
        person = await people.get(connection, str(user_id))
        if _is_self(person):
            abort(403)  # a stolen session must not take it off
        if not await second_factors.reset(connection, person.id):
            return None
        await audit(connection, "user.second_step_reset", subject=person.id, before={"email": person.email})
        return person.email

    email = _known(work)
    if email is not None:
        if context.mailer().sends:
            context.mailer().send_later(mails.second_step_off(email, "AlloResto"))
        flash(_("Done. The password alone opens this account now."), "saved")
    return redirect(url_for(".show", user_id=user_id), 303)


def _is_self(person: Person) -> bool:
    return person.id == accounts.signed_in_member().id


def _known(work: Work[T]) -> T:
    """``everywhere``, with 404 for a person who is not there."""
    try:
        return everywhere(work)
    except NotFoundError:
        abort(404)
