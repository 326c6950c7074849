"""Breaks a document into lines and pages: what stands where, before anything is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.paper.model import Block, Grid, Heading, Pairs, Paper, Paragraph, Tone

PAGE_WIDTH, PAGE_HEIGHT, MARGIN = 210.0, 297.0, 20.0
TEXT_WIDTH = PAGE_WIDTH - 2 * MARGIN
_BOTTOM = PAGE_HEIGHT - MARGIN - 4.0
_GUTTER = 3.0
_NAMES = 0.28
_TOGETHER = 22.0
_POINT = 25.4 / 72
_LEADING = 1.3
_BODY, _SMALL, _TITLE = 10.0, 8.5, 18.0
_HEADINGS = {2: 13.0, 3: 11.0}


class Font(Protocol):
    """What the font is like."""

    def measure(self, character: str, *, bold: bool) -> float:
        """The width of a character in units of the font's size."""

    def spelt(self, text: str) -> str:
        """The text in characters that the font has."""


@dataclass(frozen=True, slots=True)
class Face:
    """How a text is set: its size in points, and its element in the structure of the PDF."""

    size: float = _BODY
    bold: bool = False
    tag: str = "P"

    @property
    def height(self) -> float:
        """Of one line, in millimetres."""
        return self.size * _LEADING * _POINT


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines of one element on one page; x and y in millimetres, y of the top of the first line."""

    x: float
    y: float
    face: Face
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """What stands on a page. `rules` are heights of lines across, `marks` headings (level, text, y)."""

    pieces: list[Piece] = field(default_factory=list)
    rules: list[float] = field(default_factory=list)
    marks: list[tuple[int, str, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Column:
    x: float
    face: Face
    lines: list[str]


def lay_out(paper: Paper, font: Font) -> list[Page]:
    """The pages of a document."""
    setter = _Setter(font)
    setter.line(paper.title, Face(_TITLE, bold=True, tag="H1"), after=3.0)
    if paper.subject:
        setter.line(paper.subject, Face(), after=2.0)
    for block in paper.blocks:
        setter.take(block)
    if paper.attachment is not None:
        text = f"{paper.attachment.description} ({paper.attachment.name})"
        setter.line(text, Face(_SMALL), before=3.0)
    return setter.pages


def wrapped(text: str, width: float, face: Face, font: Font) -> list[str]:
    """The lines of a text, none wider than `width` (millimetres); a word too long is cut."""
    room = width / (face.size * _POINT)
    return [line for part in text.split("\n") for line in _filled(part.split(" "), room, face, font)]


def _filled(words: Sequence[str], room: float, face: Face, font: Font) -> Iterator[str]:
    blank = font.measure(" ", bold=face.bold)
    line, used = "", 0.0
    for word in _cut(words, room, face, font):
        width = sum(font.measure(each, bold=face.bold) for each in word)
        if line and used + blank + width > room:
            yield line
            line, used = word, width
        else:
            used += width + (blank if line else 0.0)
            line = f"{line} {word}" if line else word
    yield line


def _cut(words: Sequence[str], room: float, face: Face, font: Font) -> Iterator[str]:
    for word in words:
        part, used = "", 0.0
        for character in word:
            width = font.measure(character, bold=face.bold)
            if part and used + width > room:
                yield part
                part, used = "", 0.0
            part += character
            used += width
        yield part


class _Setter:
    """Sets one block below the other."""

    def __init__(self, font: Font) -> None:
        self._font = font
        self.pages = [Page()]
        self._y = MARGIN

    def take(self, block: Block) -> None:
        if isinstance(block, Heading):
            self._heading(block)
        elif isinstance(block, Paragraph):
            size = _SMALL if block.tone is Tone.SMALL else _BODY
            self.line(block.text, Face(size, bold=block.tone is Tone.STRONG), after=2.0)
        elif isinstance(block, Pairs):
            self._pairs(block)
        else:
            self._grid(block)

    def line(self, text: str, face: Face, *, before: float = 0.0, after: float = 0.0) -> None:
        """A text over the whole width."""
        self._y += before
        self._row([self._column(MARGIN, TEXT_WIDTH, text, face)])
        self._y += after

    def _heading(self, heading: Heading) -> None:
        face = Face(_HEADINGS[heading.level], bold=True, tag=f"H{heading.level}")
        self._y += 4.0
        if self._y + _TOGETHER > _BOTTOM:
            self._turn()
        self.pages[-1].marks.append((heading.level, self._font.spelt(heading.text), self._y))
        self.line(heading.text, face, after=1.5)

    def _pairs(self, pairs: Pairs) -> None:
        left = TEXT_WIDTH * _NAMES
        for name, value in pairs.rows:
            names = self._column(MARGIN, left - _GUTTER, name, Face(bold=True))
            values = self._column(MARGIN + left, TEXT_WIDTH - left, value, Face())
            self._row([names, values])
            self._y += 0.8
        self._y += 2.0

    def _grid(self, grid: Grid) -> None:
        widths = grid.widths(TEXT_WIDTH)
        head = self._cells(grid.head, widths, Face(_SMALL, bold=True))
        self._ruled(head, ())
        for row in grid.rows:
            self._ruled(self._cells(row, widths, Face(_SMALL)), head)
        self._y += 3.0

    def _cells(self, texts: Sequence[str], widths: Sequence[float], face: Face) -> list[_Column]:
        edges = [MARGIN + sum(widths[:number]) for number in range(len(widths))]
        return [
            self._column(edge, width - _GUTTER, text, face)
            for edge, width, text in zip(edges, widths, texts, strict=True)
        ]

    def _ruled(self, columns: list[_Column], head: Sequence[_Column]) -> None:
        self._row(columns, head)
        self.pages[-1].rules.append(self._y + 0.6)
        self._y += 1.4

    def _column(self, x: float, width: float, text: str, face: Face) -> _Column:
        return _Column(x, face, wrapped(self._font.spelt(text), width, face, self._font))

    def _row(self, columns: Sequence[_Column], head: Sequence[_Column] = ()) -> None:
        """Sets columns side by side, over as many pages as they need; `head` again on each new one."""
        height = max(column.face.height for column in columns)
        done, count = 0, max(len(column.lines) for column in columns)
        while done < count:
            if self._y + height > _BOTTOM:
                self._turn()
                if head:
                    self._ruled(list(head), ())
            end = done + max(1, int((_BOTTOM - self._y) / height))
            self._set(columns, done, min(end, count))
            self._y += height * (min(end, count) - done)
            done = end

    def _set(self, columns: Sequence[_Column], start: int, end: int) -> None:
        for column in columns:
            lines = tuple(column.lines[start:end])
            if any(lines):
                self.pages[-1].pieces.append(Piece(column.x, self._y, column.face, lines))

    def _turn(self) -> None:
        self.pages.append(Page())
        self._y = MARGIN
