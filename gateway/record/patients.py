"""Patients as an identity feed makes them known (ITI TF-2 3.8)."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.record.people import PatientId


@dataclass(frozen=True, slots=True, kw_only=True)
class Demographics:
    """PID fields kept, as text in HL7 form; None = not sent (keep what is stored), "" = delete it."""

    family: str | None = None
    given: str | None = None
    birth_date: str | None = None
    sex: str | None = None
    address: str | None = None
    telephone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientFeed:
    """A01, A04, A05 or A08: identifiers of one patient with what is known of the person."""

    trigger: str
    identifiers: tuple[PatientId, ...]
    demographics: Demographics
    message_id: str
    sender: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientMerge:
    """A40: `subsumed` ends, `survivor` stays (ITI TF-2 3.8.4.2)."""

    survivor: PatientId
    subsumed: PatientId
    message_id: str
    sender: str


@dataclass(frozen=True, slots=True)
class PatientRecord:
    """A known patient. `keys` are the record keys of the surviving identity, first, and all it subsumed."""

    key: int
    head: int
    identity: PatientId
    shown: PatientId
    keys: tuple[int, ...]
    rights: str | None

    @property
    def subsumed(self) -> bool:
        """Whether this identifier was merged into another."""
        return self.key != self.head
