"""A new password by e-mail. What is said, and how long it takes, is the same for every address."""

import re
from datetime import timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from stores import account_links, users
from stores.account_links import Link, Opened
from stores.postgres import NO_RESTAURANT, Connection
from web import context
from web.access import anyone
from web.identity import accounts, addresses, entering, links, mails, second_step
from web.identity.account import password_problem
from web.identity.accounts import LONGEST_PASSWORD
from web.words import _

blueprint = Blueprint("reset", __name__)

GOOD_FOR = timedelta(hours=1)


@blueprint.get("/forgotten")
@anyone
def ask() -> ResponseReturnValue:
    return render_template("identity/forgotten.html", email="", problem=None, sends=context.mailer().sends)


@blueprint.post("/forgotten")
@anyone
def send() -> ResponseReturnValue:
    typed = request.form.get("email", "")
    email = addresses.normal(typed)
    if email is None:
        return _ask_again(typed, _("Enter your e-mail address, such as anna@example.com."), 422)
    if not links.may_send("reset", email):
        return _ask_again(typed, _("Too many attempts. Wait a quarter of an hour and try again."), 429)

    async def work(connection: Connection) -> str | None:
        user = await users.by_email(connection, email)
        token = await account_links.make(connection, "reset", email, good_for=GOOD_FOR)
        return token if user is not None else None

    token = context.database().tenant(NO_RESTAURANT, work)
    if token is not None:
        context.mailer().send_later(mails.new_password(email, links.to("reset.choose", token=token)))
    return redirect(url_for(".sent"), 303)


@blueprint.get("/forgotten/sent")
@anyone
def sent() -> ResponseReturnValue:
    detail = _("If there is an account with this address, a link is on its way to it. It is good for one hour.")
    return render_template("identity/sent.html", title=_("Look into your mailbox"), detail=detail)


@blueprint.get("/reset/<token>")
@anyone
def choose(token: str) -> ResponseReturnValue:
    link = _look_at(token)
    if link is None:
        return links.over(url_for(".ask"), _("Ask for a new link"))
    return _choose_page(link.email, None)


@blueprint.post("/reset/<token>")
@anyone
def set_password(token: str) -> ResponseReturnValue:
    """The way in afterwards is the usual one: who has turned on the second step is asked for it."""
    password = request.form.get("new_password", "")
    link = _look_at(token)
    if link is None:
        return links.over(url_for(".ask"), _("Ask for a new link"))
    problem = password_problem(password)
    if problem:
        return _choose_page(link.email, problem)
    opened: Opened | None = context.database().tenant(
        NO_RESTAURANT, lambda connection: account_links.reset_password(connection, token, password)
    )
    if opened is None:
        return links.over(url_for(".ask"), _("Ask for a new link"))
    context.mailer().send_later(mails.password_changed(opened.email))
    if accounts.has_second_step(opened.user_id):
        return second_step.ask(opened.user_id, opened.email)
    flash(_("Your password is changed. Everywhere else you are logged out."), "good")
    return entering.enter(opened.user_id, opened.email)


def _look_at(token: str) -> Link | None:
    if not re.fullmatch(links.TOKEN, token):
        return None
    return context.database().tenant(NO_RESTAURANT, lambda c: account_links.look_at(c, "reset", token))


def _ask_again(typed: str, problem: str, status: int) -> ResponseReturnValue:
    page = render_template(
        "identity/forgotten.html", email=typed[: addresses.LONGEST_EMAIL], problem=problem, sends=True
    )
    return page, status


def _choose_page(email: str, problem: str | None) -> ResponseReturnValue:
    page = render_template(
        "identity/new_password.html",
        email=email,
        problem=problem,
        least=users.MINIMUM_PASSWORD,
        most_password=LONGEST_PASSWORD,
    )
    return page, 422 if problem else 200
