"""Tampering with the trail, each kind told apart (AUD-04, AUD-05)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.audit.checkpoint import make
from gateway.audit.evidence import EvidenceRecord, digest_of, seal_evidence
from gateway.audit.export import Header, header_line, lines_of, row_line
from gateway.audit.findings import Fault, Report
from gateway.audit.rows import StoredRow, leaf_of
from gateway.audit.verify import verify_export
from gateway.crypto.keys import Signer, fingerprint
from gateway.errors import Malformed

Trail = Any  # the class stands in conftest, which tests cannot import
Record = Callable[..., EvidenceRecord]


def examine(trail: Trail, **more: Any) -> Report:
    return verify_export(lines_of(*trail.export()), **more)


def row_at(trail: Trail, position: int) -> StoredRow:
    row: StoredRow = trail.rows[trail.leaves[position][0]]
    return row


def test_a_good_trail(trail: Trail, signer: Signer) -> None:
    report = examine(trail, trusted={fingerprint(signer.certificate)})
    assert report.ok
    assert report.first is None
    assert (report.sealed, report.unsealed, report.checkpoints) == (20, 1, 4)
    assert (report.origin, report.environment) == ("audit.example/2.999.1", "integration")
    assert report.certificates == (fingerprint(signer.certificate),)
    assert report.bad_checkpoint is None


@pytest.mark.parametrize(
    "change",
    [
        {"message": "<AuditMessage n='x'/>"},
        {"evidence": "{}"},
        {"at": 1},
        {"evidence_signature": b"\x00" * 64},
        {"trace_id": "other"},
        {"transaction": "ITI-43"},
        {"outcome": 8},
        {"decision": "{}"},
        {"decision": None},
    ],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.parametrize("position", [0, 7, 19])
def test_aud_04_a_changed_row_is_named(trail: Trail, change: dict[str, Any], position: int) -> None:
    row = row_at(trail, position)
    trail.rows[row.id] = replace(row, **change)
    report = examine(trail)
    assert not report.ok
    assert report.first is not None
    assert (report.first.fault, report.first.audit_id, report.first.position) == (
        Fault.CHANGED,
        row.id,
        position,
    )
    assert report.bad_checkpoint == position // 5 * 5 + 5
    assert len(report.findings) == 1


def test_aud_04_a_changed_row_whose_leaf_was_written_anew(trail: Trail) -> None:
    row = replace(row_at(trail, 7), message="<AuditMessage n='x'/>")
    trail.rows[row.id] = row
    trail.leaves[7] = (row.id, leaf_of(row))
    report = examine(trail)
    assert [(each.fault, each.audit_id) for each in report.findings] == [(Fault.CHANGED, row.id)]
    assert report.bad_checkpoint == 10


def test_aud_04_a_leaf_changed_without_its_row(trail: Trail) -> None:
    audit_id, _ = trail.leaves[7]
    trail.leaves[7] = (audit_id, b"\x00" * 32)
    report = examine(trail)
    assert [(each.fault, each.audit_id) for each in report.findings] == [(Fault.CHANGED, audit_id)]
    assert (report.bad_checkpoint, report.checkpoints) == (10, 1)


def test_aud_04_a_row_that_only_its_checkpoint_contradicts(trail: Trail) -> None:
    row = replace(row_at(trail, 7), id=1075)
    trail.rows.pop(1070)
    trail.rows[row.id] = row
    trail.leaves[7] = (row.id, leaf_of(row))
    report = examine(trail)
    assert [(each.fault, each.audit_id, each.position) for each in report.findings] == [
        (Fault.CHANGED, None, 5)
    ]
    assert "from here to 10" in report.findings[0].reason


def test_aud_05_a_deleted_row(trail: Trail) -> None:
    row = row_at(trail, 7)
    del trail.rows[row.id]
    report = examine(trail)
    assert [(each.fault, each.audit_id, each.position) for each in report.findings] == [
        (Fault.MISSING, row.id, 7)
    ]
    assert report.bad_checkpoint == 10


def test_aud_05_a_row_deleted_with_its_leaf(trail: Trail) -> None:
    header, trees, rows = trail.export()
    report = verify_export(lines_of(header, trees, [row for row in rows if row.position != 7]))
    assert report.first is not None
    assert (report.first.fault, report.first.position) == (Fault.MISSING, 7)


def test_aud_05_a_row_deleted_and_the_tree_closed_up(trail: Trail) -> None:
    row = row_at(trail, 7)
    del trail.rows[row.id]
    del trail.leaves[7]
    report = examine(trail)
    assert {each.fault for each in report.findings} == {Fault.MISSING}
    assert report.bad_checkpoint == 10


def test_aud_05_the_last_rows_deleted(trail: Trail) -> None:
    for audit_id, _ in trail.leaves[12:]:
        del trail.rows[audit_id]
    del trail.leaves[12:]
    report = examine(trail)
    assert [(each.fault, each.position) for each in report.findings] == [(Fault.MISSING, 12)]
    assert report.bad_checkpoint == 15


def test_aud_05_the_end_cut_off_with_its_checkpoints_shows_by_one_kept_elsewhere(trail: Trail) -> None:
    kept = trail.trees[-1].note
    for audit_id, _ in trail.leaves[10:]:
        del trail.rows[audit_id]
    del trail.leaves[10:]
    del trail.trees[2:]
    trail.rows.pop(1200)
    assert examine(trail).ok
    report = examine(trail, known=[kept])
    assert [(each.fault, each.position) for each in report.findings] == [(Fault.MISSING, 10)]


@pytest.mark.parametrize(("one", "two"), [(6, 8), (3, 16)], ids=["in a batch", "across batches"])
def test_aud_05_the_contents_of_two_rows_swapped(trail: Trail, one: int, two: int) -> None:
    first, second = row_at(trail, one), row_at(trail, two)
    trail.rows[first.id] = replace(second, id=first.id)
    trail.rows[second.id] = replace(first, id=second.id)
    report = examine(trail)
    found = [(each.fault, each.audit_id) for each in report.findings]
    assert found == [(Fault.SWAPPED, first.id), (Fault.SWAPPED, second.id)]


@pytest.mark.parametrize(
    ("one", "two", "bad"), [(6, 8, 10), (3, 16, 5)], ids=["in a batch", "across batches"]
)
def test_aud_05_the_places_of_two_rows_swapped(trail: Trail, one: int, two: int, bad: int) -> None:
    leaves = trail.leaves
    leaves[one], leaves[two] = leaves[two], leaves[one]
    report = examine(trail)
    assert report.first is not None
    assert (report.first.fault, report.first.position) == (Fault.SWAPPED, one)
    assert report.bad_checkpoint == bad


def test_aud_05_texts_swapped_while_ids_and_times_stay(trail: Trail) -> None:
    first, second = row_at(trail, 6), row_at(trail, 8)
    trail.rows[first.id] = replace(second, id=first.id, at=first.at)
    trail.rows[second.id] = replace(first, id=second.id, at=second.at)
    assert [each.fault for each in examine(trail).findings] == [Fault.SWAPPED, Fault.SWAPPED]


def test_a_row_under_another_id_than_its_leaf(trail: Trail) -> None:
    header, trees, rows = trail.export()
    rows[7] = replace(rows[7], audit_id=1071)
    report = verify_export(lines_of(header, trees, rows))
    assert [(each.fault, each.audit_id) for each in report.findings] == [(Fault.CHANGED, 1071)]


def test_aud_05_a_row_inserted_in_the_past(trail: Trail, stranger: Signer, record: Record) -> None:
    row = row_at(trail, 3)
    forged = seal_evidence(record("<x/>"), stranger)
    trail.rows[1035] = replace(
        row, id=1035, message="<x/>", evidence=forged.text, evidence_signature=forged.signature
    )
    report = examine(trail)
    assert [(each.fault, each.audit_id) for each in report.findings] == [(Fault.INSERTED, 1035)]


def test_aud_05_a_genuine_row_repeated_in_the_past(trail: Trail) -> None:
    late = replace(trail.trees[-1], at=trail.trees[-1].at + 7_200_000)
    trail.trees[-1] = late
    trail.rows[1035] = replace(row_at(trail, 3), id=1035)
    faults = {each.audit_id: each.fault for each in examine(trail).findings}
    assert faults[1035] is Fault.INSERTED


@pytest.mark.parametrize("position", [0, 4, 7, 19])
def test_aud_05_a_row_inserted_into_table_and_tree(trail: Trail, position: int) -> None:
    row = replace(row_at(trail, position), id=row_at(trail, position).id + 1)
    trail.rows[row.id] = row
    trail.leaves.insert(position, (row.id, leaf_of(row)))
    report = examine(trail)
    assert report.first is not None
    assert (report.first.fault, report.first.audit_id, report.first.position) == (
        Fault.INSERTED,
        row.id,
        position,
    )


def test_a_position_given_twice(trail: Trail) -> None:
    header, trees, rows = trail.export()
    report = verify_export(lines_of(header, trees, [*rows[:8], rows[7], *rows[8:]]))
    assert report.first is not None
    assert (report.first.fault, report.first.position) == (Fault.INSERTED, 8)


def test_a_checkpoint_changed(trail: Trail) -> None:
    trail.trees[1] = replace(trail.trees[1], root=b"\x00" * 32)
    report = examine(trail)
    assert [(each.fault, each.position) for each in report.findings] == [(Fault.CHECKPOINT, 10)]
    assert (report.bad_checkpoint, report.checkpoints) == (10, 3)


def test_a_checkpoint_signed_anew(trail: Trail, stranger: Signer) -> None:
    note = make("audit.example/2.999.1", 10, b"\x01" * 32, stranger)
    trail.trees[1] = replace(trail.trees[1], root=b"\x01" * 32, note=note)
    assert [each.fault for each in examine(trail).findings] == [Fault.CHECKPOINT]


def test_two_signed_checkpoints_that_differ(trail: Trail, signer: Signer) -> None:
    other = make("audit.example/2.999.1", 10, b"\x01" * 32, signer)
    assert Fault.CHECKPOINT in {each.fault for each in examine(trail, known=[other]).findings}


def test_a_whole_trail_signed_by_somebody_else(trail: Trail) -> None:
    report = examine(trail, trusted={"00" * 32})
    assert not report.ok
    assert report.certificates == ()
    assert {Fault.CHECKPOINT, Fault.CHANGED} <= {each.fault for each in report.findings}


def test_an_unsealed_row_of_ours_is_no_fault(trail: Trail, signer: Signer, record: Record) -> None:
    base = row_at(trail, 19)
    at = timedelta(seconds=90)
    told = record("<x/>", trace_id="t", at=at + record("").at, decision_sha256=digest_of("{}"))
    sealed = seal_evidence(told, signer)
    trail.rows[5000] = replace(
        base,
        id=5000,
        at=int(told.at.timestamp() * 1000),
        trace_id="t",
        message="<x/>",
        decision="{}",
        evidence=sealed.text,
        evidence_signature=sealed.signature,
    )
    report = examine(trail)
    assert report.ok
    assert report.unsealed == 2


def test_an_empty_trail() -> None:
    report = verify_export([header_line(Header("a.example/b", "prod", ()))])
    assert report.ok
    assert (report.sealed, report.checkpoints) == (0, 0)


def test_what_is_no_export(trail: Trail) -> None:
    header, trees, rows = trail.export()
    good = lines_of(header, trees, rows)
    for lines in ([], good[1:], [good[0], good[0]], [b"{"], [*good[:1], b"[]"], [*good, good[1]]):
        with pytest.raises(Malformed):
            verify_export(lines)
    with pytest.raises(Malformed):
        verify_export([good[0], row_line(replace(rows[-1], row=None))])


def test_a_finding_reads_well(trail: Trail) -> None:
    row = row_at(trail, 7)
    del trail.rows[row.id]
    assert str(examine(trail).first) == f"missing row {row.id} at position 7: the row was sealed and is gone"
