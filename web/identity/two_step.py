"""Turning the second step on and off, and the recovery codes. Each asks for the password: an open page is no proof."""

from io import BytesIO

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from stores import second_factors
from stores.postgres import NO_RESTAURANT, Connection
from stores.second_factors import SecondFactor
from web import context
from web.access import signed_in
from web.identity import accounts, totp
from web.identity.account import refused_password
from web.identity.second_step import LONGEST_CODE, is_right
from web.words import _

blueprint = Blueprint("two_step", __name__, url_prefix="/account/two-step")


@blueprint.get("")
@signed_in
def show() -> ResponseReturnValue:
    return _page({})


@blueprint.post("")
@signed_in
def begin() -> ResponseReturnValue:
    member = accounts.signed_in_member()
    refused = refused_password(member, request.form.get("password", ""))
    if refused:
        return _page({"begin": refused})
    cipher = context.second_factor_cipher()
    context.database().tenant(NO_RESTAURANT, lambda c: second_factors.begin(c, member.id, cipher))
    return redirect(url_for(".set_up"), 303)


@blueprint.get("/set-up")
@signed_in
def set_up() -> ResponseReturnValue:
    return _set_up_page(_unconfirmed())


@blueprint.get("/qr.svg")
@signed_in
def qr() -> Response:
    """What the app's camera reads; dark on white whatever the page's colours, or no app reads it."""
    import segno  # drawn once for each account: not worth every start's time

    drawing, secret = BytesIO(), _unconfirmed().secret
    code = segno.make(totp.address(secret, accounts.signed_in_member().email), error="m", micro=False)
    code.save(drawing, kind="svg", border=4, light="#fff", xmldecl=False, svgclass=None, lineclass=None, omitsize=True)
    return Response(drawing.getvalue(), mimetype="image/svg+xml")


@blueprint.post("/set-up")
@signed_in
def confirm() -> ResponseReturnValue:
    """The recovery codes are shown in this one answer and never again."""
    member, factor = accounts.signed_in_member(), _unconfirmed()
    step = totp.step_of(factor.secret, request.form.get("code", "")[:LONGEST_CODE])
    if step is None:
        return _set_up_page(factor, _("This code is not right. The app shows a new one every 30 seconds."))

    async def work(connection: Connection) -> tuple[str, ...]:
        await second_factors.take_step(connection, member.id, step)
        return await second_factors.renew_recovery_codes(connection, member.id)

    codes = context.database().tenant(NO_RESTAURANT, work)
    return render_template("identity/recovery_codes.html", codes=codes, begun=True)


@blueprint.post("/recovery-codes")
@signed_in
def renew_codes() -> ResponseReturnValue:
    member = accounts.signed_in_member()
    if not accounts.has_second_step(member.id):
        abort(404)
    refused = refused_password(member, request.form.get("password", ""))
    if refused:
        return _page({"renew": refused})
    codes = context.database().tenant(
        NO_RESTAURANT, lambda connection: second_factors.renew_recovery_codes(connection, member.id)
    )
    return render_template("identity/recovery_codes.html", codes=codes, begun=False)


@blueprint.post("/off")
@signed_in
def turn_off() -> ResponseReturnValue:
    member = accounts.signed_in_member()
    refused = refused_password(member, request.form.get("password", ""))
    if refused:
        return _page({"off": refused})
    if not is_right(member.id, request.form.get("code", "")[:LONGEST_CODE]):
        return _page({"off_code": _("This code is not right, or it has been used.")})
    context.database().tenant(NO_RESTAURANT, lambda connection: second_factors.remove(connection, member.id))
    flash(_("The second step is off. Your password alone opens your account."), "good")
    return redirect(url_for("account.show"), 303)


def _unconfirmed() -> SecondFactor:
    """The one that is being set up; 404 when there is none."""
    member_id, cipher = accounts.signed_in_member().id, context.second_factor_cipher()
    factor = context.database().tenant(NO_RESTAURANT, lambda c: second_factors.get(c, member_id, cipher))
    if factor is None or factor.confirmed_at is not None:
        abort(404)
    return factor


def _set_up_page(factor: SecondFactor, problem: str | None = None) -> ResponseReturnValue:
    page = render_template("identity/set_up.html", secret=totp.readable(factor.secret), problem=problem)
    return page, 422 if problem else 200


def _page(problems: dict[str, str]) -> ResponseReturnValue:
    member_id = accounts.signed_in_member().id

    async def work(connection: Connection) -> tuple[bool, int]:
        return (
            await second_factors.is_asked_for(connection, member_id),
            await second_factors.recovery_codes_left(connection, member_id),
        )

    is_on, left = context.database().tenant(NO_RESTAURANT, work)
    page = render_template("identity/two_step.html", is_on=is_on, left=left, problems=problems)
    return page, 422 if problems else 200
