"""Events of an invented patient, ready to be read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateway.declare.actions import Action
from gateway.journal.model import Entry
from gateway.journal.reading import read_entry
from gateway.journal.words import codes
from gateway.policy.question import Question
from gateway.policy.receipt import Answered, write_receipt
from gateway.record.access import Decision
from gateway.record.events import Agent, AuditRecord, Entity
from gateway.record.people import Code, PatientId, Principal, SubjectKind
from gateway.stores.events import OWN, USE, Found
from gateway.trail.book import Kept

AT = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
MINE, OTHERS = PatientId("ANNA", "2.999.1.1"), PatientId("BERT", "2.999.1.1")
DCM, IHE = "DCM", "IHE Transactions"
READ_PATH = (
    "P1 ok",
    "P2 ok",
    "P3 ok",
    "P4 ok",
    "P5 not needed",
    "P6 ok",
    "P7 ok",
    "P8 level 1",
    "P9 up to 1",
)
PHYSICIAN = Code("PHYSICIAN", "2.999.1.1", "Physician")


def patient_entity(patient: PatientId = MINE) -> Entity:
    return Entity(identifier=str(patient), type_code="1", role="1", id_type=Code("2", "RFC-3881"))


def document_entity(name: str) -> Entity:
    return Entity(identifier=name, type_code="2", role="3", id_type=Code("9", "RFC-3881"))


def reason_entity(reason: str) -> Entity:
    details = (("reason", reason), ("rule", "P9"))
    return Entity(identifier="v1", type_code="2", role="13", id_type=Code("110147", DCM), details=details)


def human(subject: str = "dr.weber", name: str = "<dr.weber@issuer>", role: Code = PHYSICIAN) -> Agent:
    return Agent(user_id=subject, name=name, requestor=True, roles=(role,))


OTHER_SIDE = Agent(
    user_id="hospital", requestor=True, roles=(Code("110153", DCM),), address="10.1.2.3", address_type="2"
)
OURS = Agent(
    user_id="https://localhost", alternative_id="77", roles=(Code("110152", DCM),), address="localhost"
)


def record(transaction: str = "ITI-43", **changes: Any) -> AuditRecord:
    """A read of one document by a physician."""
    found: dict[str, Any] = {
        "event": Code("110106", DCM, "Export"),
        "at": AT,
        "outcome": 0,
        "action": "R",
        "types": (Code(transaction, IHE),),
        "purposes": (Code("TREAT", "2.16.840.1.113883.5.8"),),
        "agents": (human(), OTHER_SIDE, OURS),
        "source_id": "passerelle",
        "entities": (patient_entity(), document_entity("1.2.3")),
    }
    return AuditRecord(**(found | changes))


def principal(kind: SubjectKind = SubjectKind.PROFESSIONAL, **changes: Any) -> Principal:
    found: dict[str, Any] = {
        "kind": kind,
        "subject": "dr.weber",
        "name": "",
        "issuer": "",
        "role": PHYSICIAN,
        "organisation": "2.999.2.1",
        "purpose": None,
        "confirmation": "bearer",
        "token_id": None,
        "token_digest": None,
        "expires": None,
    }
    return Principal(**(found | changes))


def decided(
    *answers: tuple[PatientId | None, tuple[str, ...], str],
    who: Principal | None = None,
    hidden: tuple[str, ...] = (),
) -> str:
    """A receipt: for each patient the path, and the reason."""
    question = Question(principal=who or principal(), action=Action.DOCUMENT_READ, at=AT)
    told = [
        Answered(
            patient,
            Decision(
                permitted=" deny " not in path[-1],
                reason=reason,
                rule=path[-1].partition(" ")[0],
                path=path,
                policy_version="v1",
                obligations=("audit-emergency",) if reason == "EMERGENCY" else (),
            ),
        )
        for patient, path, reason in answers
    ]
    return write_receipt(question, told, hidden)


def entry_of(
    told: AuditRecord, decision: str | None = None, *, key: int = 1, received: bool = False
) -> Entry:
    """The entry of an event for the patient ANNA."""
    trail = USE if received else OWN
    at = int(told.at.timestamp() * 1000)
    found = Found(at // 604_800_000, at, key, trail, key, 0, told.event.code, "", "R", told.outcome, 0)
    kept = Kept(found=found, record=told, decision=decision)
    return read_entry(kept, frozenset({str(MINE)}), codes())
