"""HL7 v2 messages read lazily, within limits: delimiters, charset, values by path (HL7 v2.5 2.5 to 2.7)."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from gateway.config import Limits
from gateway.errors import Malformed, Meaning, Problem, Refused, TooComplex

NULL = '""'
"""A field sent as null: what is stored is to be deleted (HL7 v2.5 2.5.3)."""

_ENCODINGS = MappingProxyType(
    {
        "": "ascii",
        "ASCII": "ascii",
        "UNICODE UTF-8": "utf-8",
        "8859/1": "iso-8859-1",
        "8859/15": "iso-8859-15",
    }
)
_HEADER_OCTETS = 4_096
_FIELDS = 500
_MARKS = (4, 5)
"""Delimiters named in MSH-2; the fifth came with version 2.7."""

_USABLE = frozenset(string.punctuation) - {'"'}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_PATH = re.compile(
    r"([A-Z][A-Z0-9]{2})(?:\[([1-9]\d*)\])?-([1-9]\d*)(?:\[([1-9]\d*)\])?(?:\.([1-9]\d*)(?:\.([1-9]\d*))?)?"
)
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The separators a message names in MSH-1 and MSH-2; the defaults are the recommended ones."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    @property
    def encoding_characters(self) -> str:
        """MSH-2."""
        return f"{self.component}{self.repetition}{self.escape}{self.subcomponent}"

    def unescaped(self, text: str) -> str:
        """The text with delimiters in place of their escape sequences (HL7 v2.5 2.7.1)."""
        if self.escape not in text:
            return text
        marks = _letters(self)
        pattern = re.compile(f"{re.escape(self.escape)}([FSRTE]){re.escape(self.escape)}")
        return pattern.sub(lambda match: marks[match[1]], text)

    def escaped(self, text: str) -> str:
        """The text fit to stand in a component: escape sequences for delimiters, one line."""
        return " ".join(text.splitlines()).translate(_escapes(self)) if text else text


def _letters(marks: Delimiters) -> dict[str, str]:
    return {
        "F": marks.field,
        "S": marks.component,
        "R": marks.repetition,
        "T": marks.subcomponent,
        "E": marks.escape,
    }


@lru_cache(maxsize=64)
def _escapes(marks: Delimiters) -> dict[int, str]:
    return {ord(mark): f"{marks.escape}{letter}{marks.escape}" for letter, mark in _letters(marks).items()}


STANDARD = Delimiters()


def encoding_of(charset: str) -> str | None:
    """The codec of a value of MSH-18, "" is ASCII; None when it is not one of those taken here."""
    return _ENCODINGS.get(charset)


class _Place(NamedTuple):
    """A path taken apart; 0 stands for a part that is not named."""

    segment: str
    occurrence: int
    field: int
    repetition: int
    component: int
    subcomponent: int


@lru_cache(maxsize=4_096)
def _place(path: str) -> _Place:
    match = _PATH.fullmatch(path)
    if match is None:
        raise ValueError(f"not a path of the form PID-3[2].4.2: {path}")
    occurrence, field, repetition, component, subcomponent = (int(part or 0) for part in match.groups()[1:])
    return _Place(match[1], occurrence or 1, field, repetition or 1, component, subcomponent)


class Message:
    """One message. Paths are `PID-3[2].4.2`, `MRG[1]-1`: all numbers count from 1, 1 is the default.

    Segments and fields are split when they are first asked for. `encoding` is the codec of `charset`, MSH-18.
    """

    __slots__ = ("_fields", "_lines", "_text", "charset", "delimiters", "encoding")

    def __init__(self, text: str, delimiters: Delimiters = STANDARD, charset: str = "") -> None:
        self._text = text
        self._lines: dict[str, list[str]] | None = None
        self._fields: dict[tuple[str, int], list[str]] = {}
        self.delimiters = delimiters
        self.charset = charset
        self.encoding = _ENCODINGS[charset]

    def segments(self, name: str) -> int:
        """How often a segment stands in the message."""
        return len(self._index().get(name, ()))

    def sent(self, name: str) -> str:
        """The first segment of a name as it was sent, without its end; empty when it is absent."""
        return next(iter(self._index().get(name, ())), "")

    @property
    def octets(self) -> bytes:
        """The whole message as it was sent, each segment ended by a carriage return alone."""
        return self._text.encode(self.encoding)

    def field(self, path: str) -> str:
        """A whole field with its repetitions, as it was sent; empty when it is absent."""
        return self._whole(_place(path))

    def repetitions(self, path: str) -> int:
        """How many repetitions a field has; an absent field has none."""
        sent = self.field(path)
        return sent.count(self.delimiters.repetition) + 1 if sent else 0

    def raw(self, path: str) -> str:
        """A repetition, component or subcomponent as it was sent; empty when it is absent."""
        place, marks = _place(path), self.delimiters
        part = _nth(self._whole(place), marks.repetition, place.repetition)
        if place.component and part:
            part = _nth(part, marks.component, place.component)
            if place.subcomponent and part:
                part = _nth(part, marks.subcomponent, place.subcomponent)
        return part

    def value(self, path: str) -> str | None:
        """A value with escape sequences resolved; None when it is absent, "" when it was sent as null."""
        sent = self.raw(path)
        if not sent:
            return None
        return "" if sent == NULL else self.delimiters.unescaped(sent)

    def standard(self, path: str) -> str | None:
        """A repetition in HL7 form with the recommended delimiters; None and "" as for `value`."""
        sent = self.raw(path)
        if not sent:
            return None
        if sent == NULL:
            return ""
        marks = self.delimiters
        if marks == STANDARD:
            return sent
        return STANDARD.component.join(
            STANDARD.subcomponent.join(
                STANDARD.escaped(marks.unescaped(part)) for part in component.split(marks.subcomponent)
            )
            for component in sent.split(marks.component)
        )

    def _whole(self, place: _Place) -> str:
        segment = place.segment, place.occurrence
        fields = self._fields.get(segment)
        if fields is None:
            fields = self._fields[segment] = self._fields_of(*segment)
        return fields[place.field] if place.field < len(fields) else ""

    def _fields_of(self, name: str, occurrence: int) -> list[str]:
        mark = self.delimiters.field
        if name == "MSH":
            fields = self._text.partition("\r")[0].split(mark)
            fields.insert(1, mark)
            return fields
        lines = self._index().get(name, ())
        return lines[occurrence - 1].split(mark) if occurrence <= len(lines) else []

    def _index(self) -> dict[str, list[str]]:
        if self._lines is None:
            self._lines = _by_name(self._text.split("\r"), self.delimiters.field)
        return self._lines


def _nth(text: str, mark: str, number: int) -> str:
    if number == 1:
        return text.partition(mark)[0]
    parts = text.split(mark, number)
    return parts[number - 1] if number <= len(parts) else ""


def _by_name(lines: Iterable[str], mark: str) -> dict[str, list[str]]:
    index: dict[str, list[str]] = {}
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        name = line.partition(mark)[0]
        # A second header would be a second message, of which nobody took notice.
        if not _SEGMENT.fullmatch(name) or (name == "MSH" and number > 1):
            raise Refused(Problem(Meaning.SEGMENT_SEQUENCE, f"line {number} is no segment of this message"))
        index.setdefault(name, []).append(line)
    return index


def read_header(data: bytes) -> Message:
    """The MSH segment alone, as ASCII: enough to read or to refuse the rest. Malformed if it is unusable."""
    lines = data[: _HEADER_OCTETS + 1].splitlines()
    if not lines or len(lines[0]) > _HEADER_OCTETS:
        raise Malformed(f"no MSH segment of at most {_HEADER_OCTETS} octets was sent", location="MSH")
    line = lines[0].decode("ascii", "replace")
    return Message(line, _delimiters(line))


def _delimiters(line: str) -> Delimiters:
    if line.startswith("MSH|^~\\&|"):
        return STANDARD
    if not line.startswith("MSH"):
        raise Malformed("the message does not begin with the segment MSH", location="MSH")
    field = line[3:4]
    marks = line[4 : 4 + _MARKS[-1] + 1].partition(field or " ")[0]
    named = {field, *marks}
    if len(marks) not in _MARKS or len(named) != len(marks) + 1 or not named <= _USABLE:
        raise Malformed("MSH-1 and MSH-2 do not name five different delimiters", location="MSH^1^2")
    return Delimiters(field, *marks[:4])


def read_message(data: bytes, limits: Limits) -> Message:
    """A message, decoded by its MSH-18 and with its counts bounded.

    Malformed without a usable MSH, TooComplex above the limits, Refused when MSH-18 and the octets disagree.
    """
    header = read_header(data)
    charset = _charset(header)
    text = _decoded(data, charset)
    if "\n" in text:
        text = text.replace("\r\n", "\r").replace("\n", "\r")
    _refuse_excess(text, header.delimiters, limits)
    return Message(text, header.delimiters, charset)


def _charset(header: Message) -> str:
    """MSH-18; a second repetition would announce a switch inside the message (MSH-20), which IHE excludes."""
    charset = header.field("MSH-18").rstrip(header.delimiters.repetition)
    if charset not in _ENCODINGS:
        expected = ", ".join(filter(None, _ENCODINGS))
        raise _undecodable(f"MSH-18 is not one of the character sets taken here: {expected}")
    return charset


def _decoded(data: bytes, charset: str) -> str:
    encoding = _ENCODINGS[charset]
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise _undecodable(f"the message does not decode as {charset or 'ASCII'}, as MSH-18 says") from None
    if encoding.startswith("iso") and _is_utf8(data):
        raise _undecodable(f"the message is written in UTF-8; MSH-18 says {charset}")
    if _CONTROL.search(text):
        raise _undecodable("the message has control characters")
    return text


def _is_utf8(data: bytes) -> bool:
    """ISO 8859 decodes anything: well-formed UTF-8 was declared wrongly and would be stored garbled."""
    if data.isascii():
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _undecodable(text: str) -> Refused:
    return Refused(Problem(Meaning.DATA_TYPE, text, "MSH^1^18"))


def _refuse_excess(text: str, marks: Delimiters, limits: Limits) -> None:
    """Counts before anything is split, so that a hostile message costs no more than its length."""
    if text.count("\r") > limits.mllp_segments:
        raise TooComplex(f"the message has more than {limits.mllp_segments} segments")
    harmless = min(limits.mllp_repetitions, limits.mllp_components)
    for line in text.split("\r"):
        if line.count(marks.field) > _FIELDS:
            raise TooComplex(f"a segment has more than {_FIELDS} fields")
        parts = line.count(marks.repetition) + line.count(marks.component) + line.count(marks.subcomponent)
        if parts >= harmless:
            for field in line.split(marks.field):
                _refuse_wide(field, marks, limits)


def _refuse_wide(field: str, marks: Delimiters, limits: Limits) -> None:
    if field.count(marks.repetition) >= limits.mllp_repetitions:
        raise TooComplex(f"a field has more than {limits.mllp_repetitions} repetitions")
    for repetition in field.split(marks.repetition):
        widest = repetition.count(marks.component)
        if widest < limits.mllp_components:
            widest = max(part.count(marks.subcomponent) for part in repetition.split(marks.component))
        if widest >= limits.mllp_components:
            raise TooComplex(f"a field has more than {limits.mllp_components} components")
