import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from gateway.errors import GatewayError, Meaning, Refused
from gateway.record.access import Behind, Scope
from gateway.record.documents import EntryType, Relation, Status
from gateway.record.people import PatientId
from gateway.record.submission import Membership, Standing
from gateway.stores import tables
from gateway.stores.registry import RegistryStore
from gateway.stores.search import ASSOCIATION, ENTRY, FOLDER, SUBMISSION_SET, Ask, Condition
from gateway.stores.work import UnitOfWork

OTHER = PatientId("PAT-2", "2.999.1.1")


@pytest.fixture
def known(record: Any) -> Any:
    record.feed()
    return record


def rows(record: Any, kind: Any, *conditions: Condition) -> Any:
    return record.run(record.registry.find(record.scope(), kind, conditions, 100))


def number(record: Any) -> dict[str, int]:
    """How many rows each table of the registry has."""
    listed = (
        tables.entry, tables.entry_value, tables.submission_set, tables.folder, tables.package_value,
        tables.association, tables.claim,
    )  # fmt: skip
    return {table.name: len(record.run(record.database.fetch(select(table)))) for table in listed}


def meanings(error: BaseException) -> list[Meaning]:
    assert isinstance(error, Refused)
    return [problem.meaning for problem in error.problems]


def test_a_submission_is_found_as_it_was_registered(known: Any, make: Any) -> None:
    entry, folder = make.entry(service_start="2026"), make.folder()
    links = [make.member(folder.id, entry.id)]
    submission = make.submission(entry, folders=[folder], links=links)
    known.commit(known.prepared(submission, make, fragments={name: f"F {name}" for name in submission.ids}))
    (found,) = rows(known, ENTRY)
    assert (found.uuid, found.unique_id, found.status) == (entry.id, entry.unique_id, "Approved")
    assert (found.service_start, found.rank, found.organisation) == ("20260101000000", 1, "2.999.2.1")
    assert found.fragment == f"F {entry.id}"
    assert [row.uuid for row in rows(known, SUBMISSION_SET)] == [submission.submission_set.id]
    assert [(row.uuid, row.last_update) for row in rows(known, FOLDER)] == [(folder.id, "20260304050607")]
    assert len(rows(known, ASSOCIATION)) == len(submission.associations) == 4


def test_what_the_decision_and_the_admission_ask(known: Any, make: Any) -> None:
    entry, folder = make.entry(), make.folder()
    submission = known.register(
        make.submission(entry, folders=[folder], links=[make.member(folder.id, entry.id)]), make
    )
    registry, key = known.registry, known.scope().patients[0]
    assert known.run(registry.owners("document", "uuid", [entry.id])) == {key}
    assert known.run(registry.owners("folder", "unique-id", [folder.unique_id])) == {key}
    assert known.run(registry.owners("any", "uuid", [submission.associations[0].id])) == {key}
    assert known.run(registry.owners("any", "uuid", ["urn:uuid:none"])) == set()
    assert known.run(registry.owners("document", "logical-id", [entry.id])) == {key}
    (named,) = known.run(registry.named_documents([entry.unique_id]))
    assert (named.uuid, named.patient_key, named.rank, named.document_class) == (entry.id, key, 1, "class")
    assert known.run(registry.claims([entry.unique_id, "no"])) == {entry.unique_id: ("a" * 40, 12)}
    assert known.run(registry.memberships([entry.id])) == [Membership(folder.id, entry.id)]
    standing = known.run(registry.standing([entry.id, folder.id, "urn:uuid:none"]))
    assert standing == {
        entry.id: Standing(
            entry.id,
            "document",
            key,
            Status.APPROVED,
            EntryType.STABLE,
            logical_id=entry.id,
            unique_id=entry.unique_id,
        ),
        folder.id: Standing(
            folder.id, "folder", key, Status.APPROVED, logical_id=folder.id, unique_id=folder.unique_id
        ),
    }
    assert known.run(registry.submitted(submission.submission_set.unique_id)) is not None
    assert known.run(registry.submitted("2.999.0")) is None


def test_associations_lead_to_the_owners_of_both_their_ends(known: Any, make: Any) -> None:
    """A set may refer to a document of another patient."""
    other, registry = PatientId("PAT-2", "2.999.1.1"), known.registry
    key, other_key = known.scope().patients[0], known.feed(other)
    entry = make.entry()
    known.register(make.submission(entry), make)
    head = make.submission(patient=other)
    reference = make.member(head.submission_set.id, entry.id, "Reference")
    known.register(replace(head, associations=(reference,)), make)
    for kind, by, name in (
        ("document", "uuid", entry.id),
        ("document", "unique-id", entry.unique_id),
        ("any", "uuid", entry.id),
        ("submission-set", "unique-id", head.submission_set.unique_id),
    ):
        own = known.run(registry.owners(kind, by, [name]))
        assert len(own) == 1
        assert known.run(registry.owners(kind, by, [name], linked=True)) == {key, other_key}


def test_a_scope_without_the_patient_registers_nothing(known: Any, make: Any) -> None:
    submission = make.submission(make.entry())
    admission = known.run(known.admitted(submission, known.scope(), make))
    with pytest.raises(PermissionError):
        known.registry.register(
            UnitOfWork(), Scope(unrestricted=True), admission, {}, known.scope().patients[0], None
        )


def test_a_replacement_deprecates_its_target_and_what_hangs_on_it(known: Any, make: Any) -> None:
    old, appended, transformed = make.entry(), make.entry(), make.entry()
    folder = make.folder()
    known.register(make.submission(old, folders=[folder], links=[make.member(folder.id, old.id)]), make)
    for entry, relation in ((appended, Relation.APPEND), (transformed, Relation.TRANSFORM)):
        known.register(make.submission(entry, links=[make.link(relation, entry.id, old.id)]), make)
    new = make.entry()
    known.register(make.submission(new, links=[make.link(Relation.REPLACE, new.id, old.id)]), make)
    assert {row.uuid: row.status for row in rows(known, ENTRY)} == {
        old.id: "Deprecated",
        appended.id: "Deprecated",
        transformed.id: "Deprecated",
        new.id: "Approved",
    }
    held = rows(known, ASSOCIATION, Condition("source", Ask.IN, (folder.id,)))
    assert {row.target for row in held} == {old.id, new.id}


def test_an_object_of_another_kind_may_not_take_a_unique_id(known: Any, make: Any) -> None:
    entry, folder = make.entry(), make.folder()
    first = known.register(make.submission(entry, folders=[folder]), make)
    before = number(known)
    for second in (
        make.submission(unique_id=entry.unique_id),
        make.submission(unique_id=folder.unique_id),
        make.submission(folders=[make.folder(unique_id=entry.unique_id)]),
        make.submission(make.entry(unique_id=first.submission_set.unique_id)),
        make.submission(folders=[make.folder(unique_id=folder.unique_id)]),
    ):
        with pytest.raises(Refused) as caught:
            known.register(second, make)
        assert meanings(caught.value) == [Meaning.DUPLICATE_IN_REGISTRY]
    assert number(known) == before
    known.register(make.submission(make.entry(unique_id=entry.unique_id)), make)
    assert number(known)["entry"] == before["entry"] + 1


def test_a_failure_leaves_nothing_behind(known: Any, make: Any) -> None:
    entry = make.entry()
    known.register(make.submission(entry), make)
    before = number(known)
    other = make.entry(unique_id=entry.unique_id, hash="b" * 40)
    folder = make.folder()
    late = make.submission(make.entry(), other, folders=[folder], links=[make.member(folder.id, other.id)])
    with pytest.raises(Refused) as caught:
        known.register(late, make)
    assert meanings(caught.value) == [Meaning.DIFFERENT_HASH]
    assert number(known) == before


# --- races: both were admitted before either was written -----------------------------------------


def race(record: Any, *works: UnitOfWork) -> list[Any]:
    """Straight to the database, each in a transaction of its own, all at once."""
    return record.all(*(record.database.apply([work]) for work in works))


def only_winner(outcomes: list[Any], meaning: Meaning) -> int:
    """The position of the one that was written."""
    lost = [outcome for outcome in outcomes if outcome is not None]
    assert len(lost) == len(outcomes) - 1
    assert all(meanings(outcome) == [meaning] for outcome in lost)
    return outcomes.index(None)


@pytest.mark.parametrize("repeat", range(3))
def test_two_submissions_with_one_set_id_at_once(known: Any, make: Any, repeat: int) -> None:
    unique_id = make.oid()
    submissions = [make.submission(make.entry(size=repeat), unique_id=unique_id) for _ in range(4)]
    outcomes = race(known, *(known.prepared(item, make) for item in submissions))
    winner = submissions[only_winner(outcomes, Meaning.DUPLICATE_IN_REGISTRY)]
    assert [row.uuid for row in rows(known, SUBMISSION_SET)] == [winner.submission_set.id]
    assert [row.uuid for row in rows(known, ENTRY)] == [winner.documents[0].id]
    assert number(known)["claim"] == 1


@pytest.mark.parametrize("repeat", range(3))
def test_one_document_id_with_different_content_at_once(known: Any, make: Any, repeat: int) -> None:
    unique_id = make.oid()
    submissions = [
        make.submission(make.entry(unique_id=unique_id, hash=letter * 40, size=repeat)) for letter in "abcd"
    ]
    outcomes = race(known, *(known.prepared(item, make) for item in submissions))
    winner = submissions[only_winner(outcomes, Meaning.DIFFERENT_HASH)].documents[0]
    assert [(row.uuid, row.hash) for row in rows(known, ENTRY)] == [(winner.id, winner.hash)]
    assert known.run(known.registry.claims([unique_id])) == {unique_id: (winner.hash, repeat)}
    assert number(known)["submission_set"] == 1


def test_one_document_id_with_the_same_content_at_once(known: Any, make: Any) -> None:
    unique_id = make.oid()
    submissions = [make.submission(make.entry(unique_id=unique_id)) for _ in range(3)]
    assert race(known, *(known.prepared(item, make) for item in submissions)) == [None] * 3
    assert number(known)["entry"] == 3
    assert number(known)["claim"] == 1


@pytest.mark.parametrize("repeat", range(3))
def test_two_replacements_of_one_document_at_once(known: Any, make: Any, repeat: int) -> None:
    old = make.entry(size=repeat)
    known.register(make.submission(old), make)
    new = [make.entry() for _ in range(3)]
    works = [
        known.prepared(make.submission(entry, links=[make.link(Relation.REPLACE, entry.id, old.id)]), make)
        for entry in new
    ]
    winner = new[only_winner(race(known, *works), Meaning.DEPRECATED_TARGET)]
    assert {row.uuid: row.status for row in rows(known, ENTRY)} == {
        old.id: "Deprecated",
        winner.id: "Approved",
    }
    assert len(rows(known, ASSOCIATION, Condition("relation", Ask.IN, ("RPLC",)))) == 1


@pytest.mark.parametrize("relation", [Relation.APPEND, Relation.HAS_MEMBER])
def test_a_replacement_and_a_new_reference_to_the_old_document_at_once(
    known: Any, make: Any, relation: Relation
) -> None:
    """Either order is right, but a reference never comes after the deprecation."""
    old, new, other = make.entry(), make.entry(), make.entry()
    known.register(make.submission(old), make)
    replacing = make.submission(new, links=[make.link(Relation.REPLACE, new.id, old.id)])
    head = make.submission(other) if relation is Relation.APPEND else make.submission()
    source = other.id if relation is Relation.APPEND else head.submission_set.id
    status = None if relation is Relation.APPEND else "Reference"
    link = make.link(relation, source, old.id, member_status=status)
    referring = replace(head, associations=(*head.associations, link))
    outcomes = race(known, known.prepared(replacing, make), known.prepared(referring, make))
    assert outcomes[0] is None
    if outcomes[1] is not None:
        assert meanings(outcomes[1]) == [Meaning.DEPRECATED_TARGET]
    there = {row.uuid for row in rows(known, ASSOCIATION)}
    assert (link.id in there) == (outcomes[1] is None)
    late = known.prepared  # the same, once the document is Deprecated
    again = make.submission()
    reference = make.member(again.submission_set.id, old.id, "Reference")
    with pytest.raises(Refused):
        late(replace(again, associations=(reference,)), make)


def test_the_group_committer_settles_a_race_inside_one_group(known: Any, make: Any) -> None:
    unique_id = make.oid()
    works = [known.prepared(make.submission(make.entry(), unique_id=unique_id), make) for _ in range(3)]
    works.append(known.prepared(make.submission(make.entry()), make))

    async def together() -> list[Any]:
        return await asyncio.gather(*(known.committer.commit(work) for work in works), return_exceptions=True)

    outcomes = known.run(together())
    assert outcomes[3] is None
    assert sum(isinstance(outcome, GatewayError) for outcome in outcomes) == 2
    assert number(known)["submission_set"] == 2


def test_a_merged_patient_is_one_patient(known: Any, make: Any) -> None:
    """A document of the surviving identity can be replaced after it subsumed another one."""
    old = make.entry()
    known.register(make.submission(old), make)
    known.feed(OTHER)
    survivor, subsumed = (known.run(known.patients.find(item)) for item in (old.patient, OTHER))
    known.merge(survivor.identity, subsumed.identity)
    new = make.entry()
    known.register(make.submission(new, links=[make.link(Relation.REPLACE, new.id, old.id)]), make)
    assert {row.patient_key for row in rows(known, ENTRY)} == {survivor.head}


def test_an_on_demand_entry_loses_the_race_for_a_unique_id(known: Any, make: Any) -> None:
    unique_id = make.oid()
    dynamic = make.entry(unique_id=unique_id, type=EntryType.ON_DEMAND, hash=None, size=None)
    work = known.prepared(make.submission(dynamic), make)
    known.registry.keep_on_demand(work, [unique_id])
    known.register(make.submission(make.entry(unique_id=unique_id)), make)
    with pytest.raises(Refused, match="stands for a stable document"):
        known.commit(work)
    other = make.entry(type=EntryType.ON_DEMAND, hash=None, size=None)
    work = known.prepared(make.submission(other), make)
    known.registry.keep_on_demand(work, [other.unique_id])
    known.commit(work)
    assert set(known.run(known.registry.standing([dynamic.id, other.id]))) == {other.id}


def test_a_document_without_any_confidentiality_has_the_rank_of_the_unknown(known: Any, make: Any) -> None:
    known.registry = RegistryStore(known.database, known.new_key, lambda code, _scheme: 1 if code else 3)
    bare, coded = make.entry(confidentiality=()), make.entry()
    known.register(make.submission(bare, coded), make)
    found = known.run(known.registry.named_documents([bare.id, coded.id]))
    assert {each.uuid: each.rank for each in found} == {bare.id: 3, coded.id: 1}


def test_the_documents_in_a_folder_are_told_by_their_unique_ids(known: Any, make: Any) -> None:
    first, second, outside, folder = make.entry(), make.entry(), make.entry(), make.folder()
    links = [make.member(folder.id, each.id) for each in (first, second)]
    known.register(make.submission(first, second, outside, folders=[folder], links=links), make)
    asked = [folder.unique_id, outside.unique_id, "2.999.0.0"]
    expected = {folder.unique_id: frozenset({first.unique_id, second.unique_id})}
    assert known.run(known.registry.behind(asked)) == Behind(expected)
    assert known.run(known.registry.behind([])) == Behind()


def test_what_came_of_a_document_is_told_with_what_came_of_that(known: Any, make: Any) -> None:
    letter, folder = make.entry(), make.folder()
    links = [make.member(folder.id, letter.id)]
    known.register(make.submission(letter, folders=[folder], links=links), make)
    scan, corrected = make.entry(), make.entry()
    for entry, relation, of in ((scan, Relation.TRANSFORM, letter), (corrected, Relation.REPLACE, scan)):
        known.register(make.submission(entry, links=[make.link(relation, entry.id, of.id)]), make)
    offspring = frozenset({scan.unique_id, corrected.unique_id})
    assert known.run(known.registry.behind([letter.unique_id])).offspring == {letter.unique_id: offspring}
    in_folder = known.run(known.registry.behind([folder.unique_id]))
    assert in_folder.offspring == {letter.unique_id: offspring}
    assert letter.unique_id in in_folder.members[folder.unique_id]


def test_a_folder_is_hidden_by_its_unique_id_with_the_associations_to_it(known: Any, make: Any) -> None:
    entry, folder, other = make.entry(), make.folder(), make.folder()
    links = [make.member(folder.id, entry.id)]
    known.register(make.submission(entry, folders=[folder, other], links=links), make)
    for hidden in ("hidden", "veiled"):
        scope = known.scope(**{hidden: frozenset({folder.unique_id})})
        assert [row.uuid for row in known.run(known.registry.find(scope, FOLDER, (), 10))] == [other.id]
        held = known.run(known.registry.find(scope, ASSOCIATION, (), 10))
        assert held
        assert not [row for row in held if folder.id in {row.source, row.target}]
