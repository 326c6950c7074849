"""HL7 v2 acknowledgements in original mode: MSH, MSA, ERR (HL7 v2.5 2.9.2, 2.15.5; ITI TF-2 C.2.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from gateway.bindings.hl7v2.message import STANDARD, Delimiters, Message
from gateway.errors import Meaning, Problem

_ELD_VERSIONS = frozenset({"2.1", "2.2", "2.3", "2.3.1", "2.4"})
"""Versions whose ERR has nothing but ERR-1."""

_ERL_VERSIONS = frozenset({"2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2"})
_VERSION = "2.5"
_ERL = re.compile(r"[A-Z][A-Z0-9]{2}(\^[1-9]\d*){0,5}")
_CONTROL_ID = 20


class Condition(NamedTuple):
    """How a problem is acknowledged: MSA-1, and code and text of table 0357."""

    acknowledgement: str
    code: str
    text: str


_INTERNAL = Condition("AE", "207", "Application internal error")
_UNKNOWN_KEY = Condition("AE", "204", "Unknown key identifier")
CONDITIONS = MappingProxyType(
    {
        Meaning.SEGMENT_SEQUENCE: Condition("AE", "100", "Segment sequence error"),
        Meaning.REQUIRED_FIELD: Condition("AE", "101", "Required field missing"),
        Meaning.DATA_TYPE: Condition("AE", "102", "Data type error"),
        Meaning.TABLE_VALUE: Condition("AE", "103", "Table value not found"),
        Meaning.UNSUPPORTED_TYPE: Condition("AR", "200", "Unsupported message type"),
        Meaning.UNSUPPORTED_TRIGGER: Condition("AR", "201", "Unsupported trigger event"),
        Meaning.UNSUPPORTED_PROCESSING: Condition("AR", "202", "Unsupported processing id"),
        Meaning.UNSUPPORTED_VERSION: Condition("AR", "203", "Unsupported version id"),
        Meaning.UNKNOWN_KEY: _UNKNOWN_KEY,
        Meaning.UNKNOWN_PATIENT: _UNKNOWN_KEY,
        Meaning.DUPLICATE_KEY: Condition("AE", "205", "Duplicate key identifier"),
        # AR tells the sender to try again; after AE the message would be lost.
        Meaning.BUSY: Condition("AR", "206", "Application record locked"),
        Meaning.TOO_WIDE: _INTERNAL,
        Meaning.TOO_MANY_RESULTS: _INTERNAL,
        Meaning.OUT_OF_RESOURCES: _INTERNAL._replace(acknowledgement="AR"),
        Meaning.NOT_PERMITTED: _INTERNAL._replace(acknowledgement="AR"),
        Meaning.NOT_SUPPORTED: _INTERNAL._replace(acknowledgement="AR"),
    }
)
"""Problems that table 0357 has a code for; all others are AE 207."""


def acknowledgement(
    request: Message | None, problems: Sequence[Problem], now: datetime, trace_id: str
) -> bytes:
    """The acknowledgement of a message, or of octets whose MSH could not be read (None).

    Delimiters, version, processing id and character set are those of the request.
    """
    encoding = request.encoding if request is not None else "ascii"
    # What cannot be written is in words of our own alone; the rest stood in the request.
    return ended(opening(request, problems, now, trace_id)).encode(encoding, "replace")


def opening(
    request: Message | None,
    problems: Sequence[Problem],
    now: datetime,
    trace_id: str,
    kind: tuple[str, str, str] | None = None,
) -> list[str]:
    """MSH, MSA and ERR of any answer; `kind` is MSH-9 where it is no acknowledgement."""
    marks = request.delimiters if request is not None else STANDARD
    version = _version(request)
    errors = [problem for problem in problems if not problem.warning]
    worst = condition(errors[0]) if errors else None
    segments = [
        _header(request, marks, version, now, trace_id, kind),
        _msa(request, marks, version, worst, trace_id),
    ]
    if version in _ELD_VERSIONS:
        segments += _eld(errors, marks, trace_id)
    else:
        segments += _erl(problems, marks, trace_id)
    return segments


def ended(segments: Iterable[str]) -> str:
    """Segments as a message."""
    return "".join(f"{segment}\r" for segment in segments)


def condition(problem: Problem) -> Condition:
    """How a problem is acknowledged."""
    return CONDITIONS.get(problem.meaning, _INTERNAL)


def _version(request: Message | None) -> str:
    """The request's own; an acknowledgement of a version that does not exist is written in ours."""
    sent = request.raw("MSH-12.1").rstrip() if request is not None else ""
    return sent if sent in _ELD_VERSIONS or sent in _ERL_VERSIONS else _VERSION


def _header(
    request: Message | None,
    marks: Delimiters,
    version: str,
    now: datetime,
    trace_id: str,
    kind: tuple[str, str, str] | None,
) -> str:
    sender = receiver = ("", "")
    stated, mode, charset = ["ACK"], "P", ""
    if request is not None:
        sender = request.field("MSH-5"), request.field("MSH-6")
        receiver = request.field("MSH-3"), request.field("MSH-4")
        if trigger := request.raw("MSH-9.2"):
            stated = ["ACK", trigger] if version in _ELD_VERSIONS else ["ACK", trigger, "ACK"]
        mode, charset = request.field("MSH-11") or mode, request.charset
    fields = [
        "MSH",
        marks.encoding_characters,
        *sender,
        *receiver,
        now.strftime("%Y%m%d%H%M%S+0000"),
        "",
        marks.component.join(kind or stated),
        trace_id[:_CONTROL_ID],
        mode,
        version,
    ]
    if charset:
        fields += ["", "", "", "", "", charset]
    return marks.field.join(fields)


def _msa(
    request: Message | None, marks: Delimiters, version: str, worst: Condition | None, trace_id: str
) -> str:
    fields = ["MSA", worst.acknowledgement if worst else "AA", request.field("MSH-10") if request else ""]
    if worst is not None and version in _ELD_VERSIONS:
        # IHE excludes MSA-3 from version 2.5 on; before that nothing else can carry the trace id.
        fields.append(marks.escaped(f"{worst.text}{_mark(trace_id)}"))
    return marks.field.join(fields)


def _eld(errors: Sequence[Problem], marks: Delimiters, trace_id: str) -> Iterator[str]:
    """ERR-1 as versions before 2.5 have it: segment, sequence, field, and the code with our own words."""
    if errors:
        listed = marks.repetition.join(_eld_of(error, marks, trace_id) for error in errors)
        yield f"ERR{marks.field}{listed}"


def _eld_of(error: Problem, marks: Delimiters, trace_id: str) -> str:
    place = [*_location(error)[:3], "", "", ""][:3]
    text = marks.escaped(_detail(error, trace_id))
    coded = marks.subcomponent.join((condition(error).code, text, "HL70357"))
    return marks.component.join((*place, coded))


def _erl(problems: Sequence[Problem], marks: Delimiters, trace_id: str) -> Iterator[str]:
    """One ERR for each problem: ERR-2 place, ERR-3 code, ERR-4 severity, ERR-8 text for the user."""
    for problem in problems:
        told = condition(problem)
        text = marks.escaped(f"{_detail(problem, trace_id)}{_mark(trace_id)}")
        yield marks.field.join(
            (
                "ERR",
                "",
                marks.component.join(_location(problem)),
                marks.component.join((told.code, told.text, "HL70357")),
                "W" if problem.warning else "E",
                "",
                "",
                "",
                text,
            )
        )


def _location(problem: Problem) -> list[str]:
    """Segment, sequence, field, repetition, component; nothing when the place is not one of the message."""
    place = problem.location or ""
    return place.split("^") if _ERL.fullmatch(place) else []


def _detail(problem: Problem, trace_id: str) -> str:
    return problem.context.removesuffix(_mark(trace_id))


def _mark(trace_id: str) -> str:
    return f" [trace {trace_id}]"
