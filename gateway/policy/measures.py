"""Reads the measures of settings.toml: emergencies, presence codes, relations from visits (rules P7, P10)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from gateway.policy.tomlfile import TomlFile
from gateway.record.measures import EmergencyRules, PresenceRules, VisitRules

KEYS = ("emergency", "presence", "relations_from_visits", "visit_days")
_EMERGENCY = ("hours", "review_days", "most_patients", "within_hours")
_PRESENCE = ("hours", "open_codes", "wrong_by_person", "wrong_for_patient", "within_minutes")


def emergency_rules(settings: TomlFile) -> EmergencyRules:
    """The table [emergency]; its defaults where it is absent."""
    if not settings.table("emergency", required=False):
        return EmergencyRules()
    settings.only(_EMERGENCY, "emergency")
    return EmergencyRules(
        length=timedelta(hours=settings.number("emergency", "hours", low=1, high=72, default=12)),
        review=timedelta(days=settings.number("emergency", "review_days", low=1, high=90, default=7)),
        most=settings.number("emergency", "most_patients", low=1, high=100, default=5),
        within=timedelta(hours=settings.number("emergency", "within_hours", low=1, high=720, default=24)),
    )


def presence_rules(settings: TomlFile) -> PresenceRules:
    """The table [presence]; its defaults where it is absent."""
    if not settings.table("presence", required=False):
        return PresenceRules()
    settings.only(_PRESENCE, "presence")

    def number(name: str, high: int, default: int) -> int:
        return settings.number("presence", name, low=1, high=high, default=default)

    return PresenceRules(
        length=timedelta(hours=number("hours", 168, 24)),
        most=number("open_codes", 20, 3),
        wrong_of_person=number("wrong_by_person", 100, 5),
        wrong_for_patient=number("wrong_for_patient", 1000, 10),
        within=timedelta(minutes=number("within_minutes", 1440, 60)),
    )


def visit_rules(settings: TomlFile, days: Mapping[str, int], *, assumed: bool) -> VisitRules:
    """Visits count where relations are required: where they are assumed, nobody would ever look."""
    return VisitRules(
        counted=settings.flag("relations_from_visits", default=True) and not assumed,
        after=timedelta(days=settings.number("visit_days", low=0, high=3660, default=30)),
        untold=timedelta(days=days["default"]),
    )
