"""Consents are kept as versions; what they come to is what the rights engine reads next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from gateway.errors import Denied, Meaning, Outdated, Refused
from gateway.record.access import Grant, Listing, Mandate, Opposition, PatientRights, Period, Scope
from gateway.record.consents import Author, Consent, Directive, Kind, Status
from gateway.record.people import PatientId
from gateway.rights.book import Said
from gateway.rights.rights_json import combined, from_json
from gateway.stores import tables
from gateway.stores.work import UnitOfWork

ANNA = PatientId("A-1", "2.999.1.1")
AUTHOR = Author(subject=str(ANNA), name="Anna", kind="patient", by="test")
END = datetime(2027, 1, 1, tzinfo=UTC)


class Book:
    """The book as one patient uses it; each change is committed at once."""

    def __init__(self, record: Any) -> None:
        self.record, self.key = record, record.feed(ANNA)
        self.book = record.access.rights

    def scope(self) -> Scope:
        return Scope(grants={self.key: Grant(rank=1)}, identities={self.key: ANNA})

    def do(self, method: str, *arguments: Any, scope: Scope | None = None, **named: Any) -> Consent:
        work = UnitOfWork()
        call = self.record.asking(work, self.scope() if scope is None else scope)
        kept: Consent = self.record.run(getattr(self.book, method)(call, *arguments, **named))
        self.record.commit(work)
        return kept

    def list(self, *, versions: bool = False) -> list[Consent]:
        call = self.record.asking(scope=self.scope())
        found: list[Consent] = self.record.run(self.book.consents(call, versions=versions))
        return found

    def rights(self) -> PatientRights:
        found = self.record.run(self.record.patients.find(ANNA))
        return combined([from_json(each) for each in found.rights])


@pytest.fixture
def book(record: Any) -> Book:
    return Book(record)


def said(*directives: Directive, **more: Any) -> Said:
    return Said(directives=directives, author=AUTHOR, **more)


def test_what_was_said_counts_and_is_kept_with_its_author(book: Book) -> None:
    directives = (
        Directive(kind=Kind.OPPOSITION, purpose="RESEARCH", period=Period(None, END)),
        Directive(kind=Kind.DENIAL, subject="dr.bad"),
        Directive(kind=Kind.MANDATE, subject="mother", given_by="parent", actions=frozenset({"rights:read"})),
    )
    kept = book.do("add", ANNA, said(*directives, reason="my choice", form={"resourceType": "Consent"}))
    assert book.list() == [kept]
    assert (kept.version, kept.status, kept.reason) == (1, Status.ACTIVE, "my choice")
    assert kept.author == AUTHOR
    rights = book.rights()
    assert rights.oppositions == (Opposition("RESEARCH", Period(None, END)),)
    assert rights.blacklist == (Listing("dr.bad"),)
    assert rights.mandates == (Mandate("mother", Period(), "parent", frozenset({"rights:read"})),)


def test_a_change_is_a_version_and_the_end_takes_it_out(book: Book) -> None:
    first = book.do("add", ANNA, said(Directive(kind=Kind.OPPOSITION)))
    second = book.do("change", first.id, said(Directive(kind=Kind.CLOSURE)), known=1)
    assert (second.id, second.version) == (first.id, 2)
    assert book.rights() == PatientRights(open=False)
    ended = book.do("end", first.id, AUTHOR, "no longer")
    assert (ended.version, ended.status) == (3, Status.ENDED)
    assert book.rights() == PatientRights()
    assert [each.version for each in book.list(versions=True)] == [1, 2, 3]
    history = book.record.run(book.book.store.rights_version(book.key, 1))
    assert from_json(history).oppositions == (Opposition(),)
    at = book.record.asking().at
    text, version = book.record.run(book.book.store.rights_at(book.key, at))
    assert (from_json(text), version) == (PatientRights(), 3)
    assert book.record.run(book.book.store.rights_at(book.key, at - timedelta(seconds=1))) is None


def test_a_version_that_was_not_seen_is_not_replaced(book: Book) -> None:
    first = book.do("add", ANNA, said(Directive(kind=Kind.OPPOSITION)))
    book.do("change", first.id, said(Directive(kind=Kind.CLOSURE)))
    with pytest.raises(Refused) as refused:
        book.do("change", first.id, said(), known=1)
    assert refused.value.problems[0].meaning is Meaning.UPDATE_VERSION


def test_two_changes_at_once_do_not_lose_one(book: Book) -> None:
    works = [UnitOfWork(), UnitOfWork()]
    for work, subject in zip(works, ("dr.one", "dr.two"), strict=True):
        call = book.record.asking(work, book.scope())
        book.record.run(book.book.add(call, ANNA, said(Directive(kind=Kind.DENIAL, subject=subject))))
    book.record.commit(works[0])
    with pytest.raises(Outdated):
        book.record.commit(works[1])
    assert [each.subject for each in book.rights().blacklist] == ["dr.one"]
    assert len(book.list()) == 1


@pytest.mark.parametrize(
    "directive",
    [
        Directive(kind=Kind.DENIAL),
        Directive(kind=Kind.LEVEL, subject="dr.one"),
        Directive(kind=Kind.LEVEL, subject="dr.one", rank=4),
        Directive(kind=Kind.RAISING, rank=2),
        Directive(kind=Kind.MANDATE, subject="mother"),
        Directive(kind=Kind.CLOSURE, period=Period(None, END)),
    ],
    ids=lambda each: each.kind.value,
)
def test_a_directive_that_lacks_something_is_refused(book: Book, directive: Directive) -> None:
    with pytest.raises(Refused):
        book.do("add", ANNA, said(directive))
    assert book.list() == []


def test_a_document_on_both_lists_is_refused(book: Book) -> None:
    documents = frozenset({"2.999.8.1"})
    book.do("add", ANNA, said(Directive(kind=Kind.DENIAL, subject="*", documents=documents)))
    with pytest.raises(Refused):
        book.do("add", ANNA, said(Directive(kind=Kind.ALLOWANCE, subject="dr.one", documents=documents)))


def test_outside_the_scope_there_is_nothing(book: Book) -> None:
    kept = book.do("add", ANNA, said(Directive(kind=Kind.OPPOSITION)))
    with pytest.raises(Denied):
        book.do("add", ANNA, said(Directive(kind=Kind.CLOSURE)), scope=Scope())
    with pytest.raises(Refused) as refused:
        book.do("end", kept.id, AUTHOR, "", scope=Scope())
    assert refused.value.problems[0].meaning is Meaning.NOT_FOUND


def test_the_consents_cannot_be_read_in_the_database(book: Book) -> None:
    book.do("add", ANNA, said(Directive(kind=Kind.DENIAL, subject="dr.bad"), reason="he told my wife"))
    (row,) = book.record.run(book.record.database.fetch(select(tables.consent)))
    assert b"wife" not in row.content
