"""What happens over three years in the trail that is measured: queries (ITI-18), each told by its number.

Every event can be told in two ways: as the facts of its audit message, and, a hundred times faster, by its
time, its key and the names that it is found by.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.audit.objects import patient_object, query_object
from gateway.audit.record import AuditFacts, AuditSource, Human, Participant, audit_message
from gateway.declare.events import Outcome, query_event
from gateway.record.people import PatientId
from gateway.stores.events import SLOT_MS
from gateway.stores.journal import AuditRow

YEARS_IN_WEEKS = 156
PER_PATIENT = 100
AGENTS, NODES = 2_000, 20
SAMPLE = 200
ENDPOINT = "https://gateway.example/xds/registry"
QUERY = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
_EVENT = query_event("ITI-18", "Registry Stored Query")
_FAILURES = 50
_COUNT_BITS = 21


@dataclass(frozen=True, slots=True)
class Happened:
    """`entries` events over the weeks that begin with `first`, of patients in the domain `root`."""

    entries: int
    first: int
    root: str

    @property
    def last(self) -> int:
        """The last week."""
        return self.first + YEARS_IN_WEEKS - 1

    @property
    def patients(self) -> int:
        """How many patients there are."""
        return max(SAMPLE, self.entries // PER_PATIENT)

    @property
    def a_week(self) -> int:
        """Events of a week."""
        return self.entries // YEARS_IN_WEEKS + 1

    def week(self, slot: int) -> range:
        """The numbers of the events of a week, in the order of their times."""
        start = (slot - self.first) * self.a_week
        return range(start, start + self.a_week)

    @property
    def numbers(self) -> range:
        """All of them."""
        return range(self.a_week * YEARS_IN_WEEKS)

    def at(self, number: int) -> int:
        """When it happened, in milliseconds since 1970."""
        week, within = divmod(number, self.a_week)
        return (self.first + week) * SLOT_MS + within * SLOT_MS // self.a_week

    def key(self, number: int) -> int:
        """Its audit row: as long as those of the server, and growing with time as they do."""
        return self.at(number) << _COUNT_BITS | number % (1 << _COUNT_BITS)

    def failed(self, number: int) -> bool:
        """Whether it was refused."""
        return number % _FAILURES == 0

    def patient_number(self, number: int) -> int:
        """Whom it is about."""
        return _mixed(number, 2_654_435_761) % self.patients

    def agent_number(self, number: int) -> int:
        """Who asked."""
        return _mixed(number + 77, 2_246_822_519) % AGENTS

    def patient(self, number: int) -> PatientId:
        """A patient by number."""
        return PatientId(f"TRAIL-{number}", self.root)

    def facts(self, number: int, at: datetime) -> AuditFacts:
        """What the audit message of an event tells, had it happened at a time."""
        return AuditFacts(
            event=_EVENT.received,
            type=_EVENT.type,
            action=_EVENT.received_action,
            at=at,
            outcome=Outcome.SERIOUS_FAILURE if self.failed(number) else Outcome.SUCCESS,
            source=Participant(node(number % NODES), "10.0.0.7", is_requestor=True),
            destination=Participant(ENDPOINT, "gateway.example", "4711"),
            audit_source=AuditSource("passerelle", "integration"),
            human=Human(agent(self.agent_number(number)), "<dr.weber@issuer>"),
            objects=(
                patient_object(self.patient(self.patient_number(number))),
                query_object(QUERY, _EVENT.type, b"<AdhocQuery/>" * 60),
            ),
            trace_id=f"{self.key(number):032x}",
        )

    def row(self, number: int) -> dict[str, Any]:
        """The audit row of an event, with its columns."""
        key, at = self.key(number), self.at(number)
        facts = self.facts(number, datetime.fromtimestamp(at / 1000, UTC))
        return {**audit_row(facts)._asdict(), "id": key, "at": at}


def audit_row(facts: AuditFacts) -> AuditRow:
    """The audit row of a message, with evidence as long as usual."""
    return AuditRow(
        trace_id=facts.trace_id or "",
        at=facts.at,
        transaction="ITI-18",
        outcome=facts.outcome.value,
        message=audit_message(facts),
        evidence="e" * 900,
        evidence_signature=b"s" * 64,
        decision=None,
    )


def agent(number: int) -> str:
    """A person who asks."""
    return f"user{number}"


def node(number: int) -> str:
    """A system that asks."""
    return f"https://hospital{number}.example"


def _mixed(number: int, factor: int) -> int:
    """Spreads numbers that follow each other."""
    return (number * factor + 40_503) % 4_294_967_296
