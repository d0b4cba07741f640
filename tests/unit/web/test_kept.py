"""Parts of pages that are packed once, and answers that are given again."""

import asyncio
import gzip
import threading
import time

import pytest

from web.assets import gzipped, packed
from web.drawings import Drawing, Drawings
from web.serving.kept import MOST, Kept
from web.serving.wsgi import Answer, Request

pytestmark = pytest.mark.unit


class _Body:
    async def body(self) -> bytes | None:
        return b"again"


def _request(target: str = "/board", **headers: str) -> Request:
    return Request("GET", target, "1.1", {"HTTP_COOKIE": "a=1", **headers}, b"", keep_alive=True)


def _answer(*headers: tuple[str, str]) -> Answer:
    return Answer("200 OK", [("Content-Length", "5"), *headers], b"first", again=_Body())


def test_parts_that_were_packed_apart_are_one_page_in_gzips_format() -> None:
    parts = [packed(text * 50) for text in (b"before ", "dr\u00e9\u00e9".encode(), b" after")]

    pages = {gzipped(*parts) for _ in range(20)}

    assert {gzip.decompress(page) for page in pages} == {b"".join(part.data for part in parts)}
    assert len({len(page) for page in pages}) > 3, "how well it packs must not be seen exactly"


def test_a_kept_answer_is_for_a_request_that_is_the_same_to_the_letter() -> None:
    kept, asked = Kept(), _request()
    kept.keep(asked, _answer(("X-Head", "kept")))

    found = kept.find(_request())
    assert found is not None
    assert asyncio.run(found.again()) == Answer("200 OK", [("X-Head", "kept")], b"again")
    for other in (
        _request(HTTP_COOKIE="a=2"),
        _request(HTTP_X_FORWARDED_PROTO="https"),
        _request("/board?x"),
        Request("POST", "/board", "1.1", asked.headers, b"", keep_alive=True),
        Request("GET", "/board", "1.1", asked.headers, b"body", keep_alive=True),
    ):
        assert kept.find(other) is None


def test_an_answer_that_sets_a_cookie_or_is_to_be_made_by_its_view_is_not_kept() -> None:
    kept = Kept()
    for answer in (_answer(("Set-Cookie", "a=2")), Answer("200 OK", [], b"first")):
        kept.keep(_request(), answer)

        assert kept.find(_request()) is None


def test_the_answers_that_were_asked_for_last_are_kept() -> None:
    kept = Kept()
    for number in range(MOST):
        kept.keep(_request(f"/{number}"), _answer())
    kept.find(_request("/0"))
    kept.keep(_request("/one more"), _answer())

    assert [kept.find(_request(f"/{number}")) is None for number in (0, 1, 2)] == [False, True, False]


def test_a_drawing_serves_for_a_moment_and_only_what_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Drawing("<p>", "1")

    assert drawn.serves("1") and not drawn.serves("2")
    monkeypatch.setattr("web.drawings.KEPT_S", -1.0)
    assert not drawn.serves("1")


def test_who_comes_while_one_draws_waits_for_it_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.drawings.WAIT_S", 0.01)
    drawings = Drawings()

    with drawings.one_at_a_time("board"), drawings.one_at_a_time("board"):
        pass  # the second one waited in vain, and went on

    assert not drawings._drawing, "nothing is left of those who waited"


def test_who_comes_waits_as_long_as_a_new_connection_takes_to_plan_over_years_of_months() -> None:
    drawings, drawn, begun = Drawings(), [], threading.Event()

    def draw() -> None:
        with drawings.one_at_a_time("board"):
            begun.set()
            time.sleep(0.8)
            drawn.append("first")

    drawing = threading.Thread(target=draw)
    drawing.start()
    begun.wait(5)
    with drawings.one_at_a_time("board"):
        found = list(drawn)
    drawing.join()

    assert found == ["first"]
