"""Import, export and photos through the pages."""

import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from tests.integration.web.admin import COOK, OWNER, PASSWORD, STRANGER, Admin, csrf_token, execute, fetch

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]


def send(client: FlaskClient, admin: Admin, path: str, **data: object) -> TestResponse:
    base = f"/place/{admin.pizza.id}/menu"
    token = csrf_token(client.get(base).text)
    return client.post(base + path, data={"csrf_token": token, **data}, content_type="multipart/form-data")


def other(client: FlaskClient, email: str) -> FlaskClient:
    """Somebody else, at another browser."""
    fresh = client.application.test_client()
    token = csrf_token(fresh.get("/login").text)
    fresh.post("/login", data={"email": email, "password": PASSWORD, "csrf_token": token})
    return fresh


def upload(client: FlaskClient, admin: Admin, content: bytes, name: str = "menu.csv") -> TestResponse:
    return send(client, admin, "/import", file=(io.BytesIO(content), name))


def export(client: FlaskClient, admin: Admin, kind: str) -> bytes:
    answer = client.get(f"/place/{admin.pizza.id}/menu/export.{kind}")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].endswith(f'.{kind}"')
    return bytes(answer.data)


def prices(admin: Admin) -> list[dict[str, object]]:
    return fetch(admin, "select id, price_cents from item_size order by id")


def apply(client: FlaskClient, admin: Admin, preview: str) -> TestResponse:
    token = preview.split("/menu/import/")[1].split('"')[0]
    return send(client, admin, f"/import/{token}")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_an_export_that_is_imported_again_changes_nothing(
    kind: str, language: str, admin: Admin, log_in: LogIn
) -> None:
    client = log_in(OWNER)
    client.set_cookie("alloresto_language", language)

    answer = upload(client, admin, export(client, admin, kind))

    assert answer.status_code == 200
    assert ("nothing would change" in answer.text) == (language == "en")
    assert ("rien ne changerait" in answer.text) == (language == "fr")


def test_an_import_is_shown_then_done_whole_and_undone_whole(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    before = prices(admin)
    file = export(client, admin, "csv").replace(b"13.00", b"14.50")

    preview = upload(client, admin, file)
    untouched = prices(admin)
    done = apply(client, admin, preview.text)
    after = prices(admin)
    again = apply(client, admin, preview.text)
    send(client, admin, "/versions/2/undo")

    assert "€13.00 → €14.50" in preview.text
    assert untouched == before
    assert done.status_code == 303
    assert after != before and 1450 in [row["price_cents"] for row in after]
    assert again.status_code == 410
    assert prices(admin) == before


def test_mistakes_are_listed_with_row_and_column_and_nothing_is_imported(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    lines = export(client, admin, "csv").decode("utf-8-sig").splitlines()
    at = next(number for number, line in enumerate(lines, 1) if "13.00" in line)

    answer = upload(client, admin, "\n".join(lines).replace("13.00", "thirteen").encode())
    twice = upload(client, admin, "\n".join(lines).replace("Tiramisu", "Margherita").encode())

    assert answer.status_code == twice.status_code == 422
    assert f'<td class="number">{at}</td><td>price</td>' in answer.text
    assert "“thirteen” is no price" in answer.text
    assert "is there twice" in twice.text
    assert "/menu/import/" not in answer.text


@pytest.mark.parametrize(("content", "says"), [(b"", "Choose a file first"), (b"\x89PNG\0", "no spreadsheet")])
def test_what_is_no_spreadsheet_is_refused(content: bytes, says: str, admin: Admin, log_in: LogIn) -> None:
    answer = upload(log_in(OWNER), admin, content)

    assert answer.status_code == 422
    assert says in answer.text


def test_a_preview_is_its_restaurants_alone_and_a_cook_imports_nothing(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    preview = upload(client, admin, export(client, admin, "csv").replace(b"13.00", b"14.50"))
    token = preview.text.split("/menu/import/")[1].split('"')[0]
    elsewhere = client.post(
        f"/place/{admin.margot.id}/menu/import/{token}",
        data={"csrf_token": csrf_token(client.get(f"/place/{admin.margot.id}/menu").text)},
    )
    cook = other(client, COOK)

    assert elsewhere.status_code == 410
    assert upload(cook, admin, b"row,name\n").status_code == 403
    assert cook.get(f"/place/{admin.pizza.id}/menu/export.csv").status_code == 403


def photo(size: tuple[int, int] = (1200, 800)) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(file, "JPEG")
    return file.getvalue()


def test_a_photo_is_shown_to_members_and_to_nobody_else(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    item = admin.item("Tiramisu")
    saved = send(client, admin, f"/items/{item.id}/photo", photo=(io.BytesIO(photo()), "photo.jpg"))
    page = client.get(f"/place/{admin.pizza.id}/menu").text
    url = page.split('<img src="')[2 if page.count('<img src="') > 1 else 1].split('"')[0]

    shown = client.get(url)
    large = client.get(url.replace("-small", "-large"))
    stranger = other(client, STRANGER).get(url)

    assert saved.status_code == 303
    assert shown.mimetype == "image/webp" and Image.open(io.BytesIO(shown.data)).size == (112, 112)
    assert "immutable" in shown.headers["Cache-Control"] and "private" in shown.headers["Cache-Control"]
    assert len(shown.data) < 15_000 < len(large.data)
    assert stranger.status_code == 404
    assert fetch(admin, "select action from audit_log where action = 'menu.photo_changed'") != []


def test_a_photo_is_replaced_refused_and_removed(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    path = f"/items/{admin.item('Tiramisu').id}/photo"
    send(client, admin, path, photo=(io.BytesIO(photo()), "a.jpg"))
    send(client, admin, path, photo=(io.BytesIO(photo((800, 800))), "b.jpg"))

    refused = send(client, admin, path, photo=(io.BytesIO(b"<svg/>"), "c.jpg"))
    used = fetch(admin, "select digest from menu_photo where unused_since is null")
    send(client, admin, f"{path}/delete")

    assert refused.status_code == 422
    assert "no photo that can be read" in refused.text
    assert len(used) == 1
    assert fetch(admin, "select photo from menu_item where photo <> ''") == []
    assert len(fetch(admin, "select digest from menu_photo where unused_since is not null")) == 2


def test_undoing_brings_a_photo_back_and_one_that_has_gone_costs_only_itself(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    item = admin.item("Tiramisu")
    path = f"/items/{item.id}/photo"
    send(client, admin, path, photo=(io.BytesIO(photo()), "a.jpg"))
    (first,) = fetch(admin, "select photo from menu_item where id = $1", item.id)
    send(client, admin, path, photo=(io.BytesIO(photo((800, 800))), "b.jpg"))
    send(client, admin, "/versions/3/undo")
    undone = fetch(admin, "select photo from menu_item where id = $1", item.id)
    unused = fetch(admin, "select digest from menu_photo where unused_since is not null")
    send(client, admin, f"/items/{item.id}/delete")
    execute(admin, "set role alloresto_platform; delete from menu_photo")

    restored = send(client, admin, "/versions/4/restore")

    assert first["photo"] != "" and undone == [first]
    assert len(unused) == 1 and str(first["photo"]) not in str(unused)
    assert restored.status_code == 303
    assert fetch(admin, "select name, photo from menu_item where id = $1", item.id) == [
        {"name": "Tiramisu", "photo": ""}
    ]


def test_a_spreadsheet_leaves_the_photos_where_they_are(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    send(client, admin, f"/items/{admin.item('Tiramisu').id}/photo", photo=(io.BytesIO(photo()), "a.jpg"))
    before = fetch(admin, "select id, photo from menu_item order by id")

    preview = upload(client, admin, export(client, admin, "csv").replace(b"Garlic bread", b"Garlic loaf"))
    apply(client, admin, preview.text)

    assert fetch(admin, "select name from menu_item where name = 'Garlic loaf'")
    assert fetch(admin, "select id, photo from menu_item order by id") == before


def test_only_uploads_may_be_larger_than_a_form(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)

    big = upload(client, admin, b"row,name\n" + b"item,x\n" * 20_000)
    too_big = upload(client, admin, b"x" * 3_000_000)
    form = send(client, admin, "/categories/new", name="x" * 100_000)

    assert big.status_code == 422
    assert (too_big.status_code, form.status_code) == (413, 413)
