"""Who belongs to the restaurant: managers see it, owners invite, change roles and remove. One owner always stays."""

from datetime import UTC, datetime, timedelta
from typing import cast

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from process import logs
from stores import second_factors, team
from stores.audit import SUPPORT
from stores.errors import NotFoundError
from stores.postgres import Connection
from stores.team import Invitation, LastOwnerError, TeamMember
from stores.users import MemberRole
from web import context, words
from web.access import managers, owners
from web.database import Work
from web.identity import addresses, links, mails
from web.identity.mailing import MailError
from web.place.tenancy import actor, audit, in_restaurant, member, restaurant, restaurant_blueprint
from web.words import _

blueprint = restaurant_blueprint("team", __name__)
log = logs.get(__name__)

GOOD_FOR = timedelta(days=7)


@blueprint.get("/team")
@managers
def index() -> ResponseReturnValue:
    return _page({}, {"email": "", "role": "staff"})


@blueprint.post("/team/invitations")
@owners
def invite() -> ResponseReturnValue:
    """Once more for the same address: a new link, and the earlier one opens nothing any more."""
    typed = {"email": request.form.get("email", "").strip(), "role": request.form.get("role", "")}
    email, role, problems = addresses.normal(typed["email"]), _role(typed["role"]), {}
    if email is None:
        problems["email"] = _("Enter an e-mail address, such as anna@example.com.")
    if role is None:
        problems["role"] = _("Choose a role.")
    if not context.mailer().sends:
        problems["email"] = _("This installation sends no mail yet. Ask whoever runs it to set SMTP_URL.")
    if problems or email is None or role is None:
        return _page(problems, typed)
    restaurant_id, invited_by = restaurant().id, actor().name

    async def work(connection: Connection) -> str | None:
        if any(one.email == email for one in await team.members(connection, restaurant_id)):
            return None
        waiting = await team.invitations(connection, restaurant_id)
        if len(waiting) >= team.MOST_INVITATIONS and email not in {one.email for one in waiting}:
            return ""
        token = await team.invite(connection, restaurant_id, email, role, invited_by=invited_by, good_for=GOOD_FOR)
        await audit(connection, "team.member_invited", subject=email, after={"email": email, "role": role})
        return token

    token = in_restaurant(work)
    if token is None:
        return _page({"email": _("This person is in the team already.")}, typed)
    if not token:
        return _page({"email": _("Too many invitations are open. Withdraw one first.")}, typed)
    _send(email, role, token)
    return redirect(url_for(".index"), 303)


@blueprint.post("/team/invitations/withdraw")
@owners
def withdraw() -> ResponseReturnValue:
    email = request.form.get("email", "")[: addresses.LONGEST_EMAIL]

    async def work(connection: Connection) -> bool:
        gone = await team.withdraw(connection, restaurant().id, email)
        if gone:
            await audit(connection, "team.invitation_withdrawn", subject=email, before={"email": email})
        return gone

    if in_restaurant(work):
        flash(_("The invitation is withdrawn. Its link opens nothing any more."), "good")
    return redirect(url_for(".index"), 303)


@blueprint.post("/team/<uuid:user_id>/role")
@owners
def set_role(user_id: str) -> ResponseReturnValue:
    role = _role(request.form.get("role", ""))
    if role is None:
        abort(400)

    async def work(connection: Connection) -> TeamMember:
        before = await team.member(connection, restaurant().id, str(user_id))
        if before.role != role:
            await team.set_role(connection, restaurant().id, str(user_id), role)
            entry = {"subject": str(user_id), "before": _shown(before, before.role), "after": _shown(before, role)}
            await audit(connection, "team.role_changed", **entry)
        return before

    changed = _try(work)
    if changed is not None:
        label = words.roles()[role]
        flash(_("%(name)s is %(role)s now.", name=changed.name or changed.email, role=label), "good")
    return redirect(url_for(".index"), 303)


@blueprint.post("/team/<uuid:user_id>/remove")
@owners
def remove(user_id: str) -> ResponseReturnValue:
    """Their next request, and within seconds their live pages, find the restaurant closed."""

    async def work(connection: Connection) -> TeamMember:
        before = await team.member(connection, restaurant().id, str(user_id))
        await team.remove(connection, restaurant().id, str(user_id))
        await audit(connection, "team.member_removed", subject=str(user_id), before=_shown(before, before.role))
        return before

    removed = _try(work)
    if removed is not None and removed.user_id == member().id:
        flash(_("You have left %(restaurant)s.", restaurant=restaurant().name), "good")
        return redirect(url_for("login.home"), 303)
    if removed is not None:
        flash(_("%(name)s is no longer in the team.", name=removed.name or removed.email), "good")
    return redirect(url_for(".index"), 303)


@blueprint.post("/team/<uuid:user_id>/second-step/reset")
@owners
def reset_second_step(user_id: str) -> ResponseReturnValue:
    """For a member who has lost both the app and the recovery codes; they are told by mail."""

    async def work(connection: Connection) -> tuple[TeamMember, second_factors.Reset]:
        of = await team.member(connection, restaurant().id, str(user_id))
        how = await second_factors.reset_members(connection, of.user_id)
        if how == "done":
            await audit(connection, "team.second_step_reset", subject=of.user_id, before={"email": of.email})
        return of, how

    try:
        of, how = in_restaurant(work)
    except NotFoundError:
        abort(404)
    if how == "done":
        if context.mailer().sends:
            context.mailer().send_later(mails.second_step_off(of.email, restaurant().name))
        flash(_("%(name)s logs in with the password alone now.", name=of.name or of.email), "good")
    elif how == "platform":
        flash(_("Only AlloResto’s support can do this: the account opens more than this team."), "error")
    return redirect(url_for(".index"), 303)


def _try(work: Work[TeamMember]) -> TeamMember | None:
    """What ``work`` returns; None, and a message on the next page, when an owner has to stay; 404 for a stranger."""
    try:
        return in_restaurant(work)
    except LastOwnerError:
        flash(_("A restaurant keeps at least one owner. Make somebody else an owner first."), "error")
        return None
    except NotFoundError:
        abort(404)


def _send(email: str, role: MemberRole, token: str) -> None:
    """The invitation is kept whatever becomes of its mail; who invites is told and may send it again."""
    link, invited_by = links.to("invitations.show", token=token), _inviter()
    try:
        context.mailer().send(mails.invitation(email, restaurant().name, invited_by, words.roles()[role], link))
    except MailError as error:
        log.warning("invitation not sent", why=str(error), restaurant_id=restaurant().id)
        flash(_("The mail to %(email)s could not be sent. Try again in a few minutes.", email=email), "error")
    else:
        flash(_("An invitation is on its way to %(email)s.", email=email), "good")


def _inviter() -> str:
    """As the mail names who invites: support by no name of its own."""
    return "AlloResto" if actor().name == SUPPORT else member().name or member().email


def _role(typed: str) -> MemberRole | None:
    return cast(MemberRole, typed) if typed in words.roles() else None


def _shown(of: TeamMember, role: MemberRole) -> dict[str, str]:
    return {"email": of.email, "role": role}


def _page(problems: dict[str, str], typed: dict[str, str]) -> ResponseReturnValue:
    restaurant_id = restaurant().id

    async def work(
        connection: Connection,
    ) -> tuple[tuple[TeamMember, ...], tuple[Invitation, ...], tuple[str, ...]]:
        return (
            await team.members(connection, restaurant_id),
            await team.invitations(connection, restaurant_id),
            await second_factors.members_with(connection),
        )

    members, invitations, with_second_step = in_restaurant(work)
    page = render_template(
        "place/team/team.html",
        members=members,
        invitations=invitations,
        with_second_step=with_second_step,
        roles=words.roles(),
        own_id=member().id,
        now=datetime.now(UTC),
        problems=problems,
        typed={name: text[:300] for name, text in typed.items()},
    )
    return page, 422 if problems else 200
