"""What was done to a stretch of the tree; the whole trail is tried in test_verify."""

from __future__ import annotations

import pytest

from gateway.audit.diagnosis import SPAN_LIMIT, Span, explain
from gateway.audit.findings import Fault
from gateway.crypto.merkle import Frontier

BEFORE = Frontier().extended([b"x", b"y", b"z"])
ENTRIES = [(number, bytes([number]) * 32) for number in range(1, 9)]
SIZE = BEFORE.size + len(ENTRIES)
ROOT = BEFORE.extended(leaf for _, leaf in ENTRIES).root


def span_of(entries: list[tuple[int, bytes]]) -> Span:
    span = Span(BEFORE)
    for audit_id, leaf in entries:
        span.add(audit_id, leaf)
    return span


@pytest.mark.parametrize("place", range(8))
def test_an_entry_too_many(place: int) -> None:
    entries = [*ENTRIES[:place], (99, b"n" * 32), *ENTRIES[place:]]
    found = explain(span_of(entries), SIZE, ROOT, short=False)
    assert found is not None
    assert (found.fault, found.audit_id, found.position) == (Fault.INSERTED, 99, 3 + place)


@pytest.mark.parametrize(("one", "two"), [(0, 7), (3, 4), (1, 5)])
def test_two_entries_exchanged(one: int, two: int) -> None:
    entries = list(ENTRIES)
    entries[one], entries[two] = entries[two], entries[one]
    found = explain(span_of(entries), SIZE, ROOT, short=False)
    assert found is not None
    assert (found.fault, found.audit_id, found.position) == (Fault.SWAPPED, ENTRIES[two][0], 3 + one)


@pytest.mark.parametrize("place", range(8))
def test_an_entry_gone_from_a_trail_that_ends_early(place: int) -> None:
    found = explain(span_of([*ENTRIES[:place], *ENTRIES[place + 1 :]]), SIZE, ROOT, short=True)
    assert found is not None
    assert (found.fault, found.position) == (Fault.MISSING, 3)


def test_an_entry_of_another_batch() -> None:
    found = explain(span_of([*ENTRIES[:4], (99, b"n" * 32), *ENTRIES[5:]]), SIZE, ROOT, short=False)
    assert found is not None
    assert (found.fault, found.audit_id) == (Fault.SWAPPED, 99)


def test_an_entry_changed_in_place_cannot_be_told() -> None:
    assert explain(span_of([*ENTRIES[:4], (5, b"n" * 32), *ENTRIES[5:]]), SIZE, ROOT, short=False) is None


def test_a_long_stretch_is_not_searched() -> None:
    many = [(number, number.to_bytes(32)) for number in range(SPAN_LIMIT + 10)]
    span = span_of(many)
    assert len(span.entries) == SPAN_LIMIT + 1
    assert explain(span, BEFORE.size + SPAN_LIMIT + 5, ROOT, short=False) is None
