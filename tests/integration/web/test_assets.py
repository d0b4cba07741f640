"""What crosses the wire."""

import gzip
import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.integration.web.admin import OWNER, Admin

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]
COMPRESSED = {"Accept-Encoding": "gzip, br"}
FIRST_KB, LATER_KB = 150, 30


def test_static_files_are_kept_for_a_year_under_a_name_of_their_content(app: Flask, client: FlaskClient) -> None:
    [path] = re.findall(r'href="(/static/app\.css[^"]*)"', client.get("/login").text)

    current, old, bare = (client.get(url) for url in (path, path[:-3] + "000", path.partition("?")[0]))
    again = client.get(path, headers={"If-None-Match": current.headers["ETag"]})

    assert current.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert {old.headers["Cache-Control"], bare.headers["Cache-Control"]} == {"public, max-age=3600"}
    assert (again.status_code, again.data) == (304, b"")
    assert client.get("/static/../app.py").status_code == client.get("/static/nothing.css").status_code == 404


def test_pages_and_files_are_compressed_for_who_accepts_it_and_whole_for_others(client: FlaskClient) -> None:
    for path in ("/login", "/static/app.css"):
        plain, packed = client.get(path), client.get(path, headers=COMPRESSED)

        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in plain.headers["Vary"] and "Accept-Encoding" in packed.headers["Vary"]
        assert len(packed.data) == int(packed.headers["Content-Length"]) < len(plain.data) / 2
        assert len(gzip.decompress(packed.data)) == len(plain.data)


def test_the_size_of_a_page_says_nothing_exact_about_what_is_in_it(client: FlaskClient) -> None:
    client.get("/login", headers=COMPRESSED)

    assert len({len(client.get("/login", headers=COMPRESSED).data) // 4 for _ in range(20)}) > 3


def test_pages_weigh_little(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    for path in ("", "orders", "calls", "menu"):
        answer = client.get(f"/place/{admin.pizza.id}/{path}", headers=COMPRESSED)
        files = re.findall(r'(?:href|src)="(/static/[^"]+)"', gzip.decompress(answer.data).decode())
        beside = sum(len(client.get(file.replace("&amp;", "&"), headers=COMPRESSED).data) for file in set(files))

        assert len(answer.data) < LATER_KB * 1024, path
        assert len(answer.data) + beside < FIRST_KB * 1024, path


def test_a_file_that_anybody_may_keep_carries_no_session(log_in: LogIn) -> None:
    client = log_in(OWNER)
    [path] = re.findall(r'href="(/static/app\.css[^"]*)"', client.get("/login", follow_redirects=True).text)

    answer = client.get(path)

    assert "public" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
