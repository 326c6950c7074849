"""Systems, patients and those who act for them, in front of the engine."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.declare.actions import Action
from gateway.record.access import AccessLevel, Listing, Mandate, Opposition, PatientRights, Period
from gateway.record.people import PatientId, Principal, SubjectKind
from tests.gateway.policy.questions import ORGANISATION, OTHER, PATIENT, Ask, Person

# --- systems, and what concerns no record --------------------------------------------------------


def feed(person: Person, **changes: Any) -> Principal:
    given = {"kind": SubjectKind.NODE, "subject": "hospital", "role": "NODE", "purpose": None}
    return person(**{**given, **changes})


def test_a_feed_is_decided_by_directory_and_matrix(ask: Ask, person: Person) -> None:
    for action in (Action.PATIENT_FEED, Action.DOCUMENT_PUBLISH):
        decision = ask(principal=feed(person), action=action, rights=None, patient=None)
        assert decision.permitted
        assert decision.path == ("P1 ok", "P6 ok")
        assert decision.grant is None


def test_a_feed_reads_nothing(ask: Ask, person: Person) -> None:
    for action in (Action.DOCUMENT_QUERY, Action.DOCUMENT_READ, Action.RIGHTS_READ):
        assert ask(principal=feed(person), action=action).reason == "PROFILE"


def test_a_system_role_is_no_role_for_a_person(ask: Ask, person: Person) -> None:
    assert ask(principal=person(role="NODE")).reason == "SUBJECT_UNKNOWN"


def test_the_tester_sees_everything(ask: Ask, person: Person) -> None:
    rights = PatientRights(oppositions=(Opposition(),), blacklist=(Listing("*"),))
    decision = ask(principal=feed(person, role="TESTER"), rights=rights)
    assert decision.permitted
    assert decision.grant is not None
    assert (decision.grant.rank, decision.grant.classes, decision.grant.hidden) == (3, None, frozenset())


def test_identity_queries_need_no_record(ask: Ask, person: Person) -> None:
    decision = ask(action=Action.PATIENT_QUERY, rights=None, patient=None)
    assert (decision.permitted, decision.path) == (True, ("P1 ok", "P6 ok"))
    assert ask(principal=person(purpose=None), action=Action.PATIENT_QUERY).reason == "PURPOSE"


def test_an_identity_query_opens_no_document(ask: Ask) -> None:
    grant = ask(action=Action.PATIENT_QUERY, rights=PatientRights(levels=(AccessLevel("dr-1", 2),))).grant
    assert grant is not None
    assert (grant.rank, grant.classes, grant.organisation) == (0, frozenset(), None)


def test_what_this_server_can_do_is_read_without_purpose(ask: Ask, person: Person) -> None:
    decision = ask(principal=person(purpose=None), action=Action.METADATA_READ, rights=None, patient=None)
    assert decision.permitted


# --- patients and representatives ----------------------------------------------------------------


def self_of(person: Person, identity: PatientId, **changes: Any) -> Principal:
    given = {"kind": SubjectKind.PATIENT, "role": "PAT", "purpose": "PATRQT", "organisation": None}
    return person(**{**given, "subject": str(identity), **changes})


def proxy_of(person: Person, **changes: Any) -> Principal:
    given = {"kind": SubjectKind.PATIENT, "role": "REPRESENTATIVE", "purpose": "PATRQT", "organisation": None}
    return person(**{**given, "subject": "mother", "on_behalf_of": str(PATIENT), **changes})


def test_the_patient_an_assertion_was_issued_for_is_no_identity(
    ask: Ask, person: Person, patient: PatientId
) -> None:
    decision = ask(principal=self_of(person, patient, subject="somebody", patient=patient))
    assert not decision.permitted


def test_patients_see_all_of_their_own_record(ask: Ask, person: Person, patient: PatientId) -> None:
    rights = PatientRights(
        blacklist=(Listing("*"), Listing("*", documents=frozenset({"a"}))), whitelist_only=True
    )
    decision = ask(principal=self_of(person, patient), rights=rights)
    assert decision.permitted
    assert decision.grant is not None
    assert (decision.grant.rank, decision.grant.classes, decision.grant.hidden) == (3, None, frozenset())


def test_patients_see_no_other_record(ask: Ask, person: Person) -> None:
    assert ask(principal=self_of(person, OTHER)).reason == "MANDATE"
    assert ask(principal=self_of(person, OTHER, patient=OTHER)).reason == "PATIENT_MISMATCH"


def test_patients_read_the_trail_of_their_own_record_only(
    ask: Ask, person: Person, patient: PatientId
) -> None:
    assert ask(principal=self_of(person, patient), action=Action.AUDIT_READ).permitted
    whole = ask(principal=self_of(person, patient), action=Action.AUDIT_READ, patient=None, rights=None)
    assert whole.reason == "DSP_UNAVAILABLE"


def test_a_person_without_patient_role_is_not_the_patient(
    ask: Ask, person: Person, patient: PatientId
) -> None:
    who = self_of(person, patient, role="REPRESENTATIVE", patient=patient)
    assert ask(principal=who).reason == "MANDATE"


def test_a_patient_role_acts_for_nobody_else(ask: Ask, person: Person, patient: PatientId) -> None:
    rights = PatientRights(
        mandates=(Mandate("mother", Period(), "patient"), Mandate("login-7", Period(), "law"))
    )
    for who in (
        self_of(person, patient, subject="mother", on_behalf_of=str(patient)),
        self_of(person, patient, subject="login-7", patient=patient, on_behalf_of=str(patient)),
    ):
        assert ask(principal=who, rights=rights).reason == "MANDATE"


def test_a_mandate_opens_the_record_to_its_holder(ask: Ask, person: Person) -> None:
    rights = PatientRights(mandates=(Mandate("mother", Period(), "law"),))
    decision = ask(principal=proxy_of(person), rights=rights)
    assert decision.permitted
    assert decision.grant is not None
    assert decision.grant.rank == 2
    assert ask(principal=proxy_of(person, subject="aunt"), rights=rights).reason == "MANDATE"


@pytest.mark.parametrize(
    "mandate",
    [
        Mandate("mother", Period(), "patient", derived=True),
        Mandate("mother", Period(), "neighbour"),
        Mandate("mother", Period(), "patient", actions=frozenset({"document:query"})),
        Mandate("2.999.5.1", Period(), "patient"),
    ],
    ids=["derived", "given by a stranger", "for another action", "held by an organisation"],
)
def test_mandates_that_do_not_count(ask: Ask, person: Person, mandate: Mandate) -> None:
    who = proxy_of(person, organisation=ORGANISATION)
    assert ask(principal=who, rights=PatientRights(mandates=(mandate,))).reason == "MANDATE"


@pytest.mark.parametrize(
    ("named", "permitted"), [(str(PATIENT), True), ("P-1", True), (None, True), ("P-2", False)]
)
def test_the_one_acted_for_is_the_patient_of_the_record(
    ask: Ask, person: Person, named: str | None, *, permitted: bool
) -> None:
    rights = PatientRights(mandates=(Mandate("mother", Period(), str(PATIENT)),))
    assert ask(principal=proxy_of(person, on_behalf_of=named), rights=rights).permitted is permitted
