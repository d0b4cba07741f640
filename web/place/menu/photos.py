"""An item's photo: put, shown to the restaurant's members, taken away."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from flask import Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from domain.menu import Menu
from stores import menu_photos
from stores.errors import NotFoundError
from stores.postgres import Connection
from web.access import managers, staff
from web.place.menu import items, pictures
from web.place.menu.area import blueprint, change
from web.place.menu.pictures import PictureError
from web.place.tenancy import in_restaurant, restaurant
from web.words import _

ONE_YEAR_S = 365 * 24 * 3600


@blueprint.get("/menu/photos/<string(length=32):digest>-<any(small, large):size>.webp")
@staff
def photo(digest: str, size: str) -> ResponseReturnValue:
    restaurant_id = restaurant().id
    try:
        picture = in_restaurant(
            lambda connection: menu_photos.picture(
                connection, restaurant_id, digest, "large" if size == "large" else "small"
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

    def put(connection: Connection) -> Awaitable[None]:
        return menu_photos.put(connection, restaurant_id, made)

    change(_with_photo(str(item_id), made.digest), "photo_changed", str(item_id), before=put)
    flash(_("The photo is saved."), "good")
    return redirect(url_for(".show_item", item_id=item_id), 303)


@blueprint.post("/menu/items/<uuid:item_id>/photo/delete")
@managers
def remove_photo(item_id: str) -> ResponseReturnValue:
    """The versions before keep it for a while (PHOTO_DAYS)."""
    change(_with_photo(str(item_id), ""), "photo_removed", str(item_id))
    flash(_("The photo is removed."), "good")
    return redirect(url_for(".show_item", item_id=item_id), 303)


def _with_photo(item_id: str, photo: str) -> Callable[[Menu], Menu]:
    """Raises LookupError for an item that is not there."""

    def edit(menu: Menu) -> Menu:
        if not any(item.id == item_id for item in menu.items):
            raise LookupError(item_id)
        items = tuple(replace(item, photo=photo) if item.id == item_id else item for item in menu.items)
        return replace(menu, items=items)

    return edit


def _problems() -> dict[str, str]:
    return {
        "empty": _("Choose a photo first."),
        "too_large": _("The photo is too large: at most 6 MB."),
        "no_picture": _("This is no photo that can be read. Choose a JPEG, PNG or WebP file."),
        "too_many_pixels": _("The photo has too many pixels. Make it smaller and choose it again."),
    }
