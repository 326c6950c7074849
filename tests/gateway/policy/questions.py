"""The names and times in the questions to the engine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from gateway.record.access import Decision
from gateway.record.people import PatientId, Principal

Ask = Callable[..., Decision]
Person = Callable[..., Principal]

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PATIENT = PatientId("P-1", "2.999.3.1")
OTHER = PatientId("P-2", "2.999.3.1")
DAY = timedelta(days=1)
ORGANISATION = "2.999.5.1"
