"""HL7 v2 segments as text: delimiters, escape sequences, character set (HL7 v2.5 2.5, 2.7, 2.15.9.18)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.bindings.hl7v2.message import STANDARD, Delimiters, encoding_of
from gateway.declare.bindings import Hl7Component, Hl7Field, Hl7Repetition, Segment
from gateway.errors import Defect, Meaning, Problem, Refused

__all__ = ["Segment", "encoded", "line", "taken_apart", "text"]


def line(segment: Segment, marks: Delimiters = STANDARD) -> str:
    """One segment, without its end. Parts that are empty to the end are left out.

    MSH-1 and MSH-2 are the delimiters themselves: the fields of an MSH are given from MSH-3 on.
    """
    fields = [_field(each, marks) for each in segment.fields]
    if segment.name == "MSH":
        fields.insert(0, marks.encoding_characters)
    return _joined([segment.name, *fields], marks.field)


def text(segments: Iterable[Segment], marks: Delimiters = STANDARD) -> str:
    """A message: each segment with the carriage return that ends it."""
    return "".join(f"{line(each, marks)}\r" for each in segments)


def encoded(written: str, charset: str) -> bytes:
    """The octets of a message in a character set of MSH-18; "" is ASCII.

    Refused when the set does not hold one of the characters: a name with a question mark in it would be
    taken for another name.
    """
    codec = encoding_of(charset)
    if codec is None:
        raise Defect("this character set is not written")
    try:
        return written.encode(codec)
    except UnicodeEncodeError:
        told = f"the character set {charset or 'ASCII'} (MSH-18) does not hold all characters of the answer"
        raise Refused(
            Problem(Meaning.NOT_ACCEPTABLE, f"{told}; ask again in UNICODE UTF-8", "MSH^1^18")
        ) from None


def taken_apart(written: str) -> Hl7Repetition:
    """A repetition in HL7 form with the recommended delimiters, as `Message.standard` gives it."""
    marks = STANDARD
    return tuple(
        tuple(marks.unescaped(part) for part in component.split(marks.subcomponent))
        for component in written.split(marks.component)
    )


def _field(field: Hl7Field, marks: Delimiters) -> str:
    if isinstance(field, str):
        return marks.escaped(field)
    return _joined([_repetition(each, marks) for each in field], marks.repetition)


def _repetition(repetition: Hl7Repetition, marks: Delimiters) -> str:
    if isinstance(repetition, str):
        return marks.escaped(repetition)
    return _joined([_component(each, marks) for each in repetition], marks.component)


def _component(component: Hl7Component, marks: Delimiters) -> str:
    if isinstance(component, str):
        return marks.escaped(component)
    return _joined([marks.escaped(each) for each in component], marks.subcomponent)


def _joined(parts: Sequence[str], mark: str) -> str:
    return mark.join(parts).rstrip(mark)
