"""Restaurants: found, made, limited, disabled and enabled again."""

import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from zoneinfo import available_timezones

from babel.numbers import list_currencies
from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain.restaurant import Restaurant
from domain.vat import NO_COUNTRY
from eventing import outbox
from eventing.catalogue import LineChange, LineChanged, RestaurantChanged
from stores import audit as audit_log
from stores import people, restaurants, tenants, users
from stores.audit import PlatformEntry
from stores.errors import NotFoundError
from stores.postgres import NO_RESTAURANT, Connection
from stores.tenants import Cost, Enabled, Tenant, TenantLine, TenantMember
from web.access import platform
from web.database import Work
from web.platform.pages import SOURCE, audit, everywhere, password_page, platform_blueprint
from web.words import _, plural

T = TypeVar("T")

blueprint = platform_blueprint("tenants", __name__)

PAGE = 50
LONGEST_SEARCH = 80
LONGEST_NAME = 200
LONGEST_PLAN = 60
LONGEST_NOTES = 2000
MOST_CALLS = 1000
COST_DAYS = 30
SHOWN_CHANGES = 20

_EMAIL = re.compile(r"^[^@\s\x00]{1,64}@[^@\s\x00]+\.[^@\s\x00]+$")


@blueprint.get("/")
@blueprint.get("/tenants")
@platform
def index() -> ResponseReturnValue:
    text = request.args.get("q", "")[:LONGEST_SEARCH]
    disabled = request.args.get("disabled") == "yes"
    after = (request.args.get("after", "")[:LONGEST_NAME], _after_id())
    found = everywhere(lambda connection: tenants.search(connection, text, PAGE + 1, after=after, disabled=disabled))
    return render_template(
        "platform/tenants.html", found=found[:PAGE], more=len(found) > PAGE, text=text, disabled=disabled
    )


def _after_id() -> str:
    try:
        return str(uuid.UUID(request.args.get("id", NO_RESTAURANT)))
    except ValueError:
        abort(400)


# --- One of them -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Page:
    tenant: Tenant
    members: tuple[TenantMember, ...]
    lines: tuple[TenantLine, ...]
    costs: tuple[Cost, ...]
    changes: tuple[PlatformEntry, ...]


@blueprint.get("/tenants/<uuid:tenant_id>")
@platform
def show(tenant_id: str) -> ResponseReturnValue:
    page = _page(str(tenant_id))
    typed = {"max_calls": str(page.tenant.max_calls), "plan": page.tenant.plan, "plan_notes": page.tenant.plan_notes}
    return _shown(page, typed, {})


def _page(tenant_id: str) -> _Page:
    today = datetime.now(UTC).date()

    async def work(connection: Connection) -> _Page:
        return _Page(
            tenant=await tenants.get(connection, tenant_id),
            members=await tenants.members(connection, tenant_id),
            lines=await tenants.lines(connection, tenant_id),
            costs=await tenants.costs_by_model(connection, today - timedelta(days=COST_DAYS - 1), today, tenant_id),
            changes=await audit_log.everywhere(connection, SHOWN_CHANGES, restaurant_id=tenant_id),
        )

    try:
        return everywhere(work)
    except NotFoundError:
        abort(404)


def _shown(page: _Page, typed: Mapping[str, str], problems: Mapping[str, str]) -> ResponseReturnValue:
    body = render_template(
        "platform/tenant.html", page=page, tenant=page.tenant, typed=typed, problems=problems, cost_days=COST_DAYS
    )
    return body, 422 if problems else 200


@blueprint.post("/tenants/<uuid:tenant_id>/plan")
@platform
def set_plan(tenant_id: str) -> ResponseReturnValue:
    restaurant_id = str(tenant_id)
    typed = {name: request.form.get(name, "").strip() for name in ("max_calls", "plan", "plan_notes")}
    problems = _plan_problems(typed)
    if problems:
        return _shown(_page(restaurant_id), typed, problems)
    wanted = {**typed, "max_calls": int(typed["max_calls"])}

    async def work(connection: Connection) -> None:
        before = await tenants.get(connection, restaurant_id)
        was = {"max_calls": before.max_calls, "plan": before.plan, "plan_notes": before.plan_notes}
        if was == wanted:
            return
        await tenants.set_plan(
            connection,
            restaurant_id,
            max_calls=int(typed["max_calls"]),
            plan=typed["plan"],
            plan_notes=typed["plan_notes"],
        )
        await audit(connection, "tenant.plan_changed", restaurant_id, subject=restaurant_id, before=was, after=wanted)
        if was["max_calls"] != wanted["max_calls"]:
            changed = RestaurantChanged(restaurant_id=restaurant_id, fields=("max_calls",))
            await outbox.emit(connection, changed, source=SOURCE, subject=restaurant_id)

    _known(restaurant_id, work)
    flash(_("Saved. The next call is counted against the new limit."), "saved")
    return redirect(url_for(".show", tenant_id=restaurant_id), 303)


def _plan_problems(typed: Mapping[str, str]) -> dict[str, str]:
    problems = {}
    if not (
        typed["max_calls"].isascii()
        and typed["max_calls"].isdecimal()
        and 1 <= int(typed["max_calls"][:6]) <= MOST_CALLS
    ):
        problems["max_calls"] = _("Calls at once: type a number from 1 to %(most)s.", most=MOST_CALLS)
    if len(typed["plan"]) > LONGEST_PLAN:
        problems["plan"] = _("Plan: at most %(most)s characters.", most=LONGEST_PLAN)
    if len(typed["plan_notes"]) > LONGEST_NOTES:
        problems["plan_notes"] = _("Notes: at most %(most)s characters.", most=LONGEST_NOTES)
    return problems


@blueprint.post("/tenants/<uuid:tenant_id>/disable")
@platform
def disable(tenant_id: str) -> ResponseReturnValue:
    restaurant_id = str(tenant_id)

    async def work(connection: Connection) -> tuple[str, ...]:
        before = await tenants.get(connection, restaurant_id)
        lines = await tenants.disable(connection, restaurant_id)
        if before.disabled_at is None:
            await _tell_of_lines(connection, restaurant_id, lines, "deactivated")
            await audit(connection, "tenant.disabled", restaurant_id, subject=restaurant_id, after={"lines_off": lines})
        return lines

    lines = _known(restaurant_id, work)
    flash(
        _("Disabled. Its members are out.")
        + " "
        + plural("%(num)s line is switched off.", "%(num)s lines are switched off.", len(lines)),
        "saved",
    )
    return redirect(url_for(".show", tenant_id=restaurant_id), 303)


@blueprint.post("/tenants/<uuid:tenant_id>/enable")
@platform
def enable(tenant_id: str) -> ResponseReturnValue:
    restaurant_id = str(tenant_id)

    async def work(connection: Connection) -> Enabled:
        before = await tenants.get(connection, restaurant_id)
        enabled = await tenants.enable(connection, restaurant_id)
        if before.disabled_at is not None:
            await _tell_of_lines(connection, restaurant_id, enabled.lines, "activated")
            await audit(connection, "tenant.enabled", restaurant_id, subject=restaurant_id, after=enabled)
        return enabled

    enabled = _known(restaurant_id, work)
    flash(_("Enabled. Its members and its callers get through again."), "saved")
    if enabled.taken:
        numbers = ", ".join(enabled.taken)
        flash(
            _("These numbers belong to another active line by now and stay off: %(numbers)s.", numbers=numbers), "error"
        )
    return redirect(url_for(".show", tenant_id=restaurant_id), 303)


async def _tell_of_lines(
    connection: Connection, restaurant_id: str, line_ids: tuple[str, ...], change: LineChange
) -> None:
    for line_id in line_ids:
        event = LineChanged(restaurant_id=restaurant_id, phone_line_id=line_id, change=change)
        await outbox.emit(connection, event, source=SOURCE, subject=line_id)


# --- A new one -------------------------------------------------------------------------------------------------------


_FIELDS = ("name", "city", "language", "currency", "zone", "country", "email")
_FIRST = {
    "name": "",
    "city": "",
    "language": "fr",
    "currency": "EUR",
    "zone": "Europe/Paris",
    "country": "FR",
    "email": "",
}


@blueprint.get("/tenants/new")
@platform
def new() -> ResponseReturnValue:
    return _form(_FIRST, {})


def _form(typed: Mapping[str, str], problems: Mapping[str, str]) -> ResponseReturnValue:
    body = render_template(
        "platform/tenant_new.html", typed=typed, problems=problems, zones=sorted(available_timezones())
    )
    return body, 422 if problems else 200


@blueprint.post("/tenants")
@platform
def create() -> ResponseReturnValue:
    typed = {name: request.form.get(name, "").strip() for name in _FIELDS}
    typed |= {
        "currency": typed["currency"].upper(),
        "country": typed["country"].upper(),
        "email": typed["email"].lower(),
    }
    problems = _new_problems(typed)
    if problems:
        return _form(typed, problems)
    wanted = Restaurant(
        id="",
        name=typed["name"],
        city=typed["city"],
        language=typed["language"],
        currency=typed["currency"],
        zone=typed["zone"],
        country=typed["country"] or NO_COUNTRY,
    )
    password = secrets.token_urlsafe(12)

    async def work(connection: Connection) -> tuple[str, bool]:
        restaurant_id = await restaurants.create(connection, wanted)
        account = await people.by_address(connection, typed["email"])
        user_id = account or await users.create(connection, email=typed["email"], password=password)
        await users.add_membership(connection, restaurant_id, user_id, "owner")
        after = {"name": wanted.name, "city": wanted.city, "zone": wanted.zone, "owner": typed["email"]}
        await audit(connection, "tenant.created", restaurant_id, subject=restaurant_id, after=after)
        return restaurant_id, account is None

    restaurant_id, new_account = everywhere(work)
    onwards = url_for(".show", tenant_id=restaurant_id)
    if new_account:
        return password_page(typed["email"], password, onwards)
    flash(_("%(name)s is there. Its owner can log in.", name=wanted.name), "saved")
    return redirect(onwards, 303)


def _new_problems(typed: Mapping[str, str]) -> dict[str, str]:
    checks = {
        "name": (
            1 <= len(typed["name"]) <= LONGEST_NAME,
            _("Name: between 1 and %(most)s characters.", most=LONGEST_NAME),
        ),
        "city": (len(typed["city"]) <= LONGEST_NAME, _("City: at most %(most)s characters.", most=LONGEST_NAME)),
        "language": (typed["language"] in ("fr", "en"), _("Language: choose French or English.")),
        "currency": (typed["currency"] in list_currencies(), _("Currency: three letters, like EUR.")),
        "zone": (typed["zone"] in available_timezones(), _("Time zone: choose one of the list, like Europe/Paris.")),
        "country": (bool(re.fullmatch(r"([A-Z]{2})?", typed["country"])), _("Country: two letters, like FR.")),
        "email": (
            len(typed["email"]) <= 254 and bool(_EMAIL.match(typed["email"])),
            _("Owner's email address: type one like name@example.com."),
        ),
    }
    return {name: problem for name, (right, problem) in checks.items() if not right}


def _known(restaurant_id: str, work: Work[T]) -> T:
    """``everywhere``, with 404 for a restaurant that is not there."""
    try:
        return everywhere(work)
    except NotFoundError:
        abort(404)
