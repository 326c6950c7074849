"""Records of erasure: written, read again, and held against what is gone."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.erasure import (
    TRANSACTION,
    Erasure,
    Erasures,
    erasure_details,
    erasure_of,
    erasure_outside,
    read_erasure,
)
from gateway.audit.evidence import EvidenceRecord, digest_of, seal_evidence
from gateway.audit.export import erasure_line, lines_of
from gateway.audit.findings import Fault
from gateway.audit.objects import ERASED, audit_log_object
from gateway.audit.record import AuditFacts, AuditSource, Participant, audit_message
from gateway.audit.rows import StoredRow
from gateway.audit.verify import verify_export
from gateway.crypto.keys import Signer
from gateway.declare.events import AUDIT_LOG_USED, TRAIL_ERASED, EventAction, Outcome
from gateway.errors import Malformed
from tests.gateway.audit.conftest import NOW, ORIGIN, Trail

HERE = Participant("https://here", "localhost")
LEAVES = {position: bytes([position]) * 32 for position in (3, 4, 5, 9)}


def record(erasure: Erasure, signer: Signer, number: int = 1000, origin: str = ORIGIN) -> StoredRow:
    message = audit_message(
        AuditFacts(
            event=AUDIT_LOG_USED,
            type=TRAIL_ERASED,
            action=EventAction.DELETE,
            at=NOW,
            outcome=Outcome.SUCCESS,
            source=HERE,
            destination=HERE,
            audit_source=AuditSource("passerelle"),
            objects=(audit_log_object(origin, erasure_details(erasure), life_cycle=ERASED),),
        )
    )
    evidence = seal_evidence(
        EvidenceRecord(
            trace_id="e" * 32,
            at=NOW,
            environment="integration",
            node="here",
            node_certificate_sha256=None,
            transaction=TRANSACTION,
            request_sha256=bytes(32),
            reply_sha256=None,
            token_sha256=None,
            token_id=None,
            subject=None,
            reason=None,
            rule=None,
            policy_version=None,
            decision_sha256=None,
            outcome=0,
            audit_sha256=digest_of(message),
        ),
        signer,
    )
    return StoredRow(
        id=number,
        at=int(NOW.timestamp() * 1000),
        trace_id="e" * 32,
        transaction=TRANSACTION,
        outcome=0,
        message=message,
        evidence=evidence.text,
        evidence_signature=evidence.signature,
    )


def test_a_record_is_read_as_it_was_written(signer: Signer) -> None:
    erasure = erasure_of("own", 2900, LEAVES)
    assert (erasure.runs, erasure.count) == (((3, 5), (9, 9)), 4)
    assert erasure.digest == sha256(b"".join(LEAVES.values())).digest()
    assert read_erasure(record(erasure, signer), ORIGIN) == erasure


@given(st.sets(st.integers(0, 10**7), min_size=1, max_size=500))
def test_positions_of_any_kind_fit_into_a_message(signer: Signer, positions: set[int]) -> None:
    erasure = erasure_of("own", 1, dict.fromkeys(positions, bytes(32)))
    found = read_erasure(record(erasure, signer), ORIGIN)
    assert {each for first, last in found.runs for each in range(first, last + 1)} == positions


def test_a_record_of_another_log_is_none_of_ours(signer: Signer) -> None:
    row = record(erasure_of("own", 1, LEAVES), signer, origin="somebody.else/2.999")
    with pytest.raises(Malformed, match="of this log"):
        read_erasure(row, ORIGIN)


def test_a_row_of_something_else_is_no_record(signer: Signer) -> None:
    with pytest.raises(Malformed, match="no record"):
        read_erasure(replace(record(erasure_of("own", 1, LEAVES), signer), transaction="ITI-18"), ORIGIN)


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 5},
        {"runs": ((3, 5), (4, 4))},
        {"runs": ((9, 9), (3, 5))},
        {"runs": ((5, 3), (1, 5))},
        {"runs": ()},
    ],
)
def test_a_record_that_contradicts_itself_is_refused(signer: Signer, changes: dict[str, object]) -> None:
    broken = replace(erasure_of("own", 1, LEAVES), **changes)
    with pytest.raises(Malformed, match=r"record of erasure"):
        read_erasure(record(broken, signer), ORIGIN)


def test_what_has_no_place_in_the_tree_has_no_positions() -> None:
    erasure = erasure_outside("system", 1, [b"a", b"b"])
    assert (erasure.runs, erasure.count) == ((), 2)
    assert [name for name, _ in erasure_details(erasure)] == ["Class", "Week", "Count", "LeavesSHA256"]


def test_two_records_cannot_claim_the_same() -> None:
    erasures = Erasures()
    assert erasures.add(1, erasure_of("own", 1, {3: b"", 4: b""}))
    assert erasures.add(1, erasure_of("own", 1, {3: b"", 4: b""})), "the same again says nothing new"
    assert not erasures.add(2, erasure_of("own", 1, {4: b"", 8: b""}))
    assert erasures.add(3, erasure_of("own", 1, {2: b"", 5: b""}))
    assert [erasures.claims(each) for each in range(1, 7)] == [False, True, True, True, True, False]


def exported(trail: Trail, gone: set[int], *records: StoredRow) -> list[bytes]:
    for position in gone:
        del trail.rows[trail.leaves[position][0]]
    lines = lines_of(*trail.export())
    place = 1 + len(trail.trees)
    return [*lines[:place], *map(erasure_line, records), *lines[place:]]


def claimed(trail: Trail, *positions: int) -> Erasure:
    return erasure_of("own", 1, {position: trail.leaves[position][1] for position in positions})


def test_what_a_record_covers_is_erased_and_the_rest_is_missing(trail: Trail, signer: Signer) -> None:
    report = verify_export(exported(trail, {1, 2, 4}, record(claimed(trail, 1, 2), signer)))
    assert report.erased == 2
    assert [(each.fault, each.position) for each in report.findings] == [(Fault.MISSING, 4)]


def test_a_record_signed_by_a_stranger_covers_nothing(trail: Trail, stranger: Signer) -> None:
    report = verify_export(exported(trail, {1}, record(claimed(trail, 1), stranger)))
    assert {each.fault for each in report.findings} == {Fault.CHANGED, Fault.MISSING}
    assert report.erased == 0


def test_a_record_that_was_stretched_covers_nothing(trail: Trail, signer: Signer) -> None:
    row = record(claimed(trail, 1), signer)
    wider = replace(row, message=record(claimed(trail, 1, 2), signer).message)
    report = verify_export(exported(trail, {1, 2}, wider))
    assert [each.position for each in report.findings if each.fault is Fault.MISSING] == [1, 2]


def test_a_record_of_other_leaves_does_not_fit(trail: Trail, signer: Signer) -> None:
    wrong = replace(claimed(trail, 1), digest=bytes(32))
    report = verify_export(exported(trail, {1}, record(wrong, signer)))
    assert [each.reason for each in report.findings] == [
        "the record of erasure 1000 does not fit what is gone"
    ]
