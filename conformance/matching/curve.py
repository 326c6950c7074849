"""Draws lines over one axis as SVG (1.1), panels below one another: no library, nothing to load."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import log10

_WIDTH, _PANEL, _GAP = 760, 250, 84
_LEFT, _RIGHT, _TOP = 72, 24, 40
_GRID, _AXIS = 'stroke="#ddd"', 'fill="none" stroke="#555"'
_LINE = 'fill="none" stroke-width="2.2"'
_COLOURS = ("#0b5fa5", "#c4561b", "#3a7d34", "#7a4b9d")


@dataclass(frozen=True, slots=True)
class Line:
    """A named row of points, x ascending."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Lines over one y axis.

    `ticks` are its marks, the first and the last its ends; `log` spreads powers of ten.
    """

    title: str
    lines: Sequence[Line]
    ticks: Sequence[float]
    log: bool = False

    def height(self, value: float) -> float:
        """Where a value is, 0 below to 1 above; what is beyond the ends is drawn at them."""
        scale: Callable[[float], float] = log10 if self.log else float
        low, high = self.ticks[0], self.ticks[-1]
        return (scale(min(max(value, low), high)) - scale(low)) / (scale(high) - scale(low))


def draw(title: str, axis: str, marks: Sequence[float], panels: Sequence[Panel]) -> str:
    """The picture as text; `marks` are ticks of the x axis, the first and the last its ends."""
    height = _TOP + len(panels) * (_PANEL + _GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        '<g font-family="sans-serif" font-size="13" fill="#222">',
    ]
    for at, panel in enumerate(panels):
        parts += _panel(panel, _TOP + at * (_PANEL + _GAP), axis, marks)
    return "\n".join((*parts, "</g>", "</svg>", ""))


def _panel(panel: Panel, top: float, axis: str, marks: Sequence[float]) -> list[str]:
    bottom = top + _PANEL
    parts = [f'<text font-weight="bold" x="{_LEFT}" y="{top - 12}">{escape(panel.title)}</text>']
    for tick in panel.ticks:
        y = bottom - panel.height(tick) * _PANEL
        parts.append(f'<path {_GRID} d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for mark in marks:
        x = _across(mark, marks)
        parts.append(f'<path {_GRID} d="M{x:.1f} {top}V{bottom}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{mark:g}</text>')
    parts.append(f'<path {_AXIS} d="M{_LEFT} {top}V{bottom}H{_WIDTH - _RIGHT}"/>')
    parts.append(f'<text x="{_WIDTH - _RIGHT}" y="{bottom + 34}" text-anchor="end">{escape(axis)}</text>')
    for line, colour in zip(panel.lines, _COLOURS, strict=False):
        parts.append(_drawn(panel, line, colour, bottom, marks))
    return parts + _legend(panel, bottom + 34)


def _drawn(panel: Panel, line: Line, colour: str, bottom: float, marks: Sequence[float]) -> str:
    places = (
        f"{_across(x, marks):.1f} {bottom - panel.height(y) * _PANEL:.1f}"
        for x, y in line.points
        if marks[0] <= x <= marks[-1]
    )
    return f'<path {_LINE} stroke="{colour}" d="M{"L".join(places)}"/>'


def _legend(panel: Panel, y: float) -> list[str]:
    parts, x = [], float(_LEFT)
    for line, colour in zip(panel.lines, _COLOURS, strict=False):
        parts.append(f'<path {_LINE} stroke="{colour}" d="M{x:.0f} {y - 4}h22"/>')
        parts.append(f'<text x="{x + 28:.0f}" y="{y}">{escape(line.name)}</text>')
        x += 48 + 7.5 * len(line.name)
    return parts


def _across(value: float, marks: Sequence[float]) -> float:
    return _LEFT + (value - marks[0]) / (marks[-1] - marks[0]) * (_WIDTH - _LEFT - _RIGHT)
