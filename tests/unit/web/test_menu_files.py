"""Files that come from outside: spreadsheets and photos, honest and otherwise."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable

import openpyxl
import pytest
from PIL import Image

from web.place.menu import pictures, spreadsheets
from web.place.menu.pictures import PictureError, photo_of
from web.place.menu.spreadsheets import FileError, csv_of, rows_of, xlsx_of

pytestmark = pytest.mark.unit

ROWS = [["row", "name", "price"], ["item", "=1+1", "12.50"], ["item", "'-quoted", "0.00"], ["item", 'é; "x"\ny', ""]]
FORMULAS = ["=cmd()", "+1", "-1", "@sum", "\tx", "'=x", "''", "plain"]


@pytest.mark.parametrize("file", [csv_of(ROWS, ","), csv_of(ROWS, ";"), xlsx_of(ROWS, "Carte")])
def test_rows_come_back_as_they_were_written(file: bytes) -> None:
    found = rows_of(file)

    assert [[*row, *[""] * (3 - len(row))] for row in found] == ROWS


def test_no_cell_of_an_export_is_a_formula() -> None:
    rows = [[text] for text in FORMULAS]

    as_csv = csv_of(rows, ",").decode("utf-8-sig")
    book = openpyxl.load_workbook(io.BytesIO(xlsx_of(rows, "x")))

    assert not any(line.lstrip('"').startswith(("=", "+", "-", "@", "\t")) for line in as_csv.splitlines())
    assert all(cell.data_type == "s" for row in book.worksheets[0].iter_rows() for cell in row)
    assert rows_of(csv_of(rows, ",")) == rows


def test_numbers_of_a_spreadsheet_are_read_as_they_were_typed() -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append([12.5, 9, 0.1, True, None, "text"])
    file = io.BytesIO()
    book.save(file)

    assert rows_of(file.getvalue()) == [["12.5", "9", "0.1", "yes", "", "text"]]


def test_a_csv_file_of_an_old_spreadsheet_is_read() -> None:
    assert rows_of("row;name\nitem;Crêpe à l’œuf\n".encode("cp1252")) == [["row", "name"], ["item", "Crêpe à l’œuf"]]


def archive(entries: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in entries.items():
            packed.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"x" * (spreadsheets.MAX_BYTES + 1), "too_large"),
        (b"\x89PNG\0\0\0", "no_spreadsheet"),
        (archive({"hello.txt": b"x"}), "no_spreadsheet"),
        (archive({"xl/workbook.xml": b"0" * (spreadsheets.MAX_UNPACKED_BYTES + 1)}), "too_large"),
        (archive({f"{n}": b"" for n in range(300)} | {"xl/workbook.xml": b""}), "too_large"),
        (archive({"xl/workbook.xml": b"<no xml"}), "damaged"),
        (xlsx_of(ROWS, "x")[:-40], "damaged"),
        (b'row,name\n"never closed', "damaged"),
    ],
)
def test_what_is_no_spreadsheet_is_refused_by_its_content(content: bytes, reason: str) -> None:
    with pytest.raises(FileError) as refused:
        rows_of(content)

    assert refused.value.reason == reason


def test_entities_that_grow_are_not_unpacked() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "' + b"a" * 10_000 + b'">'
    for number in range(9):
        bomb += b'<!ENTITY %c "%s">' % (98 + number, b"&%c;" % (97 + number) * 10)
    bomb += b"]><x>&j;</x>"

    with pytest.raises(FileError):
        rows_of(archive({"xl/workbook.xml": bomb, "[Content_Types].xml": bomb}))


def picture(kind: str = "JPEG", size: tuple[int, int] = (300, 200), mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, "red" if mode == "RGB" else None).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_is_made_anew_in_two_sizes(kind: str) -> None:
    made = photo_of(picture(kind, (3000, 2000)))

    small, large = (Image.open(io.BytesIO(one)) for one in (made.small, made.large))
    assert (small.format, small.size, large.size) == ("WEBP", (112, 112), (960, 640))
    assert len(made.digest) == 32


def test_a_photo_is_upright_and_keeps_no_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010E] = "Where we live"

    made = photo_of(picture("JPEG", (300, 200), exif=exif))

    large = Image.open(io.BytesIO(made.large))
    assert large.size == (200, 300)
    assert not large.getexif()
    assert b"Where we live" not in made.large + made.small


def test_what_shows_through_is_white() -> None:
    made = photo_of(picture("PNG", (50, 50), "RGBA"))

    red, green, blue = Image.open(io.BytesIO(made.large)).convert("RGB").getpixel((25, 25))  # type: ignore[misc]
    assert min(red, green, blue) > 250


def huge_png() -> bytes:
    """A header that says 30,000 × 30,000 pixels, in a few hundred bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0" * 9000)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda: b"", "empty"),
        (lambda: b"x" * (pictures.MAX_BYTES + 1), "too_large"),
        (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no_picture"),
        (lambda: b"\xff\xd8\xff\xe0 not a JPEG", "no_picture"),
        (lambda: picture("GIF"), "no_picture"),
        (lambda: picture("PNG")[:60], "no_picture"),
        (huge_png, "too_many_pixels"),
    ],
)
def test_what_is_no_photo_is_refused_by_its_content(content: Callable[[], bytes], reason: str) -> None:
    with pytest.raises(PictureError) as refused:
        photo_of(content())

    assert refused.value.reason == reason
