"""A network printer that speaks ESC/POS (``integrations.printers.escpos``): it prints on pictures instead of paper.

What it has printed is its ``tickets``, each cut off the roll; ``picture`` shows one as PNG, as it would hang in the
kitchen.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
from dataclasses import dataclass, field
from typing import Any, Literal

PAGES = {0: "cp437", 2: "cp850", 16: "cp1252", 18: "cp852", 19: "cp858"}
CELL = (12, 26)  # a column and a line, in pixels
MARGIN = 24

Fault = Literal["no_paper", "cover_open", "silent", "breaks_in_ticket", "breaks_after_ticket", "paper_ends_in_ticket"]


@dataclass(frozen=True, slots=True)
class Printed:
    text: str
    big: bool = False
    bold: bool = False
    inverse: bool = False
    small: bool = False


@dataclass(slots=True)
class _Pen:
    """What ESC/POS calls the print mode."""

    page: str = "cp437"
    big: bool = False
    bold: bool = False
    inverse: bool = False
    small: bool = False
    line: bytearray = field(default_factory=bytearray)


class Printer:
    """``fault`` is what is wrong with it now. ``tickets`` are cut; what was printed when it broke is ``torn``."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.tickets: list[tuple[Printed, ...]] = []
        self.torn: list[tuple[Printed, ...]] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._roll: list[Printed] = []

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def texts(self, index: int = -1) -> list[str]:
        return [row.text for row in self.tickets[index]]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._take(reader, writer)
        finally:
            if self._roll:
                self.torn.append(tuple(self._roll))
                self._roll = []
            writer.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pen = _Pen()
        stopped = False  # without paper it prints nothing, and answers only what is asked out of turn
        while True:
            byte = (await reader.readexactly(1))[0]
            if byte == 0x10:
                self._status((await reader.readexactly(2))[1], writer, stopped)
            elif byte == 0x1D:
                command = (await reader.readexactly(1))[0]
                if command == ord("V"):
                    await reader.readexactly(2)
                    if not stopped:
                        self.tickets.append(tuple(self._roll))
                        self._roll = []
                        if self.fault == "breaks_after_ticket":
                            return
                elif command == ord("r"):
                    await reader.readexactly(1)
                    if not stopped:
                        writer.write(b"\x00")
                else:
                    self._mode(pen, command, (await reader.readexactly(1))[0])
            elif byte == 0x1B:
                command = (await reader.readexactly(1))[0]
                if command == ord("@"):
                    pen = _Pen()
                elif command == ord("t"):
                    pen.page = PAGES[(await reader.readexactly(1))[0]]
                else:
                    self._mode(pen, command, (await reader.readexactly(1))[0])
            elif byte == 0x0A:
                if not stopped:
                    self._print(pen)
                if len(self._roll) == 3 and self.fault == "breaks_in_ticket":
                    return
                stopped = stopped or (len(self._roll) == 3 and self.fault == "paper_ends_in_ticket")
            else:
                pen.line.append(byte)

    def _status(self, asked: int, writer: asyncio.StreamWriter, stopped: bool) -> None:
        if self.fault == "silent":
            return
        no_paper = stopped or self.fault == "no_paper"
        answer = 0x12
        if asked == 2:
            answer |= (0x04 if self.fault == "cover_open" else 0) | (0x20 if no_paper else 0)
        elif asked == 4 and no_paper:
            answer |= 0x60
        writer.write(bytes([answer]))

    @staticmethod
    def _mode(pen: _Pen, command: int, value: int) -> None:
        match chr(command):
            case "!":
                pen.big = value == 0x11
            case "E":
                pen.bold = bool(value)
            case "B":
                pen.inverse = bool(value)
            case "M":
                pen.small = bool(value)
            case unknown:
                raise AssertionError(f"a command that this printer does not know: {unknown!r}")

    def _print(self, pen: _Pen) -> None:
        text = pen.line.decode(pen.page)
        pen.line.clear()
        self._roll.append(Printed(text, pen.big, pen.bold, pen.inverse, pen.small))


def _font(size: int) -> Any:
    """One with accents where the machine has one."""
    from PIL import ImageFont

    try:
        return ImageFont.truetype("DejaVuSansMono.ttf", size)
    except OSError:
        return ImageFont.load_default(size)


def picture(ticket: tuple[Printed, ...], width: int = 42) -> bytes:
    """A PNG of it."""
    from PIL import Image, ImageDraw  # who only prints needs no imaging

    column, line = CELL
    height = sum(line * (2 if row.big else 1) for row in ticket) + 2 * MARGIN
    image = Image.new("L", (column * width + 2 * MARGIN, height), 255)
    draw = ImageDraw.Draw(image)
    top = MARGIN
    for row in ticket:
        scale = 2 if row.big else 1
        size = 14 if row.small else 20 * scale
        font = _font(size)
        if row.inverse:
            draw.rectangle((MARGIN, top, MARGIN + column * len(row.text), top + line), fill=0)
        step = column * scale * (0.75 if row.small else 1)
        for place, letter in enumerate(row.text):
            where = (MARGIN + place * step + step / 2, top + 2)
            ink = 255 if row.inverse else 0
            draw.text(where, letter, font=font, fill=ink, anchor="ma", stroke_width=1 if row.bold else 0)
        top += line * scale
    packed = io.BytesIO()
    image.save(packed, "PNG")
    return packed.getvalue()
