"""Consent documents and the book of rights on both databases: one consent, one document, one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.errors import Outdated, Refused
from gateway.record.access import Grant, Opposition, Period, Scope
from gateway.record.consents import Consent, Directive, Kind, Status
from gateway.record.documents import DocumentEntry, Relation, Submission
from gateway.record.people import Code, PatientId
from gateway.rights.book import Said
from gateway.rights.documents import ConsentReader, Known, Stated, unread
from gateway.rights.form import document_of
from gateway.rights.rights_json import combined, from_json
from gateway.stores.content import Content, Octets
from gateway.stores.work import UnitOfWork
from tests.consentdocs import BPPC

ANNA = PatientId("A-1", "2.999.1.1")
OPPOSED = Directive(kind=Kind.OPPOSITION)


def read(entry: DocumentEntry, octets: bytes, known: Known, at: datetime) -> Stated:
    """A form of consent whose text is "opposed", or anything else for nothing."""
    assert entry.unique_id
    assert isinstance(known, Known)
    period = Period(None, at) if octets == b"ended" else Period()
    return Stated(
        directives=(OPPOSED,) if octets == b"opposed" else (), policies=("2.999.10.1",), period=period
    )


@dataclass
class Desk:
    """Submissions for one patient through the port alone."""

    record: Any
    make: Any

    def __post_init__(self) -> None:
        self.key = self.record.feed(ANNA)
        self.documents = replace(self.record.access.documents, readers={BPPC.code: ConsentReader("T", read)})

    def asking(self, work: UnitOfWork) -> Any:
        scope = Scope(grants={self.key: Grant(rank=3)}, identities={self.key: ANNA})
        return self.record.asking(work, scope)

    def paper(self, text: bytes = b"opposed", **changes: Any) -> tuple[DocumentEntry, dict[str, Content]]:
        entry = self.make.entry(patient=ANNA, format_code=BPPC, **changes)
        return entry, {entry.unique_id: Octets(text)}

    def unit(self, submission: Submission, contents: Mapping[str, Content]) -> UnitOfWork:
        """Registration and consent, not yet written."""
        work = self.record.prepared(submission, self.make, self.asking(UnitOfWork()).scope)
        call = self.asking(work)
        admission = self.record.run(self.record.admitted(submission, call.scope, self.make))
        self.record.run(self.documents.take(call, submission, admission, contents))
        return work

    def submission(self, entry: DocumentEntry, replaces: str | None = None) -> Submission:
        links = [self.make.link(Relation.REPLACE, entry.id, replaces)] if replaces else []
        return self.make.submission(entry, links=links, patient=ANNA)

    def submit(self, text: bytes = b"opposed", replaces: str | None = None) -> DocumentEntry:
        entry, contents = self.paper(text)
        self.record.commit(self.unit(self.submission(entry, replaces), contents))
        return entry

    def consents(self) -> list[Consent]:
        call = self.asking(UnitOfWork())
        found: list[Consent] = self.record.run(self.record.access.rights.consents(call, versions=True))
        return found

    def opposed(self) -> bool:
        found = self.record.run(self.record.patients.find(ANNA))
        return combined([from_json(each) for each in found.rights]).oppositions == (Opposition(),)


@pytest.fixture
def desk(record: Any, make: Any) -> Desk:
    return Desk(record, make)


def test_a_document_is_a_version_of_its_consent(desk: Desk) -> None:
    first = desk.submit()
    assert desk.opposed()
    second = desk.submit(b"nothing", replaces=first.id)
    assert not desk.opposed()
    versions = desk.consents()
    assert [(each.version, document_of(each, {"T"})) for each in versions] == [
        (1, first.unique_id),
        (2, second.unique_id),
    ]
    assert len({each.id for each in versions}) == 1
    assert versions[0].author.by == "T"
    assert versions[0].form["policy"] == [{"uri": "urn:oid:2.999.10.1"}]


def test_of_two_workers_one_replaces(desk: Desk) -> None:
    first = desk.submit()
    units = []
    for _ in range(2):
        entry, contents = desk.paper(b"nothing")
        units.append(desk.unit(desk.submission(entry, first.id), contents))
    desk.record.commit(units[0])
    with pytest.raises((Outdated, Refused)):
        desk.record.commit(units[1])
    assert [each.version for each in desk.consents()] == [1, 2]


def test_document_and_consent_fall_together(desk: Desk) -> None:
    """The consent was changed in another way meanwhile: the document is not registered either."""
    first = desk.submit()
    entry, contents = desk.paper(b"nothing")
    late = desk.unit(desk.submission(entry, first.id), contents)
    (consent,) = desk.consents()
    work = UnitOfWork()
    said = Said(directives=(OPPOSED,), author=consent.author)
    desk.record.run(desk.record.access.rights.change(desk.asking(work), consent.id, said))
    desk.record.commit(work)
    with pytest.raises(Outdated):
        desk.record.commit(late)
    assert desk.record.run(desk.record.registry.claims([entry.unique_id])) == {}
    assert desk.opposed()


def test_what_another_door_changed_still_belongs_to_the_document(desk: Desk) -> None:
    first = desk.submit()
    (consent,) = desk.consents()
    work = UnitOfWork()
    said = Said(directives=(), author=replace(consent.author, by="ITI-108"), form={"resourceType": "Consent"})
    desk.record.run(desk.record.access.rights.change(desk.asking(work), consent.id, said))
    desk.record.commit(work)
    desk.submit(replaces=first.id)
    assert [each.version for each in desk.consents()] == [1, 2, 3]
    assert desk.opposed()


def test_an_end_is_kept_and_counts_no_longer(desk: Desk) -> None:
    first = desk.submit()
    work = UnitOfWork()
    desk.record.run(desk.documents.end(desk.asking(work), {first.unique_id, "2.999.7.99"}))
    desk.record.commit(work)
    assert [each.status for each in desk.consents()] == [Status.ACTIVE, Status.ENDED]
    assert not desk.opposed()
    assert desk.record.run(desk.documents.in_force([desk.key], {first.unique_id})) == {}
    found = desk.record.run(desk.documents.about([desk.key], {first.unique_id}))
    assert found[first.unique_id].status is Status.ENDED


def refusal(desk: Desk, submission: Submission, contents: Mapping[str, Content]) -> str:
    with pytest.raises(Refused) as refused:
        desk.unit(submission, contents)
    return refused.value.detail


def test_metadata_alone_state_nothing_and_replace_nothing_in_force(desk: Desk) -> None:
    entry, _ = desk.paper()
    alone = desk.submission(entry)
    desk.record.commit(desk.unit(alone, {}))
    assert not desk.consents()
    assert [each.location for each in unread(alone)] == [entry.id]
    first = desk.submit()
    other, _ = desk.paper()
    assert "with its content" in refusal(desk, desk.submission(other, replaces=first.id), {})
    assert desk.opposed()


def test_what_is_not_exactly_one_consent_is_refused(desk: Desk) -> None:
    entry, contents = desk.paper(b"ended")
    assert "has ended" in refusal(desk, desk.submission(entry), contents)
    large = {entry.unique_id: Octets(b" " * (16 * 1024 * 1024 + 1))}
    assert "expected at most" in refusal(desk, desk.submission(entry), large)
    second, more = desk.paper()
    both = desk.make.submission(entry, second, patient=ANNA)
    assert "several consent documents" in refusal(desk, both, {**contents, **more})
    other = replace(entry, format_code=Code("urn:ihe:iti:appc:2016:consent", "2.999"))
    assert "not read here" in refusal(desk, desk.submission(other), contents)


def test_another_document_beside_it_cannot_end_a_second_consent(desk: Desk) -> None:
    first = desk.submit()
    entry, contents = desk.paper()
    letter = desk.make.entry(patient=ANNA)
    link = desk.make.link(Relation.REPLACE, letter.id, first.id)
    submission = desk.make.submission(entry, letter, links=[link], patient=ANNA)
    assert "also ends the consent" in refusal(desk, submission, contents)


def test_the_port_reads_nothing_for_ordinary_documents(desk: Desk) -> None:
    letter = desk.make.entry(patient=ANNA)
    desk.record.commit(desk.unit(desk.make.submission(letter, patient=ANNA), {}))
    assert desk.consents() == []


def test_a_source_is_named_as_fhir_names_it(desk: Desk) -> None:
    desk.submit()
    (consent,) = desk.consents()
    identifier = consent.form["sourceReference"]["identifier"]
    assert identifier["system"] == "urn:ietf:rfc:3986"
    assert identifier["value"].startswith("urn:oid:2.999.7.")
    assert consent.form["patient"]["identifier"] == {"system": "urn:oid:2.999.1.1", "value": "A-1"}
    assert consent.at.tzinfo is UTC
    assert document_of(consent, {"another"}) is None
