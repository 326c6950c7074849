"""Emergency accesses as they are kept for review, and the notice of one to the patient (rule P10)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, unique

from gateway.record.people import PatientId


@unique
class Judgement(Enum):
    """What the review said of an emergency."""

    OPEN = "open"
    ACCEPTED = "accepted"
    ABUSE = "abuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One emergency of a person, as the next request must know it. `number` counts those of the person."""

    key: int
    number: int
    patient_key: int
    patient: PatientId
    at: datetime
    until: datetime
    stopped: bool

    def open(self, at: datetime) -> bool:
        """Whether requests at this time belong to it."""
        return not self.stopped and at < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """Who claimed an emergency, and why. `role` and `role_name` are those of the token."""

    subject: str
    name: str
    role: str
    role_name: str
    organisation: str | None
    organisation_name: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """An emergency with all that its review needs. `stop` is why it ended, in a code of ours."""

    key: int
    patient: PatientId
    patient_key: int
    claimant: Claimant
    at: datetime
    until: datetime
    deadline: datetime
    trace_id: str
    stopped_at: datetime | None = None
    stop: str | None = None
    judgement: Judgement = Judgement.OPEN
    judged_at: datetime | None = None
    judged_by: str | None = None
    judged_why: str = ""

    def overdue(self, at: datetime) -> bool:
        """Whether nobody has reviewed it in its time."""
        return self.judgement is Judgement.OPEN and self.deadline < at


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One request of an emergency."""

    at: datetime
    trace_id: str
    transaction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyNotice:
    """What a patient is told: that somebody used emergency access, who, of which organisation, and when."""

    key: int
    patient: PatientId
    at: datetime
    name: str
    role_name: str
    organisation: str | None
    organisation_name: str | None
