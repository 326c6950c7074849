"""Presence codes as the desk gives and takes them, on both databases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.errors import Denied, Meaning, Outdated, Refused
from gateway.record.access import Grant, Listing, Period, Scope
from gateway.record.consents import Consent
from gateway.record.people import Code, PatientId, Principal, SubjectKind
from gateway.rights.presence import ALPHABET, Issued, PresenceDesk, normalised
from gateway.rights.rights_json import from_json
from gateway.stores.work import UnitOfWork

ANNA, BEN = PatientId("A-1", "2.999.1.1"), PatientId("B-1", "2.999.1.1")
AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
DOCTOR = Principal(
    kind=SubjectKind.PROFESSIONAL,
    subject="dr-1",
    name="Dr One",
    issuer="-",
    role=Code("PHYSICIAN", "2.999.1.1"),
    organisation="2.999.5.1",
    purpose=None,
    confirmation="bearer",
    token_id=None,
    token_digest=None,
    expires=None,
)


@dataclass
class Call:
    scope: Scope
    work: UnitOfWork
    principal: Principal = DOCTOR
    at: datetime = AT
    trace_id: str = "0" * 32


class Counter:
    """The desk, with the record it stands in."""

    def __init__(self, record: Any) -> None:
        self.record = record
        self.desk: PresenceDesk = record.access.presence
        self.keys = {each: record.feed(each) for each in (ANNA, BEN)}

    def call(self, *patients: PatientId, **more: Any) -> Call:
        scope = Scope(
            grants={self.keys[each]: Grant(rank=1) for each in patients},
            identities={self.keys[each]: each for each in patients},
        )
        return Call(scope, UnitOfWork(), **more)

    def issue(self, patient: PatientId = ANNA) -> Issued:
        call = self.call(patient)
        issued: Issued = self.record.run(self.desk.issue(call, patient))
        self.record.commit(call.work)
        return issued

    def noted(self, code: str, patient: PatientId = ANNA, **more: Any) -> UnitOfWork:
        """The unit of work of a redemption that is not written yet."""
        whole = more.pop("whole", False)
        call = self.call(*more.pop("scope", (patient,)), **more)
        self.record.run(self.desk.redeem(call, patient, code, whole=whole))
        return call.work

    def relations(self) -> tuple[Listing, ...]:
        (text, _) = self.record.run(self.record.access.rights.store.rights(self.keys[ANNA]))
        return from_json(text).relations


@pytest.fixture
def counter(record: Any) -> Counter:
    return Counter(record)


def test_a_code_becomes_a_relation_of_the_person(counter: Counter) -> None:
    issued = counter.issue()
    assert set(issued.code.replace("-", "")) <= set(ALPHABET)
    assert issued.until == AT + timedelta(days=1)
    counter.record.commit(counter.noted(issued.code))
    assert counter.relations() == (Listing("dr-1", Period(AT, AT + timedelta(days=90))),)


def test_a_code_becomes_a_relation_of_the_organisation(counter: Counter) -> None:
    counter.record.commit(counter.noted(counter.issue().code, whole=True))
    assert [each.subject for each in counter.relations()] == ["2.999.5.1"]
    nowhere = replace(DOCTOR, organisation=None)
    with pytest.raises(Refused, match="names no organisation"):
        counter.noted(counter.issue().code, whole=True, principal=nowhere)


def test_two_who_use_a_code_at_once_do_not_both_get_it(counter: Counter) -> None:
    code = counter.issue().code
    first, second = counter.noted(code), counter.noted(code, principal=replace(DOCTOR, subject="dr-2"))
    counter.record.commit(first)
    with pytest.raises(Outdated):
        counter.record.commit(second)
    assert [each.subject for each in counter.relations()] == ["dr-1"]


def test_who_is_out_of_scope_gets_what_a_wrong_code_gets(counter: Counter) -> None:
    code = counter.issue().code
    told = set()
    for given in ({"code": "AAAA"}, {"code": code, "scope": ()}, {"code": code, "patient": BEN}):
        with pytest.raises(Refused) as caught:
            counter.noted(**given)  # type: ignore[arg-type]
        told.add(caught.value.problems)
    assert len(told) == 1
    ((problem,),) = told
    assert problem.meaning is Meaning.NOT_PERMITTED


def test_no_code_for_a_patient_out_of_scope_and_none_too_many(counter: Counter) -> None:
    with pytest.raises(Denied):
        counter.record.run(counter.desk.issue(counter.call(BEN), ANNA))
    for _ in range(3):
        counter.issue()
    with pytest.raises(Refused, match="3 codes are open"):
        counter.issue()
    counter.issue(BEN)


def test_two_codes_given_at_once_are_noticed(counter: Counter) -> None:
    first, second = counter.call(ANNA), counter.call(ANNA)
    for call in (first, second):
        counter.record.run(counter.desk.issue(call, ANNA))
    counter.record.commit(first.work)
    with pytest.raises(Outdated):
        counter.record.commit(second.work)


@pytest.mark.parametrize("written", ["F7KM-3QRT", "f7km3qrt", " F7KM 3QRT ", "F7-KM-3Q-RT"])
def test_how_a_code_is_written_does_not_matter(written: str) -> None:
    assert normalised(written) == "F7KM3QRT"


def test_the_consent_tells_who_made_it_and_how(counter: Counter) -> None:
    call = counter.call(ANNA)
    made: Consent = counter.record.run(counter.desk.redeem(call, ANNA, counter.issue().code, whole=False))
    assert (made.author.subject, made.author.kind, made.author.by) == (
        "dr-1", "professional", "presence code",
    )  # fmt: skip
