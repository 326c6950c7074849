"""From an event to an entry: who, what came of it, by which rule; nothing about anybody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.journal.model import ActorKind, Outcome
from gateway.record.events import Agent, Entity
from gateway.record.people import Code, SubjectKind
from tests.accesses import (
    DCM,
    IHE,
    MINE,
    OTHER_SIDE,
    OTHERS,
    OURS,
    READ_PATH,
    decided,
    document_entity,
    entry_of,
    human,
    patient_entity,
    principal,
    reason_entity,
    record,
)

OWN_PATH = ("P1 ok", "P2 ok", "P3 own record", "P4 own record", "P5 own record", "P6 ok")
MANDATE_PATH = ("P1 ok", "P2 ok", "P3 ok", "P4 ok", "P5 ok", "P6 ok")
PAT = Code("PAT", "2.999.1.1")


def test_what_was_permitted_has_person_and_rule() -> None:
    found = entry_of(record(), decided((MINE, READ_PATH, "PERMIT")))
    assert (found.kind, found.outcome, found.rule) == ("read", Outcome.DONE, "treatment")
    assert found.actor.key == ("professional", "dr.weber", "2.999.2.1")
    assert found.named == ("1.2.3",)
    assert not found.shared


@pytest.mark.parametrize(
    ("path", "reason", "refusal"),
    [
        ((*READ_PATH[:3], "P4 deny BLACKLIST"), "BLACKLIST", "blocked"),
        ((*READ_PATH[:2], "P3 deny CONSENT"), "CONSENT", "opposed"),
        ((*READ_PATH[:6], "P7 deny RELATION"), "RELATION", "relation"),
        (("P1 deny SUBJECT_UNKNOWN inactive",), "SUBJECT_UNKNOWN", "person"),
        (("P1 ok", "P10 deny EMERGENCY too many patients"), "EMERGENCY", "emergency"),
        (("P1 deny WHATEVER",), "WHATEVER", "general"),
    ],
)
def test_what_was_refused_has_a_reason(path: tuple[str, ...], reason: str, refusal: str) -> None:
    """Also where the caller got an empty answer, and the event tells of success."""
    found = entry_of(record(outcome=0), decided((MINE, path, reason)))
    assert (found.outcome, found.refusal, found.rule) == (Outcome.REFUSED, refusal, "")


def test_a_refusal_about_somebody_else_is_not_told() -> None:
    """One request for two patients: each learns what was decided on the own record only."""
    decision = decided(
        (OTHERS, (*READ_PATH[:3], "P4 deny BLACKLIST"), "BLACKLIST"),
        (MINE, READ_PATH, "PERMIT"),
        hidden=("9.9.9",),
    )
    entities = (
        patient_entity(),
        patient_entity(OTHERS),
        document_entity("1.2.3"),
        reason_entity("BLACKLIST"),
    )
    found = entry_of(record(entities=entities), decision)
    assert (found.outcome, found.refusal, found.hidden) == (Outcome.DONE, "", False)
    assert found.shared


def test_documents_held_back_are_marked_and_refused_where_none_is_left() -> None:
    entities = (patient_entity(), document_entity("1.2.3"), reason_entity("CONFIDENTIALITY"))
    decision = decided((MINE, READ_PATH, "PERMIT"), hidden=("1.2.3",))
    some = entry_of(record(entities=entities), decision)
    none = entry_of(record(entities=entities, outcome=8), decision)
    assert (some.outcome, some.hidden) == (Outcome.DONE, True)
    assert (none.outcome, none.refusal) == (Outcome.REFUSED, "confidential")


def test_a_failure_is_told_without_its_description() -> None:
    told = record(outcome=8, description="the disk of host 10.0.0.7 is full")
    found = entry_of(told, decided((MINE, READ_PATH, "PERMIT")))
    assert (found.outcome, found.refusal) == (Outcome.FAILED, "failed")


def test_an_emergency_is_marked() -> None:
    types = (Code("110127", DCM), Code("ITI-43", IHE))
    path = (*READ_PATH, "P10 permit EMERGENCY")
    found = entry_of(record(types=types), decided((MINE, path, "EMERGENCY")))
    assert (found.kind, found.emergency, found.rule) == ("read", True, "emergency")


def test_the_patient_the_mandated_person_and_a_stranger() -> None:
    who = principal(SubjectKind.PATIENT, subject=str(MINE), role=PAT, organisation=None)
    bert = replace(who, subject=str(OTHERS))
    no_mandate = (*READ_PATH[:4], "P5 deny MANDATE")
    own = entry_of(record(), decided((MINE, OWN_PATH, "PERMIT"), who=who))
    mandated = entry_of(record(), decided((MINE, MANDATE_PATH, "PERMIT"), who=bert))
    stranger = entry_of(record(), decided((MINE, no_mandate, "MANDATE"), who=bert))
    assert (own.actor.kind, own.rule) == (ActorKind.SELF, "own")
    assert (mandated.actor.kind, mandated.rule) == (ActorKind.REPRESENTATIVE, "mandate")
    assert (stranger.actor.kind, stranger.refusal) == (ActorKind.STRANGER, "mandate")


def test_a_system_is_the_other_side() -> None:
    who = principal(SubjectKind.NODE, subject="hospital", role=None)
    told = record("ITI-8", agents=(OTHER_SIDE, OURS), action="C")
    found = entry_of(told, decided((None, ("P1 ok", "P6 ok"), "PERMIT"), who=who))
    assert (found.actor.kind, found.actor.identifier) == (ActorKind.SYSTEM, "hospital")
    assert (found.kind, found.rule, found.named) == ("person", "system", ())
    notice = entry_of(record("ITI-64", agents=(replace(OURS, requestor=True), OTHER_SIDE)))
    assert (notice.kind, notice.actor.identifier) == ("told", "hospital")


def test_staff_is_told_without_a_name() -> None:
    operator = Agent(user_id="op.meyer", name="op.meyer", requestor=True)
    found = entry_of(record("JRN-1", agents=(operator, OURS)))
    assert (found.kind, found.actor.kind, found.rule) == ("journal", ActorKind.STAFF, "staff")


def test_the_end_of_an_emergency_names_the_professional() -> None:
    ended = record(
        event=Code("110113", DCM),
        types=(Code("110138", DCM),),
        agents=(Agent(user_id="dr.weber", name="Dr Anne Weber", requestor=True), OURS),
    )
    found = entry_of(ended)
    assert (found.kind, found.actor.kind) == ("emergency-end", ActorKind.PROFESSIONAL)


def test_events_of_others_have_no_rule_and_say_who_told_them() -> None:
    told = record(source_id="laboratory", agents=(human(name="Lab<lab.schmit@x>"), OTHER_SIDE))
    found = entry_of(told, received=True)
    assert (found.rule, found.reported_by, found.actor.name) == ("unknown", "laboratory", "Lab")
    other = record(source_id="portal", agents=(human(str(OTHERS), "Bert", PAT),))
    assert entry_of(other, received=True).actor.kind is ActorKind.STRANGER
    same_domain = record(source_id="portal", agents=(human(str(OTHERS), "Bert"),))
    assert entry_of(same_domain, received=True).actor.kind is ActorKind.STRANGER
    mine = record(source_id="portal", agents=(human(str(MINE), "Anna"),))
    assert entry_of(mine, received=True).actor.kind is ActorKind.SELF


def test_an_unknown_transaction_is_never_nothing() -> None:
    told = record(types=(Code("X-99", "urn:other"),), event=Code("999", "urn:other"), agents=())
    found = entry_of(told, received=True)
    assert (found.kind, found.actor.kind) == ("other", ActorKind.UNKNOWN)


def test_a_wrong_presence_code_is_a_refusal() -> None:
    found = entry_of(record("PRS-2", outcome=8), decided((MINE, MANDATE_PATH, "PERMIT")))
    assert (found.outcome, found.refusal) == (Outcome.REFUSED, "code")


def test_of_removed_objects_only_documents_count() -> None:
    stable = Code("urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1", "IHE XDS Metadata")
    link = Code("urn:ihe:iti:2007:AssociationType:HasMember", "IHE XDS Metadata")
    entities = [
        Entity(identifier=name, type_code="2", role="3", id_type=kind, life_cycle="14")
        for name, kind in (("urn:uuid:1", stable), ("urn:uuid:2", link))
    ]
    found = entry_of(record("ITI-62", action="D", entities=(patient_entity(), *entities)))
    assert (found.kind, found.named) == ("remove", ("urn:uuid:1",))
