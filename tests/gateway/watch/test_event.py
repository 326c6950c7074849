"""What the rules see of a row of our trail, and of what another system told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from gateway.errors import Malformed
from gateway.record.events import Agent, AuditRecord, Entity
from gateway.record.people import Code
from gateway.watch.event import Seen, Subject, What, seen_of

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
PATIENT = "P1^^^&2.999.3.1&ISO"
EVIDENCE = orjson.dumps({"node": "hospital", "node_certificate_sha256": "00"}).decode()
RECORD = AuditRecord(
    event=Code("110112", "DCM"),
    types=(Code("ITI-18", "IHE Transactions"),),
    at=AT,
    outcome=0,
    action="E",
    agents=(
        Agent(user_id="dr.weber", name="<dr.weber@idp>", requestor=True),
        Agent(user_id="hospital", requestor=True, address="192.0.2.7", roles=(Code("110153", "DCM"),)),
    ),
    entities=(Entity(identifier=PATIENT, type_code="1", role="1"),),
)


def digest(names: Iterable[str]) -> list[int]:
    return sorted(len(each) for each in names)


def decision(*permitted: bool, kind: str = "professional", **who: Any) -> str:
    told = {"kind": kind, "subject": "dr.weber", "organisation": "urn:oid:2.999.2.1", **who}
    answers = [{"permitted": each} for each in permitted]
    return orjson.dumps({"asked": {"who": told}, "decisions": answers}).decode()


def look(record: AuditRecord = RECORD, **told: Any) -> Seen:
    found = seen_of(record, "name", digest, **({"evidence": EVIDENCE, "decision": decision(True)} | told))
    assert found is not None
    return found


def alert(kind: str, outcome: int = 8) -> AuditRecord:
    return replace(RECORD, event=Code("110113", "DCM"), types=(Code(kind, "x"),), outcome=outcome)


def test_a_permitted_query() -> None:
    seen = look()
    assert (seen.what, seen.node, seen.address) == (What.USE, "hospital", "192.0.2.7")
    assert seen.person == Subject("person", "dr.weber")
    assert seen.organisation == "2.999.2.1"
    assert (seen.reads, seen.refused, seen.emergency) == (True, False, False)
    assert seen.patients == (len(f"patient|{PATIENT}"),)
    assert seen.at == AT.timestamp() * 1_000


@pytest.mark.parametrize(
    ("answers", "refused"), [((False,), True), ((False, True), False), ((True, True), False)]
)
def test_refused_is_what_is_permitted_for_no_patient(answers: tuple[bool, ...], refused: bool) -> None:  # noqa: FBT001
    assert look(decision=decision(*answers)).refused is refused


def test_what_failed_after_the_decision_is_refused_and_what_cannot_be_read_is_nobodys() -> None:
    failed = replace(RECORD, outcome=8)
    assert look(failed).refused
    seen = look(failed, decision=None)
    assert (seen.refused, seen.person) == (False, None)


def test_a_patient_who_acts_is_a_digest() -> None:
    agents = (Agent(user_id=PATIENT, requestor=True), *RECORD.agents[1:])
    seen = look(replace(RECORD, agents=agents), decision=decision(True, kind="patient"))
    assert seen.person == Subject("patient", f"{len(f'patient|{PATIENT}'):016x}")
    assert seen.professional is None
    assert look(decision=decision(True, kind="node")).person is None


@pytest.mark.parametrize(
    ("record", "what"),
    [
        (alert("110126"), What.NODE),
        (alert("message-security"), What.MESSAGE),
        (alert("protocol-abuse", 4), What.MESSAGE),
        (alert("emergencies-exceeded"), What.EMERGENCIES),
        (alert("110137", 0), What.OTHER),
        (
            replace(RECORD, event=Code("110114", "DCM"), types=(Code("110122", "DCM"),), outcome=8),
            What.ASSERTION,
        ),
        (replace(RECORD, event=Code("110114", "DCM"), types=(Code("110122", "DCM"),)), What.OTHER),
    ],
)
def test_what_kinds_of_events_there_are(record: AuditRecord, what: What) -> None:
    assert look(record, decision=None).what is what


def test_a_connection_that_did_not_come_about_has_an_address_only() -> None:
    evidence = orjson.dumps({"node": "192.0.2.9", "node_certificate_sha256": None}).decode()
    assert look(alert("110126"), evidence=evidence, decision=None).node == ""


def test_the_watch_does_not_watch_itself() -> None:
    for kind in ("watch-alert", "incident-step"):
        assert seen_of(alert(kind), "name", digest, evidence=EVIDENCE) is None


def test_documents_of_a_failed_retrieve_were_asked_for_in_vain() -> None:
    asked = (*RECORD.entities, *[Entity(identifier=f"2.25.{each}", role="3") for each in range(3)])
    retrieve = replace(RECORD, event=Code("110106", "DCM"), entities=asked)
    assert look(replace(retrieve, outcome=8)).missed == 3
    assert look(retrieve).missed == 0


def test_an_emergency_is_known_by_its_type() -> None:
    types = (*RECORD.types, Code("110127", "DCM"))
    assert look(replace(RECORD, types=types)).emergency


def test_of_what_another_system_told_the_sender_is_the_node_and_a_future_time_is_not_believed() -> None:
    ahead = replace(RECORD, at=AT + timedelta(days=900), outcome=8)
    seen = look(ahead, evidence=None, decision=None, sender="laboratory", latest=AT)
    assert (seen.node, seen.person, seen.at) == (
        "laboratory",
        Subject("person", "dr.weber"),
        AT.timestamp() * 1_000,
    )
    assert seen.refused
    assert look(evidence=None, decision=None).node == "", "over UDP nobody knows"


def test_names_that_no_database_takes_are_made_harmless() -> None:
    """Whoever writes half a surrogate pair or a zero into a token must not stay unseen by it."""
    told = decision(False, organisation="2.999#").replace("#", "\\ud800")
    seen = look(decision=told)
    assert (seen.organisation, seen.refused) == ("2.999?", True)
    agents = (Agent(user_id="dr\x00weber", requestor=True), *RECORD.agents[1:])
    assert look(replace(RECORD, agents=agents)).person == Subject("person", "dr?weber")


@pytest.mark.parametrize("text", ["{", "[]", "1"])
def test_a_row_whose_decision_was_spoilt_is_no_event(text: str) -> None:
    with pytest.raises(Malformed):
        look(decision=text)
