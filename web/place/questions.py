"""Questions with the restaurant's own answers: what callers are told of parking, terrace, payment and the like."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain.restaurant import FaqEntry
from eventing import outbox
from eventing.catalogue import FaqChanged
from stores import restaurants
from stores.postgres import Connection
from web.access import managers, staff
from web.forms import Form
from web.place.changes import SOURCE
from web.place.tenancy import audit, in_restaurant, restaurant, restaurant_blueprint
from web.words import _

blueprint = restaurant_blueprint("questions", __name__)

MAX_QUESTIONS = 60
LONGEST_QUESTION = 200
LONGEST_ANSWER = 500


@blueprint.get("/questions")
@staff
def index() -> ResponseReturnValue:
    place = restaurant()
    entries = in_restaurant(lambda connection: restaurants.faq(connection, place.id))
    saved = {f"question-{number}": entry.question for number, entry in enumerate(entries)}
    saved.update({f"answer-{number}": entry.answer for number, entry in enumerate(entries)})
    return _page(Form(saved=saved), list(range(len(entries))))


@blueprint.post("/questions")
@managers
def save() -> ResponseReturnValue:
    """All of them at once, in their order. One that is emptied is gone."""
    form, place = Form(request.form), restaurant()
    numbers = [
        number
        for number in range(MAX_QUESTIONS + 1)
        if form.typed(f"question-{number}").strip() or form.typed(f"answer-{number}").strip()
    ]
    entries = [
        FaqEntry(
            "",
            form.text(f"question-{number}", _("Question"), most=LONGEST_QUESTION, required=True),
            form.text(f"answer-{number}", _("Answer"), most=LONGEST_ANSWER, required=True),
        )
        for number in numbers
    ]
    if len(entries) > MAX_QUESTIONS:
        form.refuse(f"question-{numbers[-1]}", _("Question: at most %(most)s of them.", most=MAX_QUESTIONS))
    if form.problems:
        return _page(form, numbers, status=422)

    async def work(connection: Connection) -> None:
        before = [(entry.question, entry.answer) for entry in await restaurants.faq(connection, place.id)]
        after = [(entry.question, entry.answer) for entry in entries]
        if before == after:
            return
        await restaurants.set_faq(connection, place.id, entries)
        await audit(connection, "questions.changed", subject=place.id, before=before, after=after)
        changed = FaqChanged(restaurant_id=place.id)
        await outbox.emit(connection, changed, source=SOURCE, subject=f"questions/{place.id}")

    in_restaurant(work)
    flash(_("The questions are saved. The next caller is told these answers."), "good")
    return redirect(url_for(".index"), 303)


def _page(form: Form, rows: list[int], status: int = 200) -> ResponseReturnValue:
    free = next(number for number in range(MAX_QUESTIONS + 2) if number not in rows)
    page = render_template(
        "place/questions/questions.html",
        form=form,
        rows=rows if len(rows) >= MAX_QUESTIONS else [*rows, free],
        free=free,
        longest_question=LONGEST_QUESTION,
        longest_answer=LONGEST_ANSWER,
    )
    return page, status
