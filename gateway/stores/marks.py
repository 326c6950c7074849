"""Marks in stored fragments for what changes after registration; no XML text can hold them."""

from __future__ import annotations

STATUS = "\x01s"
PATIENT = "\x01p"
LAST_UPDATE = "\x01t"


def fill(fragment: str, *, status: str, patient: str, last_update: str = "") -> str:
    """A stored fragment with the present status, patient identifier and lastUpdateTime."""
    filled = fragment.replace(STATUS, status).replace(PATIENT, patient)
    return filled.replace(LAST_UPDATE, last_update) if last_update else filled
