"""The calls: the list with outcome and length, each call with what was said, and its recording where there is one."""

from pathlib import Path
from typing import TypeVar, cast, get_args

from flask import Response, abort, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from domain import call_words, sip_ladders
from domain.recordings import recording_file
from stores import calls, live, orders, traces
from stores.calls import FollowUp, LoggedCall
from stores.errors import NotFoundError
from stores.orders import Order
from stores.paging import Position
from stores.postgres import Connection
from stores.traces import CallTrace
from web import context, paging, words
from web.access import staff
from web.database import Work
from web.live.news import tell
from web.place import call_filter, conversations
from web.place.call_filter import Asked
from web.place.tenancy import actor, audit, in_restaurant, restaurant, restaurant_blueprint

T = TypeVar("T")

blueprint = restaurant_blueprint("calls", __name__)

PAGE = 60
# The file's name is made from ids only; this keeps an id from being a path.


@blueprint.get("/calls")
@staff
def index() -> ResponseReturnValue:
    asked, after = call_filter.asked(restaurant()), paging.asked_for()
    if asked.problems:
        return render_template("place/calls/list.html", asked=asked, problems=dict(asked.problems), calls=()), 422
    return render_template("place/calls/list.html", first=after is None, problems={}, **_page(asked, after))


@blueprint.get("/calls/stream")
@staff
def stream() -> Response:
    """Drawn anew when a call begins, moves on, ends or is followed up, and when its row has been written."""
    return context.streams().response(
        restaurant().id,
        (live.CallChanged, live.CartLeft, live.FollowedUp, live.EventHandled),
        lambda: render_template("place/calls/_calls_page.html", **_page(Asked(), None)),
    )


@blueprint.get("/calls/<call_id>")
@staff
def show(call_id: str) -> ResponseReturnValue:
    async def work(connection: Connection) -> tuple[LoggedCall, tuple[Order, ...], CallTrace | None]:
        call = await calls.get(connection, call_id, pii=context.pii())
        made = await orders.of_call(connection, call_id, pii=context.pii())
        return call, made, await traces.get(connection, call_id, call.started_at)

    call, ordered, trace = _found(work, call_id)
    lines = tuple(conversations.lines(call))
    return render_template(
        "place/calls/call.html",
        call=call,
        orders=ordered,
        lines=lines,
        replies=conversations.slowest_and_middle_ms(lines),
        recorded=recording_of(call_id) is not None,
        trace=trace,
        ladder="\n".join(sip_ladders.lines(trace.ladder)) if trace else "",
        course=tuple(call_words.course(trace.moments)) if trace else (),
        sound=tuple(call_words.audio(trace.audio)) if trace and trace.audio else (),
    )


@blueprint.get("/calls/<call_id>/recording")
@staff
def play_recording(call_id: str) -> ResponseReturnValue:
    _found(lambda connection: calls.get(connection, call_id), call_id)
    file = recording_of(call_id)
    if file is None:
        abort(404)
    return send_file(
        file,
        mimetype="audio/wav",
        conditional=True,
        max_age=0,
        as_attachment="download" in request.args,
        download_name=f"{call_id}.wav",
    )


@blueprint.post("/calls/<call_id>/follow-up")
@staff
def follow_up(call_id: str) -> ResponseReturnValue:
    """A missed caller was called back, or a cart settled; "" takes that back. ``from`` says which page asked."""
    what = request.form.get("follow_up")
    if what not in get_args(FollowUp):
        abort(400)
    done, by = cast(FollowUp, what), actor().name

    async def work(connection: Connection) -> None:
        await calls.follow_up(connection, call_id, done, by)
        await audit(connection, "call.followed_up", subject=call_id, after={"follow_up": done})

    _found(work, call_id)
    tell(restaurant().id, live.FollowedUp(call_id=call_id))
    back = {"board": "orders.index", "calls": "calls.index", "overview": "overview.show"}.get(
        request.form.get("from", "")
    )
    return redirect(url_for(back) if back else url_for(".show", call_id=call_id), 303)


def _found(work: Work[T], call_id: str) -> T:
    """``work``'s answer; 404 for a call that is not there, and for what can't be the id of one."""
    if "\0" in call_id:  # no text in Postgres
        abort(404)
    try:
        return in_restaurant(work)
    except NotFoundError:
        abort(404)


def recording_of(call_id: str) -> Path | None:
    """The two-sided recording.

    None where nothing was recorded, or this process can't read the edge's folder.
    """
    folder = context.settings().recordings_dir
    file = recording_file(Path(folder).absolute(), restaurant().id, call_id) if folder else None
    return file if file is not None and file.is_file() else None


@blueprint.context_processor
def labels() -> dict[str, object]:
    return {
        "outcomes": words.outcomes(),
        "fulfilments": words.fulfilments(),
        "reasons": words.unconfirmed_reasons(),
        "follow_ups": words.follow_ups(),
        "tools": words.tools(),
        "went_because": words.went_because(),
        "message_kinds": words.message_kinds(),
        "link_after": paging.link_after,
    }


def _page(asked: Asked, after: Position | None) -> dict[str, object]:
    """The newest calls that fit, or those below a page's last one."""
    wanted = asked.filter(restaurant(), context.pii())
    page = in_restaurant(lambda connection: calls.recent(connection, PAGE + 1, after, wanted=wanted, pii=context.pii()))
    shown, more = page[:PAGE], len(page) > PAGE
    older = asked.link | paging.link_after(shown[-1].started_at, shown[-1].id) if more else None
    return {"calls": shown, "older": older, "asked": asked, "recorded": _messages(shown)}


def _messages(shown: tuple[LoggedCall, ...]) -> frozenset[str]:
    """Calls in which the caller left a message that can be listened to."""
    return frozenset(call.id for call in shown if call.outcome == "message_taken" and recording_of(call.id) is not None)
