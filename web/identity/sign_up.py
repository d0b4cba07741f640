"""A new owner: name and address, then a link by e-mail, then a password.

The password comes last, behind the link, so that nobody can lay a trap in somebody else's name: an account is made by
whoever has the mailbox. What is said is the same whether or not the address has an account; the mail says which.
"""

import re
from datetime import timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from stores import account_links, users
from stores.account_links import Link
from stores.postgres import NO_RESTAURANT, Connection
from web import context
from web.access import anyone
from web.identity import addresses, entering, links, mails
from web.identity.account import LONGEST_NAME, password_problem
from web.identity.accounts import LONGEST_PASSWORD
from web.words import _

blueprint = Blueprint("sign_up", __name__, url_prefix="/signup")

GOOD_FOR = timedelta(days=1)


@blueprint.get("")
@anyone
def show() -> ResponseReturnValue:
    return _page({}, {"name": "", "email": ""})


@blueprint.post("")
@anyone
def send() -> ResponseReturnValue:
    typed = {"name": request.form.get("name", "").strip(), "email": request.form.get("email", "").strip()}
    email, name, problems = addresses.normal(typed["email"]), typed["name"], {}
    if not 1 <= len(name) <= LONGEST_NAME:
        problems["name"] = _("Enter your name, at most %(most)s characters.", most=LONGEST_NAME)
    if email is None:
        problems["email"] = _("Enter your e-mail address, such as anna@example.com.")
    if problems or email is None:
        return _page(problems, typed)
    if not links.may_send("sign_up", email):
        problems["email"] = _("Too many attempts. Wait a quarter of an hour and try again.")
        return _page(problems, typed, 429)

    async def work(connection: Connection) -> tuple[bool, str]:
        known = await users.by_email(connection, email) is not None
        return known, await account_links.make(connection, "sign_up", email, good_for=GOOD_FOR, name=name)

    known, token = context.database().tenant(NO_RESTAURANT, work)
    if known:
        context.mailer().send_later(mails.known_already(email, links.to("login.show")))
    else:
        context.mailer().send_later(mails.sign_up(email, links.to("sign_up.choose", token=token)))
    return redirect(url_for(".sent"), 303)


@blueprint.get("/sent")
@anyone
def sent() -> ResponseReturnValue:
    detail = _("A link is on its way to you. It is good for one day.")
    return render_template("identity/sent.html", title=_("Look into your mailbox"), detail=detail)


@blueprint.get("/<token>")
@anyone
def choose(token: str) -> ResponseReturnValue:
    link = _look_at(token)
    return links.over(url_for(".show"), _("Sign up")) if link is None else _choose_page(link, None)


@blueprint.post("/<token>")
@anyone
def confirm(token: str) -> ResponseReturnValue:
    link, password = _look_at(token), request.form.get("new_password", "")
    if link is None:
        return links.over(url_for(".show"), _("Sign up"))
    problem = password_problem(password)
    if problem:
        return _choose_page(link, problem)
    opened = context.database().tenant(
        NO_RESTAURANT, lambda connection: account_links.sign_up(connection, token, link.name, password)
    )
    if opened is None:  # the address has an account by now, or a second click came first
        return links.over(url_for("login.show"), _("Log in"))
    return entering.enter(opened.user_id, opened.email, url_for("beginning.new"))


def _look_at(token: str) -> Link | None:
    if not re.fullmatch(links.TOKEN, token):
        return None
    return context.database().tenant(NO_RESTAURANT, lambda c: account_links.look_at(c, "sign_up", token))


def _page(problems: dict[str, str], typed: dict[str, str], status: int = 422) -> ResponseReturnValue:
    page = render_template(
        "identity/sign_up.html",
        problems=problems,
        typed={name: text[:300] for name, text in typed.items()},
        most_name=LONGEST_NAME,
        sends=context.mailer().sends,
    )
    return page, status if problems else 200


def _choose_page(link: Link, problem: str | None) -> ResponseReturnValue:
    page = render_template(
        "identity/new_password.html",
        email=link.email,
        welcome=link.name,
        problem=problem,
        least=users.MINIMUM_PASSWORD,
        most_password=LONGEST_PASSWORD,
    )
    return page, 422 if problem else 200
