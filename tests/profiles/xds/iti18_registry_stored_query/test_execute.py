"""What single stored queries answer; that all of them follow the standard is test_against_the_standard.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.declare.services import Services
from gateway.errors import Meaning, Refused
from gateway.record.access import Scope
from gateway.record.documents import EntryType, Relation, Status
from gateway.record.domain import Domain
from gateway.record.people import Code, PatientId
from gateway.record.submission import Admission
from gateway.stores.work import UnitOfWork
from profiles.xds import codes
from profiles.xds.iti18_registry_stored_query import encode
from profiles.xds.iti18_registry_stored_query.execute import Found, execute
from profiles.xds.iti18_registry_stored_query.parameters import read
from profiles.xds.iti18_registry_stored_query.queries import QUERIES
from profiles.xds.iti18_registry_stored_query.table import Definition
from profiles.xds.iti18_registry_stored_query.vocabulary import PARAMETERS
from profiles.xds.wire.requests import StoredQuery

BY_NAME = {definition.name: definition for definition in QUERIES.values()}
Slots = dict[str, list[list[str]]]
PATIENT_1 = PatientId("PAT-1", "2.999.1.1")
PATIENT = str(PATIENT_1)
AT = datetime(2026, 3, 4, tzinfo=UTC)
APPROVED, DEPRECATED = (f"{codes.STATUS_PREFIX}{name}" for name in ("Approved", "Deprecated"))


def asked(definition: Definition, slots: Slots, domain: Domain, return_type: str = "LeafClass") -> Any:
    """The query in the words of a request."""
    written = []
    for name, given_slots in slots.items():
        several = PARAMETERS[name].several and name not in definition.single
        for values in given_slots:
            quoted = ["'{}'".format(value.replace("'", "''")) for value in values]
            written.append((name, (f"({','.join(quoted)})" if several else quoted[0],)))
    request = StoredQuery(
        identifier=definition.id, return_type=return_type, home=None, slots=written, text=b"<q/>"
    )
    return read(request, QUERIES, domain)


def run(record: Any, query: Any, scope: Scope, domain: Domain) -> Found:
    services = Services(
        record.registry,
        record.repository,
        record.patients,
        domain,
        record.index,
        record.subscriptions,
        record.visits,
        record.access,
    )
    found: Found = record.run(execute(query, scope, services))
    return found


def found_by(record: Any, domain: Domain, name: str, **slots: list[str]) -> set[str]:
    """Ids of what a query gives; parameters without their `$`, one Slot each."""
    query = asked(BY_NAME[name], {f"${key}": [values] for key, values in slots.items()}, domain)
    return ids(run(record, query, record.scope(), domain))


FIND = {"XDSDocumentEntryPatientId": [PATIENT], "XDSDocumentEntryStatus": [APPROVED]}


def ids(found: Found) -> set[str]:
    return {row.uuid for row in found.rows}


def test_more_than_the_limit_is_refused(record: Any, make: Any, domain: Domain) -> None:
    submission = record.register(make.submission(*(make.entry() for _ in range(4))), make)
    few = replace(domain, max_objects=9, max_references=4)
    definition = BY_NAME["GetSubmissionSetAndContents"]
    slots = {"$XDSSubmissionSetUniqueId": [[submission.submission_set.unique_id]]}
    assert len(run(record, asked(definition, slots, few, "LeafClass"), record.scope(), few).rows) == 9
    for limits in ({"max_objects": 8}, {"max_references": 3}):
        less = replace(few, **limits)
        with pytest.raises(Refused) as caught:
            run(record, asked(definition, slots, less, "LeafClass"), record.scope(), less)
        assert caught.value.problems[0].meaning is Meaning.TOO_MANY_RESULTS
    with pytest.raises(Refused):
        run(record, asked(definition, slots, few, "ObjectRef"), record.scope(), few)


def test_what_only_leads_to_others_is_never_cut_short(record: Any, make: Any, domain: Domain) -> None:
    last = make.entry(format_code=Code("wanted", "2.999.5", "x"))
    submission = record.register(make.submission(*(make.entry() for _ in range(6)), last), make)
    slots = {
        "$XDSSubmissionSetUniqueId": [[submission.submission_set.unique_id]],
        "$XDSDocumentEntryFormatCode": [["wanted^^2.999.5"]],
    }
    definition = BY_NAME["GetSubmissionSetAndContents"]
    enough, short = (replace(domain, max_objects=3, max_references=most) for most in (7, 6))
    found = run(record, asked(definition, slots, enough, "LeafClass"), record.scope(), enough)
    assert last.id in ids(found)
    with pytest.raises(Refused):
        run(record, asked(definition, slots, short, "LeafClass"), record.scope(), short)


def test_a_hidden_document_is_not_told_by_its_associations(record: Any, make: Any, domain: Domain) -> None:
    secret = make.entry(confidentiality=(Code("V", "2.999.5", "x"),))
    shown, folder = make.entry(), make.folder()
    links = [make.member(folder.id, secret.id), make.link(Relation.SIGNS, shown.id, secret.id)]
    record.register(make.submission(secret, shown, folders=[folder], links=links), make)
    names: dict[str, Slots] = {
        "GetAssociations": {"$uuid": [[secret.id, folder.id, shown.id]]},
        "GetSubmissionSets": {"$uuid": [[secret.id]]},
        "GetDocumentsAndAssociations": {"$XDSDocumentEntryEntryUUID": [[shown.id, secret.id]]},
        "GetFolderAndContents": {"$XDSFolderEntryUUID": [[folder.id]]},
        "GetFoldersForDocument": {"$XDSDocumentEntryEntryUUID": [[secret.id]]},
        "GetRelatedDocuments": {
            "$XDSDocumentEntryEntryUUID": [[shown.id]],
            "$AssociationTypes": [[codes.ASSOCIATION_TYPES["signs"]]],
        },
    }
    for name, slots in names.items():
        found = run(record, asked(BY_NAME[name], slots, domain, "LeafClass"), record.scope(rank=2), domain)
        assert all(secret.id not in {row.uuid, *ends(row)} for row in found.rows)
    for name in ("GetSubmissionSets", "GetFoldersForDocument", "GetRelatedDocuments"):
        query = asked(BY_NAME[name], names[name], domain, "LeafClass")
        assert ids(run(record, query, record.scope(rank=2), domain)) == set()
        assert ids(run(record, query, record.scope(rank=3), domain)) != set()


def ends(row: Any) -> tuple[str, ...]:
    return (row.source, row.target) if hasattr(row, "source") else ()


def test_a_set_that_is_asked_for_by_its_own_id_contains_nothing(
    record: Any, make: Any, domain: Domain
) -> None:
    """GetSubmissionSets is told members; a folder among them does not lead to itself."""
    entry, folder = make.entry(), make.folder()
    submission = record.register(
        make.submission(entry, folders=[folder], links=[make.member(folder.id, entry.id)]), make
    )
    definition, head = BY_NAME["GetSubmissionSets"], submission.submission_set.id
    own = asked(definition, {"$uuid": [[head]]}, domain, "LeafClass")
    assert ids(run(record, own, record.scope(), domain)) == set()
    both = asked(definition, {"$uuid": [[entry.id, folder.id]]}, domain, "LeafClass")
    held = {
        item.id
        for item in submission.associations
        if item.source == head and item.target in {entry.id, folder.id}
    }
    assert ids(run(record, both, record.scope(), domain)) == {head, *held}


def test_no_scope_no_answer(record: Any, make: Any, domain: Domain) -> None:
    entry = make.entry()
    record.register(make.submission(entry), make)
    query = asked(BY_NAME["GetDocuments"], {"$XDSDocumentEntryEntryUUID": [[entry.id]]}, domain, "LeafClass")
    assert run(record, query, Scope(), domain).rows == []
    assert ids(run(record, query, record.scope(), domain)) == {entry.id}


# --- Metadata Update (ITI TF-2 3.18.4.1.2.3.5.1) -------------------------------------------------


def test_what_was_put_aside_is_shown_at_level_2_only(record: Any, make: Any, domain: Domain) -> None:
    shown, offline = make.entry(), make.entry(availability=f"{codes.AVAILABILITY_PREFIX}Offline")
    folder = make.folder(status=Status.DEPRECATED)
    link = make.link(Relation.HAS_MEMBER, folder.id, shown.id, status=Status.DEPRECATED)
    enter(record, make.submission(shown, offline, folders=[folder], links=[link]))
    assert found_by(record, domain, "FindDocuments", **FIND) == {shown.id}
    assert found_by(record, domain, "FindDocuments", **FIND, MetadataLevel=["2"]) == {shown.id, offline.id}
    folders = {"XDSFolderPatientId": [PATIENT], "XDSFolderStatus": [APPROVED, DEPRECATED]}
    assert found_by(record, domain, "FindFolders", **folders) == set()
    assert found_by(record, domain, "FindFolders", **folders, MetadataLevel=["2"]) == {folder.id}
    assert link.id not in found_by(record, domain, "GetAssociations", uuid=[shown.id])
    assert link.id in found_by(record, domain, "GetAssociations", uuid=[shown.id], MetadataLevel=["2"])


def test_versions_are_found_by_their_logical_id(record: Any, make: Any, domain: Domain) -> None:
    first = make.entry()
    second = make.entry(unique_id=first.unique_id, logical_id=first.id, version=2)
    folder = make.folder()
    enter(record, make.submission(first, folders=[folder]))
    enter(record, make.submission(second))
    logical = {"XDSDocumentEntryLogicalID": [first.id]}
    assert found_by(record, domain, "GetDocuments", **logical, MetadataLevel=["2"]) == {first.id, second.id}
    assert found_by(record, domain, "GetFolders", XDSFolderLogicalID=[folder.id]) == {folder.id}


def test_availability_and_association_status_are_filters(record: Any, make: Any, domain: Domain) -> None:
    online, offline = make.entry(), make.entry(availability=f"{codes.AVAILABILITY_PREFIX}Offline")
    links = [make.link(Relation.SIGNS, online.id, offline.id, status=each) for each in Status]
    enter(record, make.submission(online, offline, links=links))
    for name, entry in (("Online", online), ("Offline", offline)):
        asked_for = {"XDSDocumentEntryDocumentAvailability": [f"{codes.AVAILABILITY_PREFIX}{name}"]}
        assert found_by(record, domain, "FindDocuments", **FIND, **asked_for, MetadataLevel=["2"]) == {
            entry.id
        }
    for status, link in zip((APPROVED, DEPRECATED), links, strict=True):
        got = found_by(
            record,
            domain,
            "GetAssociations",
            uuid=[offline.id],
            XDSAssociationStatus=[status],
            MetadataLevel=["2"],
        )
        assert got & {each.id for each in links} == {link.id}


# --- options -------------------------------------------------------------------------------------


def test_exclusion_leaves_out_what_has_the_value_and_nothing_else(
    record: Any, make: Any, domain: Domain
) -> None:
    plain = make.entry(class_code=None, practice_setting=None)
    coded = make.entry(events=(Code("e", "2.999.5", "x"),), class_code=Code("c", "2.999.5", "x"))
    on_demand = make.entry(type=EntryType.ON_DEMAND)
    enter(record, make.submission(plain, coded, on_demand))
    for parameter, value in (("ClassCode", "c^^2.999.5"), ("EventCodeList", "e^^2.999.5")):
        without = {f"XDSDocumentEntry{parameter}Exclude": [value]}
        assert found_by(record, domain, "FindDocumentsExclude", **FIND, **without) == {plain.id}
    unstable = {"XDSDocumentEntryTypeExclude": [codes.STABLE]}
    assert found_by(record, domain, "FindDocumentsExclude", **FIND, **unstable) == {on_demand.id}


def test_titles_are_found_by_pattern(record: Any, make: Any, domain: Domain) -> None:
    letter, none = make.entry(title="Children's letter"), make.entry(title=None)
    enter(record, make.submission(letter, none))
    for pattern, found in (("Children's letter", {letter.id}), ("%LETTER", set()), ("%letter", {letter.id})):
        asked_for = {"XDSDocumentEntryTitle": [pattern]}
        assert found_by(record, domain, "FindDocumentsByTitle", **FIND, **asked_for) == found


def test_creation_time_says_nothing_of_what_is_made_on_demand(record: Any, make: Any, domain: Domain) -> None:
    made = make.entry(type=EntryType.ON_DEMAND, creation_time=None)
    stable = make.entry(creation_time="2020")
    enter(record, make.submission(made, stable))
    both = {**FIND, "XDSDocumentEntryType": [codes.STABLE, codes.ON_DEMAND]}
    assert found_by(record, domain, "FindDocuments", **both, XDSDocumentEntryCreationTimeFrom=["2021"]) == {
        made.id
    }


def test_an_association_of_two_patients_is_no_object_of_another_patient(
    record: Any, make: Any, domain: Domain
) -> None:
    other = PatientId("PAT-2", "2.999.1.1")
    record.feed(other)
    entry = make.entry()
    record.register(make.submission(entry), make)
    referring = make.submission(patient=other)
    link = make.member(referring.submission_set.id, entry.id, "Reference")
    record.register(replace(referring, associations=(link,)), make)
    query = asked(
        BY_NAME["GetDocumentsAndAssociations"], {"$XDSDocumentEntryEntryUUID": [[entry.id]]}, domain
    )
    assert {entry.id, link.id} <= ids(run(record, query, record.scope(PATIENT_1, other), domain))
    assert link.id not in ids(run(record, query, record.scope(), domain))
    assert len(encode(run(record, query, record.scope(), domain), domain).pieces) == 1


def enter(record: Any, submission: Any) -> None:
    """Registered as it stands, past admission."""
    admission = Admission(
        submission=submission, replaced=(), dependents=(), required=(), touched_folders=(), digest="x"
    )
    work, scope = UnitOfWork(), record.scope()
    fragments = {name: f"<{name}/>" for name in submission.ids}
    record.registry.register(work, scope, admission, fragments, scope.patients[0], AT)
    record.commit(work)
