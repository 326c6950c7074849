"""What stands in the registry after a change, and what must never stand there."""

from typing import Any

from sqlalchemy import select

from gateway.errors import Meaning, Refused
from gateway.record.documents import Relation
from gateway.record.people import PatientId
from gateway.stores import tables
from gateway.stores.search import ASSOCIATION, ENTRY, FOLDER, SUBMISSION_SET, Ask, Condition

OTHER = PatientId("PAT-2", "2.999.1.1")
APPROVED, DEPRECATED = "Approved", "Deprecated"


def rows(record: Any, kind: Any, *conditions: Condition) -> Any:
    return record.run(record.registry.find(record.scope(), kind, conditions, 1000))


def linked(record: Any, *relations: Relation) -> set[tuple[str, str, str]]:
    """(source, target, status) of the associations with these relations."""
    names = tuple(each.value for each in relations)
    return {
        (row.source, row.target, row.status)
        for row in rows(record, ASSOCIATION, Condition("relation", Ask.IN, names))
    }


def versions(record: Any, kind: Any, logical_id: str) -> list[tuple[int, str, bool]]:
    """(version, status, latest), oldest first."""
    found = rows(record, kind, Condition("logical_id", Ask.IN, (logical_id,)))
    return sorted((row.version, row.status, bool(row.latest)) for row in found)


def counts(record: Any) -> dict[str, int]:
    listed = (
        tables.entry, tables.entry_value, tables.submission_set, tables.folder, tables.package_value,
        tables.association, tables.claim,
    )  # fmt: skip
    return {table.name: len(record.run(record.database.fetch(select(table)))) for table in listed}


def dangling(record: Any) -> list[str]:
    """Associations that lead from or to nothing."""
    there = {row.uuid for kind in (ENTRY, SUBMISSION_SET, FOLDER, ASSOCIATION) for row in rows(record, kind)}
    return [row.uuid for row in rows(record, ASSOCIATION) if {row.source, row.target} - there]


def meanings(error: BaseException) -> list[Meaning]:
    assert isinstance(error, Refused), error
    return [problem.meaning for problem in error.problems]


def chain(known: Any, make: Any, length: int) -> list[Any]:
    """Each appends or transforms the one before."""
    found = [make.entry()]
    known.register(make.submission(found[0]), make)
    for number in range(length):
        entry = make.entry()
        relation = Relation.TRANSFORM if number else Relation.APPEND  # nothing is appended to a transform
        known.register(make.submission(entry, links=[make.link(relation, entry.id, found[-1].id)]), make)
        found.append(entry)
    return found


def replacing(make: Any, old: Any, *entries: Any) -> tuple[Any, Any]:
    new = make.entry()
    return new, make.submission(new, *entries, links=[make.link(Relation.REPLACE, new.id, old.id)])


def statuses(record: Any) -> dict[str, str]:
    return {row.uuid: row.status for row in rows(record, ENTRY)}


def whole(record: Any) -> None:
    """Nothing dangles; of each logical object one version is the latest, and no other is Approved."""
    assert dangling(record) == []
    for kind in (ENTRY, FOLDER):
        found: dict[str, list[Any]] = {}
        for row in rows(record, kind):
            found.setdefault(row.logical_id, []).append(row)
        for each in found.values():
            (latest,) = (row for row in each if row.latest)
            assert latest.version == max(row.version for row in each)
            assert not any(row.status == APPROVED for row in each if not row.latest)
