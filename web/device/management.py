"""A restaurant's devices: a manager adds one, reads out its code, and takes it away."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from stores import devices
from stores.devices import CODE_LIFETIME, MOST_DEVICES, Device, TooManyDevicesError
from stores.postgres import Connection
from web.access import managers
from web.place.tenancy import audit, in_restaurant, restaurant, restaurant_blueprint
from web.words import _

blueprint = restaurant_blueprint("devices", __name__)

LONGEST_NAME = 60


@blueprint.get("/devices")
@managers
def index() -> ResponseReturnValue:
    return _page()


@blueprint.post("/devices")
@managers
def add() -> ResponseReturnValue:
    """The code is in the answer itself, once: only its hash is kept."""
    name = request.form.get("name", "").strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        return _page(name=name, problem=_("Name: between 1 and %(most)s characters.", most=LONGEST_NAME))
    owner = restaurant().id

    async def work(connection: Connection) -> str:
        device_id, code = await devices.add(connection, owner, name)
        await audit(connection, "device.added", subject=device_id, after={"name": name})
        return code

    try:
        code = in_restaurant(work)
    except TooManyDevicesError:
        most = _("There are %(most)s devices already. Take one away first.", most=MOST_DEVICES)
        return _page(name=name, problem=most)
    address = url_for("device.page", place_id=owner, _external=True)
    return render_template(
        "device/code.html",
        name=name,
        code=code,
        address=address,
        drawing=_drawing(f"{address}#{code}"),
        minutes=int(CODE_LIFETIME.total_seconds() // 60),
    )


@blueprint.post("/devices/<uuid:device_id>/remove")
@managers
def remove(device_id: str) -> ResponseReturnValue:
    owner = restaurant().id

    async def work(connection: Connection) -> str | None:
        name = await devices.remove(connection, owner, str(device_id))
        if name is not None:
            await audit(connection, "device.removed", subject=str(device_id), before={"name": name})
        return name

    name = in_restaurant(work)
    if name is None:
        abort(404)
    flash(_("%(name)s is out, and forgets what it has as soon as it hears of it.", name=name), "good")
    return redirect(url_for(".index"), 303)


def _drawing(link: str) -> Markup:
    """A QR code as an SVG element. The pairing code is behind a #, which no browser sends and no log keeps."""
    import segno  # drawn once for each device: not worth every start's time

    drawn: str = segno.make(link, error="m", micro=False).svg_inline(
        border=4, light="#fff", svgclass=None, lineclass=None, omitsize=True
    )
    return Markup(drawn)


def _page(name: str = "", problem: str = "") -> ResponseReturnValue:
    owner = restaurant().id

    async def work(connection: Connection) -> tuple[Device, ...]:
        return await devices.listed(connection, owner)

    found = in_restaurant(work)
    return render_template("device/devices.html", found=found, name=name, problem=problem), 422 if problem else 200
