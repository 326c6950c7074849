"""What is read of a message when it comes agrees with all of it, and is refused for the same reasons."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from gateway.crypto.safexml import parse
from gateway.errors import GatewayError
from gateway.record.events import AuditRecord
from gateway.trail.dicom import LIMITS, outline_of, record_of
from tests.logging_nodes import audit_xml

MUTATIONS = 1_500
_PIECE = re.compile(rb"</?[A-Za-z]+|[A-Za-z-]+=|\"[^\"]*\"|/?>")
_OTHER = (
    b"",
    b'""',
    b'" 1 "',
    b'"4"',
    b'"x"',
    b"<!-- c -->",
    b'"2026-01-01"',
    b"EventID",
    b"<Other",
    b'a=""',
)


def told(data: bytes, outline: bool) -> tuple[object, ...]:  # noqa: FBT001 - two readings of one message
    """What the index keeps of a message, or why there is nothing to keep."""
    try:
        root = parse(data, LIMITS)
        record = outline_of(root) if outline else record_of(root)
    except GatewayError as error:
        return type(error), error.detail
    return kept(record)


def kept(record: AuditRecord) -> tuple[object, ...]:
    return (
        record.event,
        record.at,
        record.outcome,
        record.action,
        record.types,
        record.transaction,
        record.source_id,
        record.patients,
        tuple(record.terms()),
    )


def mutated() -> Iterator[bytes]:
    """Messages with pieces of their markup left out, doubled, exchanged and put elsewhere."""
    draw = random.Random(20)  # noqa: S311 - no secret
    whole = audit_xml()
    places = [each.span() for each in _PIECE.finditer(whole)]
    for _ in range(MUTATIONS):
        data = whole
        for start, end in sorted(draw.sample(places, draw.choice((1, 1, 2, 3))), reverse=True):
            other = data[slice(*draw.choice(places))] if draw.random() < 0.5 else draw.choice(_OTHER)
            data = data[:start] + draw.choice((other, data[start:end] * 2)) + data[end:]
        yield data


def test_the_outline_agrees_with_the_whole() -> None:
    read = refused = 0
    for data in (audit_xml(), *mutated()):
        outline = told(data, outline=True)
        assert outline == told(data, outline=False), data
        read, refused = read + (len(outline) > 2), refused + (len(outline) == 2)
    assert min(read, refused) > 100


def test_what_an_event_is_not_found_by_is_left_out() -> None:
    outline = outline_of(parse(audit_xml(), LIMITS))
    assert {each.name for each in outline.agents} == {None}
    assert [each.query for each in outline.entities] == [None] * len(outline.entities)
