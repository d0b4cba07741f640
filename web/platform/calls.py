"""Calls of all restaurants, and one of them step by step: for support, without who called or what was said."""

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue

from stores import traces
from stores.errors import NotFoundError
from web import paging, words
from web.access import platform
from web.platform.pages import everywhere, platform_blueprint

blueprint = platform_blueprint("platform_calls", __name__)

PAGE = 100
LONGEST_SEARCH = 80
LONGEST_ID = 128


@blueprint.get("/calls")
@platform
def index() -> ResponseReturnValue:
    text = request.args.get("q", "").strip()[:LONGEST_SEARCH]
    missed = request.args.get("missed") == "yes"
    after = paging.asked_for()
    found = everywhere(
        lambda connection: traces.listed(connection, PAGE + 1, restaurant=text, missed=missed, after=after)
    )
    return render_template(
        "platform/calls.html",
        found=found[:PAGE],
        more=len(found) > PAGE,
        is_first=after is None,
        text=text,
        missed=missed,
        outcomes=words.outcomes(),
        link_after=paging.link_after,
    )


@blueprint.get("/calls/<call_id>")
@platform
def show(call_id: str) -> ResponseReturnValue:
    if len(call_id) > LONGEST_ID:
        abort(404)
    try:
        traced = everywhere(lambda connection: traces.traced(connection, call_id))
    except NotFoundError:
        abort(404)
    return render_template(
        "platform/call.html", traced=traced, call=traced.call, trace=traced.trace, outcomes=words.outcomes()
    )
