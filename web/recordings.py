"""A call's two-sided recording, where the restaurant records and this process can read the edge's folder."""

import re
from pathlib import Path

from flask import abort, send_file
from flask.typing import ResponseReturnValue

from stores import calls
from stores.errors import NotFoundError
from web import context
from web.tenancy import in_restaurant, restaurant, restaurant_blueprint

blueprint = restaurant_blueprint("recordings", __name__)

# The file's name is made from ids only; this keeps an id from being a path.
_SAFE_ID = re.compile(r"^[0-9A-Za-z-]{1,128}$")


@blueprint.get("/calls/<call_id>/recording")
def play(call_id: str) -> ResponseReturnValue:
    try:
        in_restaurant(lambda connection: calls.get(connection, call_id))
    except NotFoundError:
        abort(404)
    file = of_call(call_id)
    if file is None:
        abort(404)
    return send_file(file, mimetype="audio/wav", conditional=True, max_age=0)


def of_call(call_id: str) -> Path | None:
    """The recording's file, which the edge names ``{restaurant}/{call}.wav``; None when there is none."""
    folder = context.settings().recordings_dir
    if not folder or not _SAFE_ID.match(call_id):
        return None
    file = Path(folder).absolute() / restaurant().id / f"{call_id}.wav"
    return file if file.is_file() else None
