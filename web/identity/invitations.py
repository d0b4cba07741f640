"""The other end of an invitation: whoever has its link joins the restaurant, with an account of theirs or a new one."""

import re

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from stores import audit, team, users
from stores.account_links import Opened
from stores.postgres import NO_RESTAURANT, Connection
from stores.team import Invited
from stores.users import MemberRole
from web import context, words
from web.access import anyone
from web.identity import accounts, entering, links
from web.identity.account import LONGEST_NAME, password_problem
from web.identity.accounts import LONGEST_PASSWORD
from web.words import _

blueprint = Blueprint("invitations", __name__, url_prefix="/invitation")


@blueprint.get("/<token>")
@anyone
def show(token: str) -> ResponseReturnValue:
    invited = _look_at(token)
    return _over() if invited is None else _page(invited, token, {})


@blueprint.post("/<token>")
@anyone
def accept(token: str) -> ResponseReturnValue:
    """As the member who is logged in, if the invitation is theirs; else with a new account."""
    invited, member = _look_at(token), accounts.current()
    if invited is None:
        return _over()
    if member is not None and member.email == invited.email:
        if _join(invited, token, member.id) is None:
            return _over()
        flash(_("Welcome to %(restaurant)s.", restaurant=invited.restaurant_name), "good")
        return redirect(url_for("overview.show", restaurant_id=invited.restaurant_id), 303)
    if invited.has_account or member is not None:
        return _page(invited, token, {})  # says who has to log in first
    return _with_new_account(invited, token)


def _with_new_account(invited: Invited, token: str) -> ResponseReturnValue:
    name, password = request.form.get("name", "").strip(), request.form.get("new_password", "")
    problems = {}
    if not 1 <= len(name) <= LONGEST_NAME:
        problems["name"] = _("Enter your name, at most %(most)s characters.", most=LONGEST_NAME)
    problem = password_problem(password)
    if problem:
        problems["new_password"] = problem
    if problems:
        return _page(invited, token, problems, name)
    opened: Opened | None = context.database().tenant(
        NO_RESTAURANT, lambda connection: team.sign_up(connection, token, name, password)
    )
    if opened is None or _join(invited, token, opened.user_id) is None:
        return _over()
    return entering.enter(opened.user_id, opened.email)


def _join(invited: Invited, token: str, user_id: str) -> MemberRole | None:
    async def work(connection: Connection) -> MemberRole | None:
        role = await team.accept(connection, invited.restaurant_id, token, user_id)
        if role is not None:
            actor, after = audit.Actor(invited.email), {"email": invited.email, "role": role}
            await audit.record(
                connection, invited.restaurant_id, actor, "team.member_joined", subject=user_id, after=after
            )
        return role

    return context.database().tenant(invited.restaurant_id, work)


def _look_at(token: str) -> Invited | None:
    if not re.fullmatch(links.TOKEN, token):
        return None
    return context.database().tenant(NO_RESTAURANT, lambda connection: team.look_at(connection, token))


def _over() -> ResponseReturnValue:
    return links.over(url_for("login.show"), _("Log in"))


def _page(invited: Invited, token: str, problems: dict[str, str], name: str = "") -> ResponseReturnValue:
    page = render_template(
        "identity/invitation.html",
        invited=invited,
        member=accounts.current(),
        token=token,
        role=words.roles()[invited.role],
        problems=problems,
        name=name[:300],
        least=users.MINIMUM_PASSWORD,
        most_password=LONGEST_PASSWORD,
        most_name=LONGEST_NAME,
    )
    return page, 422 if problems else 200
