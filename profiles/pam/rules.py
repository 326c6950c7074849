"""Rules of patient administration messages: triggers, PV1, ZBE (ITI TF-2 3.30.4, 3.31.5, 3.31.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.bindings.hl7v2 import Message
from gateway.errors import Meaning
from profiles.pix.rules import bounded, checked_date, place, refused

CLASSES = frozenset("BCEINOPRU")
"""Table 0004."""

NO_VISIT = "N"
"""PV1-2 of messages that are of no visit."""

INSERT, UPDATE, CANCEL = "INSERT", "UPDATE", "CANCEL"
Z99 = "Z99"
"""Updates or corrects a movement (historic movement option)."""

STATES: Mapping[str, str | None] = MappingProxyType(
    {
        "A01": "active",
        "A02": None,
        "A03": "finished",
        "A04": "active",
        "A05": "planned",
        "A06": "active",
        "A07": "active",
        "A09": "away",
        "A10": "active",
        "A14": "planned",
        "A15": None,
        "A16": None,
        "A21": "away",
        "A22": "active",
        "A54": None,
    }
)
"""Triggers that insert a movement, and what the visit then is; None: what it was."""

CANCELS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "A11": frozenset({"A01", "A04"}),
        "A12": frozenset({"A02"}),
        "A13": frozenset({"A03"}),
        "A25": frozenset({"A16"}),
        "A26": frozenset({"A15"}),
        "A27": frozenset({"A14"}),
        "A32": frozenset({"A10"}),
        "A33": frozenset({"A09"}),
        "A38": frozenset({"A05"}),
        "A52": frozenset({"A21"}),
        "A53": frozenset({"A22"}),
        "A55": frozenset({"A54"}),
    }
)
"""Triggers that cancel a movement, and those that may have made it."""

_LONGEST_NUMBER = 512
_PENDING_TRANSFERS = frozenset({"A15", "A26"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """ZBE: `id` as EI text, what is done to it, and the trigger that made it (ZBE-6). Empty: no ZBE came."""

    id: str = ""
    action: str = ""
    historic: bool = False
    trigger: str = ""


def require_identified_event(message: Message) -> None:
    """EVN-3 of a pending transfer, and the time of the event, where it is told."""
    trigger = message.value("MSH-9.2") or ""
    if trigger in _PENDING_TRANSFERS and not message.value("EVN-3.1"):
        raise refused(Meaning.REQUIRED_FIELD, "EVN-3 is missing", "EVN^1^3")
    checked_date(message.value("EVN-6.1"), "EVN^1^6")


def require_name(message: Message) -> None:
    """A family name, or null: who is not known is told of by an alias."""
    count = message.repetitions("PID-5")
    values = [message.value(f"PID-5[{number}].1.1") for number in range(1, count + 1)]
    if not any(each is not None and (each == "" or each.strip()) for each in values):
        raise refused(Meaning.REQUIRED_FIELD, "PID-5 has no family name", "PID^1^5")


def patient_class(message: Message) -> str:
    """PV1-2: a code of table 0004."""
    sent = message.value("PV1-2")
    if not sent:
        raise refused(Meaning.REQUIRED_FIELD, "PV1-2 is missing", "PV1^1^2")
    if sent not in CLASSES:
        raise refused(Meaning.TABLE_VALUE, "PV1-2 is not a code of table 0004", "PV1^1^2")
    return sent


def visit_number(message: Message, *fields: str) -> str:
    """PV1-19, else PID-18, as CX text with value and authority (ITI TF-2 3.31.5); or the fields given."""
    for field in fields or ("PV1-19", "PID-18"):
        if message.value(f"{field}.1"):
            value, _, _, authority, *_ = [*(message.standard(field) or "").split("^"), "", "", "", ""]
            return bounded(f"{value}^^^{authority}" if authority else value, place(field), _LONGEST_NUMBER)
    raise refused(Meaning.REQUIRED_FIELD, "neither PV1-19 nor PID-18 was sent", "PV1^1^19")


def movement(message: Message) -> Movement:
    """ZBE, checked against the trigger; without one, nothing is told of the movement but the trigger."""
    trigger = message.value("MSH-9.2") or ""
    count = message.segments("ZBE")
    if count > 1 or (count == 0 and trigger == Z99):
        raise refused(Meaning.SEGMENT_SEQUENCE, f"{count} ZBE segments were sent, expected 1", "ZBE")
    if count == 0:
        return Movement()
    identifier = message.standard("ZBE-1")
    if not identifier or not message.value("ZBE-1.1"):
        raise refused(Meaning.REQUIRED_FIELD, "ZBE-1 is missing", "ZBE^1^1")
    _require_times(message)
    return Movement(
        id=bounded(identifier, "ZBE^1^1"),
        action=_action(message, trigger),
        historic=_historic(message),
        trigger=_origin(message, trigger),
    )


def _require_times(message: Message) -> None:
    if not message.value("ZBE-2.1"):
        raise refused(Meaning.REQUIRED_FIELD, "ZBE-2 is missing", "ZBE^1^2")
    checked_date(message.value("ZBE-2.1"), "ZBE^1^2")
    checked_date(message.value("ZBE-3.1"), "ZBE^1^3")


def _action(message: Message, trigger: str) -> str:
    sent = message.value("ZBE-4")
    if not sent:
        raise refused(Meaning.REQUIRED_FIELD, "ZBE-4 is missing", "ZBE^1^4")
    expected = UPDATE if trigger == Z99 else CANCEL if trigger in CANCELS else INSERT
    if sent != expected:
        raise refused(Meaning.TABLE_VALUE, f"ZBE-4 is not {expected}, as the trigger has it", "ZBE^1^4")
    return sent


def _historic(message: Message) -> bool:
    sent = message.value("ZBE-5")
    if not sent:
        raise refused(Meaning.REQUIRED_FIELD, "ZBE-5 is missing", "ZBE^1^5")
    if sent not in {"Y", "N"}:
        raise refused(Meaning.TABLE_VALUE, "ZBE-5 is neither Y nor N", "ZBE^1^5")
    return sent == "Y"


def _origin(message: Message, trigger: str) -> str:
    """ZBE-6, which updates and cancels need: the trigger of the movement they are about."""
    if trigger != Z99 and trigger not in CANCELS:
        return trigger
    sent = message.value("ZBE-6")
    if not sent:
        raise refused(Meaning.REQUIRED_FIELD, "ZBE-6 is missing", "ZBE^1^6")
    if sent not in (STATES if trigger == Z99 else CANCELS[trigger]):
        raise refused(Meaning.TABLE_VALUE, "ZBE-6 is no trigger that this one is about", "ZBE^1^6")
    return sent
