"""A document for people: title, headings, paragraphs, lists of pairs, tables, a file beside it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, unique

_SPELLED = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})


@unique
class Tone(Enum):
    """How a paragraph stands beside the others."""

    PLAIN = "plain"
    STRONG = "strong"
    SMALL = "small"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading below the title; `level` 2 or 3."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text. Line ends in it are kept."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Pairs:
    """Names with their values, one below the other."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. Every row is as long as `head`; `shares` are the widths of the columns, in any unit."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shares: tuple[int, ...] = ()

    def widths(self, whole: float) -> list[float]:
        """The width of each column when the table is as wide as `whole`."""
        shares = self.shares or (1,) * len(self.head)
        return [whole * share / sum(shares) for share in shares]


Block = Heading | Paragraph | Pairs | Grid


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with the document: its machine form."""

    name: str
    media_type: str
    description: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A whole document. `language` is a BCP 47 tag, `created` aware; all texts are in that language.

    `footer` stands at the foot of every page beside its number, `author` is who issues the document.
    """

    title: str
    language: str
    created: datetime
    author: str
    blocks: tuple[Block, ...]
    footer: str = ""
    subject: str = ""
    attachment: Attachment | None = None


def shown(text: str) -> str:
    """The text as it can be shown safely: what has no shape, or turns text around, is spelled [U+202E].

    Line feeds are kept, tabs become blanks, and letters with marks are composed where Unicode has them.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, unicodedata.normalize("NFC", text)))


def _shown(character: str) -> str:
    if character == "\n":
        return character
    if character == "\t":
        return "    "
    return spelled(character) if unicodedata.category(character) in _SPELLED else character


def spelled(character: str) -> str:
    """A character by its code point."""
    return f"[U+{ord(character):04X}]"
