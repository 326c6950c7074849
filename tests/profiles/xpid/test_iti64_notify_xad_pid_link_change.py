"""Documents follow a local identifier to another patient: entries, Folders, relationships, SubmissionSet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from gateway.declare.services import Services
from gateway.declare.transaction import Call
from gateway.errors import Meaning, Refused
from gateway.record.access import Scope
from gateway.record.documents import Relation
from gateway.record.people import PatientId
from gateway.stores.search import ASSOCIATION, CURRENT, ENTRY, FOLDER, SUBMISSION_SET, Ask, Condition
from gateway.stores.work import UnitOfWork
from profiles.xds.iti42_register_document_set_b import fragments_of
from profiles.xds.wire.stored import stored_entry
from profiles.xpid.iti64_notify_xad_pid_link_change import handle
from profiles.xpid.rules import LinkChange

ROOT = "2.999.1.1"
OLD, NEW = PatientId("PAT-1", ROOT), PatientId("PAT-2", ROOT)
LOCAL, GONE, ELSE = (PatientId(name, "2.999.2.1") for name in ("S-1", "S-0", "S-9"))
CHANGE = LinkChange(new=NEW, previous=OLD, local=LOCAL, subsumed=None, source_id="2.999.4.1", message_id="1")
Told = Callable[..., Any]


@pytest.fixture
def told(record: Any) -> Told:
    """told(change) → the answer, after it is written."""

    def tell(change: LinkChange, **of_call: Any) -> Any:
        work = UnitOfWork()
        asking = record.asking(work)
        services = Services(
            registry=record.registry,
            repository=record.repository,
            patients=record.patients,
            domain=record.domain,
            index=record.index,
            subscriptions=record.subscriptions,
            visits=record.visits,
            access=record.access,
        )
        call = Call(
            request=change,
            principal=asking.principal,
            scope=asking.scope,
            work=work,
            at=asking.at,
            node=asking.node,
        )
        answer = record.run(handle(replace(call, **of_call), services))
        record.commit(work)
        return answer

    return tell


def register(record: Any, make: Any, *documents: Any, **rest: Any) -> Any:
    submission = make.submission(*documents, **rest)
    record.commit(record.prepared(submission, make, fragments=fragments_of(submission)))
    return submission


def of(record: Any, kind: Any, *patients: PatientId) -> list[Any]:
    """What a query would show: nothing that was put aside."""
    view = {"view": CURRENT} if kind is not SUBMISSION_SET else {}
    approved = (Condition("status", Ask.IN, ("Approved",)),)
    return list(record.run(record.registry.find(record.scope(*patients), kind, approved, 100, **view)))


def names(rows: Iterable[Any]) -> list[str]:
    return sorted(row.unique_id for row in rows)


def test_documents_of_the_local_patient_move_and_no_others(record: Any, make: Any, told: Told) -> None:
    mine, other = make.entry(), make.entry(source_patient_id=str(ELSE))
    register(record, make, mine, other)
    answer = told(CHANGE)
    (moved,) = of(record, ENTRY, NEW)
    assert (moved.unique_id, moved.version, moved.logical_id) == (mine.unique_id, 2, mine.id)
    assert stored_entry(moved).source_patient_id == str(LOCAL)
    assert names(of(record, ENTRY, OLD)) == [other.unique_id]
    assert record.run(record.registry.standing([mine.id]))[mine.id].status.value == "Deprecated"
    (head,) = of(record, SUBMISSION_SET, NEW)
    assert answer.sets == ((NEW, head.unique_id),)
    assert "2.999.4.1" in str(head.fragment)
    assert "xad-pid-link-change" in str(head.fragment)


def test_a_folder_goes_along_when_all_of_it_does(record: Any, make: Any, told: Told) -> None:
    first, second, folder = make.entry(), make.entry(), make.folder()
    links = [make.member(folder.id, each.id) for each in (first, second)]
    register(record, make, first, second, folders=[folder], links=links)
    told(CHANGE)
    (moved,) = of(record, FOLDER, NEW)
    assert (moved.unique_id, moved.version) == (folder.unique_id, 2)
    assert of(record, FOLDER, OLD) == []
    inside = {row.target for row in of(record, ASSOCIATION, NEW) if row.source == moved.uuid}
    assert inside == {row.uuid for row in of(record, ENTRY, NEW)}
    assert len(inside) == 2


def test_a_document_leaves_a_folder_that_stays(record: Any, make: Any, told: Told) -> None:
    mine, other, folder = make.entry(), make.entry(source_patient_id=str(ELSE)), make.folder()
    links = [make.member(folder.id, each.id) for each in (mine, other)]
    register(record, make, mine, other, folders=[folder], links=links)
    told(CHANGE)
    assert of(record, FOLDER, NEW) == []
    assert names(of(record, FOLDER, OLD)) == [folder.unique_id]
    assert names(of(record, ENTRY, NEW)) == [mine.unique_id]


def test_relationships_go_along_where_both_ends_do(record: Any, make: Any, told: Told) -> None:
    letter, addendum = make.entry(), make.entry()
    stranger = make.entry(source_patient_id=str(ELSE))
    register(record, make, letter)
    register(record, make, addendum, links=[make.link(Relation.APPEND, addendum.id, letter.id)])
    register(record, make, stranger, links=[make.link(Relation.APPEND, stranger.id, letter.id)])
    told(CHANGE)
    appended = [row for row in of(record, ASSOCIATION, NEW) if row.relation == "APND"]
    now = {row.unique_id: row.uuid for row in of(record, ENTRY, NEW)}
    assert [(row.source, row.target) for row in appended] == [
        (now[addendum.unique_id], now[letter.unique_id])
    ]


def test_what_is_deprecated_stays(record: Any, make: Any, told: Told) -> None:
    old, fresh = make.entry(), make.entry()
    register(record, make, old)
    register(record, make, fresh, links=[make.link(Relation.REPLACE, fresh.id, old.id)])
    told(CHANGE)
    assert names(of(record, ENTRY, NEW)) == [fresh.unique_id]
    assert record.run(record.registry.standing([old.id]))[old.id].version == 1


def test_a_subsumed_local_identifier_ends(record: Any, make: Any, told: Told) -> None:
    mine, merged = make.entry(), make.entry(source_patient_id=str(GONE))
    register(record, make, mine, merged)
    told(replace(CHANGE, subsumed=GONE))
    entries = of(record, ENTRY, NEW)
    assert names(entries) == sorted([mine.unique_id, merged.unique_id])
    assert {stored_entry(row).source_patient_id for row in entries} == {str(LOCAL)}


def test_a_merge_of_local_identifiers_only(record: Any, make: Any, told: Told) -> None:
    mine, merged, folder = make.entry(), make.entry(source_patient_id=str(GONE)), make.folder()
    links = [make.member(folder.id, each.id) for each in (mine, merged)]
    register(record, make, mine, merged, folders=[folder], links=links)
    told(replace(CHANGE, new=OLD, subsumed=GONE))
    entries = {row.unique_id: row for row in of(record, ENTRY, OLD)}
    assert (entries[mine.unique_id].version, entries[merged.unique_id].version) == (1, 2)
    assert stored_entry(entries[merged.unique_id]).source_patient_id == str(LOCAL)
    inside = {row.target for row in of(record, ASSOCIATION, OLD) if row.source == folder.id}
    assert entries[merged.unique_id].uuid in inside


def test_nothing_to_move_makes_nothing(record: Any, make: Any, told: Told) -> None:
    register(record, make, make.entry(source_patient_id=str(ELSE)))
    assert told(CHANGE).sets == ()
    assert of(record, SUBMISSION_SET, NEW) == []


@pytest.mark.parametrize(
    ("change", "meaning", "place"),
    [
        ({"new": PatientId("X", ROOT)}, Meaning.UNKNOWN_KEY, "PID^1^3^1^1"),
        ({"previous": PatientId("X", ROOT)}, Meaning.UNKNOWN_KEY, "MRG^1^1^1^1"),
        ({"new": PatientId("PAT-3", ROOT)}, Meaning.DUPLICATE_KEY, "PID^1^3^1^1"),
        ({"previous": PatientId("PAT-3", ROOT)}, Meaning.DUPLICATE_KEY, "MRG^1^1^1^1"),
    ],
)
def test_patients_who_are_not_known_or_merged(
    record: Any, make: Any, told: Told, change: dict[str, Any], meaning: Meaning, place: str
) -> None:
    record.feed(PatientId("PAT-3", ROOT))
    record.merge(NEW, PatientId("PAT-3", ROOT))
    register(record, make, make.entry())
    with pytest.raises(Refused) as refused:
        told(replace(CHANGE, **change))
    found = refused.value.problems[0]
    assert (found.meaning, found.location) == (meaning, place)
    assert len(of(record, ENTRY, OLD)) == 1


def test_only_a_source_of_the_affinity_domain_moves_documents(record: Any, make: Any, told: Told) -> None:
    register(record, make, make.entry())
    node = replace(record.asking().node, feeds=frozenset({"2.999.2.1"}))
    with pytest.raises(Refused):
        told(CHANGE, node=node)
    with pytest.raises(PermissionError):
        told(CHANGE, scope=Scope())
    assert len(of(record, ENTRY, OLD)) == 1
