"""Kitchen printers that speak ESC/POS over TCP, as nearly all receipt printers do (port 9100).

Written from Epson's public ESC/POS reference: DLE EOT (real-time status), GS r (status in its turn), ESC t (code page),
GS V (cut). Never tried with paper: ``devstack.stand_ins.printer`` is what it runs against.

A printer keeps no record of what it has printed. So it is asked for its state before anything is sent (no paper, an
open cover: nothing is sent), and after the ticket it is asked once more in its turn: that answer comes when all before
it is on paper. Where it does not come nobody knows, and the next attempt prints the ticket marked as a reprint.
"""

from __future__ import annotations

import asyncio
import contextlib
import unicodedata
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from domain.errands import PrintTicket
from integrations.printers import tickets
from integrations.printers.tickets import Row
from integrations.tasks import Done, Later, Outcome, Task, unknown

if TYPE_CHECKING:
    from integrations.network import Network

PORT = 9100
STATUS_TIMEOUT_S = 3.0
PRINT_TIMEOUT_S = 15.0
WIDTH = 42  # columns of 80 mm paper, as most makers count them
NARROWEST, WIDEST = 24, 64
# ESC t's number of each code page, by Python's name of it.
CODE_PAGES = {"cp437": 0, "cp850": 2, "cp852": 18, "cp858": 19, "cp1252": 16}
CODE_PAGE = "cp858"

INITIALISE = b"\x1b@"
CUT = b"\x1dVB\x00"  # fed to the knife, then cut but for a point
ASK_OFFLINE, ASK_PAPER = b"\x10\x04\x02", b"\x10\x04\x04"
ASK_IN_TURN = b"\x1dr\x01"
COVER_OPEN, PAPER_STOP, OUT_OF_ORDER = 0x04, 0x20, 0x40  # of ASK_OFFLINE's answer
PAPER_END = 0x60  # of ASK_PAPER's

# What French writes and most pages lack.
_PLAINER = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "œ": "oe", "Œ": "OE", "–": "-", "—": "-", "…": "..."})

_STYLES = {
    "plain": (b"", b""),
    "bold": (b"\x1bE\x01", b"\x1bE\x00"),
    "big": (b"\x1d!\x11", b"\x1d!\x00"),
    "inverse": (b"\x1dB\x01", b"\x1dB\x00"),
    "small": (b"\x1bM\x01", b"\x1bM\x00"),
}


class Printer:
    def __init__(self, network: Network, settings: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        self._network = network
        self._host, _, port = settings["address"].partition(":")
        self._port = int(port) if port.isascii() and port.isdigit() and int(port) < 1 << 16 else PORT
        page = settings.get("code_page", CODE_PAGE)
        self._page = page if page in CODE_PAGES else CODE_PAGE
        width = settings.get("width", "")
        self._width = min(max(int(width), NARROWEST), WIDEST) if width.isascii() and width.isdigit() else WIDTH

    async def perform(self, task: Task) -> Outcome:
        if not isinstance(task.work, PrintTicket):
            raise unknown(task.work)
        rows = [*tickets.rows(task.work, task.key, self._width, doubtful=task.doubtful)]
        if any(_lost(letter, self._page) for row in rows for letter in row.text):
            rows = [*tickets.unwritten(task.work, self._width), *rows]
        paper = ticket(rows, self._page)
        try:
            reader, writer = await self._network.connect(self._host, self._port)
        except (OSError, TimeoutError):
            return Later("the printer can't be reached", untouched=True)
        try:
            return await _print(reader, writer, paper)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _print(reader: StreamReader, writer: StreamWriter, paper: bytes) -> Outcome:
    try:
        trouble = await _trouble(reader, writer)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return Later("the printer does not say how it is", untouched=True)
    if trouble:
        return Later(trouble, untouched=True)
    try:
        writer.write(paper + ASK_IN_TURN)
        async with asyncio.timeout(PRINT_TIMEOUT_S):
            await writer.drain()
            await reader.readexactly(1)
        return Done()
    except TimeoutError:
        return Later(await _why(reader, writer))
    except (OSError, asyncio.IncompleteReadError):
        return Later("the connection broke while it printed")


async def _trouble(reader: StreamReader, writer: StreamWriter) -> str:
    """What keeps it from printing, "" for nothing. Raises OSError, TimeoutError, IncompleteReadError."""
    writer.write(ASK_OFFLINE + ASK_PAPER)
    async with asyncio.timeout(STATUS_TIMEOUT_S):
        await writer.drain()
        offline, paper = await reader.readexactly(2)
    if offline & COVER_OPEN:
        return "its cover is open"
    if offline & PAPER_STOP or paper & PAPER_END == PAPER_END:
        return "it has no paper"
    return "it reports an error" if offline & OUT_OF_ORDER else ""


async def _why(reader: StreamReader, writer: StreamWriter) -> str:
    """Why it did not end: a printer without paper answers what is asked out of turn only."""
    try:
        trouble = await _trouble(reader, writer)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        trouble = ""
    return f"it stopped in a ticket: {trouble}" if trouble else "it did not end the ticket"


def ticket(rows: Iterable[Row], page: str = CODE_PAGE) -> bytes:
    """A ticket's bytes, the cut at its end."""
    printed = bytearray(INITIALISE + b"\x1bt" + bytes([CODE_PAGES[page]]))
    for row in rows:
        on, off = _STYLES[row.style]
        printed += on + _encoded(row.text, page) + b"\n" + off
    return bytes(printed + CUT)


def _encoded(text: str, page: str) -> bytes:
    """A letter that the page lacks is written without its accent; one that has none, as a question mark. A number that
    it lacks (a third, a one in a circle) stands apart: beside another it would be one with it."""
    encoded = bytearray()
    for letter in text.translate(_PLAINER):
        try:
            encoded += letter.encode(page)
        except UnicodeEncodeError:
            apart = b" " if unicodedata.category(letter) == "No" else b""
            encoded += (apart + bare + apart) if (bare := _bare(letter)) else b"?"
    return bytes(encoded)


def _bare(letter: str) -> bytes:
    return unicodedata.normalize("NFKD", letter).replace("\N{FRACTION SLASH}", "/").encode("ascii", "ignore")


def _lost(letter: str, page: str) -> bool:
    """Whether the page has nothing for a letter or a number; what decorates is no loss."""
    return letter.isalnum() and letter != "?" and _encoded(letter, page) == b"?"
