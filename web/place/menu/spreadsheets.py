"""Rows of text from an uploaded file, and a file from rows: CSV and .xlsx, with what can be wrong in either.

A text that a spreadsheet would take for a formula is written behind an apostrophe, and read without it.

openpyxl is imported at its first use: it takes a fifth of the admin's start, and 10 MB.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Literal

MAX_BYTES = 2 * 1024 * 1024
MAX_UNPACKED_BYTES = 30 * 1024 * 1024
MAX_ENTRIES = 200
MAX_ROWS = 20_001
MAX_COLUMNS = 40
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "'")
# What openpyxl comes up with for files that are not what they seem, besides its own; bad XML is a SyntaxError.
_DAMAGED = (zipfile.BadZipFile, LookupError, ValueError, TypeError, SyntaxError)
_ZIP = b"PK\x03\x04"

Reason = Literal["empty", "too_large", "no_spreadsheet", "damaged"]


class FileError(ValueError):
    """A file that can't be read as a spreadsheet; ``reason`` says why."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason)


def rows_of(content: bytes) -> list[list[str]]:
    """Every row of a CSV file or of an .xlsx file's first sheet; what it is, is seen from the content.

    Raises FileError.
    """
    if not content.strip():
        raise FileError("empty")
    if len(content) > MAX_BYTES:
        raise FileError("too_large")
    rows = _of_xlsx(content) if content.startswith(_ZIP) else _of_csv(content)
    return [[_unguarded(cell) for cell in row] for row in rows]


def csv_of(rows: Iterable[Sequence[str]], delimiter: str) -> bytes:
    """UTF-8 with a byte order mark, which spreadsheets need in order to see that it is."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([_guarded(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def xlsx_of(rows: Iterable[Sequence[str]], title: str) -> bytes:
    import openpyxl
    from openpyxl.cell import WriteOnlyCell

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(title=title[:31])
    for row in rows:
        cells = []
        for text in row:
            cell = WriteOnlyCell(sheet, value=_guarded(text))
            cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _of_csv(content: bytes) -> list[list[str]]:
    if b"\0" in content:
        raise FileError("no_spreadsheet")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")  # how spreadsheets save CSV when nobody chooses
    header = text.splitlines()[0] if text.splitlines() else ""
    delimiter = max(";,\t", key=header.count)
    rows = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            rows.append(row[:MAX_COLUMNS])
            if len(rows) > MAX_ROWS:
                break
    except csv.Error as error:
        raise FileError("damaged") from error
    return rows


def _of_xlsx(content: bytes) -> list[list[str]]:
    """Sizes are what the archive says of its entries; none is read further than it says."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if "xl/workbook.xml" not in archive.namelist():
                raise FileError("no_spreadsheet")
            if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
                raise FileError("too_large")
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        found = sheet.iter_rows(max_row=MAX_ROWS, max_col=MAX_COLUMNS, values_only=True)
        rows = [_without_end([_text(value) for value in row]) for row in found]
        while rows and not any(rows[-1]):
            rows.pop()
        return rows
    except FileError:
        raise
    except (InvalidFileException, *_DAMAGED) as error:
        raise FileError("damaged") from error


def _without_end(row: list[str]) -> list[str]:
    """A sheet gives as many columns as it is asked for, whatever is in them."""
    while row and not row[-1]:
        row.pop()
    return row


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{Decimal(repr(value)).normalize():f}" if value == value and abs(value) < 1e15 else ""
    return str(value)


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _unguarded(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULAS) else text
