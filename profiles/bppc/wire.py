"""A BPPC document (CDA R2), as far as it states consent: who, which policies, when (ITI TF-3 5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from lxml import etree

from gateway.crypto.safexml import parse
from gateway.record.people import Code, PatientId
from profiles.bppc.codes import CONSENT_EVENT, HL7

_CDA = f"{{{HL7}}}"
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*))+")
_TIME = re.compile(
    r"(?P<year>[0-9]{4})(?:(?P<month>[0-9]{2})(?:(?P<day>[0-9]{2})(?:(?P<hour>[0-9]{2})"
    r"(?:(?P<minute>[0-9]{2})(?:(?P<second>[0-9]{2})(?:\.[0-9]{1,6})?)?)?(?P<zone>[+-][0-9]{4})?)?)?)?"
)
_STYLESHEET = re.compile(rb"<\?xml-stylesheet\s[^<>?]*\?>")
"""How to show the document: usual in front of a CDA, and of no meaning to what it says."""
_DECEMBER = 12


@dataclass(frozen=True, slots=True)
class Span:
    """A point in time as it was written: from its first instant to just before `after`."""

    first: datetime
    after: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """One policy that the patient acknowledges, and when."""

    policy: Code
    low: Span
    high: Span | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """What is read of the document. `faults` are whatever is missing or wrong, with its place."""

    templates: frozenset[str]
    unique_id: str
    code: Code | None
    patients: tuple[PatientId, ...]
    events: tuple[Event, ...]
    faults: tuple[str, ...]


def read_document(octets: bytes) -> Acknowledgement:
    """The parts of a ClinicalDocument; Malformed, TooLarge or TooComplex when it is no such XML."""
    root = parse(_STYLESHEET.sub(b"", octets, count=1))
    faults: list[str] = []
    if root.tag != f"{_CDA}ClinicalDocument":
        faults.append("the root element is not a ClinicalDocument of HL7 v3")
    patients = _patients(root, faults)
    return Acknowledgement(
        templates=frozenset(_templates(root)),
        unique_id=_unique_id(root, faults),
        code=_code(root.find(f"{_CDA}code")),
        patients=patients,
        events=tuple(_events(root, faults)),
        faults=tuple(faults),
    )


def _templates(element: etree._Element) -> Iterator[str]:
    return (each.get("root", "") for each in element.findall(f"{_CDA}templateId"))


def _unique_id(root: etree._Element, faults: list[str]) -> str:
    found = root.findall(f"{_CDA}id")
    if len(found) != 1 or not _OID.fullmatch(found[0].get("root", "")):
        faults.append("ClinicalDocument/id is missing, twice there, or has no OID as root")
        return ""
    extension = found[0].get("extension")
    return found[0].get("root", "") + (f"^{extension}" if extension else "")


def _patients(root: etree._Element, faults: list[str]) -> tuple[PatientId, ...]:
    targets = root.findall(f"{_CDA}recordTarget")
    if len(targets) != 1:
        faults.append(f"{len(targets)} recordTarget, expected exactly 1")
        return ()
    ids = targets[0].findall(f"{_CDA}patientRole/{_CDA}id")
    return tuple(PatientId(each.get("extension", ""), each.get("root", "")) for each in ids)


def _code(element: etree._Element | None) -> Code | None:
    if element is None or element.get("nullFlavor") or not element.get("code"):
        return None
    return Code(element.get("code", ""), element.get("codeSystem", ""))


def _events(root: etree._Element, faults: list[str]) -> Iterator[Event]:
    listed = root.findall(f"{_CDA}documentationOf/{_CDA}serviceEvent")
    consents = [each for each in listed if CONSENT_EVENT in _templates(each)]
    if not consents:
        faults.append(f"no documentationOf/serviceEvent has the template {CONSENT_EVENT}")
    for number, element in enumerate(consents, 1):
        event = _event(element, f"documentationOf/serviceEvent[{number}]", faults)
        if event is not None:
            yield event


def _event(element: etree._Element, place: str, faults: list[str]) -> Event | None:
    before = len(faults)
    ids = element.findall(f"{_CDA}id")
    if len(ids) != 1 or not ids[0].get("root") or ids[0].get("extension") is not None:
        faults.append(f"{place}/id: expected exactly one, with a root and without an extension")
    codes = element.findall(f"{_CDA}code")
    policy = _code(codes[0]) if len(codes) == 1 else None
    if policy is None or not _OID.fullmatch(policy.code) or not policy.scheme:
        faults.append(f"{place}/code: expected exactly one, the OID of a policy with its codeSystem")
    low, high = _period(element, place, faults)
    if len(faults) > before or policy is None or low is None:
        return None
    return Event(policy, low, high)


def _period(element: etree._Element, place: str, faults: list[str]) -> tuple[Span | None, Span | None]:
    times = element.findall(f"{_CDA}effectiveTime")
    if len(times) != 1:
        faults.append(f"{place}/effectiveTime: expected exactly one")
        return None, None
    parts = {name: times[0].findall(f"{_CDA}{name}") for name in ("low", "high")}
    known = sum(len(each) for each in parts.values())
    if len(parts["low"]) != 1 or len(parts["high"]) > 1 or known != len(times[0]) or times[0].get("value"):
        faults.append(f"{place}/effectiveTime: expected low, at most one high and nothing else")
        return None, None
    low = span_of(parts["low"][0].get("value", ""))
    high = span_of(parts["high"][0].get("value", "")) if parts["high"] else None
    if low is None or (parts["high"] and high is None):
        faults.append(f"{place}/effectiveTime: low or high is no point in time")
    elif high is not None and high.after <= low.first:
        faults.append(f"{place}/effectiveTime: high is before low")
    return low, high


def span_of(text: str) -> Span | None:
    """A TS of HL7 v3, in UTC where it names no zone; None when it is none."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    told = {name: int(value) for name, value in match.groupdict().items() if value and name != "zone"}
    try:
        first = datetime(
            told["year"], told.get("month", 1), told.get("day", 1), told.get("hour", 0),
            told.get("minute", 0), told.get("second", 0), tzinfo=_zone(match["zone"]),
        )  # fmt: skip
        return Span(first.astimezone(UTC), _after(first, len(told)).astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _zone(text: str | None) -> timezone:
    if not text:
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[3:]))
    return timezone(-offset if text[0] == "-" else offset)


def _after(first: datetime, parts: int) -> datetime:
    """The first instant behind a time that was told by so many of its parts."""
    if parts == 1:
        return first.replace(year=first.year + 1)
    if parts == 2:  # noqa: PLR2004 - year and month
        late = first.month == _DECEMBER
        return first.replace(year=first.year + late, month=1 if late else first.month + 1)
    units = {3: timedelta(days=1), 4: timedelta(hours=1), 5: timedelta(minutes=1)}
    return first + units.get(parts, timedelta(seconds=1))
