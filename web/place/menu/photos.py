"""An item's photo: put, shown to the restaurant's members, taken away."""

from flask import Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from stores import menu_photos, menus
from stores.errors import NotFoundError
from stores.postgres import Connection
from web.access import managers, staff
from web.place.menu import items, pictures
from web.place.menu.area import blueprint
from web.place.menu.pictures import PictureError
from web.place.tenancy import audit, in_restaurant, restaurant
from web.words import _

ONE_YEAR_S = 365 * 24 * 3600


@blueprint.get("/menu/photos/<uuid:item_id>/<string(length=32):digest>-<any(small, large):size>.webp")
@staff
def photo(item_id: str, digest: str, size: str) -> ResponseReturnValue:
    restaurant_id = restaurant().id
    try:
        picture = in_restaurant(
            lambda connection: menu_photos.picture(
                connection, restaurant_id, str(item_id), digest, "large" if size == "large" else "small"
            )
        )
    except NotFoundError:
        abort(404)
    # The digest is of the content: what this URL shows never changes. Private: members only, no shared cache.
    headers = {"Cache-Control": f"private, max-age={ONE_YEAR_S}, immutable"}
    return Response(picture, mimetype="image/webp", headers=headers)


@blueprint.post("/menu/items/<uuid:item_id>/photo")
@managers
def put_photo(item_id: str) -> ResponseReturnValue:
    restaurant_id = restaurant().id
    upload = request.files.get("photo")
    try:
        made = pictures.photo_of(upload.read(pictures.MAX_BYTES + 1) if upload else b"")
    except PictureError as refused:
        return items.page_of(str(item_id), photo_problem=_problems()[refused.reason]), 422

    async def work(connection: Connection) -> None:
        await menus.lock(connection, restaurant_id)
        if not any(item.id == str(item_id) for item in (await menus.load(connection, restaurant_id)).items):
            raise NotFoundError("menu item", str(item_id))
        await menu_photos.put(connection, restaurant_id, str(item_id), made)
        await audit(connection, "menu.photo_changed", subject=str(item_id), after=made.digest)

    try:
        in_restaurant(work)
    except NotFoundError:
        abort(404)
    flash(_("The photo is saved."), "good")
    return redirect(url_for(".show_item", item_id=item_id), 303)


@blueprint.post("/menu/items/<uuid:item_id>/photo/delete")
@managers
def remove_photo(item_id: str) -> ResponseReturnValue:
    restaurant_id = restaurant().id

    async def work(connection: Connection) -> None:
        await menu_photos.remove(connection, restaurant_id, str(item_id))
        await audit(connection, "menu.photo_removed", subject=str(item_id))

    try:
        in_restaurant(work)
    except NotFoundError:
        abort(404)
    flash(_("The photo is removed."), "good")
    return redirect(url_for(".show_item", item_id=item_id), 303)


def _problems() -> dict[str, str]:
    return {
        "empty": _("Choose a photo first."),
        "too_large": _("The photo is too large: at most 6 MB."),
        "no_picture": _("This is no photo that can be read. Choose a JPEG, PNG or WebP file."),
        "too_many_pixels": _("The photo has too many pixels. Make it smaller and choose it again."),
    }
