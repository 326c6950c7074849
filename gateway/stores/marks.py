"""Marks in stored fragments for what changes after registration; no XML text can hold them."""

from __future__ import annotations

_MARK = "\x01"
STATUS = f"{_MARK}s"
PATIENT = f"{_MARK}p"
LAST_UPDATE = f"{_MARK}t"


def fill(fragment: str, *, status: str, patient: str, last_update: str = "") -> str:
    """A stored fragment with the present status, patient identifier and lastUpdateTime."""
    values = {"s": status, "p": patient, "t": last_update}
    head, *marked = fragment.split(_MARK)
    return head + "".join([values[part[0]] + part[1:] for part in marked])
