"""The audit log over all restaurants: who changed what, with what it was before."""

import uuid

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue

from stores import audit as audit_log
from web.access import platform
from web.platform.pages import everywhere, platform_blueprint

blueprint = platform_blueprint("record", __name__)

PAGE = 50
LONGEST_ACTOR = 254
LONGEST_ACTION = 80
LARGEST_ID = 2**63 - 1


@blueprint.get("/audit")
@platform
def index() -> ResponseReturnValue:
    typed = {name: request.args.get(name, "").strip() for name in ("restaurant", "actor", "action")}
    try:
        restaurant_id = str(uuid.UUID(typed["restaurant"])) if typed["restaurant"] else None
    except ValueError:
        abort(400)
    below = request.args.get("below", "")
    if below and not (below.isascii() and below.isdecimal() and int(below[:20]) <= LARGEST_ID):
        abort(400)
    entries = everywhere(
        lambda connection: audit_log.everywhere(
            connection,
            PAGE + 1,
            int(below) if below else None,
            restaurant_id=restaurant_id,
            actor=typed["actor"][:LONGEST_ACTOR].lower(),
            action=typed["action"][:LONGEST_ACTION],
        )
    )
    return render_template("platform/record.html", entries=entries[:PAGE], more=len(entries) > PAGE, typed=typed)
