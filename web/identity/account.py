"""One's own account: name, password, and where one is logged in."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from stores import second_factors, sessions, users
from stores.postgres import NO_RESTAURANT, Connection
from stores.sessions import OwnSession
from web import context
from web.access import signed_in
from web.identity import accounts, browsers, entering
from web.identity.accounts import LONGEST_PASSWORD, Member
from web.words import _

blueprint = Blueprint("account", __name__, url_prefix="/account")

LONGEST_NAME = 80


@blueprint.get("")
@signed_in
def show() -> ResponseReturnValue:
    return _page({})


@blueprint.post("/name")
@signed_in
def rename() -> ResponseReturnValue:
    member, name = accounts.signed_in_member(), request.form.get("name", "").strip()
    if len(name) > LONGEST_NAME:
        return _page({"name": _("At most %(most)s characters.", most=LONGEST_NAME)}, name=name)
    context.database().tenant(NO_RESTAURANT, lambda connection: users.rename(connection, member.id, name))
    flash(_("Your name is saved."), "good")
    return redirect(url_for(".show"), 303)


@blueprint.post("/password")
@signed_in
def change_password() -> ResponseReturnValue:
    """Every session ends, and this browser gets a new one."""
    member, new = accounts.signed_in_member(), request.form.get("new_password", "")
    problem = password_problem(new)
    if problem:
        return _page({"new_password": problem})
    refused = refused_password(member, request.form.get("password", ""))
    if refused:
        return _page({"password": refused})

    async def work(connection: Connection) -> None:
        await users.as_user(connection, member.id)
        await users.set_password(connection, member.id, new)

    context.database().tenant(NO_RESTAURANT, work)
    accounts.begin(member.id)
    flash(_("Your password is changed. Everywhere else you are logged out."), "good")
    return redirect(url_for(".show"), 303)


@blueprint.post("/sessions/<uuid:session_id>/end")
@signed_in
def end_session(session_id: UUID) -> ResponseReturnValue:
    member = accounts.signed_in_member()
    context.database().tenant(NO_RESTAURANT, lambda c: sessions.end_one(c, member.id, str(session_id)))
    flash(_("That device is logged out."), "good")
    return redirect(url_for(".show", _anchor="sessions"), 303)


@blueprint.post("/sessions/end-others")
@signed_in
def end_other_sessions() -> ResponseReturnValue:
    member = accounts.signed_in_member()
    context.database().tenant(NO_RESTAURANT, lambda c: sessions.end_all(c, member.id, but=member.session_id))
    flash(_("Everywhere else you are logged out."), "good")
    return redirect(url_for(".show", _anchor="sessions"), 303)


def password_problem(new: str) -> str | None:
    """Why ``new`` can't be a password; None when it can."""
    if len(new) < users.MINIMUM_PASSWORD:
        return _("At least %(least)s characters: a few words are easy to remember.", least=users.MINIMUM_PASSWORD)
    if len(new) > LONGEST_PASSWORD:
        return _("At most %(most)s characters.", most=LONGEST_PASSWORD)
    return None


def refused_password(member: Member, typed: str) -> str | None:
    """Why ``typed`` does not prove that it is them; None when it does. Counted like a log-in."""
    limits = entering.attempts_on("password", member.email)
    if not context.throttle().allow(limits):
        return _("Too many attempts. Wait a quarter of an hour and try again.")
    if len(typed) > LONGEST_PASSWORD or accounts.check_password(member.email, typed) is None:
        return _("This is not your password.")
    context.throttle().forget(limits[0])
    return None


def _page(problems: dict[str, str], **typed: str) -> ResponseReturnValue:
    member = accounts.signed_in_member()

    async def work(connection: Connection) -> tuple[tuple[OwnSession, ...], bool]:
        return (
            await sessions.of_user(connection, member.id),
            await second_factors.is_asked_for(connection, member.id),
        )

    listed, second_step = context.database().tenant(NO_RESTAURANT, work)
    page = render_template(
        "identity/account.html",
        member=member,
        sessions=listed,
        browser_name=browsers.name_of,
        second_step=second_step,
        problems=problems,
        typed={"name": member.name, **typed},
        least=users.MINIMUM_PASSWORD,
        most_password=LONGEST_PASSWORD,
        most_name=LONGEST_NAME,
    )
    return page, 422 if problems else 200
